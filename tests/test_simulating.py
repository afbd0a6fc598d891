"""Simulation: what happens in virtual time is what happens live, whoever looks and however cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeystream import rehearsal
from journeystream.agents.census import Census
from journeystream.compiler import Workshop, compile_journey
from journeystream.definitions import JourneyDefinition
from journeystream.durations import iso, parse_duration
from journeystream.effects import memberships
from journeystream.engine import Rules
from journeystream.events import Answered, Erased, Event, Message
from journeystream.journeys import Journeys
from journeystream.keys import keys_of
from journeystream.project import load_project
from journeystream.publishing import workshop_of
from journeystream.rehearsal import rehearse
from journeystream.simulated import Moment, Simulated
from journeystream.simulating import Simulation, Subject
from journeystream.turn import Turn, take_turn
from tests import failing_turns
from tests.law_settings import laws
from tests.playing import play
from tests.shipped import PROJECT_FILE, TEMPLATES, audiences_in, journey_in
from tests.strategies import (
    END_OF_TIME,
    HOUR,
    MINUTE,
    START,
    Cuts,
    Project,
    apart,
    cut,
    cuts,
    logs,
    messages,
    projects,
    rules_of,
)
from tests.town import ANON, KNOWN, Town, alias, identify, journey, send, track, wait


def simulation(rules: Rules, subject: Subject | None = None, partitions: int = 1) -> Simulation:
    """Return a simulation of a journey; users are at home by the length and end of their id."""
    return Simulation(
        subject or Subject("j", users=100),
        replace(rules, travels=True),
        lambda user: sum(user.encode()) % partitions,
    )


def simulated(
    rules: Rules,
    log: Sequence[Message],
    sizes: Cuts = (),
    *,
    subject: Subject | None = None,
    partitions: int = 1,
) -> Simulated:
    """Play a log to the end of time, cut into batches of these sizes."""
    playing = simulation(rules, subject, partitions)
    for batch in cut(log, sizes):
        playing.take([(sum(each.user_id.encode()) % partitions, each) for each in batch])
    return playing.end(END_OF_TIME)


def happened(told: Simulated, user: str) -> list[tuple[int, str, str]]:
    """Return (minutes from the start, what, name) of a user's timeline."""
    [line] = [each for each in told.timelines if each.user == user]
    begin = iso(START)
    assert all(moment.at >= begin for moment in line.moments)
    return [(_minutes(moment), moment.what, moment.name) for moment in line.moments]


def _minutes(moment: Moment) -> int:
    days, hours, minutes = moment.at[8:10], moment.at[11:13], moment.at[14:16]
    return ((int(days) - 1) * 24 + int(hours)) * 60 + int(minutes)


# ── the law of cuts ──────────────────────────────────────────────────────────────────────


@st.composite
def _with_aliases(draw: st.DrawFn) -> list[Message]:
    """Draw a log in which some users turn out to be others, late events and notes included."""
    log: list[Message] = []
    for message in draw(messages()):
        log.append(message)
        if draw(st.integers(0, 4)) == 0:
            one, other = draw(st.permutations(("u1", "u2", "u3")))[:2]
            log.append(alias(one, other, message.at))
    return log


@laws
@given(projects(), _with_aliases(), cuts(), st.integers(1, 3))
def test_cutting_the_log_changes_nothing(
    project: Project, log: list[Message], sizes: Cuts, partitions: int
) -> None:
    """Batches can not be seen in the result, also where users turn out to be others."""
    rules, subject = rules_of(*project), Subject("j1", users=2, lists=frozenset({"ads"}))
    one_by_one = [1] * len(log)
    results = [
        simulated(rules, log, each, subject=subject, partitions=partitions).model_dump_json()
        for each in (one_by_one, sizes, (), ())
    ]
    assert len(set(results)) == 1


# ── the figures ──────────────────────────────────────────────────────────────────────────


@laws
@given(projects(), messages())
def test_it_says_what_the_engine_does_with_the_same_log(
    project: Project, log: list[Message]
) -> None:
    """Messages, exits and places equal those of one turn over the log, counted in another way."""
    rules = rules_of(*project)
    whole, census = play(rules, log), Census()
    for user in whole.known():
        census.count(user)
    for definition in project:
        told = simulated(rules, log, subject=Subject(definition.id, lists=frozenset({"ads"})))
        sent = Counter(
            (each.destination, each.change)
            for each in whole.effects
            if each.journey == definition.id and (each.first_or_last or each.destination != "ads")
        )
        found = {(each.destination, "entered"): each.entered for each in told.messages}
        found |= {(each.destination, "exited"): each.exited for each in told.messages}
        assert {key: count for key, count in found.items() if count} == dict(sent)
        count = census.journeys.get(definition.id)
        assert told.standing == (dict(count.steps) if count else {})
        assert told.inside == (count.inside if count else 0)
        # Who was erased is in no census.
        if not any(isinstance(each, Erased) for each in log):
            assert told.exits == (dict(count.exits) if count else {})
            assert told.entered == (count.entered if count else 0)


