"""What publishing writes: versions, edits in place, keys, and what is refused as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journeystream.control_log import Published, PublishedVersion
from journeystream.definitions import (
    Definition,
    JourneyDefinition,
    parse_definition,
    read_definitions,
)
from journeystream.errors import CommandRefused
from journeystream.lifecycle import TRANSITIONS, State
from journeystream.project import Project
from journeystream.publishing import Publication, command, publish, structure
from tests.shipped import ROOT, TEMPLATES
from tests.strategies import journeys

Written = dict[str, Any]

SHIPPED = sorted(
    [
        *TEMPLATES,
        *ROOT.glob("journeystream/demo/journeys/*.yaml"),
    ]
)
SEND: Written = {"id": "remind", "type": "send_to_destinations", "destinations": ["email"]}
WAIT: Written = {"id": "wait", "type": "wait_for_duration", "duration": "1 hour", "next": "remind"}
CART: Written = {
    "id": "cart",
    "name": "Cart",
    "entry": {"condition": {"event": "Added", "after": "2024-01-01T00:00:00+01:00"}},
    "exits": [{"name": "ordered", "condition": {"event": "Ordered", "since": "entry"}}],
    "steps": [WAIT, SEND],
}


def project(**limits: int) -> Project:
    """Return a project with two destinations."""
    return Project.model_validate(
        {
            "sources": [{"topic": "events"}],
            "destinations": [
                {"name": "email", "topic": "out.email", "type": "event"},
                {"name": "ads", "topic": "out.ads", "type": "list"},
            ],
            "limits": limits,
        }
    )


class Topic:
    """A control topic: what is published is written, and read back, at instants 1, 2, 3."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.published = Published()
        self.now = 0

    def publish(self, *written: Written) -> list[str]:
        """Publish definitions and return the outcomes."""
        definitions = [parse_definition(each, "a test") for each in written]
        return [each.outcome for each in self.take(definitions)]

    def take(self, definitions: Sequence[Definition]) -> list[Publication]:
        """Publish what was read already."""
        self.now += 1
        done = publish(definitions, self.published, self.project, self.now)
        for each in done:
            for key, value in each.records:
                self.published.apply(key, value)
        return done

    def command(self, journey: str, name: str) -> None:
        """Pause, resume or archive."""
        self.now += 1
        for record in command(journey, name, self.published, now=self.now):
            self.published.apply(*record)

    def head(self, journey: str = "cart") -> PublishedVersion:
        """Return the version that new users enter."""
        found = self.published.head(journey)
        assert found is not None
        return found


@pytest.fixture
def topic() -> Topic:
    """Return a control topic on which the journey was published once."""
    topic = Topic(project())
    assert topic.publish(CART) == ["published as version 1"]
    return topic


def cart(*steps: Written, **changes: object) -> Written:
    """Write the journey with other steps or other fields."""
    return {**CART, **({"steps": list(steps)} if steps else {}), **changes}


# ── versions ─────────────────────────────────────────────────────────────────────────────


def test_a_new_journey_is_live_as_version_1(topic: Topic) -> None:
    """The first publishing makes version 1, from now on, and lets users in."""
    head = topic.head()
    assert (head.version, head.published_at) == (1, 1)
    assert head.definition == parse_definition(CART, "a test")
    assert topic.published.heads["cart"].state is State.LIVE
    assert set(head.keys) == {"remind"}


def test_publishing_the_same_changes_nothing(topic: Topic) -> None:
    """The same file again keeps version, keys and the instant of publishing."""
    before = topic.head()
    assert topic.publish(CART) == ["unchanged"]
    assert topic.head() == before


EDITS: dict[str, Written] = {
    "name": cart(name="Basket"),
    "description": cart(description="For those who forgot"),
    "examples": cart(
        examples=[{"name": "nobody", "events": [{"event": "Other"}], "expect": []}],
    ),
    "destinations": cart(WAIT, {**SEND, "destinations": ["ads", {"name": "email"}]}),
    "attributes": cart(
        WAIT, {**SEND, "destinations": [{"name": "email", "attributes": {"p": "traits.plan"}}]}
    ),
    "a send step's name": cart(WAIT, {**SEND, "name": "Remind them"}),
}
STRUCTURAL: dict[str, Written] = {
    "entry": cart(entry={"condition": {"event": "Added"}}),
    "reentry": cart(entry={**CART["entry"], "reentry": "after_exit"}),
    "exits": cart(exits=[]),
    "max_duration": cart(max_duration="1 week"),
    "at_end": cart(at_end="exit"),
    "time zone": cart(time_zone="Europe/Paris"),
    "a duration": cart({**WAIT, "duration": "2 hours"}, SEND),
    "a wait's name": cart({**WAIT, "name": "One hour"}, SEND),
    "one step fewer": cart(SEND),
    "the order of steps": cart(SEND, WAIT, entry={**CART["entry"], "next": "wait"}),
    "another next": cart(WAIT, {**SEND, "next": "bye"}, {"id": "bye", "type": "exit"}),
    "a key set by hand": cart(WAIT, {**SEND, "key": "by_hand"}),
}


