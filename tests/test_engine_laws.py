"""The log alone decides: its order for each user, and nothing that is beside it.

What comes out depends neither on how the log is cut into batches, nor on turns of time alone,
nor on other users and journeys. The laws are those of the product's rules, tried on journeys
and logs that hypothesis draws; `tests/strategies/` says what is drawn.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from hashlib import blake2b

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from journeystream.effects import StepMembership, memberships
from journeystream.engine import Rules
from journeystream.events import ClockMark, Event, Message, Unread
from journeystream.journeys import Interest, Journeys
from journeystream.state.codec import PartitionState
from journeystream.state.memory import MemoryStore
from journeystream.state.store import changes_of
from journeystream.steps import Step
from journeystream.steps.send_to_destinations import SendToDestinations
from journeystream.steps.update_profile import UpdateProfile
from journeystream.turn import take_turn
from journeystream.user import NEVER
from tests.law_settings import laws
from tests.playing import Partition, play
from tests.strategies import (
    DAY,
    END_OF_TIME,
    HOUR,
    MINUTE,
    START,
    USERS,
    Cuts,
    Project,
    apart,
    cut,
    cuts,
    journey_of,
    logs,
    messages,
    projects,
    rules_of,
)

# ── the same log, however it is played ───────────────────────────────────────────────────


@laws
@given(projects(), messages())
def test_determinism(project: Project, log: list[Message]) -> None:
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


class Forgetful(MemoryStore):
    """A store for which everyone is a stranger, again and again."""

    def met(self, journeys: Journeys) -> set[str]:
        """Return nobody."""
        del journeys
        return set()


@laws
@given(projects(), messages(), cuts())
def test_whom_journeys_have_met_changes_nothing(
    project: Project, log: list[Message], sizes: Cuts
) -> None:
    """A store that remembers who is no stranger yields what one does that looks at all again."""
    known = play(rules_of(*project), log, sizes)
    asked = Partition(rules_of(*project), Forgetful())
    for event in log:
        asked.take([event])
    asked.take([], until=END_OF_TIME)
    assert known.effects == asked.effects
    assert known.stored() == asked.stored()


@laws
@given(projects(), messages(), cuts())
def test_cuts_do_not_matter(project: Project, log: list[Message], sizes: Cuts) -> None:
    """Any way of cutting a log into batches gives the same effects and the same state."""
    whole, pieces = play(rules_of(*project), log), play(rules_of(*project), log, sizes)
    assert whole.effects == pieces.effects
    assert whole.stored() == pieces.stored()


@laws
@given(projects(), messages(), cuts(), messages(users=("u3", "u4")), cuts())
def test_cuts_of_rekeyed_events_do_not_matter(
    project: Project, log: list[Message], sizes: Cuts, rekeyed: list[Message], more_sizes: Cuts
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
@given(projects(), messages(), st.data())
def test_time_alone_changes_nothing(
    project: Project, log: list[Message], data: st.DataObject
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
@given(projects(), messages(in_order=True))
def test_clock_marks_are_time_alone(project: Project, log: list[Message]) -> None:
    """A replay's clock marks between the events change nothing in what comes out."""
    plain = play(rules_of(*project), log, until=None)
    marked = [entry for event in log for entry in (ClockMark(event.at), None, event)]
    turn = take_turn(marked, NEVER, MemoryStore(), rules_of(*project))
    assert memberships(turn.effects) == plain.effects
    assert turn.clock == plain.store.partition().clock


