"""When a condition is noticed: at the first instant at which it holds, neither earlier nor later.

Journeys are run around one drawn condition: at their entry, exits, waits and splits they must
act when the reference in `condition_reference.py` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from journeystream.events import Event
from tests.condition_reference import SPANS, Written, anywhere, change_points, holds, one_user
from tests.law_settings import laws_of_conditions as laws
from tests.playing import play
from tests.strategies import DAY, HOUR, START, apart, conditions, journey_of, logs, rules_of

EVER = START + 100 * DAY


def first_time(
    truth: Callable[[Sequence[Event], int], bool],
    points: Callable[[Sequence[Event]], list[int]],
    log: Sequence[Event],
    start: int,
) -> int | None:
    """Return the first instant from `log[start]` on at which `truth` holds, with time alone."""
    seen, now = list(log[: start + 1]), log[start].at
    if truth(seen, now):
        return now
    for event in [*log[start + 1 :], None]:
        until = EVER if event is None else event.at
        for point in points(seen):
            if now < point <= until and truth(seen, point):
                return point
        if event is not None:
            seen.append(event)
            now = event.at
            if truth(seen, now):
                return now
    return None


def started(log: Sequence[Event]) -> list[Event]:
    """Let the user enter in the middle of the log, with an event of its own name."""
    log = apart(log)
    middle = len(log) // 2
    log[middle] = replace(log[middle], kind="track", name="start", properties={"n": middle % 3})
    return log


def start_of(log: Sequence[Event]) -> int:
    """Return the index of the event that lets the user enter."""
    return next(index for index, event in enumerate(log) if event.name == "start")


def outcomes(written: Written, log: Sequence[Event]) -> list[tuple[str, str, int]]:
    """Publish a journey, play the log, and return every change at a send step."""
    journey = journey_of({"id": "j", "name": "J", **written})
    effects = play(rules_of(journey), log, until=EVER).effects
    return [(effect.change, effect.step, effect.at) for effect in effects]


def send(id_: str) -> Written:
    """Write a send step at which users rest."""
    return {"id": id_, "type": "send_to_destinations", "destinations": ["email"]}


START_EVENT: Written = {"condition": {"event": "start"}}
in_order = logs(in_order=True, users=one_user)


# ── entry, waits, exits and splits ───────────────────────────────────────────────────────


@laws
@given(conditions(), in_order)
def test_entry_is_noticed_at_once(written: Written, log: list[Event]) -> None:
    """A user enters at the first instant of being known at which the condition is true."""
    log = apart(log)
    expected = first_time(
        lambda seen, now: holds(written, seen, now),
        lambda seen: change_points(written, seen),
        log,
        0,
    )
    got = outcomes({"entry": {"condition": written}, "steps": [send("sent")]}, log)
    assert got == ([] if expected is None else [("entered", "sent", expected)])


@laws
@given(conditions(since=anywhere), in_order, st.sampled_from((None, "10 minutes", "5 hours")))
def test_a_wait_ends_at_once(written: Written, log: list[Event], patience: str | None) -> None:
    """A wait ends at the first instant at which its condition is true, or at its time-out."""
    log = started(log)
    start = start_of(log)
    begin = log[start].at
    steps: list[Written] = [
        {"id": "wait", "type": "wait_for_condition", "condition": written, "next": "yes"},
        send("yes"),
    ]
    if patience is not None:
        steps[0]["timeout"] = {"after": patience, "next": "no"}
        steps.append(send("no"))
    true_at = first_time(
        lambda seen, now: holds(written, seen, now, begin, begin),
        lambda seen: change_points(written, seen),
        log,
        start,
    )
    over_at = None if patience is None else begin + SPANS[patience]
    if true_at is not None and (over_at is None or true_at <= over_at):
        expected = [("entered", "yes", true_at)]
    else:
        expected = [] if over_at is None else [("entered", "no", over_at)]
    assert outcomes({"entry": START_EVENT, "steps": steps}, log) == expected


def test_a_condition_goes_before_the_time_out() -> None:
    """Where the condition turns true at the very instant of the time-out, it is fulfilled."""
    wait = {
        "id": "wait",
        "type": "wait_for_condition",
        "condition": {"event": "start", "exactly": 0, "within": "1 hour"},
        "next": "yes",
        "timeout": {"after": "1 hour", "next": "no"},
    }
    journey = {"entry": START_EVENT, "steps": [wait, send("yes"), send("no")]}
    log = [Event("u1", "track", "start", START)]
    assert outcomes(journey, log) == [("entered", "yes", START + HOUR)]


@laws
@given(conditions(since=("entry",)), in_order)
def test_an_exit_is_noticed_at_once(written: Written, log: list[Event]) -> None:
    """An exit condition takes the user out at the first instant at which it is true."""
    log = started(log)
    start = start_of(log)
    begin = log[start].at
    out_at = first_time(
        lambda seen, now: holds(written, seen, now, begin),
        lambda seen: change_points(written, seen),
        log,
        start,
    )
    expected = [] if out_at == begin else [("entered", "sent", begin)]
    if expected and out_at is not None:
        expected.append(("exited", "sent", out_at))
    exits = [{"name": "out", "condition": written}]
    assert (
        outcomes({"entry": START_EVENT, "exits": exits, "steps": [send("sent")]}, log) == expected
    )


@laws
@given(conditions(since=("entry",)), conditions(since=("entry",)), in_order)
def test_a_split_asks_at_arrival(first: Written, second: Written, log: list[Event]) -> None:
    """The truth at arrival decides: one way of two, and the first branch of several."""
    log = started(log)
    start = start_of(log)
    begin = log[start].at
    truths = [holds(each, log[: start + 1], begin, begin) for each in (first, second)]
    two_ways = {
        "id": "split",
        "type": "true_false_split",
        "condition": first,
        "if_true": {"next": "yes"},
        "if_false": {"next": "no"},
    }
    taken = "yes" if truths[0] else "no"
    got = outcomes({"entry": START_EVENT, "steps": [two_ways, send("yes"), send("no")]}, log)
    assert got == [("entered", taken, begin)]
    many_ways = {
        "id": "split",
        "type": "multi_branch_split",
        "mode": "first_match",
        "branches": [
            {"name": "first", "condition": first, "next": "yes"},
            {"name": "second", "condition": second, "next": "no"},
        ],
        "everyone_else": {"next": "else"},
    }
    taken = "yes" if truths[0] else "no" if truths[1] else "else"
    steps = [many_ways, send("yes"), send("no"), send("else")]
    assert outcomes({"entry": START_EVENT, "steps": steps}, log) == [("entered", taken, begin)]


@laws
@given(
    st.lists(conditions(since=anywhere), min_size=1, max_size=3),
    in_order,
    st.sampled_from((None, "10 minutes", "5 hours")),
)
def test_every_branch_is_taken_once_when_it_comes_true(
    branches: list[Written], log: list[Event], patience: str | None
) -> None:
    """Each branch is taken at the first instant at which it holds; none after the time-out."""
    log = started(log)
    start = start_of(log)
    begin = log[start].at
    over_at = None if patience is None else begin + SPANS[patience]
    expected: list[tuple[str, str, int]] = []
    for index, written in enumerate(branches):
        taken_at = first_time(
            lambda seen, now, written=written: holds(written, seen, now, begin, begin),  # type: ignore[misc]
            lambda seen, written=written: change_points(written, seen),  # type: ignore[misc]
            log,
            start,
        )
        if taken_at is not None and (over_at is None or taken_at <= over_at):
            expected.append(("entered", f"branch{index}", taken_at))
    split: Written = {
        "id": "split",
        "type": "multi_branch_split",
        "branches": [
            {"name": f"{index}", "condition": written, "next": f"branch{index}"}
            for index, written in enumerate(branches)
        ],
    }
    steps = [split, *(send(f"branch{index}") for index in range(len(branches)))]
    if over_at is not None:
        split["timeout"] = {"after": patience, "next": "none"}
        steps.append(send("none"))
        expected = expected or [("entered", "none", over_at)]
    got = outcomes({"entry": START_EVENT, "steps": steps}, log)
    assert sorted(got) == sorted(expected)


# ── entering again ───────────────────────────────────────────────────────────────────────


def easy_leaves() -> st.SearchStrategy[Written]:
    """Draw a question about event a that often changes its answer."""
    return st.builds(
        lambda count, within: {"event": "a", **count, **within},
        st.sampled_from(({}, {"at_least": 2}, {"exactly": 1}, {"at_most": 1})),
        st.sampled_from(({}, {"within": "1 hour"}, {"within": "1 day"})),
    )


@laws
@given(easy_leaves(), in_order)
def test_reentry_needs_a_cause(leaf: Written, log: list[Event]) -> None:
    """After an exit a user enters when the condition turns true, or is fulfilled once more."""
    log = apart(log)
    can_fulfil = not ({"exactly", "at_most"} & leaf.keys()) or leaf.get("exactly") == 1
    expected: list[tuple[str, str, int]] = []
    seen: list[Event] = []
    inside = truth = False
    for event in [*log, Event("u1", "track", "", EVER)]:
        now = seen[-1].at if seen else event.at
        for point in [p for p in change_points(leaf, seen) if now < p <= event.at]:
            before, truth = truth, holds(leaf, seen, point)
            if truth and not before and not inside:
                inside, expected = True, [*expected, ("entered", "sent", point)]
        seen.append(event)
        before, truth = truth, holds(leaf, seen, event.at)
        fulfilled = event.kind == "track" and event.name == "a" and can_fulfil
        if inside and event.kind == "track" and event.name == "b":
            inside, expected = False, [*expected, ("exited", "sent", event.at)]
        elif truth and not inside and (not before or fulfilled):
            inside, expected = True, [*expected, ("entered", "sent", event.at)]
    journey: Written = {
        "entry": {"condition": leaf, "reentry": "after_exit"},
        "exits": [{"name": "out", "condition": {"event": "b", "since": "entry"}}],
        "steps": [send("sent")],
    }
    assert outcomes(journey, log) == expected


@laws
@given(st.integers(0, 2), st.sampled_from(({}, {"within": "1 hour"})), in_order, st.booleans())
def test_conditions_that_mean_the_same_admit_alike(
    count: int,
    window: Written,
    log: list[Event],
    few: bool,  # noqa: FBT001  drawn
) -> None:
    """`not at least 3` is `at most 2`, and lets users in, and in again, at the same moments."""
    leaf = {"event": "a", **window}
    more, fewer = {**leaf, "at_least": count + 1}, {**leaf, "at_most": count}
    same = (fewer, {"not": more}) if few else (more, {"not": fewer})
    exits = [{"name": "out", "condition": {"event": "b", "since": "entry"}}]
    got = [
        outcomes(
            {
                "entry": {"condition": written, "reentry": "after_exit"},
                "exits": exits,
                "steps": [send("sent")],
            },
            apart(log),
        )
        for written in same
    ]
    assert got[0] == got[1]
