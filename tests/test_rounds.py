"""What happens in one journey is looked at by the others at the same instant, and it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from journeystream.compiler import CompiledJourney
from journeystream.conditions import CompiledCondition, Moment, never_turns
from journeystream.engine import Rules
from journeystream.journeys import Journeys
from tests.publishing_world import World, journey, send, wait

HOUR = 3_600.0


def reads(journey_: str, holds: Callable[[Moment], bool]) -> CompiledCondition:
    """Return a condition about where a user is in a journey."""
    return CompiledCondition(
        holds=holds,
        turns=never_turns,
        predicates={},
        welcomes=frozenset(),
        resents=frozenset(),
        traits=frozenset(),
        journeys=frozenset((journey_,)),
    )


def is_in(journey_: str) -> CompiledCondition:
    """Return the condition that the user is in a journey."""
    return reads(journey_, lambda m: any(i.journey == journey_ for i in m.user.instances))


def is_not_in(journey_: str) -> CompiledCondition:
    """Return the condition that the user is not in a journey."""
    return reads(journey_, lambda m: all(i.journey != journey_ for i in m.user.instances))


def changed(world: World, *journeys: CompiledJourney) -> None:
    """Let these journeys be the published ones."""
    heads = {each.id: each for each in journeys}
    versions = {(each.id, each.version): each for each in journeys}
    world.rules = Rules(Journeys(versions, heads, frozenset(heads)))


def enters_when(compiled: CompiledJourney, entry: CompiledCondition) -> CompiledJourney:
    """Return the journey with another entry condition."""
    return replace(compiled, entry=entry, welcomes=entry.welcomes, predicates={})


def test_one_journey_lets_into_another_at_once() -> None:
    """Whoever enters, leaves or moves in a journey enters and leaves those that read it."""
    world = World(
        journey(
            "a",
            wait("wait", "1 hour", "sent"),
            send("sent", next="end"),
            wait("end", "1 day"),
            at_end="exit",
        ),
        journey("b"),
        journey("c", at_end="exit"),
    )
    a, b, c = (world.rules.journeys.heads[id_] for id_ in "abc")
    left_a = reads("a", lambda m: "completed" in m.user.passes["a"].exits)
    b = replace(
        enters_when(b, is_in("a")),
        exits=(("left", left_a),),
        reads_journeys=frozenset("a"),
    )
    changed(world, a, b, enters_when(c, left_a))
    world.track(1, "start")
    assert world.told() == [(1, "u1", "entered", "b.sent")]
    world.pass_time(90 * HOUR)
    end = 1 + 25 * HOUR
    assert world.told() == [
        (1 + HOUR, "u1", "entered", "a.sent"),
        (end, "u1", "exited", "a.sent completed"),
        (end, "u1", "exited", "b.sent exit_condition"),
        (end, "u1", "entered", "c.sent"),
        (end, "u1", "exited", "c.sent completed"),
    ]


def test_journeys_that_set_each_other_off_without_end_are_stuck_and_others_go_on() -> None:
    """Two journeys that let each other in and out for ever: one is stuck, a third one is sound."""
    again = {"condition": {"event": "start"}, "reentry": "after_exit"}
    world = World(journey("a", entry=again), journey("b", entry=again), journey("sound"))
    a, b, sound = (world.rules.journeys.heads[id_] for id_ in ("a", "b", "sound"))
    a = replace(a, exits=(("b", is_in("b")),), reads_journeys=frozenset("b"))
    a = replace(a, entry=replace(is_not_in("b"), predicates=a.entry.predicates))
    b = replace(enters_when(b, is_in("a")), exits=(("a", is_not_in("a")),))
    b = replace(b, reads_journeys=frozenset("a"))
    changed(world, a, b, sound)
    world.track(1, "start")
    (failure,) = world.failures
    assert "set each other off without end" in failure
    assert len(world.user().stuck) == 1
    assert (1, "u1", "entered", "sound.sent") in world.told()


def test_what_nobody_reads_costs_no_round() -> None:
    """Journeys that nobody reads are in no index."""
    world = World(journey("a"), journey("b"))
    assert world.rules.journeys.readers_of_journey == {}
    assert world.rules.journeys.triggered == {}


def test_a_chain_of_triggers_ends() -> None:
    """Fifty journeys in a row, each triggered by the one before, are entered at one instant."""
    chain = [journey("j0")]
    for index in range(1, 50):
        trigger = {"journey": f"j{index - 1}", "step": "sent"}
        chain.append(journey(f"j{index}", entry={"trigger": trigger}))
    world = World(*chain)
    world.track(1, "start")
    assert [(at, step) for at, _, _, step in world.told()] == [(1, f"j{n}.sent") for n in range(50)]
