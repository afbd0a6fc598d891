"""Where each record of a batch goes: into the turn, to its user's partition, or to the letters."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace

import orjson
import pytest
from aiokafka.structs import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from journeystream.agents.decode import DecodeLimits, clock_mark, decode
from journeystream.agents.frontier import Frontier, origin_of
from journeystream.agents.home import home_of
from journeystream.agents.intake import Intake, Sorter
from journeystream.durations import parse_instant
from journeystream.errors import EngineError, RejectedEvent
from journeystream.events import Answered, ClockMark, Due, Entry, Event
from journeystream.journeys import Interest
from journeystream.turn import Failure
from journeystream.user import NEVER
from tests.batches import batch_of
from tests.strategies import DAY, START

REPLAY = DecodeLimits(
    message_bytes=1_000, clock_skew=DAY, oldest_event=parse_instant("1980-01-01"), replay=True
)
PARTITIONS = 4
TRUSTING = Sorter(REPLAY, "app.dead-letters")
REKEYING = Sorter(REPLAY, "app.dead-letters", "app.rekeyed", PARTITIONS)
NOW_MS = START // 1_000

# Odd spacing on purpose: re-keying must not write an event anew.
OF_U1 = b'{ "userId": "u1",  "type":"track", "event":"Order" }'
OF_NOBODY = b'{"type":"track","event":"Order"}'
OF_A1 = b'{"anonymousId": "a1", "type": "page", "name": "Home"}'
ERASES_U1 = b'{"userId": "u1", "type": "delete"}'
MARK = clock_mark(START - DAY)


def record(
    value: bytes | None,
    key: bytes | None = b"u1",
    offset: int = 7,
    timestamp: int = NOW_MS,
    partition: int = 2,
) -> ConsumerRecord:
    """Return a record as the consumer hands it over, from a partition of `web`."""
    return ConsumerRecord(
        topic="web",
        partition=partition,
        offset=offset,
        timestamp=timestamp,
        timestamp_type=0,
        key=key,
        value=value,
        checksum=None,
        serialized_key_size=-1 if key is None else len(key),
        serialized_value_size=-1 if value is None else len(value),
        headers=(),
    )


def places(intake: Intake) -> list[str]:
    """Name the places in which a single record ended; `rekeyed` counts once for all copies."""
    return (
        ["entries"] * sum(entry is not None for entry in intake.entries)
        + ["letters"] * len(intake.letters)
        + ["rekeyed"] * bool(intake.rekeyed)
    )


def records() -> st.SearchStrategy[list[ConsumerRecord]]:
    """Draw a batch: events under right, wrong and no keys, marks, junk, and empty records."""
    values = st.sampled_from((OF_U1, OF_A1, ERASES_U1, OF_NOBODY, MARK, None, b"", b"[]"))
    values |= st.binary()
    keys = st.sampled_from((b"u1", b"a1", b"\xff", b"", None))
    pairs = st.lists(st.tuples(values, keys), max_size=9)
    return pairs.map(
        lambda drawn: [record(value, key, offset) for offset, (value, key) in enumerate(drawn)]
    )


def timed_records() -> st.SearchStrategy[list[ConsumerRecord]]:
    """Draw a batch of events of which one kind is read, at times in no order, marks, and junk."""
    of_another = clock_mark(START + 9_000, "till")  # it is later than any event
    values = st.sampled_from((OF_U1, OF_A1, OF_A1, MARK, of_another, b"[]"))
    drawn = st.lists(st.tuples(values, st.integers(0, 5)), max_size=9)
    return drawn.map(
        lambda batch: [
            record(value, b"a1", offset, NOW_MS + later)
            for offset, (value, later) in enumerate(batch)
        ]
    )


# ── one place for each ───────────────────────────────────────────────────────────────────


@given(records(), st.sampled_from((TRUSTING, REKEYING)))
def test_every_record_ends_in_one_place(batch: list[ConsumerRecord], sorter: Sorter) -> None:
    """A record is an entry, a dead letter or re-keyed: one of them, and nothing is lost."""
    for each in batch:
        assert len(places(sorter.sort(batch_of(each)))) == 1


@given(records(), st.sampled_from((TRUSTING, REKEYING)))
def test_a_batch_is_sorted_record_by_record(batch: list[ConsumerRecord], sorter: Sorter) -> None:
    """What becomes of a record does not depend on its batch, and all keep their order."""
    whole, alone = sorter.sort(batch_of(*batch)), [sorter.sort(batch_of(each)) for each in batch]
    assert whole.entries == [entry for each in alone for entry in each.entries]
    assert len(whole.entries) == len(batch), "an entry's index is its record's"
    assert whole.letters == [letter for each in alone for letter in each.letters]
    assert whole.rekeyed == [sent for each in alone for sent in each.rekeyed]
    applied = [entry for entry in whole.entries if entry is not None]
    assert whole.applied == len(applied)
    assert whole.latest == max((entry.at for entry in applied), default=NEVER)


@given(timed_records(), st.sampled_from((TRUSTING, REKEYING)))
def test_what_nobody_reads_moves_the_clock_alone(
    batch: list[ConsumerRecord], sorter: Sorter
) -> None:
    """Where nobody has to know whose they are, they are nothing but the time before the others."""
    whole = sorter.sort(batch_of(*batch))
    some = sorter.sort(
        batch_of(*batch), interest=Interest(named={("track", "Order")}, strangers=False)
    )
    assert _clocks(some) == _clocks(whole)
    assert (some.applied, some.latest) == (whole.applied, whole.latest)
    assert (some.letters, some.refused) == (whole.letters, whole.refused)
    assert some.rekeyed == whole.rekeyed
    assert _fronts(some) == _fronts(whole)


def _fronts(intake: Intake) -> dict[str, int]:
    """Return how far each origin has come by it, where there are several."""
    fronts: dict[str, int] = {}
    Frontier(frozenset(("web", "till"))).observe(fronts, "web", intake.entries)
    return fronts


def _clocks(intake: Intake) -> list[tuple[int, int, Entry]]:
    """Return what is read, each with its place and the clock before it; and the last clock."""
    clock, found = NEVER, []
    for place, entry in enumerate(intake.entries):
        if isinstance(entry, Event) and entry.name == "Order":
            found.append((place, clock, entry))
        if entry is not None:
            clock = max(clock, entry.at)
    return [*found, (len(intake.entries), clock, None)]


@given(records())
def test_a_trusted_source_is_never_re_keyed(batch: list[ConsumerRecord]) -> None:
    """Where the producer promises to key by user, any key is taken, and marks are entries."""
    intake = TRUSTING.sort(batch_of(*batch))
    assert intake.rekeyed == []
    assert intake.entries == [_decoded(each) for each in batch]


def _decoded(each: ConsumerRecord) -> Entry:
    try:
        return decode(each.value, each.timestamp * 1_000, REPLAY)
    except RejectedEvent:
        return None


# ── re-keying ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "key", "user"),
    [
        (OF_U1, None, b"u1"),
        (OF_U1, b"", b"u1"),
        (OF_U1, b"session-9", b"u1"),
        (OF_U1, b"\xff", b"u1"),
        (ERASES_U1, b"other", b"u1"),
        (OF_A1, b"u1", b"a1"),
        ('{"type": "identify", "userId": "用户"}'.encode(), b"u1", "用户".encode()),
    ],
)
def test_re_keying_keeps_the_bytes_and_the_time(value: bytes, key: bytes, user: bytes) -> None:
    """What is keyed by another than its user goes to its user's partition as it came."""
    intake = REKEYING.sort(batch_of(record(value, key)))
    assert intake.entries == [None]
    [sent] = intake.rekeyed
    assert (sent.topic, sent.key, sent.value) == ("app.rekeyed", user, value)
    assert sent.timestamp_ms == NOW_MS
    assert sent.partition is None, "the key decides, as with any producer"