@pytest.mark.parametrize("edited", EDITS.values(), ids=EDITS.keys())
def test_what_may_be_edited_keeps_its_version(topic: Topic, edited: Written) -> None:
    """Name, description, examples and where send steps send are edited in place, keys kept."""
    before = topic.head()
    assert topic.publish(edited) == ["version 1 edited in place"]
    after = topic.head()
    assert after.definition == parse_definition(edited, "a test")
    assert (after.version, after.published_at, after.keys) == (1, 1, before.keys)
    assert topic.publish(edited) == ["unchanged"]
    assert set(topic.published.versions) == {("cart", 1)}


@pytest.mark.parametrize("changed", STRUCTURAL.values(), ids=STRUCTURAL.keys())
def test_anything_else_is_a_new_version(topic: Topic, changed: Written) -> None:
    """A structural change is version 2 from now on; version 1 stays for who is in it."""
    before = topic.head()
    assert topic.publish(changed) == ["published as version 2; users in flight stay on theirs"]
    after = topic.head()
    assert after.definition == parse_definition(changed, "a test")
    assert (after.version, after.published_at) == (2, 2)
    assert topic.published.versions["cart", 1] == before
    assert topic.publish(changed) == ["unchanged"]


def test_versions_are_numbered_on(topic: Topic) -> None:
    """Going back to an old definition is a new version too: no number is used twice."""
    topic.publish(cart(max_duration="1 week"))
    assert topic.publish(CART) == ["published as version 3; users in flight stay on theirs"]
    assert set(topic.published.versions) == {("cart", 1), ("cart", 2), ("cart", 3)}
    topic.publish(cart(name="Basket"))
    assert (topic.head().version, topic.head().definition.name) == (3, "Basket")
    assert topic.published.versions["cart", 1].definition.name == "Cart"


def test_two_journeys_have_their_own_versions(topic: Topic) -> None:
    """Of several journeys each is judged by itself."""
    topic.publish(cart(max_duration="1 week"))
    outcomes = topic.publish(cart(max_duration="1 week"), cart(id="other"))
    assert outcomes == ["unchanged", "published as version 1"]


@pytest.mark.parametrize(
    "same",
    [cart(kind="journey"), cart(at_end="rest"), cart(WAIT, {**SEND, "next": None})],
    ids=["kind", "at_end", "next"],
)
def test_a_default_spelled_out_changes_nothing(topic: Topic, same: Written) -> None:
    """What means the same is the same structure: nobody gets a new version for a default."""
    topic.publish(same)
    assert set(topic.published.versions) == {("cart", 1)}


# ── keys ─────────────────────────────────────────────────────────────────────────────────


def test_keys_stay_through_renaming_and_new_versions(topic: Topic) -> None:
    """A step that survives keeps its key, whatever it or the journey is called now."""
    key = topic.head().keys["remind"]
    assert key.startswith("j_o_cart__remind_")
    more = {**SEND, "id": "again", "name": "Again"}
    topic.publish(cart(WAIT, {**SEND, "name": "Nudge", "next": "again"}, more, name="Basket"))
    keys = topic.head().keys
    assert (topic.head().version, keys["remind"]) == (2, key)
    assert keys["again"].startswith("j_o_basket__again_")


def test_a_key_set_by_hand_stays_when_it_is_no_longer_written(topic: Topic) -> None:
    """By hand wins and makes a version; to stop writing it is an edit that keeps it."""
    by_hand = cart(WAIT, {**SEND, "key": "by_hand"})
    topic.publish(by_hand)
    assert (topic.head().version, topic.head().keys) == (2, {"remind": "by_hand"})
    assert topic.publish(CART) == ["version 2 edited in place"]
    assert topic.head().keys == {"remind": "by_hand"}


def test_a_key_belongs_to_one_journey(topic: Topic) -> None:
    """A key that another journey has is refused, with all that was published beside it."""
    taken = {**SEND, "key": topic.head().keys["remind"]}
    with pytest.raises(CommandRefused, match=r"journey 'thief': key 'j_o_.*belongs to.*'cart'"):
        topic.publish(cart(id="other"), cart(WAIT, taken, id="thief"))
    two = [cart(WAIT, {**SEND, "key": "shared"}, id=id_) for id_ in ("b", "c")]
    with pytest.raises(CommandRefused, match="journey 'c': key 'shared' belongs to journey 'b'"):
        topic.publish(*two)
    assert set(topic.published.heads) == {"cart"}


def test_the_key_of_an_archived_journey_is_free(topic: Topic) -> None:
    """Nobody is in an archived journey any more: its lists may be used by another."""
    taken = cart(WAIT, {**SEND, "key": topic.head().keys["remind"]}, id="heir")
    topic.command("cart", "archive")
    assert topic.publish(taken) == ["published as version 1"]


