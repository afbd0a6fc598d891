"""A condition opened up: every clause against the reference in `condition_reference.py`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from journeystream.clauses import Clause, clause_of
from journeystream.condition_language import text_of
from journeystream.durations import iso
from journeystream.events import Event
from journeystream.moments import Moment
from journeystream.steps.contract import Surroundings
from journeystream.user import User
from tests.condition_reference import Written, anywhere, change_points, holds, one_user
from tests.law_settings import laws_of_conditions as laws
from tests.strategies import HOUR, MINUTE, START, apart, conditions, logs
from tests.test_condition_laws import FAR_AHEAD, asked, known, read, remembering

VIPS = "vips"
_MOST_INSTANTS = 12


def pairs(written: Written, clause: Clause, audience: Written) -> Iterator[tuple[Written, Clause]]:
    """Yield every part of a condition as it is written, with its clause."""
    yield written, clause
    parts: list[Any] = written.get("all") or written.get("any") or []
    if "not" in written:
        parts = [written["not"]]
    if "audience" in written:
        parts = [audience]
    assert len(parts) == len(clause.clauses)
    for part, below in zip(parts, clause.clauses, strict=True):
        yield from pairs(part, below, audience)


def opened(written: Written, audience: Written, moment: Moment) -> Clause:
    """Open a condition up that may ask for one audience."""
    around = Surroundings(UTC, {VIPS: read(audience)})
    return clause_of(read(written), around, moment)


def replaced(written: Written, audience: Written) -> Written:
    """Return a condition with its audience's own condition in place of the leaf."""
    if "audience" in written:
        return audience
    if "not" in written:
        return {"not": replaced(written["not"], audience)}
    for word in ("all", "any"):
        if word in written:
            return {word: [replaced(part, audience) for part in written[word]]}
    return written


def trees() -> st.SearchStrategy[Written]:
    """Draw conditions, some of which ask for the audience."""
    member = st.just({"audience": VIPS})
    return st.one_of(
        conditions(since=anywhere),
        st.builds(lambda left, right: {"all": [left, right]}, conditions(since=anywhere), member),
        st.builds(lambda left, right: {"any": [{"not": left}, right]}, member, conditions()),
    )


@laws
@given(trees(), conditions(), logs(users=one_user), st.data())
def test_every_clause_says_what_the_whole_history_says(
    written: Written, audience: Written, log: list[Event], data: st.DataObject
) -> None:
    """Each clause's truth and printed form are those of that part of the condition alone."""
    log = apart(log)
    user = known(log, remembering({"all": [replaced(written, audience), audience]}))
    last = max(event.at for event in log)
    now = last + data.draw(st.sampled_from((0, MINUTE, 2 * HOUR, 30 * HOUR)))
    at = data.draw(st.sampled_from([event.at for event in log]))
    clause = opened(written, audience, asked(user, now, log, at, at))
    for part, each in pairs(written, clause, audience):
        assert each.holds == holds(replaced(part, audience), log, now, at, at)
        assert each.text == text_of(read(part))
        text: Any = each.text
        assert read(text) == read(part)


@laws
@given(trees(), conditions(), logs(users=one_user), st.data())
def test_a_clause_turns_just_when_it_says(
    written: Written, audience: Written, log: list[Event], data: st.DataObject
) -> None:
    """At `turns_at` the truth is another one, just before it is not; else it never is."""
    log = apart(log)
    user = known(log, remembering({"all": [replaced(written, audience), audience]}))
    now = max(event.at for event in log) + data.draw(st.sampled_from((0, MINUTE, 2 * HOUR)))
    at = data.draw(st.sampled_from([event.at for event in log]))
    clause = opened(written, audience, asked(user, now, log, at, at))
    for part, each in pairs(written, clause, audience):
        whole = replaced(part, audience)

        def truth(instant: int, whole: Written = whole) -> bool:
            return holds(whole, log, instant, at, at)

        until = FAR_AHEAD if each.turns_at is None else min(each.turns_at, FAR_AHEAD)
        before = [point for point in change_points(whole, log) if now < point < until]
        assert all(truth(point) == each.holds for point in before[:_MOST_INSTANTS])
        if each.turns_at is not None and each.turns_at <= FAR_AHEAD:
            assert truth(each.turns_at - 1) == each.holds
            assert truth(each.turns_at) != each.holds


@laws
@given(trees(), conditions(), logs(users=one_user))
def test_to_look_changes_nothing(written: Written, audience: Written, log: list[Event]) -> None:
    """Whoever opens a condition up finds the moment as it was."""
    user = known(apart(log), remembering({"all": [replaced(written, audience), audience]}))
    moment = asked(user, user.clock, apart(log), START, START)
    before = repr(moment)
    opened(written, audience, moment)
    assert repr(moment) == before


def test_two_birthdays_that_never_meet_never_turn() -> None:
    """What would be asked again and again, and never comes true, has no instant."""
    around = Surroundings(UTC, {})
    both = {
        "all": [
            {"trait": "born", "anniversary_within": 0},
            {"trait": "wed", "anniversary_within": 0},
        ]
    }
    user = User("u1", traits={"born": "1990-02-03", "wed": "2010-07-08"})
    clause = clause_of(read(both), around, Moment(user, START))
    assert (clause.holds, clause.turns_at) == (False, None)
    born, wed = clause.clauses
    assert (born.turns_at and iso(born.turns_at)) == "2025-02-03T00:00:00.000Z"
    assert (wed.turns_at and iso(wed.turns_at)) == "2024-07-08T00:00:00.000Z"


def test_json_has_times_as_texts() -> None:
    """Programs read camelCase, and instants as everywhere else."""
    user = User("u1", facts={})
    clause = clause_of(read({"event": "a"}), Surroundings(UTC, {}), Moment(user, START))
    assert clause.as_json() == {
        "kind": "event",
        "text": "event('a')",
        "holds": False,
        "turnsAt": None,
        "clauses": [],
    }
