"""The control topic: whoever reads its records to the end knows what is published."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journeystream.control_log import (
    Answer,
    Draft,
    Head,
    LastRecords,
    Published,
    PublishedVersion,
    answer_record,
    audience_record,
    draft_record,
    head_record,
    is_for_workers,
    version_record,
)
from journeystream.definitions import AudienceDefinition, JourneyDefinition, parse_definition
from journeystream.effects import memberships
from journeystream.engine import Rules, advance
from journeystream.errors import StateError
from journeystream.events import Event
from journeystream.journeys import Journeys
from journeystream.keys import keys_of
from journeystream.lifecycle import State
from journeystream.publishing import workshop_of
from tests.strategies import START, conditions, journeys

Record = tuple[bytes, bytes]

SEND: dict[str, Any] = {"id": "sent", "type": "send_to_destinations", "destinations": ["email"]}
many = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))


def journey(id_: str = "j", **changes: object) -> JourneyDefinition:
    """Return a journey that everyone enters at `a`."""
    written = {"id": id_, "name": id_, "entry": {"condition": {"event": "a"}}, "steps": [SEND]}
    definition = parse_definition({**written, **changes}, "a test")
    assert isinstance(definition, JourneyDefinition)
    return definition


def audience(condition: object, id_: str = "big") -> AudienceDefinition:
    """Return an audience."""
    written = {"kind": "audience", "id": id_, "name": "Big", "condition": condition}
    definition = parse_definition(written, "a test")
    assert isinstance(definition, AudienceDefinition)
    return definition


def version(definition: JourneyDefinition, number: int = 1, at: int = 7) -> PublishedVersion:
    """Return a published version with the keys that it would have."""
    return PublishedVersion(definition, number, keys_of(definition, {}, 255), at)


def read(*records: Record) -> Published:
    """Return what a reader knows after these records."""
    published = Published()
    for key, value in records:
        published.apply(key, value)
    return published


def compiled(*records: Record) -> Journeys:
    """Compile what a reader knows after these records."""
    return read(*records).compiled(workshop_of(None))


def live(*versions: PublishedVersion, state: State = State.LIVE) -> list[Record]:
    """Return the records of versions of one journey, the last of which is the head."""
    head = head_record(versions[-1].definition.id, Head(state, versions[-1].version))
    return [*(version_record(each) for each in versions), head]


def entered(rules: Journeys, name: str) -> list[str]:
    """Return the journeys that a new user enters by an event."""
    event = Event("u1", "track", name, START)
    return [each.journey for each in memberships(advance(None, event, Rules(rules)).effects)]


# ── round trips ──────────────────────────────────────────────────────────────────────────


@many
@given(journeys(), st.integers(1, 99), st.integers(0, START))
def test_a_version_is_read_as_it_was_written(
    definition: JourneyDefinition, number: int, at: int
) -> None:
    """Definition, number, keys and instant come back, and are written again as the same bytes."""
    written = version(definition, number, at)
    record = version_record(written)
    found = read(record).versions
    assert found == {(definition.id, number): written}
    assert version_record(found[definition.id, number]) == record


@many
@given(conditions())
def test_an_audience_is_read_as_it_was_written(condition: dict[str, Any]) -> None:
    """An audience comes back with its condition, whatever that is."""
    written = audience(condition)
    published = read(audience_record(written))
    assert published.audiences == {"big": written}
    assert published.conditions() == {"big": written.condition}
    assert audience_record(published.audiences["big"]) == audience_record(written)


@pytest.mark.parametrize("state", State)
def test_a_head_is_read_as_it_was_written(state: State) -> None:
    """The state and the version that new users enter come back."""
    assert read(head_record("j", Head(state, 3))).heads == {"j": Head(state, 3)}


def test_records_of_one_thing_have_one_key() -> None:
    """Compaction keeps the last record of a version, a head and an audience, and mixes none."""
    things = [
        version_record(version(journey("j"), 1)),
        version_record(version(journey("j"), 11)),
        version_record(version(journey("j-1"), 1)),
        head_record("j", Head(State.LIVE, 1)),
        audience_record(audience({"event": "a"}, id_="j")),
    ]
    assert len({key for key, _ in things}) == len(things)
    changed = version(journey("j", name="Other"), 1, at=8)
    assert version_record(changed)[0] == things[0][0]
    assert head_record("j", Head(State.PAUSED, 2))[0] == things[3][0]


@many
@given(st.lists(st.sampled_from(range(8)), max_size=12))
def test_a_compacted_topic_says_the_same(order: Sequence[int]) -> None:
    """Who reads only the last record of each key knows what a reader of all of them knows."""
    records = [
        *(version_record(version(journey(name=name), n)) for n in (1, 2) for name in ("x", "y")),
        *(head_record("j", Head(state, 1)) for state in (State.LIVE, State.PAUSED)),
        *(audience_record(audience({"event": name})) for name in "ab"),
    ]
    log = [records[index] for index in order]
    compacted = list({key: (key, value) for key, value in log}.values())
    assert read(*log) == read(*compacted)


# ── what readers compile ─────────────────────────────────────────────────────────────────


def test_all_readers_compile_the_same_journeys() -> None:
    """Versions, heads, who admits and who is archived follow from the records."""
    second = version(journey("two", at_end="exit"), 2)
    found = compiled(
        *live(version(journey("one"))),
        *live(version(journey("two")), second, state=State.PAUSED),
        *live(version(journey("three")), state=State.ARCHIVED),
    )
    assert set(found.versions) == {("one", 1), ("two", 1), ("two", 2), ("three", 1)}
    heads = {id_: (head.id, head.version) for id_, head in found.heads.items()}
    assert heads == {"one": ("one", 1), "two": ("two", 2), "three": ("three", 1)}
    assert found.admitting == {"one"}
    assert found.archived == {"three"}
    assert found.heads["two"].exits_at_end
    assert not found.versions["two", 1].exits_at_end
    assert found.heads["two"].steps["sent"].key == second.keys["sent"]


@pytest.mark.parametrize(
    ("state", "expected"),
    [(State.LIVE, ["j"]), (State.PAUSED, []), (State.ARCHIVED, []), (State.DRAFT, [])],
)
def test_only_live_journeys_let_users_in(state: State, expected: list[str]) -> None:
    """What is compiled from the records is what the engine goes by."""
    assert entered(compiled(*live(version(journey()), state=state)), "a") == expected


def test_new_users_enter_the_head() -> None:
    """The head decides, not the highest number, and not the last record."""
    old = version(journey(), 1)
    new = version(journey(entry={"condition": {"event": "b"}}), 2)
    assert entered(compiled(*live(new, old)), "a") == ["j"]
    assert entered(compiled(*live(new, old)), "b") == []
    assert entered(compiled(*live(old, new)), "b") == ["j"]


def test_a_head_without_its_version_lets_nobody_in() -> None:
    """Between two records of one publishing nothing is half published."""
    published = read(head_record("j", Head(State.LIVE, 2)), version_record(version(journey(), 1)))
    assert published.head("j") is None
    assert published.head("unknown") is None
    found = published.compiled(workshop_of(None))
    assert found.heads == {}
    assert entered(found, "a") == []


def test_an_audience_published_later_is_used() -> None:
    """Journeys ask for an audience as it is now, without being published again."""
    asking = live(version(journey(entry={"condition": {"audience": "big"}})))
    first, second = (audience_record(audience({"event": name})) for name in "bc")
    before, after = compiled(first, *asking), compiled(first, *asking, second)
    assert (entered(before, "b"), entered(before, "c")) == (["j"], [])
    assert (entered(after, "b"), entered(after, "c")) == ([], ["j"])


# ── what can not be read ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("key", [b"segment/x", b"journeys/j", b"", b"audiences"])
def test_an_unknown_key_is_refused_with_what_to_do(key: bytes) -> None:
    """A record of a newer version is not passed over: part of the truth would be missing."""
    with pytest.raises(StateError, match="run the version that wrote it, or a newer one") as said:
        read((key, b"{}"))
    assert repr(key) in str(said.value)


FROM_THE_FUTURE: dict[str, Record] = {
    "a state": (b"journey/j", b'{"state":"asleep","version":1}'),
    "a step type": (
        b"journey/j/1",
        version_record(version(journey()))[1].replace(b"send_to_destinations", b"percent_split"),
    ),
    "a condition": (
        b"audience/big",
        orjson.dumps({"definition": {"kind": "audience", "id": "big", "condition": {"seq": []}}}),
    ),
    "another form of the value": (b"journey/j/1", b"\x02\x00"),
    "another form under an unknown key": (b"segment/x", b"\x02\x00"),
    "a key that is no text": (b"\xff", b"{}"),
}


@pytest.mark.parametrize("record", FROM_THE_FUTURE.values(), ids=FROM_THE_FUTURE.keys())
def test_what_a_newer_version_wrote_is_refused_with_what_to_do(record: Record) -> None:
    """Whatever in a record this version can not read is a StateError, as `apply` promises."""
    with pytest.raises(StateError):
        read(record)


def test_a_record_without_a_value_takes_its_key_out() -> None:
    """A record that nobody can read stops everyone until it is taken out by its key."""
    last = LastRecords()
    last.take(b"journey/x/1", b"junk")
    with pytest.raises(StateError, match="without a value"):
        last.published()
    last.take(b"journey/x/1", None)
    assert last.published() == Published()


def test_drafts_and_answers_are_nothing_to_workers() -> None:
    """What is only designed, or was only answered, leaves all that is compiled as it is."""
    records = live(version(journey()))
    draft = draft_record("new", Draft({"id": "new"}, 1, 2))
    answer = answer_record("key", Answer(1, "a request", 201, {}))
    assert [is_for_workers(key) for key, _ in (*records, draft, answer)] == [
        True,
        True,
        False,
        False,
    ]
    assert draft[1] is not None
    assert answer[1] is not None
    known = read(*records, (draft[0], draft[1]), (answer[0], answer[1]))
    assert known.drafts["new"].updated_at == 2
    assert known.answers["key"].status == 201
    assert known.compiled(workshop_of(None)).versions.keys() == compiled(*records).versions.keys()
