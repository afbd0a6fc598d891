"""What must hold of every journey and every log, whatever they are.

The laws are those of the product's rules: exactly once, symmetry, time. Each is tried on
journeys and logs that hypothesis draws; `tests/strategies.py` says what is drawn.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from hashlib import blake2b
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from journeystream.definitions import JourneyDefinition
from journeystream.durations import parse_duration
from journeystream.effects import Effect
from journeystream.engine import Memory, Rules, advance
from journeystream.events import Archived, ClockMark, Event
from journeystream.journeys import Journeys
from journeystream.state.memory import MemoryStore
from journeystream.turn import take_turn
from journeystream.user import NEVER
from tests.strategies import (
    DAY,
    DESTINATIONS,
    END_OF_TIME,
    HOUR,
    MINUTE,
    START,
    USERS,
    Cuts,
    Partition,
    cut,
    cuts,
    events,
    journey_of,
    logs,
    meeting_journeys,
    play,
    projects,
    rules_of,
    with_repeats,
)

Project = tuple[JourneyDefinition, ...]

# No deadline: on a shared machine one slow example says nothing. Journeys are big values, and
# drawing many of them is what these tests are for.
laws = settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])


# ── the log alone decides ────────────────────────────────────────────────────────────────


@laws
@given(projects(), logs())
def test_determinism(project: Project, log: list[Event]) -> None:
    """The same log yields the same effects and the same stored bytes."""
    first, second = (play(rules_of(*project), log) for _ in range(2))
    assert first.effects == second.effects
    assert first.stored() == second.stored()


def test_determinism_over_processes() -> None:
    """Another process, whose sets have another order, yields the same effects and bytes."""
    script = "from tests.test_engine_laws import fingerprint; print(fingerprint())"
    prints = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert prints == {f"{fingerprint()}\n"}


def fingerprint() -> str:
    """Play a fixed log through two journeys with many branches and digest all that follows."""
    branches = [
        {"name": f"branch {name}", "condition": {"event": name}, "next": "sent"} for name in "abc"
    ]
    steps = [
        {"id": "split", "type": "multi_branch_split", "branches": branches},
        {"id": "sent", "type": "send_to_destinations", "destinations": ["email", "ads"]},
    ]
    entry = {"condition": {"any": [{"event": "a"}, {"trait": "plan", "exists": True}]}}
    project = [
        journey_of(
            {"id": id_, "name": id_, "entry": entry, "steps": steps, "max_duration": "1 day"}
        )
        for id_ in ("j1", "j2")
    ]
    log = [
        Event(
            user_id=f"u{index % 7}",
            kind="identify" if index % 5 == 0 else "track",
            name="" if index % 5 == 0 else "abcd"[index % 4],
            at=START + index * 11 * MINUTE,
            properties={"plan": index % 3, "score": index % 2},
        )
        for index in range(80)
    ]
    partition = play(rules_of(*project), log, [3, 20])
    digest = blake2b(repr((partition.effects, partition.stored())).encode())
    return f"{len(partition.effects)} {digest.hexdigest()}"


@laws
@given(projects(), logs(), cuts())
def test_cuts_do_not_matter(project: Project, log: list[Event], sizes: Cuts) -> None:
    """Any way of cutting a log into batches gives the same effects and the same state."""
    whole, pieces = play(rules_of(*project), log), play(rules_of(*project), log, sizes)
    assert whole.effects == pieces.effects
    assert whole.stored() == pieces.stored()


@laws
@given(projects(), logs(), cuts(), logs(users=("u3", "u4")), cuts())
def test_cuts_of_rekeyed_events_do_not_matter(
    project: Project, log: list[Event], sizes: Cuts, rekeyed: list[Event], more_sizes: Cuts
) -> None:
    """The same holds where a batch does not move the clock, as that of a re-keyed topic."""
    outcomes = []
    for first, second in (((), ()), (sizes, more_sizes)):
        partition = Partition(rules_of(*project))
        for batch in cut(log, first):
            partition.take(batch)
        for batch in cut(rekeyed, second):
            partition.take(batch, moves_clock=False)
        partition.take([], until=END_OF_TIME)
        outcomes.append((partition.effects, partition.stored()))
    assert outcomes[0] == outcomes[1]


def test_a_rekeyed_event_finds_what_is_due_already_done() -> None:
    """Before each event all that is due at the partition's clock happens, in one batch or two."""
    journey = journey_of(
        {
            "id": "j",
            "name": "J",
            "entry": {"condition": {"event": "a"}},
            "exits": [{"name": "out", "condition": {"event": "b"}}],
            "steps": [
                {"id": "wait", "type": "wait_for_duration", "duration": "1 hour", "next": "sent"},
                {"id": "sent", "type": "send_to_destinations", "destinations": ["email"]},
            ],
        }
    )
    other = Event("u2", "track", "other", START + DAY)
    late = [
        Event("u1", "track", "a", START),
        Event("u1", "track", "b", START + 30 * MINUTE),
    ]
    outcomes = []
    for sizes in ((), (1,)):
        partition = Partition(rules_of(journey))
        partition.take([other])
        for batch in cut(late, sizes):
            partition.take(batch, moves_clock=False)
        outcomes.append([(effect.change, effect.at) for effect in partition.effects])
    assert outcomes[0] == outcomes[1]