def test_what_is_re_keyed_means_the_same_there() -> None:
    """Read from the re-keying topic, an event is the event that it was, time and all."""
    before = TRUSTING.sort(batch_of(record(OF_U1, b"other"))).entries
    [sent] = REKEYING.sort(batch_of(record(OF_U1, b"other"))).rekeyed
    assert sent.timestamp_ms is not None
    after = TRUSTING.sort(batch_of(record(sent.value, sent.key, timestamp=sent.timestamp_ms)))
    assert after.entries == before
    assert isinstance(before[0], Event)
    assert before[0].at == START


@pytest.mark.parametrize(("value", "key"), [(OF_U1, b"u1"), (OF_A1, b"a1"), (ERASES_U1, b"u1")])
def test_what_is_keyed_rightly_applies_here(value: bytes, key: bytes) -> None:
    """An event under its user's id takes no detour from the partition where that key belongs."""
    sorted_by_home = [
        REKEYING.sort(batch_of(record(value, key, partition=number)))
        for number in range(PARTITIONS)
    ]
    at_home = [intake for intake in sorted_by_home if places(intake) == ["entries"]]
    assert [intake.entries for intake in at_home] == [[decode(value, START, REPLAY)]]
    assert [places(intake) for intake in sorted_by_home if intake not in at_home] == [
        ["rekeyed"]
    ] * (PARTITIONS - 1)


