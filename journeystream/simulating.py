"""A journey tried in virtual time: the same turns that workers take, and nothing is sent.

Laws:

1. Effects are collected, never sent. All journeys count as published before the first event.
2. Each partition of the log is played on its own, in its order, as a worker does. What goes from
   one user to another is applied as soon as the event or the timer behind it is, before anything
   that comes later in the log.
3. How the log is cut into batches changes nothing: a batch in which something is handed over is
   cut until it is one event. The same inputs give the same result.
4. At the end time passes in all partitions, to `until`.
5. No decision service answers: who asks one waits for the step's own time-out.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from journeystream.durations import iso
from journeystream.effects import (
    DecisionRequest,
    Effect,
    HandedOver,
    ProfileChange,
    Reached,
    StepMembership,
    Travel,
    Travelled,
)
from journeystream.engine import Rules
from journeystream.events import ClockMark, Message
from journeystream.simulated import Edge, Messages, Moment, Simulated, Timeline, What
from journeystream.state.codec import PartitionState
from journeystream.state.memory import MemoryStore
from journeystream.state.store import changes_of
from journeystream.turn import Turn, take_turn
from journeystream.user import NEVER

START, LEFT = "start", "left"

Entry = tuple[int, Message | ClockMark]
"""A partition, and what is in its log."""
Stage = tuple[str, str]
"""A step with the branch to it, or LEFT with the reason."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is looked at: a journey, and of whom timelines are shown.

    `lists` are the destinations that hear only of the first arrival and the last leave. `user`
    is the one to be shown; without one the first `users` are, by id.
    """

    journey: str
    label: str = ""
    lists: frozenset[str] = frozenset()
    users: int = 10
    user: str | None = None

    def shown(self, ids: Sequence[str]) -> list[str]:
        """Return who of these is shown."""
        return [id_ for id_ in ids if id_ == self.user] if self.user else list(ids[: self.users])


class Simulation:
    """Plays a log. `rules` have to tell of travels; `home` says where a user's events lie."""

    def __init__(
        self, subject: Subject, rules: Rules, home: Callable[[str], int] = lambda _: 0
    ) -> None:
        self.subject = subject
        self._rules = rules
        self._home = home
        self._stores: dict[int, MemoryStore] = {}
        self._passing: deque[Message] = deque()
        self._seen = Sightings(subject)

    @property
    def ways(self) -> Mapping[str, Mapping[str, Sequence[Stage]]]:
        """User -> instance -> the stages that it has come to, in order."""
        return self._seen.ways

    def take(self, batch: Sequence[Entry]) -> None:
        """Play what comes next in the log."""
        logs: dict[int, list[Message | ClockMark | None]] = defaultdict(list)
        for place, entry in batch:
            logs[place].append(entry)
        turns = {place: self._turn(place, log) for place, log in logs.items()}
        if len(batch) > 1 and any(_hands_over(turn) for turn in turns.values()):
            middle = len(batch) // 2
            self.take(batch[:middle])
            self.take(batch[middle:])
            return
        for place, turn in turns.items():
            self._keep(place, turn)
        self._deliver()

    def end(self, until: int) -> Simulated:
        """Let time pass, and return what has become of everybody."""
        # What is handed over may come to a partition that had nothing before.
        while behind := [place for place in sorted(self._stores) if self._clock(place) < until]:
            for place in behind:
                self._keep(place, self._turn(place, (), until=until))
            self._deliver()
        inside, standing = self._where()
        last = max(map(self._clock, self._stores), default=NEVER)
        return self._seen.result(inside, standing, iso(last) if last > NEVER else None)

    def _turn(
        self,
        place: int,
        log: Sequence[Message | ClockMark | None],
        *,
        moves_clock: bool = True,
        until: int | None = None,
    ) -> Turn:
        store = self._stores.setdefault(place, MemoryStore())
        clock = self._clock(place)
        return take_turn(log, clock, store, self._rules, moves_clock=moves_clock, until=until)

    def _clock(self, place: int) -> int:
        return self._stores[place].partition().clock

    def _keep(self, place: int, turn: Turn) -> None:
        store = self._stores[place]
        store.save(changes_of(turn), PartitionState(clock=turn.clock))
        turn.tell_met(store.met(self._rules.journeys))
        self._seen.note(turn)
        self._passing += (each.message for each in turn.effects if isinstance(each, HandedOver))

    def _deliver(self) -> None:
        """Apply what was handed over, at the clock of where it goes to, which it does not move."""
        while self._passing:
            message = self._passing.popleft()
            place = self._home(message.user_id)
            self._keep(place, self._turn(place, [message], moves_clock=False))

    def _where(self) -> tuple[int, Counter[str]]:
        """Return how many passes go on, and how many users stand at each step."""
        inside, standing = 0, Counter[str]()
        for store in self._stores.values():
            for id_ in store.users():
                user = store.load([id_])[id_]
                inside += sum(each.journey == self.subject.journey for each in user.instances)
                places = user.derived().places
                standing.update(step for id_, step in places if id_ == self.subject.journey)
        return inside, standing