@laws
@given(projects(), logs(), st.data())
def test_time_alone_changes_nothing(
    project: Project, log: list[Event], data: st.DataObject
) -> None:
    """Turns of time alone, up to the next event's time, change nothing in what comes out."""
    plain = play(rules_of(*project), log)
    partition = Partition(rules_of(*project))
    for event in log:
        for _ in range(data.draw(st.integers(0, 2))):
            back = data.draw(st.sampled_from((0, 1, MINUTE, 3 * HOUR)))
            partition.take([], until=event.at - back)
        partition.take([event])
    partition.take([], until=END_OF_TIME)
    assert partition.effects == plain.effects
    assert partition.stored() == plain.stored()


@laws
@given(projects(), logs(in_order=True))
def test_clock_marks_are_time_alone(project: Project, log: list[Event]) -> None:
    """A replay's clock marks between the events change nothing in what comes out."""
    plain = play(rules_of(*project), log, until=None)
    marked = [entry for event in log for entry in (ClockMark(event.at), None, event)]
    turn = take_turn(marked, NEVER, MemoryStore(), rules_of(*project))
    assert turn.effects == plain.effects
    assert turn.clock == plain.store.partition().clock


# ── users and journeys do not touch each other ───────────────────────────────────────────


@laws
@given(projects(), logs(in_order=True))
def test_a_user_is_alone(project: Project, log: list[Event]) -> None:
    """However the events of others lie between a user's own, the user's effects are the same."""
    together = play(rules_of(*project), log)
    for user in USERS:
        alone = play(rules_of(*project), [event for event in log if event.user_id == user])
        assert alone.effects == [e for e in together.effects if e.user_id == user]
        assert alone.stored().records.get(user) == together.stored().records.get(user)


@laws
@given(projects(), logs(in_order=True))
def test_a_journey_is_alone(project: Project, log: list[Event]) -> None:
    """A journey does the same, whichever other journeys are published beside it."""
    log = _distinct(log)
    together = play(rules_of(*project), log)
    for journey in project:
        alone = play(rules_of(journey), log)
        assert _shown(alone.effects) == _shown(
            e for e in together.effects if e.journey == journey.id
        )


def _distinct(log: Iterable[Event]) -> list[Event]:
    """Give every event a millisecond of its own, so that no two things meet in one."""
    return [replace(event, at=event.at + index * 1_000) for index, event in enumerate(log)]