@pytest.mark.parametrize("key", [None, b"u1"])
def test_a_mark_goes_to_all_partitions_with_its_origin(key: bytes | None) -> None:
    """A mark of a re-keyed source speaks for its partition, wherever that one's events went."""
    intake = REKEYING.sort(
        batch_of(record(clock_mark(START - DAY, "said by whoever wrote it"), key))
    )
    assert intake.entries == [None]
    assert [sent.partition for sent in intake.rekeyed] == list(range(PARTITIONS))
    for sent in intake.rekeyed:
        assert (sent.topic, sent.key, sent.timestamp_ms) == ("app.rekeyed", None, NOW_MS)
        mark = decode(sent.value, START, REPLAY)
        assert mark == ClockMark(START - DAY, origin_of("web", 2))


# ── replies of a decision service ────────────────────────────────────────────────────────

LIVE = replace(REPLAY, replay=False)
REPLIES = Sorter(replace(LIVE, replies=True), "app.dead-letters", "app.rekeyed", PARTITIONS)
PASSAGE = Sorter(replace(LIVE, notes=True), "app.dead-letters")
OF_A_SERVICE = b'{"requestId": "r1", "userId": "u1", "offers": [{"offer_id": "gold"}]}'
ANSWER = Answered("u1", START, "r1", [{"offer_id": "gold"}])


def test_a_reply_at_home_applies_there() -> None:
    """One that is keyed by its user, in the partition of that key, is an answer."""
    home = home_of(b"u1", PARTITIONS)
    assert REPLIES.sort(batch_of(record(OF_A_SERVICE, partition=home))).entries == [ANSWER]


@pytest.mark.parametrize(("key", "home"), [(b"r1", True), (None, True), (b"u1", False)])
def test_a_reply_elsewhere_reaches_its_user_as_a_note(key: bytes | None, *, home: bool) -> None:
    """A service needs to know neither our keys nor our partitioner; its reply means the same."""
    here = home_of(b"u1", PARTITIONS)
    place = here if home else (here + 1) % PARTITIONS
    [sent] = REPLIES.sort(batch_of(record(OF_A_SERVICE, key, partition=place))).rekeyed
    assert (sent.topic, sent.key, sent.timestamp_ms) == ("app.rekeyed", b"u1", NOW_MS)
    assert PASSAGE.sort(batch_of(record(sent.value, sent.key))).entries == [ANSWER]


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (b"no JSON", "not_json"),
        (OF_U1, "wrong_type"),
        (b'{"userId": "u1", "offers": []}', "bad_note"),
        (b'{"requestId": "r1", "offers": []}', "no_user"),
        (b'{"requestId": "r1", "userId": "u1", "offers": [1]}', "wrong_type"),
        (
            orjson.dumps({"requestId": "r", "userId": "u1", "offers": [{"a": "x" * 33_000}]}),
            "too_large",
        ),
    ],
)
def test_a_bad_reply_is_a_letter(reply: bytes, code: str) -> None:
    """What is no reply, or would fill its user's record, is kept with its reason."""
    roomy = replace(REPLIES, limits=replace(LIVE, replies=True, message_bytes=1_000_000))
    [letter] = roomy.sort(batch_of(record(reply))).letters
    assert orjson.loads(letter.value or b"")["error"]["code"] == code


