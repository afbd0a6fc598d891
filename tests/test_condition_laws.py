"""What a condition means: the compiled one against the reference in `condition_reference.py`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeystream.condition_language import Condition
from journeystream.conditions import CompiledCondition, Moment, compile_condition, flip
from journeystream.definitions import AudienceDefinition, parse_definition
from journeystream.durations import MICROS, instant_of
from journeystream.engine import Rules, advance
from journeystream.events import Event
from journeystream.user import NEVER, User
from tests.condition_reference import Written, anywhere, change_points, holds, one_user
from tests.law_settings import laws_of_conditions as laws
from tests.strategies import (
    DAY,
    HOUR,
    MINUTE,
    START,
    apart,
    change_leaves,
    conditions,
    date_leaves,
    event_leaves,
    journey_of,
    logs,
    ordered_leaves,
    rules_of,
)

FAR_AHEAD = START + 100 * DAY
_MOST_POINTS = 20


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


def known(log: Sequence[Event], rules: Rules) -> User:
    """Return what is known of the user after the log."""
    user: User | None = User("u1")
    for event in log:
        user = advance(user, event, rules).user
    assert user is not None
    return user


def asked(user: User, now: int, log: Sequence[Event], entered_at: int, step_since: int) -> Moment:
    """Ask about a user who entered by the event of that instant."""
    entry = [event.properties for event in log if event.at == entered_at]
    [properties] = entry or [{}]
    by_name = any(event.at == entered_at and event.kind != "identify" for event in log)
    return Moment(
        user,
        now,
        entered_at=entered_at,
        step_since=step_since,
        entry=properties if by_name else {},
    )


# ── truth and its changes ────────────────────────────────────────────────────────────────


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
    moment = asked(user, now, log, entered_at, step_since)
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
    moment = asked(user, now, log, entered_at, entered_at)
    flipped = flip(compiled(written), moment)
    assert moment.now == now
    if flipped is not None and flipped > FAR_AHEAD:
        flipped = None  # the anniversary of a later year
    assert flipped == min((point for point in changes if point <= FAR_AHEAD), default=None)
    if flipped is not None:
        assert holds(written, log, flipped - 1, entered_at, entered_at) == truth


@pytest.mark.parametrize(
    ("leaves", "kinds"),
    [
        (event_leaves(since=anywhere), ("track",)),
        (ordered_leaves(since=anywhere), ("track",)),
        (change_leaves(since=anywhere), ("identify", "track")),
        (date_leaves(), ("identify", "track")),
    ],
    ids=["event", "ordered", "change", "date"],
)
def test_each_leaf_among_the_events_that_it_asks_for(
    leaves: st.SearchStrategy[Written], kinds: Sequence[str]
) -> None:
    """One leaf, many events of its kind: its truth and its next change at every instant."""

    @settings(laws, max_examples=250)
    @given(leaves, logs(users=one_user, kinds=kinds), st.data())
    def law(written: Written, log: list[Event], data: st.DataObject) -> None:
        log = apart(log)
        user, condition = known(log, remembering(written)), compiled(written)
        entered_at = data.draw(st.sampled_from([NEVER, *(event.at for event in log)]))
        last = max(event.at for event in log)
        points = [last, *(each for each in change_points(written, log) if last < each <= FAR_AHEAD)]
        truths = [holds(written, log, point, entered_at, entered_at) for point in points]
        for place, now in enumerate(points[:_MOST_POINTS]):
            moment = asked(user, now, log, entered_at, entered_at)
            assert condition.holds(moment) == truths[place]
            later = zip(points[place + 1 :], truths[place + 1 :], strict=True)
            change = next((point for point, truth in later if truth != truths[place]), None)
            turn = flip(condition, moment)
            assert change == (None if turn is not None and turn > FAR_AHEAD else turn)

    law()


@laws
@given(conditions(since=anywhere), logs(users=one_user))
def test_asking_changes_nothing(written: Written, log: list[Event]) -> None:
    """A condition can be asked any number of times; the answer and the user stay."""
    user, same = (known(apart(log), remembering(written)) for _ in range(2))
    condition, moment = compiled(written), Moment(user, user.clock)
    answers = [(condition.holds(moment), flip(condition, moment)) for _ in range(2)]
    assert answers[0] == answers[1]
    assert user == same


# ── conditions that mean the same ────────────────────────────────────────────────────────


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


# ── windows and late events ──────────────────────────────────────────────────────────────


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
