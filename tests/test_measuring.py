"""Figures: what counts, what does not, and that the log's order does not matter."""

from __future__ import annotations

from itertools import chain
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from journeystream.durations import MICROS
from journeystream.effects import Assigned, Reached, Travel
from journeystream.figures import Estimate, Milestone, Stages
from journeystream.measuring import measure
from tests.law_settings import laws
from tests.publishing_world import World, journey, send, wait
from tests.strategies import START
from tests.strategies.travels import DAY, travel_logs

HOUR = 3_600.0


def goal(user: str, at: int, entered_at: int, path: str = "") -> Reached:
    """Tell that a goal was reached; with a path it is one of a split."""
    split = "test" if path else ""
    id_ = "test.paid" if path else "paid"
    control = path == "control"
    return Reached(user, at, "j", 1, f"i-{user}", id_, entered_at, split, path, is_control=control)


def given_path(user: str, path: str, at: int = START) -> Assigned:
    """Tell that a split gave a path."""
    control = path == "control"
    return Assigned(user, at, "j", 1, f"i-{user}", at, "test", path, is_control=control)


def milestones(told: list[Travel], as_of: int = START) -> list[Milestone]:
    """Measure the milestones of journey j."""
    [figures] = measure(told, as_of).journeys
    return list(figures.milestones)


def test_windows_are_days_of_24_hours_back_from_now() -> None:
    """What lies just 7 days back is over; what comes later than now is not there."""
    ago = [0, 7 * DAY - 1, 7 * DAY, 30 * DAY - 1, 30 * DAY, 90 * DAY - 1, 90 * DAY, -1]
    [paid] = milestones([goal("u", START - each, START - 91 * DAY) for each in ago])
    counts = paid.last_7_days, paid.last_30_days, paid.last_90_days, paid.all_time
    assert counts == (2, 4, 6, 7)


def test_the_median_is_from_the_entry() -> None:
    """Half took less: an odd one is the middle one, two have their mean."""
    hours = [goal(f"u{n}", START, START - n * 3_600 * MICROS) for n in (1, 2, 9)]
    assert milestones(list(hours))[0].median_seconds == 2 * HOUR
    assert milestones(list(hours[:2]))[0].median_seconds == 1.5 * HOUR


def test_a_journey_is_measured_as_it_is_walked() -> None:
    """Through the engine: goals after entry only, exits by name, steps and ways, with no other."""
    goals = [{"id": "paid", "condition": {"event": "pay"}}]
    exits = [{"name": "gone", "condition": {"event": "out"}}]
    written = journey("j", send("sent") | {"next": "w"}, wait("w", "1 hour"), goals=goals)
    world = World({**written, "exits": exits, "at_end": "exit"}, travels=True)
    world.track(0, "pay", user="met")
    for user in ("met", "paid", "gone", "done"):
        world.track(1, "start", user=user)
    world.track(61, "pay", user="paid")
    world.track(61, "pay", user="met")
    world.track(121, "out", user="gone")
    world.pass_time(2 * HOUR)
    [figures] = measure(world.travelled, START + DAY).journeys
    assert figures.stages == Stages(start=4, complete=3, exit=1)
    told = [
        (each.kind, each.name, each.all_time, each.median_seconds) for each in figures.milestones
    ]
    assert told == [
        ("exit", "exit", 1, 120.0),
        ("exit_condition", "gone", 1, 120.0),
        ("goal", "paid", 1, 60.0),
    ]
    assert [(each.step, each.type, each.arrivals) for each in figures.steps] == [
        ("sent", "send_to_destinations", 4),
        ("w", "wait_for_duration", 4),
    ]
    assert [(each.from_step, each.to_step, each.passed) for each in figures.edges] == [
        ("sent", "w", 4),
        ("start", "sent", 4),
    ]


def test_a_split_counts_users_not_passes() -> None:
    """Who passes it twice, or buys twice, is one; the control has no lift against itself."""
    told = [given_path(f"u{n}", "offer") for n in range(10)] * 2
    told += [given_path(f"c{n}", "control") for n in range(20)]
    bought = [goal(f"u{n}", START, START, "offer") for n in (1, 1, 2, 3)]
    bought += [goal("c1", START, START, "control")]
    [figures] = measure(chain(told, bought), START).journeys
    control, offer = figures.splits[0].paths
    assert (control.path, control.is_control, control.entered) == ("control", True, 20)
    assert (offer.path, offer.is_control, offer.entered) == ("offer", False, 10)
    [mine], [theirs] = offer.goals, control.goals
    assert (mine.conversions, mine.rate.value, theirs.rate.value) == (3, 0.3, 0.05)
    assert theirs.difference is theirs.lift is None
    assert mine.difference is not None
    assert mine.difference.value == 0.3 - 0.05
    assert mine.lift is not None
    assert abs((mine.lift.value or 0) - 5) < 1e-12
    assert mine.lift.low < 5 < mine.lift.high


def test_a_control_without_conversions_has_a_lift_with_bounds_only() -> None:
    """Nobody knows how many times more than nothing something is, but it has an interval."""
    told = [given_path("u1", "offer"), given_path("c1", "control")]
    [figures] = measure([*told, goal("u1", START, START, "offer")], START).journeys
    [_, offer] = figures.splits[0].paths
    lift = offer.goals[0].lift
    assert isinstance(lift, Estimate)
    assert lift.value is None
    assert lift.low < lift.high


def test_without_a_control_nothing_is_compared() -> None:
    """A log that tells of one path only has its rate."""
    told: list[Travel] = [given_path("u1", "offer"), goal("u1", START, START, "offer")]
    [figures] = measure(told, START).journeys
    [offer] = figures.splits[0].paths
    assert offer.goals[0].rate.value == 1
    assert offer.goals[0].difference is offer.goals[0].lift is None


@laws
@given(travel_logs(), st.randoms())
def test_the_order_of_the_log_does_not_matter(told: list[Travel], random: Random) -> None:
    """However partitions lie beside each other, the figures are the same."""
    mixed = list(told)
    random.shuffle(mixed)
    assert measure(mixed, START) == measure(told, START)


@laws
@given(travel_logs())
def test_a_journey_alone_has_the_figures_that_it_has_among_others(told: list[Travel]) -> None:
    """What is asked for one journey is what is told of it with all."""
    for each in measure(told, START).journeys:
        assert measure(told, START, [each.journey]).journeys == (each,)
