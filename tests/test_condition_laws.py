"""What a condition means: the compiled one against a slow and obvious reference.

The reference looks at the whole list of events each time it is asked, and reads the condition
as it was written. The laws of noticing run journeys around one drawn condition: they must act
at the first instant at which the reference says that it holds, neither earlier nor later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journeystream.condition_language import Condition
from journeystream.conditions import CompiledCondition, Moment, compile_condition, flip
from journeystream.definitions import AudienceDefinition, parse_definition
from journeystream.durations import MICROS, instant_of
from journeystream.engine import Rules, advance
from journeystream.events import Event
from journeystream.user import NEVER, User
from tests.strategies import (
    DAY,
    HOUR,
    MINUTE,
    START,
    conditions,
    event_leaves,
    journey_of,
    logs,
    play,
    rules_of,
)

# No deadline: on a shared machine one slow example says nothing. Conditions and logs are big
# values, and drawing many of them is what these tests are for.
laws = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])

Written = dict[str, Any]
SPANS = {
    "10 minutes": 10 * MINUTE,
    "1 hour": HOUR,
    "3 hours": 3 * HOUR,
    "5 hours": 5 * HOUR,
    "1 day": DAY,
}
EVER = START + 100 * DAY


# ── the reference ────────────────────────────────────────────────────────────────────────


def holds(
    condition: Written,
    log: Sequence[Event],
    now: int,
    entered_at: int = NEVER,
    step_since: int = NEVER,
) -> bool:
    """Tell from all events of one user so far whether a condition, as written, is true."""
    if "all" in condition:
        return all(holds(part, log, now, entered_at, step_since) for part in condition["all"])
    if "any" in condition:
        return any(holds(part, log, now, entered_at, step_since) for part in condition["any"])
    if "not" in condition:
        return not holds(condition["not"], log, now, entered_at, step_since)
    if "trait" in condition:
        return _trait_holds(condition, log)
    begin = {"entry": entered_at, "step": step_since}.get(condition.get("since", ""), NEVER)
    counted = [
        event
        for event in log
        if _asked_for(condition, event)
        and event.at > begin
        and ("within" not in condition or event.at + SPANS[condition["within"]] > now)
    ]
    return _enough(condition, len(counted))


def _asked_for(leaf: Written, event: Event) -> bool:
    if "page" in leaf:
        named = event.kind == "page" and event.name == leaf["page"]
    else:
        named = event.kind == "track" and leaf["event"] in ("*", event.name)
    after, before = leaf.get("after"), leaf.get("before")
    return (
        named
        and all(
            _is(event.properties, name, wanted) for name, wanted in leaf.get("where", {}).items()
        )
        and (after is None or event.at >= instant_of(after))
        and (before is None or event.at < instant_of(before))
    )


def _is(properties: Any, name: str, wanted: Any) -> bool:  # noqa: ANN401  JSON
    if wanted == {"exists": False}:
        return name not in properties
    if isinstance(wanted, dict):
        return name in properties and bool(properties[name] >= wanted["at_least"])
    return name in properties and bool(properties[name] == wanted)


def _enough(leaf: Written, count: int) -> bool:
    if "at_most" in leaf:
        return count <= int(leaf["at_most"])
    if "exactly" in leaf:
        return count == int(leaf["exactly"])
    if "between" in leaf:
        low, high = leaf["between"]
        return int(low) <= count <= int(high)
    return count >= int(leaf.get("at_least", 1))


def _trait_holds(leaf: Written, log: Sequence[Event]) -> bool:
    traits: dict[str, Any] = {}
    for event in log:
        if event.kind == "identify":
            traits.update(event.properties)
    name = leaf["trait"]
    if "not_equals" in leaf:
        return bool(traits.get(name) != leaf["not_equals"])
    if name not in traits:
        return False
    if "equals" in leaf:
        return bool(traits[name] == leaf["equals"])
    if "greater_than" in leaf:
        return bool(traits[name] > leaf["greater_than"])
    return "in" not in leaf or traits[name] in leaf["in"]


def change_points(condition: Written, log: Sequence[Event]) -> list[int]:
    """Return every instant at which an event falls out of some window of the condition."""
    return sorted({event.at + span for event in log for span in _windows(condition)})


def _windows(condition: Written) -> list[int]:
    if "within" in condition:
        return [SPANS[condition["within"]]]
    parts = [*condition.get("all", ()), *condition.get("any", ())]
    parts += [condition["not"]] if "not" in condition else []
    return [span for part in parts for span in _windows(part)]


# ── what is asked ────────────────────────────────────────────────────────────────────────


def compiled(written: Written) -> CompiledCondition:
    """Compile a condition as it is written."""
    return compile_condition(read(written), UTC, {})


def read(written: Written) -> Condition:
    """Read a condition as a definition does."""
    document = {"kind": "audience", "id": "x", "name": "X", "condition": written}
    audience = parse_definition(document, "drawn")
    assert isinstance(audience, AudienceDefinition)
    return audience.condition


def remembering(written: Written) -> Rules:
    """Publish a journey that keeps what the condition needs, and that nobody ever enters."""
    return rules_of(
        journey_of(
            {
                "id": "j",
                "name": "J",
                "entry": {"condition": {"event": "never sent"}},
                "steps": [{"id": "wait", "type": "wait_for_condition", "condition": written}],
            }
        )
    )


def apart(log: Sequence[Event]) -> list[Event]:
    """Give every event a millisecond of its own, so that no two instants are the same."""
    return [replace(event, at=event.at + index * 1_000) for index, event in enumerate(log)]


def known(log: Sequence[Event], rules: Rules) -> User:
    """Return what is known of the user after the log."""
    user = User("u1")
    for event in log:
        user = advance(user, event, rules).user
    return user


one_user = ("u1",)
anywhere = ("entry", "step")


@laws
@given(conditions(since=anywhere), logs(users=one_user), st.data())
def test_truth_is_that_of_the_whole_history(
    written: Written, log: list[Event], data: st.DataObject
) -> None:
    """What is remembered of a user is enough to tell the truth at any later instant."""
    log = apart(log)
    user = known(log, remembering(written))
    last = max(event.at for event in log)
    instants = [last, last + HOUR, *(p for p in change_points(written, log) if p >= last)]
    now = data.draw(st.sampled_from(instants)) + data.draw(st.sampled_from((0, 0, 1, 10 * MICROS)))
    cause = st.sampled_from([NEVER, *(event.at for event in log)])
    entered_at, step_since = data.draw(cause), data.draw(cause)
    moment = Moment(user, now, entered_at=entered_at, step_since=step_since)
    assert compiled(written).holds(moment) == holds(written, log, now, entered_at, step_since)


@laws
@given(conditions(), conditions(), logs(users=one_user))
def test_what_others_remember_does_not_matter(
    written: Written, other: Written, log: list[Event]
) -> None:
    """A condition has the same truth whatever else is remembered of the user."""
    log = apart(log)
    both = known(log, remembering({"all": [written, other]}))
    now = max(event.at for event in log)
    assert compiled(written).holds(Moment(both, now)) == holds(written, log, now)


@laws
@given(conditions(since=anywhere), logs(users=one_user), st.data())
def test_flip_is_the_first_change(written: Written, log: list[Event], data: st.DataObject) -> None:
    """Time alone changes the truth at the instant that `flip` names, and at none before it."""
    log = apart(log)
    user = known(log, remembering(written))
    now = max(event.at for event in log) + data.draw(st.sampled_from((0, MINUTE, 2 * HOUR)))
    entered_at = data.draw(st.sampled_from([event.at for event in log]))
    truth = holds(written, log, now, entered_at, entered_at)
    changes = [
        point
        for point in change_points(written, log)
        if point > now and holds(written, log, point, entered_at, entered_at) != truth
    ]
    moment = Moment(user, now, entered_at=entered_at, step_since=entered_at)
    flipped = flip(compiled(written), moment)
    assert flipped == min(changes, default=None)
    assert moment.now == now
    if flipped is not None:
        assert holds(written, log, flipped - 1, entered_at, entered_at) == truth


@laws
@given(conditions(since=anywhere), logs(users=one_user))
def test_asking_changes_nothing(written: Written, log: list[Event]) -> None:
    """A condition can be asked any number of times; the answer and the user stay."""
    user, same = (known(apart(log), remembering(written)) for _ in range(2))
    condition, moment = compiled(written), Moment(user, user.clock)
    answers = [(condition.holds(moment), flip(condition, moment)) for _ in range(2)]
    assert answers[0] == answers[1]
    assert user == same


@laws
@given(conditions(), logs(users=one_user))
def test_not_is_the_opposite(written: Written, log: list[Event]) -> None:
    """`not` turns the truth around, changes at the same instants, and twice is nothing."""
    user = known(apart(log), remembering(written))
    moment = Moment(user, user.clock)
    plain, opposite, twice = (
        compiled(each) for each in (written, {"not": written}, {"not": {"not": written}})
    )
    assert plain.holds(moment) != opposite.holds(moment)
    assert plain.holds(moment) == twice.holds(moment)
    assert flip(plain, moment) == flip(opposite, moment) == flip(twice, moment)


@laws
@given(st.lists(conditions(), min_size=1, max_size=3), logs(users=one_user))
def test_de_morgan(parts: list[Written], log: list[Event]) -> None:
    """Not all is any not."""
    left = {"not": {"all": parts}}
    right = {"any": [{"not": part} for part in parts]}
    user = known(apart(log), remembering({"all": [left, right]}))
    moment = Moment(user, user.clock)
    assert compiled(left).holds(moment) == compiled(right).holds(moment)
    assert flip(compiled(left), moment) == flip(compiled(right), moment)


@laws
@given(conditions(), logs(users=one_user))
def test_an_audience_is_its_condition(written: Written, log: list[Event]) -> None:
    """To ask for an audience is to ask for the condition that it names."""
    user = known(apart(log), remembering(written))
    moment = Moment(user, user.clock)
    by_name = compile_condition(read({"audience": "vips"}), UTC, {"vips": read(written)})
    assert by_name.holds(moment) == compiled(written).holds(moment)
    assert flip(by_name, moment) == flip(compiled(written), moment)
    assert (by_name.predicates.keys(), by_name.traits) == (
        compiled(written).predicates.keys(),
        compiled(written).traits,
    )


@pytest.mark.parametrize(
    ("within", "first", "last"),
    [
        ("1 day", "2024-03-01T10:00:00", "2024-03-02T10:00:00"),
        ("1 month", "2024-03-01T10:00:00", "2024-04-01T10:00:00"),
        ("1 month", "2024-01-31T10:00:00", "2024-02-29T10:00:00"),
        ("1 month 1 day", "2023-12-31T10:00:00", "2024-02-01T10:00:00"),
    ],
)
def test_a_window_holds_an_event_until_just_before_its_end(
    within: str, first: str, last: str
) -> None:
    """An event of instant t counts from t until just before t and the window."""
    written = {"event": "a", "within": within}
    begin, end = (
        instant_of(datetime.fromisoformat(text).replace(tzinfo=UTC)) for text in (first, last)
    )
    user = known([Event("u1", "track", "a", begin)], remembering(written))
    condition = compiled(written)
    assert [condition.holds(Moment(user, now)) for now in (begin, end - 1, end)] == [
        True,
        True,
        False,
    ]
    assert flip(condition, Moment(user, begin)) == end


def test_zero_times_is_true_of_a_known_user_without_such_an_event() -> None:
    """`zero times within 180 days` needs no event to be true; it needs a user."""
    written = {"event": "a", "exactly": 0, "within": "180 days"}
    user = known([Event("u1", "track", "other", START)], remembering(written))
    assert compiled(written).holds(Moment(user, START))
    assert flip(compiled(written), Moment(user, START)) is None


# ── what is noticed ──────────────────────────────────────────────────────────────────────


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
    log[middle] = replace(log[middle], kind="track", name="start", properties={})
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


def test_a_late_event_does_not_hide_a_newer_one() -> None:
    """What came out of order is counted in order: the newest are forgotten last."""
    leaf = {"event": "a", "within": "1 hour"}
    log = [Event("u1", "track", "a", START + at) for at in (DAY, 0)]
    user = known(log, remembering(leaf))
    assert compiled(leaf).holds(Moment(user, START + DAY))
    assert flip(compiled(leaf), Moment(user, START + DAY)) == START + DAY + HOUR


@laws
@given(event_leaves(), logs(users=one_user), st.randoms(use_true_random=False))
def test_late_events_count_at_their_own_time(leaf: Written, log: list[Event], random: Any) -> None:  # noqa: ANN401  hypothesis' Random
    """In whatever order events come, in the end the same ones count."""
    log = apart(log)
    shuffled = list(log)
    random.shuffle(shuffled)
    now = max(event.at for event in log)
    user = known(shuffled, remembering(leaf))
    assert compiled(leaf).holds(Moment(user, now)) == holds(leaf, log, now)


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
