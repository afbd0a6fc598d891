"""The engine: one user and one happening in, the changed user and the effects out.

Rule 1. Everything that decides about a user's way is here and in what is compiled from the
        definitions. No clock, no I/O, no randomness, no logging: time comes in with the
        happening. The same user and happening always yield the same outcome. `advance`
        changes the user that it is given and nothing else.
Rule 2. What is due at or before an event's time happens before the event. Nothing happens
        before it is due. A user's clock never goes back: a late event counts at its own time
        inside windows, and an entry by it is "entry" at that time; what follows from it
        happens at the user's clock.
Rule 3. The events of a user have distinct instants: of events in the same millisecond, the
        later in the log is a microsecond later, so that "after entry" means after entry.
Rule 4. Symmetry: a send step yields Entered when it may be told (mostly on arrival), and owes
        one Exited, which is paid when the position reaches a step that is no gate, when the
        next send is told or passed by, when its path ends (unless the user rests there), or
        when the instance ends. `memberships.py` keeps the account.
Rule 5. Exits and the maximum duration are looked at before anything else, at entry too.
Rule 6. An entry needs a cause: the condition turned true, or an event that it welcomes came
        while it was true and the user was not in the journey, or left it by that event.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import orjson

from journeystream.comparisons import MISSING, at_path
from journeystream.compiler import CompiledJourney
from journeystream.conditions import Moment, Predicate, earliest, flip
from journeystream.deeds import Deed, Deeds, is_first
from journeystream.effects import Effect
from journeystream.errors import EngineError, OperatorError
from journeystream.events import Archived, Due, Event, Happening, Retried
from journeystream.journeys import Floors, Journeys
from journeystream.memberships import Memberships, Why
from journeystream.profile import change_traits, changed_traits
from journeystream.repeats import Memory, is_repeat, remember
from journeystream.steps.contract import Ask, Enter, Fork, Go, Join, Leave, Stay
from journeystream.user import NEVER, Instance, Passes, Position, User

_MILLI = 1_000
# A user's record has to fit into a changelog record.
_LARGEST_ENTRY_PROPERTY = 32 * 1024


@dataclass(frozen=True, slots=True)
class Rules:
    """All that outcomes depend on besides the user and the happening."""

    journeys: Journeys
    floors: Floors = field(default_factory=Floors)
    memory: Memory = field(default_factory=Memory)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a happening; an unchanged user needs no saving."""

    user: User
    changed: bool
    effects: list[Effect]


def advance(user: User | None, happening: Happening, rules: Rules) -> Outcome:
    """Apply one happening to its user (None: nobody yet) and return what follows from it."""
    walk = _Walk(user or User(happening.user_id), rules)
    try:
        match happening:
            case Event():
                changed = walk.take(happening)
            case Due():
                changed = walk.pass_time(happening.at)
            case Archived():
                changed = walk.archive(happening)
            case Retried():
                changed = walk.retry(happening)
    except (OperatorError, EngineError):
        raise
    except Exception as error:
        raise EngineError(walk.journey_at_work) from error
    return Outcome(walk.user, changed, walk.effects())


