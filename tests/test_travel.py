"""The travel log: each stage that a user comes to, once; nothing of it where nobody wants it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from journeystream.effects import Travelled, memberships
from journeystream.events import Event
from journeystream.state.memory import MemoryStore
from journeystream.turn import take_turn
from journeystream.user import NEVER
from tests.law_settings import laws
from tests.playing import play
from tests.publishing_world import World, journey, send, wait
from tests.strategies import END_OF_TIME, Project, logs, projects, rules_of

HOUR = 3_600.0
SPLIT = {
    "id": "split",
    "type": "multi_branch_split",
    "mode": "first_match",
    "branches": [{"name": "vip", "condition": {"trait": "vip", "equals": True}, "next": "sent"}],
    "everyone_else": {"name": "the rest", "next": "wait"},
}
EXITS = [
    {"name": name, "condition": {"event": "out", "at_least": least}}
    for name, least in (("one", 1), ("two", 2))
]


def stages(world: World) -> list[tuple[str, str]]:
    """Return (stage, parent) of all that was told."""
    return [(e.stage_id, e.parent_id) for e in world.travelled if isinstance(e, Travelled)]


def test_each_stage_is_told_with_where_the_user_came_from() -> None:
    """A row for the start, each step and the end, with the split's way."""
    steps = (SPLIT, wait("wait", "1 hour", "sent"), send("sent"))
    world = World(journey("j", *steps, at_end="exit"), travels=True)
    world.track(1, "start")
    world.pass_time(9 * HOUR)
    assert stages(world) == [
        ("start", ""),
        ("split", "start"),
        ("wait", "split"),
        ("sent", "wait"),
        ("complete", ""),
    ]
    split = world.travelled[2]
    assert isinstance(split, Travelled)
    assert (split.split_condition_name, split.is_remaining) == ("the rest", True)
    assert (split.test_group_name, split.is_control) == ("", False)


def test_an_exit_names_all_exit_conditions_that_hold() -> None:
    """Exit rows have the names of every exit that the user met, with `|` between."""
    world = World(journey("j", exits=[EXITS[1], EXITS[0]]), travels=True)
    world.track(1, "start")
    world.track(2, "out")
    world.track(3, "start", "u2")
    last = world.travelled[2]
    assert isinstance(last, Travelled)
    assert (last.stage_id, last.exit_segments, last.mxs_ids) == ("exit", "one", "one")
    assert last.reason == "exit_condition: one"


def test_who_is_archived_is_an_orphan() -> None:
    """The journey was taken from under them."""
    world = World(journey("j"), travels=True)
    world.track(1, "start")
    world.command("j", "archive", at=2)
    assert [stage for stage, _ in stages(world)] == ["start", "sent", "orphan"]


@laws
@given(projects(), logs())
def test_telling_changes_nothing_else(project: Project, log: list[Event]) -> None:
    """Effects are the same with and without; each instance has one start and at most one end."""
    rules = rules_of(*project)
    travelling = replace(rules, travels=True)
    told = take_turn(log, NEVER, MemoryStore(), travelling, until=END_OF_TIME)
    assert memberships(told.effects) == play(rules, log).effects
    rows = [each for each in told.travels if isinstance(each, Travelled)]
    for instance in {each.instance for each in rows}:
        own = [each.stage_id for each in rows if each.instance == instance]
        assert own[0] == "start"
        assert own.count("start") == 1
        ends = [stage for stage in own if stage in ("complete", "exit", "orphan")]
        assert ends == own[-1:] or not ends