@laws
@given(projects(), _with_aliases())
def test_what_comes_in_is_inside_or_has_gone_out(project: Project, log: list[Message]) -> None:
    """Each pass has one start and at most one end, in figures, ways and timelines alike."""
    told = simulated(rules_of(*project), log, subject=Subject("j1", users=100))
    assert told.entered == told.inside + sum(told.exits.values())
    ends = [each.passes for each in told.edges if each.ends]
    assert sum(ends) == sum(told.exits.values())
    moments = [moment for line in told.timelines for moment in line.moments]
    counts = Counter(moment.what for moment in moments)
    assert (counts["entered"], counts["left"]) == (told.entered, sum(told.exits.values()))
    assert len(told.timelines) == told.users


def test_edges_say_how_often_each_way_was_gone() -> None:
    """A split's branches are told apart by name; an end follows the step before it, and no step."""
    split: dict[str, Any] = {
        "id": "split",
        "type": "multi_branch_split",
        "mode": "first_match",
        "branches": [{"name": "vip", "condition": {"trait": "vip", "equals": True}, "next": "w"}],
        "everyone_else": {"name": "others", "next": "w"},
    }
    rules = journey(split, {**wait("exit"), "id": "w"}, {"id": "exit", "type": "exit"})
    log = [identify("u1", "", START, vip=True)]
    log += [track(user, "a", START + MINUTE) for user in ("u1", "u2", "u3")]
    told = simulated(rules, log)
    edges = {(each.step, each.next, each.branch, each.ends): each.passes for each in told.edges}
    assert edges == {
        ("start", "split", "", False): 3,
        ("split", "w", "vip", False): 1,
        ("split", "w", "others", False): 2,
        ("w", "exit", "", False): 3,
        ("exit", "exit", "", True): 3,
    }
    assert told.exits == {"exit_step: exit": 3}


def test_a_goal_is_counted_once_for_each_pass() -> None:
    """Goals are those that passes reached."""
    rules = journey(wait(), send(), goals=[{"id": "won", "name": "W", "condition": {"event": "b"}}])
    log = [track("u1", "a", START), track("u1", "b", START + 1), track("u2", "a", START + 2)]
    assert simulated(rules, [*log, track("u1", "b", START + HOUR)]).goals == {"won": 1}


def test_no_decision_service_answers() -> None:
    """Who asks one goes the way of the time-out, and the result says how many asked."""
    ask = {
        "id": "ask",
        "type": "decide",
        "ask": {"flow": "loans"},
        "next": "sent",
        "timeout": {"after": "1 hour", "next": None},
    }
    told = simulated(journey(ask, send()), [track("u1", "a", START), track("u2", "a", START)])
    assert (told.unanswered, told.messages, told.exits) == (2, (), {"completed": 2})
    assert happened(told, "u1") == [
        (0, "entered", ""),
        (0, "step", "ask"),
        (0, "asked", "ask"),
        (60, "left", "complete"),
    ]


def test_a_fault_is_told_and_stops_nobody_else() -> None:
    """Who meets a bug is stuck at their step; how often that was is told by its kind."""
    log = [track(user, "broken", START + number) for number, user in enumerate(("u1", "x1", "x2"))]
    for sizes in ([], [1, 1]):
        told = simulated(failing_turns.rules(), log, sizes, subject=Subject("bad"))
        assert told.failures == {"bad: BugError": 2}
        assert told.standing == {"late": 1, "wait": 2}


# ── who is shown ─────────────────────────────────────────────────────────────────────────


def test_timelines_are_bounded_and_counts_are_not() -> None:
    """Of many users the first by id are shown, or the one who is named; all are counted."""
    log = [track(f"u{number}", "a", START + number) for number in (5, 3, 9, 1, 7)]
    rules = journey(wait(), send())
    for subject, shown in (
        (Subject("j", users=2), ["u1", "u3"]),
        (Subject("j", users=0), []),
        (Subject("j", users=2, user="u9"), ["u9"]),
        (Subject("j", users=2, user="nobody"), []),
    ):
        told = simulated(rules, log, [1, 1, 1], subject=subject)
        assert [each.user for each in told.timelines] == shown
        assert (told.entered, told.users, told.standing) == (5, 5, {"sent": 5})


