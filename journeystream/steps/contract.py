"""What every step type promises: two verbs, asked by the engine.

* `decide` — given the moment and the position, what happens now: stay, go on, fork, leave, or one
  of the deeds that the engine does for a step before the position goes on.
  It is asked on arrival and whenever something that it reads has changed.
* `turns` — the next instant at which time alone may change that answer, or None.

A step keeps no memory of its own: what it must know between two questions is in the
position (`since`, `taken`). A step that is a *gate* is a wait: it lies on the way out of the
send step before it, so arriving at it does not end that step.

To add a step type: one file with one class like the others in this folder, its name in
`steps/__init__.py`, and its test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo

from pydantic import BaseModel, ConfigDict, Field

from journeystream.computed_traits import ComputedTrait
from journeystream.condition_language import Condition
from journeystream.conditions import CompiledCondition, Moment, compile_condition
from journeystream.sending import Sending
from journeystream.setting_types import SpanText
from journeystream.sources import zone_of
from journeystream.user import Position, User

ID_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,79}$"
_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Stay:
    """The position stays where it is."""


@dataclass(frozen=True, slots=True)
class Go:
    """The position goes on to a step; None ends its path. `way` names the branch, if it is one."""

    to: str | None
    way: str = ""


@dataclass(frozen=True, slots=True)
class Fork:
    """New positions go down branches (name, step); the old one stays unless `done`."""

    branches: tuple[tuple[str, str | None], ...]
    done: bool


@dataclass(frozen=True, slots=True)
class Leave:
    """The whole instance ends."""

    detail: str


@dataclass(frozen=True, slots=True)
class Tell:
    """The step's destinations are told of the user now; it counts for these caps' scopes."""

    to: str | None
    counts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PassBy:
    """The position goes on, and has left the send step before: this one tells nobody of it."""

    to: str | None


@dataclass(frozen=True, slots=True)
class Join:
    """Paths meet: of the positions of one round the first goes on, the others end here."""

    to: str | None


@dataclass(frozen=True, slots=True)
class Operation:
    """One change of a profile: what is done, to which trait (a path) or audience, with what."""

    verb: str
    name: str
    value: object = None


@dataclass(frozen=True, slots=True)
class Change:
    """The user's profile changes, and the world is told."""

    operations: tuple[Operation, ...]
    to: str | None


@dataclass(frozen=True, slots=True)
class Enter:
    """The user may enter another journey; `properties` count as its entry event's."""

    journey: str
    properties: Mapping[str, object]
    to: str | None


@dataclass(frozen=True, slots=True)
class Store:
    """The instance keeps a result under a name."""

    name: str
    value: object
    to: str | None


@dataclass(frozen=True, slots=True)
class Ask:
    """A decision service is asked, once; the answer comes as a result (`CompiledStep.stores`)."""

    flow: str
    most: int
    attributes: Mapping[str, object]


Decision = Stay | Go | Fork | Leave | Tell | PassBy | Join | Change | Enter | Store | Ask
STAY = Stay()


@dataclass(frozen=True, slots=True)
class CompiledStep:
    """A step ready to be walked. `conditions` are all that its decisions read.

    `destinations` (send steps only) maps each destination's name to its attribute mapping:
    output name -> source path. Of a split's ways, `control` names that of the control group and
    `remaining` that of everyone else.
    `traits` and `entry_paths` are what they read besides: top-level traits, properties of the
    entry event. `destinations` (send steps only) maps each destination's name to its attribute
    mapping: output name -> source path. `goals` are a percent split's own, by name.
    `stores` is the name of the result that a decide step leaves, `most` how many offers it keeps.
    """

    id: str
    name: str
    type: str
    decide: Callable[[Moment, Position], Decision]
    turns: Callable[[Moment, Position], int | None] = lambda _moment, _position: None
    conditions: tuple[CompiledCondition, ...] = ()
    gate: bool = False
    key: str = ""
    destinations: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    control: str | None = None
    remaining: str | None = None
    traits: frozenset[str] = frozenset()
    entry_paths: frozenset[str] = frozenset()
    goals: tuple[tuple[str, CompiledCondition], ...] = ()
    stores: str = ""
    most: int = 0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a step is compiled in: the time zone, audiences, computed traits, journey's names.

    `key` is the send step's key; `attributes_of` gives a destination's own mapping. `zone_trait`
    is the trait that names a user's own time zone; `sending` are the journey's rules for sends;
    `own` tells its facts from what others share, if it has its own.
    """

    zone: tzinfo
    audiences: Mapping[str, Condition]
    key: str = ""
    attributes_of: Callable[[str], Mapping[str, str]] = lambda _: _NOTHING
    computed: Mapping[str, ComputedTrait] = field(default_factory=dict)
    journey: str = ""
    zone_trait: str | None = None
    sending: Sending = field(default_factory=Sending)
    own: str = ""

    @property
    def zone_traits(self) -> frozenset[str]:
        """The top-level trait that a user's time zone depends on, if any."""
        return frozenset(self.zone_trait.split(".")[:1] if self.zone_trait else ())

    def zone_of(self, user: User) -> tzinfo:
        """Return the user's time zone: their own, else the journey's."""
        return zone_of(user, self.zone_trait, self.zone)

    def condition(self, condition: Condition) -> CompiledCondition:
        """Compile a condition of the step."""
        return compile_condition(condition, self.zone, self.audiences, self.computed, self.own)


class StepDefinition(BaseModel):
    """What every step says: its id, its name for people, and its type."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    id: str = Field(pattern=ID_PATTERN, description="unique in the journey; stays when renamed")
    name: str = Field("", description="what people see; default: the id")
    type: str

    @property
    def title(self) -> str:
        """The name for people."""
        return self.name or self.id

    @property
    def takes_time(self) -> bool:
        """Whether time passes here before a user goes on, whatever they have done before."""
        return False

    def targets(self) -> Iterator[tuple[str, str | None]]:
        """Yield (field, step id) for every way out; None ends the path."""
        yield from ()

    def conditions(self) -> Iterator[tuple[str, Condition]]:
        """Yield (field, condition) for every condition that is asked here."""
        yield from ()

    def sources(self) -> Iterator[tuple[str, str]]:
        """Yield (field, source) for every value that is looked up (sources.py)."""
        yield from ()

    def waits_for(self, position: Position) -> Iterator[tuple[str, Condition]]:  # noqa: ARG002 -- for those that wait
        """Yield (name, condition) for each condition that moves a position on once it holds."""
        yield from ()

    def compile(self, around: Surroundings) -> CompiledStep:
        """Return the step's behaviour."""
        raise NotImplementedError(f"the step type {self.type} does not say what it does")


class Way(BaseModel):
    """A way on: its name for people and the step it leads to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field("", description="what people see")
    next: str | None = Field(None, description="step id; without it the path ends")


class Timeout(BaseModel):
    """How long a wait lasts at most, and where it leads then."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after: SpanText = Field(description="a duration from arrival, as in `7 days`")
    next: str | None = Field(None, description="step id; without it the path ends")