class Sightings:
    """What is seen of one journey, turn by turn."""

    def __init__(self, subject: Subject) -> None:
        self.ways: dict[str, dict[str, list[Stage]]] = {}
        self._subject = subject
        self._stages: dict[Stage, Stage] = {}
        self._counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._edges: Counter[tuple[str, str, str, bool]] = Counter()
        self._sent: Counter[tuple[str, str]] = Counter()
        self._shown: list[str] = []
        self._moments: dict[str, list[tuple[int, Moment]]] = {}

    def note(self, turn: Turn) -> None:
        """Take in what a turn has told."""
        for travel in turn.travels:
            self._travelled(travel)
        for effect in turn.effects:
            self._told(effect)
        for failure in turn.failures:
            journey = failure.error.journey or "no journey"
            self._counts["failure"][f"{journey}: {type(failure.error.__cause__).__name__}"] += 1

    def result(self, inside: int, standing: Counter[str], until: str | None) -> Simulated:
        """Return what was seen; the rest is where everybody is now."""
        subject, counts = self._subject, self._counts
        return Simulated(
            journey=subject.journey,
            label=subject.label,
            until=until,
            entered=counts["entered"].total(),
            users=len(self.ways),
            inside=inside,
            standing=_sorted(standing),
            exits=_sorted(counts["exit"]),
            edges=tuple(
                Edge(step=step, next=next_, branch=branch, ends=ends, passes=count)
                for (step, next_, branch, ends), count in sorted(self._edges.items())
            ),
            goals=_sorted(counts["goal"]),
            messages=tuple(
                Messages(
                    destination=name,
                    entered=self._sent[name, "entered"],
                    exited=self._sent[name, "exited"],
                )
                for name in sorted({name for name, _ in self._sent})
            ),
            profile_changes=counts["profile"].total(),
            unanswered=counts["asked"].total(),
            failures=_sorted(counts["failure"]),
            timelines=tuple(self._timelines()),
        )

    def _travelled(self, travel: Travel) -> None:
        match travel:
            case Travelled() if travel.journey_id == self._subject.journey:
                self._came(travel)
            case Reached() if travel.journey == self._subject.journey:
                self._counts["goal"][travel.goal] += 1
                self._show(travel.user_id, travel.at, travel.instance, "goal", travel.goal)
            case _:
                pass

    def _came(self, at: Travelled) -> None:
        """Note a stage that an instance has come to."""
        passes = self.ways.setdefault(at.user_id, {})
        way = passes.setdefault(at.instance, [])
        if at.stage_type == START:
            self._counts["entered"][""] += 1
            self._choose(at.user_id)
            self._show(at.user_id, at.at, at.instance, "entered")
        elif not at.parent_id:  # a step has one, also one that is called like an end
            self._counts["exit"][at.reason] += 1
            self._edges[way[-1][0] if way else START, at.stage_id, "", True] += 1
            way.append(self._same((LEFT, at.reason)))
            self._show(at.user_id, at.at, at.instance, "left", at.stage_id, at.reason)
        else:
            branch = at.split_condition_name or at.test_group_name
            self._edges[at.parent_id, at.stage_id, branch, False] += 1
            way.append(self._same((at.stage_id, branch)))
            self._show(at.user_id, at.at, at.instance, "step", at.stage_id, branch)

    def _told(self, effect: Effect) -> None:
        if isinstance(effect, HandedOver) or effect.journey != self._subject.journey:
            return
        if isinstance(effect, ProfileChange):
            self._counts["profile"][""] += 1
        elif isinstance(effect, DecisionRequest):
            self._counts["asked"][""] += 1
            where = effect.user_id, effect.at, effect.instance
            self._show(*where, "asked", effect.step, effect.flow)
        elif effect.first_or_last or effect.destination not in self._subject.lists:
            self._message(effect)

    def _message(self, effect: StepMembership) -> None:
        self._sent[effect.destination, effect.change] += 1
        where = effect.user_id, effect.at, effect.instance
        detail = f"{effect.change}: {effect.reason}" if effect.reason else effect.change
        self._show(*where, "told", effect.step, detail, effect.destination)

    def _same(self, stage: Stage) -> Stage:
        """Return the one that is equal: there are few, and each is kept for many users."""
        return self._stages.setdefault(stage, stage)

    # ── timelines ────────────────────────────────────────────────────────────────────────

    def _choose(self, user: str) -> None:
        """Show a user, if they are among those to be shown: the first by id, so far."""
        last = self._shown[-1] if self._shown else ""
        is_full = self._subject.user is None and len(self._shown) == self._subject.users
        if user in self._moments or (is_full and user > last):
            return
        insort(self._shown, user)
        self._shown = self._subject.shown(self._shown)
        if user in self._shown:
            self._moments[user] = []
        for gone in self._moments.keys() - set(self._shown):
            del self._moments[gone]

    def _show(
        self,
        user: str,
        at: int,
        instance: str,
        what: What,
        name: str = "",
        detail: str = "",
        destination: str = "",
    ) -> None:
        if user in self._moments:
            moment = Moment(
                at=iso(at),
                instance=instance,
                what=what,
                name=name,
                detail=detail,
                destination=destination,
            )
            self._moments[user].append((at, moment))

    def _timelines(self) -> Iterator[Timeline]:
        for user in self._shown:
            # At one instant stages come first: turns tell them and messages apart.
            moments = sorted(
                self._moments[user], key=lambda each: (each[0], each[1].what in {"told", "asked"})
            )
            yield Timeline(user=user, moments=tuple(moment for _, moment in moments))


def _hands_over(turn: Turn) -> bool:
    return any(isinstance(effect, HandedOver) for effect in turn.effects)


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items()))
