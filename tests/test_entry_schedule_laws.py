"""Runs of a schedule, beside a reference that looks every minute; and laws of any such journey."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from journeystream.calendars.schedules import Schedule
from journeystream.definitions import JourneyDefinition
from journeystream.durations import MICROS, parse_instant
from journeystream.events import Event
from tests.calendars.minutes import arrivals
from tests.calendars.test_schedules import is_due, times_of
from tests.law_settings import laws
from tests.playing import Partition, play
from tests.publishing_world import send
from tests.strategies import (
    END_OF_TIME,
    USERS,
    Cuts,
    cuts,
    journey_of,
    journeys,
    logs,
    rules_of,
)
from tests.strategies.small_journeys import schedules

OUT = [{"name": "out", "condition": {"event": "out", "since": "entry"}}]

# ── the slow reference ───────────────────────────────────────────────────────────────────

MINUTE = 60 * MICROS
PARIS = ZoneInfo("Europe/Paris")
DAYS = 5
# Two days before the clock changes in spring, and in autumn.
STARTS = tuple(parse_instant(text) for text in ("2024-03-28T23:00:00Z", "2024-10-24T22:00:00Z"))
SCHEDULES: tuple[dict[str, Any], ...] = (
    {"every": "3 hours"},
    {"every": "6 hours", "at": ["02:30"]},
    {"every": "twice daily", "at": ["02:00", "14:30"]},
    {"every": "daily"},
    {"every": "daily", "at": ["03:00", "09:00", "10:00"]},
    {"every": "weekly", "weekdays": ["sun", "mon"], "at": ["02:30"]},
    {"every": "dates", "dates": ["2024-03-31", "2024-10-27"], "at": ["02:00", "02:30"]},
)
Told = tuple[int, str]
Happened = Sequence[tuple[int, str]]


def is_pro(happened: Happened, _: int) -> bool:
    """Tell whether the plan is pro."""
    plans = [name for _, name in happened if name in ("pro", "free")]
    return plans[-1:] == ["pro"]


def is_busy(happened: Happened, now: int) -> bool:
    """Tell whether `a` came in the last five hours."""
    return any(name == "a" and now < at + 300 for at, name in happened)


def is_quiet(happened: Happened, now: int) -> bool:
    """Tell whether there is a user, and no `a` came in the last five hours."""
    return bool(happened) and not is_busy(happened, now)


Truth = Callable[[Happened, int], bool]
_A = {"event": "a", "within": "5 hours"}
CONDITIONS: dict[str, tuple[dict[str, Any], Truth]] = {
    "pro": ({"trait": "plan", "equals": "pro"}, is_pro),
    "busy": (_A, is_busy),
    "quiet": ({**_A, "exactly": 0}, is_quiet),
}


@cache
def minutes_at(start: int, time: str) -> list[tuple[int, Any]]:
    """Return (minute, day) whenever the clock in Paris comes to a time of day."""
    return [
        ((at - start) // MINUTE, day)
        for at, day in arrivals(start - 2 * 1_440 * MINUTE, DAYS + 4, time, PARIS)
    ]


def runs_of(start: int, written: dict[str, Any]) -> set[int]:
    """Return the minutes of a schedule's runs, the slow way."""
    schedule = Schedule.model_validate(written)
    return {
        minute
        for time in times_of(schedule)
        for minute, day in minutes_at(start, time)
        if (day in schedule.dates if schedule.dates else is_due(schedule, day))
    }


def reference(
    condition: str,
    runs: set[int],
    log: Happened,
    *,
    everyone: bool,
    reentry: object,
    stay: int | None,
) -> list[Told]:
    """Look every minute: at time first, then at the run, then at the event."""
    truth, rest = CONDITIONS[condition][1], 1_440 if isinstance(reentry, dict) else 0
    events, happened, told = dict(log), list[tuple[int, str]](), list[Told]()
    inside: int | None = None
    left, was, waits = -rest, False, False

    def is_out(*, for_good: bool = reentry == "never") -> bool:
        return inside is None and not (for_good and told)

    for now in range(DAYS * 1_440):
        holds = truth(happened, now)
        waits = waits or (holds and not was and is_out())
        if inside is not None and stay is not None and now == inside + stay:
            inside, left = None, now
            told.append((now, "exited"))
        if now in runs:
            if holds and (waits or everyone) and is_out() and now >= left + rest:
                inside = now
                told.append((now, "entered"))
            waits = False
        was = holds
        if now in events:
            happened.append((now, events[now]))
            if events[now] == "out" and inside is not None:
                inside, left = None, now
                told.append((now, "exited"))
            holds = truth(happened, now)
            welcome = condition == "busy" and events[now] == "a"
            waits = waits or (holds and (welcome or not was) and is_out())
            was = holds
    return told


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[int, str]]:
    """Draw what a user does, at minutes of their own: many of them are full hours."""
    now, log = 60, []
    for _ in range(draw(st.integers(1, 12))):
        log.append((now, draw(st.sampled_from(("a", "a", "pro", "pro", "free", "out", "out")))))
        now += draw(st.sampled_from((1, 30, 60, 120, 180, 300, 300, 720)))
    return log