def test_a_timeline_tells_everything_in_order() -> None:
    """Stages, messages and the end, each at its instant and with its reason."""
    rules = journey(
        wait(), send(), exits=[{"name": "done", "condition": {"event": "b", "since": "entry"}}]
    )
    told = simulated(rules, [track("u1", "a", START), track("u1", "b", START + 2 * HOUR)])
    [line] = told.timelines
    assert [(_minutes(each), each.what, each.name, each.detail) for each in line.moments] == [
        (0, "entered", "", ""),
        (0, "step", "wait", ""),
        (60, "step", "sent", ""),
        (60, "told", "sent", "entered"),
        (60, "told", "sent", "entered"),
        (120, "left", "exit", "exit_condition: done"),
        (120, "told", "sent", "exited: exit_condition"),
        (120, "told", "sent", "exited: exit_condition"),
    ]
    assert [each.destination for each in line.moments[3:5]] == ["email", "ads"]


# ── identity ─────────────────────────────────────────────────────────────────────────────


@laws
@given(logs(in_order=True, users=(ANON, KNOWN)), st.integers(0, 14))
def test_what_an_id_had_comes_to_who_it_is(log: list[Event], place: int) -> None:
    """Users end as in partitions of their own between which everything arrives at once."""
    log = [replace(each, anonymous=each.user_id == ANON) for each in apart(log)]
    at = log[min(place, len(log) - 1)].at
    log.insert(min(place + 1, len(log)), identify(KNOWN, ANON, at + 500))
    rules = journey(wait(), send(), entry={"condition": {"event": "a"}, "reentry": "after_exit"})
    town = Town(rules)
    for event in log:
        town.take(event)
        town.settle()
    town.pass_time()
    town.settle()
    census = Census()
    for user in town.users():
        census.count(user)
    playing = Simulation(Subject("j"), replace(rules, travels=True), [ANON, KNOWN].index)
    playing.take([([ANON, KNOWN].index(each.user_id), each) for each in log])
    told = playing.end(END_OF_TIME)
    count = census.journeys.get("j")
    assert told.standing == (dict(count.steps) if count else {})
    assert told.inside == (count.inside if count else 0)
    sent = [each for user in (ANON, KNOWN) for each in town.told(user)]
    assert sum(each.entered + each.exited for each in told.messages) == len(sent)


# ── examples of definitions ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_examples_of_a_definition_come_out_as_in_its_rehearsal(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same events, simulated, tell what a template's examples expect, at the same times."""
    definition = journey_in(path)
    audiences = {each.id: each.condition for each in audiences_in(path)}
    workshop = replace(workshop_of(load_project(PROJECT_FILE)), audiences=audiences)
    compiled = compile_journey(definition, 1, keys_of(definition, {}, 255), workshop)
    rules = Rules(
        Journeys(
            versions={(definition.id, 1): compiled},
            heads={definition.id: compiled},
            admitting=frozenset({definition.id}),
        ),
        travels=True,
    )
    compared = 0
    for example in definition.examples:
        log, until, expected = _rehearsed(definition, example.name, workshop, monkeypatch)
        # Nobody answers a simulation.
        if any(isinstance(each, Answered) for each in log):
            continue
        playing = Simulation(Subject(definition.id, users=100), rules)
        playing.take([(0, each) for each in log])
        told = playing.end(until)
        moments = [
            (moment.at, line.user, moment.name, moment.detail, moment.destination)
            for line in told.timelines
            for moment in line.moments
            if moment.what == "told"
        ]
        assert sorted(moments) == sorted(expected)
        compared += 1
    assert compared or definition.id == "loan_nurture"


def _rehearsed(
    definition: JourneyDefinition,
    name: str,
    workshop: Workshop,
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[list[Message], int, list[tuple[str, str, str, str, str]]]:
    """Rehearse one example; return its log, up to when time passes, and what was told."""
    [example] = [each for each in definition.examples if each.name == name]
    log: list[Message] = []
    told: list[tuple[str, str, str, str, str]] = []
    clocks = []

    def listening(batch: list[Message], *given: Any, **named: Any) -> Turn:  # noqa: ANN401
        turn = take_turn(batch, *given, **named)
        log.extend(batch)
        clocks.append(turn.clock)
        for each in memberships(turn.effects):
            detail = f"{each.change}: {each.reason}" if each.reason else each.change
            told.append((iso(each.at), each.user_id, each.step, detail, each.destination))
        return turn

    with monkeypatch.context() as patch:
        patch.setattr(rehearsal, "take_turn", listening)
        assert rehearse(definition.model_copy(update={"examples": [example]}), workshop) == []
    return log, clocks[-1], told


def test_time_passes_to_the_end_of_a_month() -> None:
    """Nothing waits: what comes due a month later is there at once."""
    month = parse_duration("1 month").after(START, workshop_of(None).zone)
    monthly = {"id": "wait", "type": "wait_for_duration", "duration": "1 month", "next": "sent"}
    rules = journey(monthly, send())
    for until, standing in ((month - 1, {"wait": 1}), (month, {"sent": 1})):
        playing = simulation(rules)
        playing.take([(0, track("u1", "a", START))])
        assert playing.end(until).standing == standing