def test_in_a_replay_a_reply_says_when_it_was() -> None:
    """Its record's time is none of the replay's; its own counts, as in live time."""
    sorter = Sorter(replace(REPLAY, replies=True), "app.dead-letters")
    assert [places(sorter.sort(batch_of(record(OF_A_SERVICE))))] == [["letters"]]
    timed = b'{"requestId": "r1", "anonymousId": "u1", "offers": [], "timestamp": "2024-02-01"}'
    [entry] = sorter.sort(batch_of(record(timed))).entries
    assert entry == Answered("u1", parse_instant("2024-02-01"), "r1", [])


# ── dead letters ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("sorter", [TRUSTING, REKEYING])
@pytest.mark.parametrize(
    ("value", "code"), [(b"\xff\x00", "not_json"), (None, "empty"), (OF_NOBODY, "no_user")]
)
def test_a_bad_record_is_a_letter(sorter: Sorter, value: bytes | None, code: str) -> None:
    """A dead letter has the record's key, its bytes, where it came from, and the code."""
    intake = sorter.sort(batch_of(record(value, b"\xfe")))
    assert intake.entries == [None]
    [letter] = intake.letters
    assert (letter.topic, letter.key) == ("app.dead-letters", b"\xfe")
    told = orjson.loads(letter.value or b"")
    assert told["error"]["code"] == code
    assert told["origin"] == {
        "topic": "web",
        "partition": 2,
        "offset": 7,
        "timestamp": "2024-03-01T00:00:00.000Z",
    }
    assert (None if told["value"] is None else b64decode(told["value"])) == value


def test_what_the_engine_failed_on_is_a_letter() -> None:
    """Failed events become letters of their own records; a failed timer has none."""
    batch = [record(OF_U1, offset=40), record(b"junk", offset=41), record(OF_U1, offset=42)]
    event = Event("u1", "track", "Order", START)
    failures = [
        Failure(Due("u1", START), _bug("a timer"), None),
        Failure(event, _bug("an event"), 2),
    ]
    [letter] = REKEYING.failed(failures, batch_of(*batch))
    told = orjson.loads(letter.value or b"")
    assert told["origin"]["offset"] == 42
    assert told["error"] == {
        "code": "engine_failed",
        "text": "ZeroDivisionError('an event')",
    }
    assert b64decode(told["value"]) == OF_U1


def _bug(said: str) -> EngineError:
    error = EngineError("journey")
    error.__cause__ = ZeroDivisionError(said)
    return error


# ── odd times ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("value", [b"junk", OF_U1])
def test_a_record_time_in_microseconds_stops_nothing(value: bytes) -> None:
    """A producer that writes microseconds where Kafka wants milliseconds is a bad producer only."""
    intake = TRUSTING.sort(batch_of(record(value, timestamp=NOW_MS * 1_000)))
    assert places(intake) == ["letters"]


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_mark_at_the_end_of_time_stops_nothing(at: str) -> None:
    """A mark that can be decoded can be sent on; else it is a dead letter."""
    mark = orjson.dumps({"type": "clock", "timestamp": at})
    assert len(places(REKEYING.sort(batch_of(record(mark))))) == 1