def alone(log: Happened, runs: set[int], stay: int) -> list[tuple[int, str]]:
    """Leave out what happens at the minute of a timer: it would be a microsecond after it."""
    kept: list[tuple[int, str]] = []
    for minute, name in log:
        timers = {minute, minute - stay} & runs or (minute - 300, "a") in kept
        if not timers:
            kept.append((minute, name))
    return kept


def event_of(start: int, minute: int, name: str) -> Event:
    """Return what happened as an event."""
    if name in ("pro", "free"):
        return Event("u1", "identify", "", start + minute * MINUTE, {"plan": name})
    return Event("u1", "track", name, start + minute * MINUTE)


@laws
@given(
    st.sampled_from(STARTS),
    st.sampled_from(sorted(CONDITIONS)),
    st.sampled_from(SCHEDULES),
    histories(),
    st.booleans(),
    st.sampled_from(("never", "after_exit", {"after_exit": {"cool_down": "1 day"}})),
    st.sampled_from((None, "3 hours", "1 day")),
    cuts(),
)
def test_a_run_takes_whom_the_slow_reference_takes(  # noqa: PLR0913, PLR0917  all that is drawn
    start: int,
    condition: str,
    schedule: dict[str, Any],
    log: list[tuple[int, str]],
    everyone: bool,  # noqa: FBT001  drawn
    reentry: object,
    stay: str | None,
    sizes: Cuts,
) -> None:
    """Each minute: time first, then the run, then the event; over changes of the clock too."""
    written: dict[str, Any] = {
        "id": "j",
        "name": "J",
        "time_zone": "Europe/Paris",
        "entry": {
            "condition": CONDITIONS[condition][0],
            "schedule": {**schedule, "everyone": everyone},
            "reentry": reentry,
        },
        "exits": OUT,
        "steps": [send("sent")],
    }
    if stay is not None:
        written["max_duration"] = stay
    minutes = {None: None, "3 hours": 180, "1 day": 1_440}[stay]
    runs = runs_of(start, schedule)
    log = alone(log, runs, minutes or 0)
    events = [event_of(start, minute, name) for minute, name in log]
    until = start + (DAYS * 1_440 - 1) * MINUTE
    played = play(rules_of(journey_of(written)), events, sizes, until=until)
    expected = reference(condition, runs, log, everyone=everyone, reentry=reentry, stay=minutes)
    assert [((e.at - start) / MINUTE, e.change) for e in played.effects] == expected


# ── laws of any journey on a schedule ────────────────────────────────────────────────────


@st.composite
def scheduled_journeys(draw: st.DrawFn) -> JourneyDefinition:
    """Draw a journey of any steps whose entry is on a schedule."""
    written = draw(journeys()).model_dump(mode="json", by_alias=True, exclude_none=True)
    written["entry"]["schedule"] = draw(schedules())
    if "every_time" in written["entry"]["reentry"]:
        written["entry"]["reentry"] = "after_exit"
    return journey_of(written)


@laws
@given(scheduled_journeys(), logs(), cuts(), st.lists(st.integers(0, 1_440), max_size=5))
def test_neither_cuts_nor_time_alone_change_who_is_taken(
    definition: JourneyDefinition, log: list[Event], sizes: Cuts, ticks: list[int]
) -> None:
    """However the log is cut, and however often time passes alone, all is told and stored alike."""
    whole, pieces = play(rules_of(definition), log), play(rules_of(definition), log, sizes)
    assert (whole.effects, whole.stored()) == (pieces.effects, pieces.stored())
    idle = Partition(rules_of(definition))
    idle.take(log)
    for tick in sorted(ticks):
        idle.take([], until=log[-1].at + tick * MINUTE)
    idle.take([], until=END_OF_TIME)
    assert (whole.effects, whole.stored()) == (idle.effects, idle.stored())


@laws
@given(scheduled_journeys(), logs(), cuts())
def test_nobody_enters_but_at_a_run(
    definition: JourneyDefinition, log: list[Event], sizes: Cuts
) -> None:
    """Whoever is in the journey came in at a run, and nobody waits for an instant that is none."""
    rules = rules_of(definition)
    compiled = rules.journeys.heads["j"]
    runs = compiled.runs
    assert runs is not None
    partition = play(rules, log, sizes, until=log[-1].at + 1_440 * MINUTE)
    for user in partition.store.load(USERS).values():
        passes = user.passes.get("j")
        instants = [each.entered_at for each in user.instances]
        if passes is not None and passes.run is not None:
            instants.append(passes.run)
            assert passes.wake is not None
            assert passes.wake <= passes.run
        assert all(runs.next_after(at - 1, compiled.zone) == at for at in instants)