class _Walk:
    """One happening being applied: `now` is its instant for the user, `came` its own."""

    def __init__(self, user: User, rules: Rules) -> None:
        self.user = user
        self.journeys = rules.journeys
        self.floors = rules.floors
        self.memory = rules.memory
        self._told = Memberships(self.user)
        self._deeds = Deeds(self.user, self._told)
        self.event: Event | None = None
        self.now = self.came = self.user.clock
        self.journey_at_work = ""

    def effects(self) -> list[Effect]:
        """Return what the world must be told."""
        return self._told.effects

    # ── what happened ────────────────────────────────────────────────────────────────────

    def take(self, event: Event) -> bool:
        """Apply an event; return whether anything changed."""
        changed = self.pass_time(event.at)
        self.journey_at_work = ""
        if is_repeat(self.user, event, self.memory):
            return changed
        matched = self.journeys.matched(event, self.user.stuck)
        traits = changed_traits(self.user, event)
        candidates = [
            journey
            for journey in self.journeys.entries(matched, traits)
            if self._may_enter(journey)
        ]
        candidates += [
            journey
            for journey in self.journeys.strangers_welcome
            if self._is_stranger_to(journey) and journey not in candidates
        ]
        # An identify that changes nothing is remembered all the same: its retry, coming after
        # another identify, must not bring back the old traits.
        told = event.kind == "identify" and event.message_id is not None
        if not (matched or traits or candidates or told):
            return changed
        self._move_clock(event)
        qualified = [self._was_qualified(journey) for journey in candidates]
        self.journey_at_work = ""
        self._learn(event, matched, traits)
        matched_ids = [predicate.id for predicate in matched]
        for instance in self._walking():
            journey = self.journeys.version(instance.journey, instance.version)
            if not (
                journey.reads.isdisjoint(matched_ids) and journey.reads_traits.isdisjoint(traits)
            ):
                self._progress(instance, journey)
        for journey, was in zip(candidates, qualified, strict=True):
            self._consider(journey, was=was, came=matched_ids)
        return True

    def pass_time(self, until: int) -> bool:
        """Let happen what is due at or before `until`, in due order."""
        changed = False
        while (wake := self.user.wake) is not None and wake <= until:
            self.now = self.came = self.user.clock = max(wake, self.user.clock)
            for instance in self._walking():
                if instance.wake is not None and instance.wake <= self.now:
                    self._progress(
                        instance, self.journeys.version(instance.journey, instance.version)
                    )
            for id_, passes in list(self.user.passes.items()):
                due = passes.wake is not None and passes.wake <= self.now
                if due and id_ not in self.user.stuck:
                    passes.wake = None
                    head = self.journeys.heads.get(id_)
                    # An alarm of an older version says nothing about a newer one.
                    if head is not None and head.version == passes.version:
                        self._consider(head, was=passes.qualified, came=frozenset())
            changed = True
        return changed

    def archive(self, archived: Archived) -> bool:
        """Take the user out of an archived journey."""
        changed = self.pass_time(archived.at)
        self.journey_at_work = ""
        self.user.stuck.pop(archived.journey, None)
        self.now = self.came = self.user.clock = max(archived.at, self.user.clock)
        for instance in list(self.user.instances):
            if instance.journey == archived.journey:
                journey = self.journeys.version(instance.journey, instance.version)
                self._leave(instance, journey, "archived")
                changed = True
        return changed

    def retry(self, retried: Retried) -> bool:
        """Look again at a journey that failed; what the user did meanwhile is known."""
        changed = self.user.stuck.pop(retried.journey, None) is not None
        self.now = self.came = self.user.clock = max(retried.at, self.user.clock)
        for instance in self._walking():
            if instance.journey == retried.journey:
                self._progress(instance, self.journeys.version(instance.journey, instance.version))
        head = self.journeys.heads.get(retried.journey)
        if head is not None:
            self._consider(head, was=self._was_qualified(head), came=frozenset())
        return changed

    def _walking(self) -> list[Instance]:
        """Return the instances in whose journey nothing has failed."""
        stuck = self.user.stuck
        return [each for each in self.user.instances if each.journey not in stuck]

    # ── what is known of the user ────────────────────────────────────────────────────────

    def _move_clock(self, event: Event) -> None:
        """Set `now` for the event, and `came`: its own instant, which is earlier if it is late."""
        user = self.user
        late = event.at // _MILLI < user.clock // _MILLI
        if not late:
            user.clock = max(event.at, user.clock + 1)
        self.now = user.clock
        self.came = event.at if late else self.now
        if user.known_since == NEVER:
            user.known_since = self.now
        user.anonymous = event.anonymous
        self.event = event

    def _learn(self, event: Event, matched: Collection[Predicate], traits: Collection[str]) -> None:
        user = self.user
        for predicate in matched:
            facts = user.facts.setdefault(predicate.id, [])
            insort(facts, self.came)
            del facts[: -self.journeys.predicates[predicate.id].keep]
        if traits:
            change_traits(user, event, traits)
        remember(user, event, self.now, self.memory)

    # ── who enters ───────────────────────────────────────────────────────────────────────

    def _candidates(
        self, matched: Collection[Predicate], traits: Collection[str]
    ) -> list[CompiledJourney]:
        """Return the journeys that the user may enter by an event, or meets for the first time."""
        candidates = {
            journey.id: journey
            for journey in self.journeys.entries(matched, traits)
            if self._may_enter(journey)
        }
        for journey in self.journeys.strangers_welcome:
            if self._is_stranger_to(journey):
                candidates[journey.id] = journey
        return list(candidates.values())

    def _may_enter(self, journey: CompiledJourney) -> bool:
        """Tell whether the user can enter at all: not twice where nobody enters again."""
        passes = self.user.passes.get(journey.id)
        if passes is not None and passes.entered and not journey.reenters:
            return False
        return journey.id not in self.user.stuck

    def _is_stranger_to(self, journey: CompiledJourney) -> bool:
        """Tell whether the journey's present version has not looked at the user yet."""
        passes = self.user.passes.get(journey.id)
        if passes is not None and passes.version == journey.version:
            return False
        return journey.id not in self.user.stuck

    def _was_qualified(self, journey: CompiledJourney) -> bool:
        """Return the entry condition's truth before the event; a newcomer's is false."""
        self.journey_at_work = journey.id
        passes = self.user.passes.get(journey.id)
        looked_at = passes is not None and passes.version == journey.version
        inside = any(instance.journey == journey.id for instance in self.user.instances)
        if inside or (not looked_at and self.user.known_since <= self.floors.of(journey)):
            return journey.entry.holds(self._moment(journey))
        return passes is not None and looked_at and passes.qualified

    def _consider(self, journey: CompiledJourney, *, was: bool, came: Collection[str]) -> None:
        """Let the user enter the journey if Rule 6 says so; else note when to look again."""
        self.journey_at_work = journey.id
        if journey.id in self.journeys.archived or any(
            instance.journey == journey.id for instance in self.user.instances
        ):
            return
        passes = self.user.passes.get(journey.id)
        if passes is not None and passes.entered and not journey.reenters:
            return
        moment = self._moment(journey)
        holds = journey.entry.holds(moment)
        caused = not was or not journey.entry.welcomes.isdisjoint(came)
        if holds and caused and journey.id in self.journeys.admitting:
            self._enter(journey)
            return
        wake = flip(journey.entry, moment)
        if passes is None and not holds and wake is None and not journey.takes_strangers:
            return
        self._remember(journey, qualified=holds, wake=wake)

    def _remember(self, journey: CompiledJourney, *, qualified: bool, wake: int | None) -> Passes:
        passes = self.user.passes.setdefault(journey.id, Passes(journey.version))
        passes.version = journey.version
        passes.qualified = qualified
        passes.wake = wake
        return passes

    def _enter(
        self, journey: CompiledJourney, properties: Mapping[str, object] | None = None
    ) -> None:
        """Begin a pass; `properties` stand for the entry event's where a step invited the user."""
        passes = self._remember(journey, qualified=True, wake=None)
        passes.entered += 1
        instance = Instance(journey.id, journey.version, passes.entered, self.came)
        if properties is None:
            properties = self.event.properties if self.event is not None else {}
        for path in journey.entry_paths:
            value = at_path(properties, path.split("."))
            if value is not MISSING and len(orjson.dumps(value)) <= _LARGEST_ENTRY_PROPERTY:
                instance.entry[path] = value
        self.user.instances.append(instance)
        if self._exits(instance, journey):
            return
        position = Position(step=None, since=self.now)
        instance.positions.append(position)
        self._arrive(instance, journey, position, journey.first_step)
        self._walk_on(instance, journey)

    # ── the way through the steps ────────────────────────────────────────────────────────

    def _progress(self, instance: Instance, journey: CompiledJourney) -> None:
        """Look at the ways out, then at the way on."""
        self.journey_at_work = journey.id
        if not self._exits(instance, journey):
            self._walk_on(instance, journey)

    def _walk_on(self, instance: Instance, journey: CompiledJourney) -> None:
        """Move every position of the instance as far as it goes now."""
        moving = list(instance.positions)
        while moving:
            position = moving.pop(0)
            if not self._move(instance, journey, position, moving):
                return
        if not instance.positions:
            self._leave(instance, journey, "completed")
            return
        instance.wake = self._next_wake(instance, journey)

    def _move(
        self,
        instance: Instance,
        journey: CompiledJourney,
        position: Position,
        moving: list[Position],
    ) -> bool:
        """Move one position; new ones go to `moving`. False when the instance has ended."""
        moment = self._moment(journey, instance)
        while position.step is not None:
            moment.step_since = position.since
            decision = journey.steps[position.step].decide(moment, position)
            match decision:
                case Stay():
                    break
                case Leave(detail):
                    self._leave(instance, journey, "exit_step", detail)
                    return False
                case Fork():
                    self._fork(instance, journey, position, decision, moving)
                    break
                case Ask():
                    self._deeds.do(decision, instance, position, journey, self.now)
                    break
                case _:
                    to = self._do(instance, journey, position, decision)
                    if not self._arrive(instance, journey, position, to):
                        break
        return True

    def _do(
        self,
        instance: Instance,
        journey: CompiledJourney,
        position: Position,
        decision: Go | Join | Enter | Deed,
    ) -> str | None:
        """Do what a decision means beside moving on; return where the position goes."""
        match decision:
            case Go(to):
                return to
            case Join(to):
                return to if is_first(instance, position) else None
            case Enter():
                self._invite(decision)
            case _:
                self._deeds.do(decision, instance, position, journey, self.now)
        return decision.to

    def _fork(
        self,
        instance: Instance,
        journey: CompiledJourney,
        position: Position,
        fork: Fork,
        moving: list[Position],
    ) -> None:
        """Send new positions down branches, which join those that are moving."""
        for name, to in fork.branches:
            position.taken.append(name)
            branched = Position(step=None, since=self.now, rounds=dict(position.rounds))
            instance.positions.append(branched)
            if self._arrive(instance, journey, branched, to):
                moving.append(branched)
        if fork.done:
            instance.positions.remove(position)

    def _invite(self, invitation: Enter) -> None:
        """Let the user enter another journey by a step, if it lets them in."""
        journey = self.journeys.heads.get(invitation.journey)
        if (
            journey is None
            or journey.id not in self.journeys.admitting
            or any(instance.journey == journey.id for instance in self.user.instances)
            or not self._may_enter(journey)
        ):
            return
        at_work, self.journey_at_work = self.journey_at_work, journey.id
        self._enter(journey, invitation.properties)
        self.journey_at_work = at_work

    def _arrive(
        self, instance: Instance, journey: CompiledJourney, position: Position, to: str | None
    ) -> bool:
        """Bring a position to a step, or to its path's end; False when there is no next step."""
        if to is None:
            position.step = None
            position.taken.clear()
            if position.hold is None or journey.exits_at_end:
                self._told.leave(instance, position, journey.steps, Why("completed"), self.now)
                instance.positions[:] = [
                    each for each in instance.positions if each is not position
                ]
            return False
        step = journey.steps[to]
        if not step.gate:
            moved_on = Why("moved_on", step.name)
            self._told.leave(instance, position, journey.steps, moved_on, self.now)
        position.step, position.since = to, self.now
        position.taken.clear()
        return True

    def _exits(self, instance: Instance, journey: CompiledJourney) -> bool:
        """End the instance if its maximum duration is over or an exit condition holds."""
        moment = self._moment(journey, instance)
        if self.now >= _last_instant(instance, journey):
            self._leave(instance, journey, "max_duration")
            return True
        for name, condition in journey.exits:
            if condition.holds(moment):
                self._leave(instance, journey, "exit_condition", name)
                return True
        return False

    def _leave(
        self, instance: Instance, journey: CompiledJourney, reason: str, detail: str | None = None
    ) -> None:
        """End the instance: pay every Exited that is owed, and note the exit."""
        for position in instance.positions:
            self._told.leave(instance, position, journey.steps, Why(reason, detail), self.now)
        self.user.instances[:] = [each for each in self.user.instances if each is not instance]
        head = self.journeys.heads.get(journey.id, journey)
        again = head.reenters and head.id not in self.journeys.archived
        moment = self._moment(head)
        passes = self._remember(
            head,
            qualified=head.entry.holds(moment),
            wake=flip(head.entry, moment) if again else None,
        )
        label = f"{reason}: {detail}" if detail else reason
        passes.exits[label] = passes.exits.get(label, 0) + 1

    def _next_wake(self, instance: Instance, journey: CompiledJourney) -> int | None:
        moment = self._moment(journey, instance)
        wakes = [flip(condition, moment) for _, condition in journey.exits]
        if journey.max_duration is not None:
            wakes.append(_last_instant(instance, journey))
        for position in instance.positions:
            if position.step is not None:
                moment.step_since = position.since
                wakes.append(journey.steps[position.step].turns(moment, position))
        return earliest(wakes)

    def _moment(self, journey: CompiledJourney, instance: Instance | None = None) -> Moment:
        entered_at = instance.entered_at if instance is not None else NEVER
        return Moment(self.user, self.now, self.floors.of(journey), entered_at, instance=instance)


def _last_instant(instance: Instance, journey: CompiledJourney) -> int:
    if journey.max_duration is None:
        return -NEVER
    return journey.max_duration.after(instance.entered_at, journey.zone)