def test_the_key_of_an_older_version_is_not_free(topic: Topic) -> None:
    """Users in flight hold the lists of their version: another journey may not write them."""
    old = topic.head().keys["remind"]
    topic.publish(cart(WAIT, {**SEND, "key": "by_hand"}))
    with pytest.raises(CommandRefused, match="belongs to"):
        topic.publish(cart(WAIT, {**SEND, "key": old}, id="thief"))


# ── what is refused, and states ──────────────────────────────────────────────────────────


def test_an_archived_journey_is_not_published_again(topic: Topic) -> None:
    """The refusal says to bring it back, or to use another id, and nothing is written."""
    topic.command("cart", "archive")
    with pytest.raises(CommandRefused, match=r"'cart' is archived.*unarchive; .*under another id"):
        topic.publish(cart(id="other"), CART)
    assert set(topic.published.heads) == {"cart"}


def test_a_paused_journey_stays_paused(topic: Topic) -> None:
    """Publishing a paused journey anew makes a version that lets nobody in until resumed."""
    topic.command("cart", "pause")
    topic.publish(cart(max_duration="1 week"))
    head = topic.published.heads["cart"]
    assert (head.state, head.version) == (State.PAUSED, 2)
    topic.command("cart", "resume")
    head = topic.published.heads["cart"]
    assert (head.state, head.version) == (State.LIVE, 2)


@pytest.mark.parametrize("name", ["pause", "resume", "stop", "archive", "unarchive"])
@pytest.mark.parametrize("path", [(), ("pause",), ("stop",), ("archive",)])
def test_commands_follow_the_table(topic: Topic, path: tuple[str, ...], name: str) -> None:
    """A command writes the head that the life cycle says, on the same version, or is refused."""
    for each in path:
        topic.command("cart", each)
    before = topic.published.heads["cart"]
    allowed = TRANSITIONS[before.state].get(name)
    if allowed is None:
        with pytest.raises(CommandRefused, match=f"{name} is not possible"):
            topic.command("cart", name)
        assert topic.published.heads["cart"] == before
    else:
        topic.command("cart", name)
        after = topic.published.heads["cart"]
        new = name == "unarchive"  # what happened meanwhile does not count for it
        assert (after.state, after.version) == (allowed, before.version + new)


def test_an_unknown_journey_is_refused(topic: Topic) -> None:
    """A command on what was never published says what there is."""
    with pytest.raises(CommandRefused, match=r"no journey 'carrt' is published.*are: cart"):
        topic.command("carrt", "pause")
    with pytest.raises(CommandRefused, match="published are: none"):
        command("cart", "pause", Published())


def test_there_are_at_most_so_many_journeys() -> None:
    """The limit counts what is not archived, each journey once, and refuses all or nothing."""
    topic = Topic(project(journeys=2))
    topic.publish(CART, cart(id="b"))
    with pytest.raises(CommandRefused, match=r"3 journeys.*limits\.journeys = 2; archive some"):
        topic.publish(cart(name="Basket"), cart(id="c"))
    assert topic.head().definition.name == "Cart"
    assert topic.publish(cart(max_duration="1 week"), cart(id="b")) != []
    topic.command("b", "archive")
    assert topic.publish(cart(id="c")) == ["published as version 1"]


def test_audiences_are_written_before_journeys(topic: Topic) -> None:
    """Who reads the topic knows an audience before the journey that asks for it."""
    audience = {"kind": "audience", "id": "big", "name": "Big", "condition": {"event": "Big"}}
    asking = cart(id="asking", entry={"condition": {"audience": "big"}})
    outcomes = topic.publish(asking, audience)
    assert outcomes == ["audience published", "published as version 1"]
    assert set(topic.published.audiences) == {"big"}


# ── every journey ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: f"{file.parent.parent.name}-{file.stem}")
def test_shipped_files_are_unchanged_when_published_twice(file: Path) -> None:
    """What is read back from the control topic is what the file says."""
    topic = Topic(project())
    topic.take(read_definitions(file))
    again = topic.take(read_definitions(file))
    assert {each.outcome for each in again} <= {"unchanged", "audience published"}


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(journeys("j"), journeys("j"), st.sampled_from(("name", "description")))
def test_any_journey_is_unchanged_edited_or_new(
    one: JourneyDefinition, other: JourneyDefinition, field: str
) -> None:
    """For all journeys: the same is unchanged, a new name an edit, another structure a version."""
    topic = Topic(project())
    edited = one.model_copy(update={field: "another text"})
    outcomes = [topic.take([each])[0].outcome for each in (one, one, edited, edited)]
    first = ["published as version 1", "unchanged", "version 1 edited in place", "unchanged"]
    assert outcomes == first
    topic.take([other])
    assert topic.head("j").version == (1 if structure(one) == structure(other) else 2)
    assert topic.head("j").definition == other