def _shown(effects: Iterable[Effect]) -> list[tuple[str, str, str, int, int, str]]:
    return sorted(
        (e.destination, e.user_id, e.step, e.at // 1_000, e.visit, e.reason or "") for e in effects
    )


# ── time ─────────────────────────────────────────────────────────────────────────────────


@laws
@given(
    logs(in_order=True),
    st.sampled_from(("10 minutes", "5 hours", "1 day", "1 month", "1 month 2 hours")),
    st.booleans(),
    cuts(),
)
def test_timers_are_never_early_and_never_late(
    log: list[Event],
    duration: str,
    reenters: bool,  # noqa: FBT001  drawn
    sizes: Cuts,
) -> None:
    """What follows from a wait has the time of its cause plus the wait, unless it was ended."""
    zone = "Europe/Paris"
    journey = journey_of(
        {
            "id": "j",
            "name": "J",
            "time_zone": zone,
            "entry": {
                "condition": {"event": "a"},
                "reentry": "after_exit" if reenters else "never",
            },
            "exits": [{"name": "out", "condition": {"event": "b", "since": "entry"}}],
            "steps": [
                {"id": "wait", "type": "wait_for_duration", "duration": duration, "next": "sent"},
                {"id": "sent", "type": "send_to_destinations", "destinations": ["email"]},
            ],
        }
    )
    log = _distinct(log)
    span = parse_duration(duration)
    expected: list[tuple[str, str, int]] = []
    for user in USERS:
        due: int | None = None
        sent = been = False
        for event in [e for e in log if e.user_id == user and e.kind == "track"]:
            if due is not None and not sent and due <= event.at:
                expected.append(("entered", user, due))
                sent = True
            if event.name == "b" and due is not None:
                expected += [("exited", user, event.at)] if sent else []
                due, sent = None, False
            elif event.name == "a" and due is None and (reenters or not been):
                due, been = span.after(event.at, ZoneInfo(zone)), True
        if due is not None and not sent:
            expected.append(("entered", user, due))
    effects = play(rules_of(journey), log, sizes).effects
    assert sorted((e.change, e.user_id, e.at) for e in effects) == sorted(expected)


def test_a_timer_never_overtakes_an_event() -> None:
    """After a pause, what came in time is applied before the reminder that it cancels."""
    journey = journey_of(
        {
            "id": "reminder",
            "name": "Reminder",
            "entry": {"condition": {"event": "cart"}},
            "steps": [
                {
                    "id": "wait",
                    "type": "wait_for_condition",
                    "condition": {"event": "order", "since": "step"},
                    "next": None,
                    "timeout": {"after": "1 hour", "next": "sent"},
                },
                {"id": "sent", "type": "send_to_destinations", "destinations": ["email"]},
            ],
        }
    )
    partition = Partition(rules_of(journey))
    partition.take([Event("u1", "track", "cart", START), Event("u2", "track", "cart", START)])
    partition.take([Event("u1", "track", "order", START + 59 * MINUTE)], until=START + 3 * HOUR)
    assert [(e.user_id, e.at) for e in partition.effects] == [("u2", START + HOUR)]


@laws
@given(projects(), logs(), cuts())
def test_clocks_never_go_back(project: Project, log: list[Event], sizes: Cuts) -> None:
    """Neither a user's clock nor the time of a user's effects ever goes back."""
    partition = Partition(rules_of(*project))
    clocks = dict.fromkeys(USERS, NEVER)
    for batch in cut(log, sizes):
        for effect in partition.take(batch):
            assert clocks[effect.user_id] <= effect.at
            clocks[effect.user_id] = effect.at
        for user in partition.store.load(USERS).values():
            assert clocks[user.id] <= user.clock <= partition.store.partition().clock + 1_000
            clocks[user.id] = user.clock


@laws
@given(projects(), logs(), cuts())
def test_no_timer_is_forgotten_or_stuck(project: Project, log: list[Event], sizes: Cuts) -> None:
    """After a turn nobody has a timer at or before its clock, and each timer has its alarm."""
    partition = Partition(rules_of(*project))
    for batch in [*cut(log, sizes), []]:
        partition.take(batch, until=None if batch else END_OF_TIME)
        users = partition.store.load(USERS).values()
        wakes = sorted((user.wake, user.id) for user in users if user.wake is not None)
        assert all(wake > partition.store.partition().clock for wake, _ in wakes)
        assert partition.stored().alarms == wakes


@laws
@given(projects(), logs(), cuts())
def test_timers_fire_in_due_order(project: Project, log: list[Event], sizes: Cuts) -> None:
    """What follows from time alone happens in the order in which it is due, over all users."""
    partition = play(rules_of(*project), log, sizes, until=None)
    now = partition.store.partition().clock
    later = partition.take([], until=END_OF_TIME)
    times = [effect.at for effect in later]
    assert times == sorted(times)
    assert all(now < at <= END_OF_TIME for at in times)


@pytest.mark.parametrize(("names", "out"), [("ab", True), ("ba", False)])
def test_events_of_one_millisecond_keep_their_order(names: str, out: bool) -> None:  # noqa: FBT001  the row's answer
    """Of events with one time, the later in the log is the later: it is after entry, or not."""
    journey = journey_of(
        {
            "id": "j",
            "name": "J",
            "entry": {"condition": {"event": "a"}},
            "exits": [{"name": "out", "condition": {"event": "b", "since": "entry"}}],
            "steps": [{"id": "sent", "type": "send_to_destinations", "destinations": ["email"]}],
        }
    )
    log = [Event("u1", "track", name, START) for name in names]
    effects = play(rules_of(journey), log).effects
    assert [effect.change for effect in effects] == ["entered", "exited"][: 1 + out]
    assert {effect.at // 1_000 for effect in effects} == {START // 1_000}


def test_what_is_due_at_an_events_time_happens_before_it() -> None:
    """A wait that is over at the very instant of an event is over before the event."""
    steps = [
        {"id": "wait", "type": "wait_for_duration", "duration": "1 hour", "next": "asked"},
        {
            "id": "asked",
            "type": "true_false_split",
            "condition": {"event": "b"},
            "if_true": {"next": "late"},
            "if_false": {"next": "early"},
        },
        {"id": "late", "type": "send_to_destinations", "destinations": ["email"]},
        {"id": "early", "type": "send_to_destinations", "destinations": ["email"]},
    ]
    entry = {"condition": {"event": "a"}}
    rules = rules_of(journey_of({"id": "j", "name": "J", "entry": entry, "steps": steps}))
    log = [Event("u1", "track", "a", START), Event("u1", "track", "b", START + HOUR)]
    assert [(e.step, e.at) for e in play(rules, log).effects] == [("early", START + HOUR)]


# ── symmetry ─────────────────────────────────────────────────────────────────────────────


@laws
@given(projects(), logs(), cuts())
def test_every_exited_has_its_entered(project: Project, log: list[Event], sizes: Cuts) -> None:
    """Each visit to a send step is Entered once and Exited at most once, after, with a reason."""
    open_visits: set[tuple[object, ...]] = set()
    visits: dict[tuple[object, ...], int] = defaultdict(int)
    for effect in play(rules_of(*project), log, sizes).effects:
        where = (effect.destination, effect.journey, effect.instance, effect.user_id, effect.step)
        if effect.change == "entered":
            visits[where] += 1
            assert effect.visit == visits[where]
            assert effect.reason is None
            open_visits.add((*where, effect.visit))
        else:
            open_visits.remove((*where, effect.visit))
            assert effect.reason is not None


@laws
@given(projects(), logs(), cuts())
def test_entered_and_exited_alternate(project: Project, log: list[Event], sizes: Cuts) -> None:
    """Where nothing forks, a user is in a step at most once: Entered and Exited alternate."""
    forking = {
        journey.id
        for journey in project
        for step in journey.steps
        if step.type == "multi_branch_split" and step.mode == "every_match"
    }
    inside: dict[tuple[str, ...], tuple[str, int]] = {}
    for effect in play(rules_of(*project), log, sizes).effects:
        if effect.journey in forking:
            continue
        where = (effect.destination, effect.journey, effect.step, effect.user_id)
        before = inside.get(where, ("exited", 0))
        if effect.change == "entered":
            assert before[0] == "exited"
        else:
            assert before == ("entered", effect.visit)
        inside[where] = effect.change, effect.visit


@laws
@given(
    st.lists(st.sampled_from((None, "10 minutes", "5 hours", "1 day")), min_size=1, max_size=8),
    st.booleans(),
    st.lists(st.sampled_from((MINUTE, HOUR, 7 * HOUR, 2 * DAY)), max_size=5),
)
def test_a_wait_is_a_gate_on_the_way_out(
    places: list[str | None],
    ends: bool,  # noqa: FBT001  drawn
    ticks: list[int],
) -> None:
    """A user is in a send step until the next one, through all waits; at the end they rest."""
    steps: list[dict[str, object]] = [
        {"id": f"s{index}", "type": "send_to_destinations", "destinations": ["email"]}
        if duration is None
        else {"id": f"s{index}", "type": "wait_for_duration", "duration": duration}
        for index, duration in enumerate(places)
    ]
    for index, step in enumerate(steps[:-1]):
        step["next"] = f"s{index + 1}"
    now, held = START, ""
    expected: list[tuple[str, str, int, str | None]] = []
    for index, duration in enumerate(places):
        if duration is not None:
            now += parse_duration(duration).micros
            continue
        if held:
            expected.append(("exited", held, now, "moved_on"))
        held = f"s{index}"
        expected.append(("entered", held, now, None))
    if held and ends:
        expected.append(("exited", held, now, "completed"))
    entry = {"condition": {"event": "a"}}
    written = {"id": "j", "name": "J", "entry": entry, "steps": steps}
    partition = Partition(rules_of(journey_of({**written, "at_end": "exit" if ends else "rest"})))
    partition.take([Event("u1", "track", "a", START)])
    for tick in ticks:
        partition.take([], until=START + tick)
    partition.take([], until=END_OF_TIME)
    got = [(effect.change, effect.step, effect.at, effect.reason) for effect in partition.effects]
    assert got == expected


@laws
@given(projects() | st.tuples(meeting_journeys()), logs(), cuts())
def test_lists_alternate(project: Project, log: list[Event], sizes: Cuts) -> None:
    """A list sees add and remove in turn, and nothing twice, even where branches meet again."""
    on_list: set[tuple[str, str, str]] = set()
    for effect in play(rules_of(*project), log, sizes).effects:
        row = effect.destination, effect.key, effect.user_id
        if effect.first_or_last:
            assert (row in on_list) == (effect.change == "exited")
            on_list ^= {row}
        else:
            assert row in on_list


@laws
@given(projects(), logs(), cuts())
def test_messages_and_state_agree(project: Project, log: list[Event], sizes: Cuts) -> None:
    """Whoever was told Entered and not yet Exited stands, in the stored state, in that step."""
    partition = play(rules_of(*project), log, sizes)
    told: set[tuple[str, str, str, str, int]] = set()
    for effect in partition.effects:
        told ^= {
            (effect.destination, effect.user_id, effect.journey, effect.step, effect.visit)
            # a later pass visits anew, when the earlier one is over
        }
    users = partition.store.load(USERS).values()
    assert told == {
        (destination, user.id, instance.journey, position.hold.step, position.hold.visit)
        for user in users
        for instance in user.instances
        for position in instance.positions
        if position.hold is not None
        for destination in position.hold.destinations
    }
    for journey in project:
        inside = {u.id for u in users if any(i.journey == journey.id for i in u.instances)}
        assert partition.store.members(journey.id, 9) == sorted(inside)


@laws
@given(projects(), logs(), logs(), st.booleans())
def test_archiving_empties_a_journey(
    project: Project,
    log: list[Event],
    more: list[Event],
    idle: bool,  # noqa: FBT001  drawn
) -> None:
    """Once everyone is archived each Entered has its Exited, and nobody enters again."""
    partition = play(rules_of(*project), log, until=END_OF_TIME if idle else None)
    archived = rules_of(*project, archived=[journey.id for journey in project])
    effects = list(partition.effects)
    at = partition.store.partition().clock
    for user in partition.store.load(USERS).values():
        for journey in project:
            outcome = advance(user, Archived(user.id, at, journey.id), archived)
            effects += outcome.effects
            assert all(effect.at >= at for effect in outcome.effects)
        assert not user.instances
        for event in more:
            later = replace(event, user_id=user.id, at=at + event.at - START)
            assert not advance(user, later, archived).effects
    entered = [effect for effect in effects if effect.change == "entered"]
    exited = [effect for effect in effects if effect.change == "exited"]
    assert sorted(map(_visit, entered)) == sorted(map(_visit, exited))


def _visit(effect: Effect) -> tuple[str, str, str, str, int]:
    return effect.destination, effect.user_id, effect.instance, effect.step, effect.visit


@laws
@given(projects(), logs(), cuts())
def test_message_ids_name_one_effect_each(project: Project, log: list[Event], sizes: Cuts) -> None:
    """A message id stands for one change of one visit of one user, in every run the same."""
    named: dict[str, tuple[object, ...]] = {}
    sent: set[tuple[str, str]] = set()
    for effect in play(rules_of(*project), log, sizes).effects:
        change = (*_visit(effect)[1:], effect.journey, effect.version, effect.change)
        assert named.setdefault(effect.message_id, change) == change
        assert (effect.destination, effect.message_id) not in sent
        sent.add((effect.destination, effect.message_id))
    assert len(set(named.values())) == len(named)
    again = play(rules_of(*project), log).effects
    assert {(effect.destination, effect.message_id) for effect in again} == sent


def test_the_message_id_of_an_effect_stays() -> None:
    """The id of an effect is the same in every release, or consumers could not drop repeats."""
    steps = [{"id": "sent", "type": "send_to_destinations", "destinations": ["email"]}]
    entry = {"condition": {"event": "a"}}
    rules = rules_of(journey_of({"id": "j", "name": "J", "entry": entry, "steps": steps}))
    [effect] = play(rules, [Event("u1", "track", "a", START)]).effects
    assert effect.instance == "f7d688bdcf90fed7"
    assert effect.message_id == "bbf87136ed2462f983090b27198c5c5f"


# ── what counts once, and what does not count ────────────────────────────────────────────

_LONG_MEMORY = Memory(window=100 * DAY)


@laws
@given(projects(), logs(), st.data(), cuts())
def test_repeats_count_once(
    project: Project, log: list[Event], data: st.DataObject, sizes: Cuts
) -> None:
    """A log in which events are sent again is as good as the one in which they are not."""
    rules = replace(rules_of(*project), memory=_LONG_MEMORY)
    repeating = data.draw(with_repeats(log))
    once = list({event.message_id: event for event in repeating}.values())
    plain, repeated = play(rules, once), play(rules, repeating, sizes)
    assert repeated.effects == plain.effects
    assert repeated.stored() == plain.stored()


def test_a_repeat_of_an_identify_that_changed_nothing_does_not_undo_a_later_one() -> None:
    """A retry counts once, also when the first sending had nothing new to say."""
    rules = rules_of(_plan_journey())
    log = [
        Event("u1", "identify", "", START + index * MINUTE, {"plan": plan}, message_id=id_)
        for index, (id_, plan) in enumerate((("m1", "free"), ("m2", "free"), ("m3", "pro")))
    ]
    partition = play(rules, [*log, log[1]])
    assert partition.store.load(["u1"])["u1"].traits == {"plan": "pro"}


def _plan_journey(plan: object = "pro") -> JourneyDefinition:
    return journey_of(
        {
            "id": "j",
            "name": "J",
            "entry": {"condition": {"trait": "plan", "equals": plan}},
            "steps": [{"id": "sent", "type": "send_to_destinations", "destinations": ["email"]}],
        }
    )


@pytest.mark.parametrize(("apart", "counted"), [(7 * DAY, 1), (7 * DAY + 1_000, 2)])
def test_repeats_are_known_for_the_window(apart: int, counted: int) -> None:
    """A message id counts once within seven days, and again after them."""
    journey = _counting_journey(2)
    log = [Event("u1", "track", "a", START + at, message_id="m") for at in (0, apart)]
    assert len(play(rules_of(journey), log).effects) == counted - 1


def _counting_journey(count: int) -> JourneyDefinition:
    return journey_of(
        {
            "id": "j",
            "name": "J",
            "entry": {"condition": {"event": "a", "at_least": count}},
            "steps": [{"id": "sent", "type": "send_to_destinations", "destinations": ["email"]}],
        }
    )


@laws
@given(st.lists(st.integers(0, 9), max_size=30), st.integers(1, 5))
def test_the_memory_for_repeats_is_bounded(ids: list[int], most: int) -> None:
    """A user keeps at most so many message ids, the newest, and they count once."""
    rules = replace(rules_of(_counting_journey(30)), memory=Memory(ids=most))
    partition = Partition(rules)
    kept: list[int] = []
    counted = 0
    for index, id_ in enumerate(ids):
        partition.take([Event("u1", "track", "a", START + index * MINUTE, message_id=f"m{id_}")])
        if id_ not in kept:
            kept, counted = [*kept, id_][-most:], counted + 1
        user = partition.store.load(["u1"])["u1"]
        assert len(user.seen) == len(kept)
        assert [len(facts) for facts in user.facts.values()] == [counted]


@laws
@given(projects(), logs(in_order=True), st.data())
def test_unknown_events_change_nothing(
    project: Project, log: list[Event], data: st.DataObject
) -> None:
    """Events that no journey asks for leave effects and records as they are."""
    rules = rules_of(*project)
    assume(not rules.journeys.strangers_welcome)
    noisy: list[Event] = []
    for event in log:
        noise = replace(data.draw(events(event.at)), kind="group", name="a")
        noisy += [replace(noise, user_id=data.draw(st.sampled_from((*USERS, "u9"))))] * 2 + [event]
    plain, loud = play(rules, log), play(rules, noisy)
    assert loud.effects == plain.effects
    assert loud.stored() == plain.stored()


@laws
@given(projects(), logs())
def test_a_paused_journey_admits_nobody(project: Project, log: list[Event]) -> None:
    """While a journey is paused nobody enters it, whatever happens."""
    rules = rules_of(*project)
    paused = Journeys(rules.journeys.versions, rules.journeys.heads)
    assert not play(Rules(paused), log).effects


# ── profile ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("before", "after"), [(1, True), (True, 1), ([0], [False])])
def test_a_trait_of_another_kind_is_another_trait(before: object, after: object) -> None:
    """`true` is not 1: a trait that goes from one to the other has changed."""
    log = [
        Event("u1", "identify", "", START + index * MINUTE, {"plan": plan})
        for index, plan in enumerate((before, after))
    ]
    partition = play(rules_of(_plan_journey()), log)
    assert repr(partition.store.load(["u1"])["u1"].traits["plan"]) == repr(after)


def test_a_trait_that_becomes_true_lets_the_user_enter() -> None:
    """A condition on a trait is noticed when the trait changes, from 1 to true too."""
    log = [
        Event("u1", "identify", "", START + index * MINUTE, {"plan": plan})
        for index, plan in enumerate((1, True))
    ]
    [effect] = play(rules_of(_plan_journey(plan=True)), log).effects
    assert effect.at == START + MINUTE


# ── what is edited while it runs ─────────────────────────────────────────────────────────


@laws
@given(
    projects() | st.tuples(meeting_journeys()),
    logs(),
    logs(),
    st.lists(st.sampled_from(DESTINATIONS), min_size=1, max_size=2),
)
def test_edited_destinations_owe_nobody(
    project: Project, log: list[Event], more: list[Event], names: list[str]
) -> None:
    """Editing the destinations of a live journey leaves no list and no Entered behind."""
    partition = play(rules_of(*project), log, until=None)
    edited = [_sending_to(journey, sorted(set(names))) for journey in project]
    partition.rules = rules_of(*edited)
    partition.take([replace(event, at=event.at + 2 * DAY) for event in more], until=END_OF_TIME)
    effects = list(partition.effects)
    archived = rules_of(*edited, archived=[journey.id for journey in edited])
    for user in partition.store.load(USERS).values():
        for journey in edited:
            effects += advance(user, Archived(user.id, END_OF_TIME, journey.id), archived).effects
    told: set[tuple[object, ...]] = set()
    on_list: set[tuple[str, str, str]] = set()
    for effect in effects:
        assert (_visit(effect) in told) == (effect.change == "exited")
        told ^= {_visit(effect)}
        row = effect.destination, effect.key, effect.user_id
        assert not effect.first_or_last or (row in on_list) == (effect.change == "exited")
        on_list ^= {row} if effect.first_or_last else set()
    assert not told
    assert not on_list


def _sending_to(journey: JourneyDefinition, names: list[str]) -> JourneyDefinition:
    """Edit a journey in place: every send step has these destinations now."""
    written = journey.model_dump(mode="json", by_alias=True, exclude_none=True)
    for step in written["steps"]:
        if step["type"] == "send_to_destinations":
            step["destinations"] = names
    return journey_of(written)


@pytest.mark.parametrize(
    ("before", "after"), [(["email", "ads"], ["email"]), (["email"], ["email", "ads"])]
)
def test_a_list_is_left_though_its_destination_was_edited(
    before: list[str], after: list[str]
) -> None:
    """Each destination's list has one remove for its add, whichever of two visits it knows of."""
    steps = [
        {
            "id": "split",
            "type": "multi_branch_split",
            "branches": [
                {"name": name, "condition": {"event": name}, "next": "sent"} for name in "bc"
            ],
        },
        {"id": "sent", "type": "send_to_destinations", "destinations": before},
    ]
    exits = [{"name": "out", "condition": {"event": "d"}}]
    entry = {"condition": {"event": "a"}}
    journey = journey_of({"id": "j", "name": "J", "entry": entry, "exits": exits, "steps": steps})
    partition = Partition(rules_of(journey))
    partition.take([Event("u1", "track", name, START + n) for n, name in enumerate("ab")])
    partition.rules = rules_of(_sending_to(journey, after))
    partition.take([Event("u1", "track", name, START + MINUTE + n) for n, name in enumerate("cd")])
    ads = [e.change for e in partition.effects if e.destination == "ads" and e.first_or_last]
    assert ads == ["entered", "exited"]


def test_what_a_late_event_makes_due_happens_in_its_turn() -> None:
    """A late event's wait that is over at the partition's clock is over when its turn ends."""
    steps = [
        {"id": "wait", "type": "wait_for_duration", "duration": "1 hour", "next": "sent"},
        {"id": "sent", "type": "send_to_destinations", "destinations": ["email"]},
    ]
    entry = {"condition": {"event": "a"}}
    rules = rules_of(journey_of({"id": "j", "name": "J", "entry": entry, "steps": steps}))
    log = [Event("u2", "track", "b", START + DAY), Event("u1", "track", "a", START)]
    assert [effect.at for effect in Partition(rules).take(log)] == [START + HOUR]