@laws
@given(projects(), messages(), cuts(), st.booleans())
def test_what_nobody_reads_may_come_undecoded(
    project: Project,
    log: list[Message],
    sizes: Cuts,
    moves_clock: bool,  # noqa: FBT001  drawn
) -> None:
    """An event that no journey reads does the same whether it is one or stands for one."""
    rules = rules_of(*project)
    plain, quick = MemoryStore(), MemoryStore()
    clock = NEVER
    for batch in cut(log, sizes):
        until = None if moves_clock else max([clock, *(message.at for message in batch)])
        turns = [
            take_turn(entries, clock, store, rules, moves_clock=moves_clock, until=until)
            for store, entries in ((plain, batch), (quick, [_undecoded(e, rules) for e in batch]))
        ]
        assert turns[0] == turns[1]
        clock = turns[0].clock
        for store, turn in zip((plain, quick), turns, strict=True):
            store.save(changes_of(turn), PartitionState(clock=clock))
            turn.tell_met(store.met(rules.journeys))


@laws
@given(projects(), messages(), cuts(), st.booleans())
def test_what_is_of_no_interest_moves_the_clock_alone(
    project: Project,
    log: list[Message],
    sizes: Cuts,
    moves_clock: bool,  # noqa: FBT001  drawn
) -> None:
    """Where strangers are of no interest, an event that no journey reads is its instant."""
    rules = rules_of(*project)
    interest = rules.journeys.interest
    assert interest.strangers == bool(rules.journeys.strangers_welcome)
    clock, store = NEVER, MemoryStore()
    for batch in cut(log, sizes):
        marked = [
            (ClockMark(each.at) if moves_clock else None)
            if _only_tells_time(each, interest)
            else each
            for each in batch
        ]
        until = max([clock, *(message.at for message in batch)])
        plain, quick = (
            take_turn(entries, clock, store, rules, moves_clock=moves_clock, until=until)
            for entries in (batch, marked)
        )
        assert plain == quick
        clock = plain.clock
        store.save(changes_of(plain), PartitionState(clock=clock))
        plain.tell_met(store.met(rules.journeys))


def _only_tells_time(message: Message, interest: Interest) -> bool:
    return (
        isinstance(message, Event)
        and not interest.strangers
        and (message.kind, message.name) not in interest.named
        and message.kind not in interest.kinds
    )


class _Undecoded(Unread):
    whole: Event

    def event(self) -> Event:
        return self.whole


def _undecoded(message: Message, rules: Rules) -> Message | Unread:
    if isinstance(message, Event) and not rules.journeys.matters(message.kind, message.name):
        return _Undecoded(message.user_id, message.at, message)
    return message


# ── the order of the log ─────────────────────────────────────────────────────────────────


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


# ── users and journeys do not touch each other ───────────────────────────────────────────


@laws
@given(projects(), messages(in_order=True))
def test_a_user_is_alone(project: Project, log: list[Message]) -> None:
    """However the events of others lie between a user's own, the user's effects are the same."""
    together = play(rules_of(*project), log)
    for user in USERS:
        alone = play(rules_of(*project), [event for event in log if event.user_id == user])
        assert alone.effects == [e for e in together.effects if e.user_id == user]
        assert alone.stored().records.get(user) == together.stored().records.get(user)


@laws
@given(projects(linked=False), logs(in_order=True))
def test_a_journey_is_alone(project: Project, log: list[Event]) -> None:
    """A journey does the same, whichever others are beside it that leave the user as they are."""
    assume(not any(_changes_the_user(step) for journey in project for step in journey.steps))
    log = apart(log)
    together = play(rules_of(*project), log)
    for journey in project:
        alone = play(rules_of(journey), log)
        assert _shown(alone.effects) == _shown(
            e for e in together.effects if e.journey == journey.id
        )


def _changes_the_user(step: Step) -> bool:
    """Tell whether others can see what a step does: in traits, or in caps across journeys."""
    rules = step.sending if isinstance(step, SendToDestinations) else None
    return isinstance(step, UpdateProfile) or any(
        cap.across for cap in (rules.caps if rules else None) or ()
    )


def _shown(effects: Iterable[StepMembership]) -> list[tuple[str, str, str, int, int, str]]:
    return sorted(
        (e.destination, e.user_id, e.step, e.at // 1_000, e.visit, e.reason or "") for e in effects
    )
