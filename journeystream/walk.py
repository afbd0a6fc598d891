"""A walk: one happening being applied to one user.

Law: it holds what the files around it share and decides nothing. Who decides stands one above
the other: `engine` what a happening is, `entering` who comes in, `walking` the way through the
steps, `leaving` goals and the ways out, `noticing` what that may mean to other journeys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from journeystream.compiler import CompiledJourney
from journeystream.conditions import Moment
from journeystream.events import Event
from journeystream.journeys import Floors, Journeys
from journeystream.memberships import Memberships
from journeystream.repeats import Memory
from journeystream.travel import Travels
from journeystream.user import NEVER, Instance, User

NOTHING: Mapping[str, object] = {}


@dataclass(frozen=True, slots=True)
class Rules:
    """All that outcomes depend on besides the user and the happening.

    `travels`: whether each step that a user takes is told, for measurement; it costs.
    """

    journeys: Journeys
    floors: Floors = field(default_factory=Floors)
    memory: Memory = field(default_factory=Memory)
    travels: bool = False


@dataclass(slots=True)
class News:
    """What has changed and not been looked at: ids of journeys and lists, names of traits."""

    journeys: set[str] = field(default_factory=set)
    traits: set[str] = field(default_factory=set)
    lists: set[str] = field(default_factory=set)

    def concern(self, journey: CompiledJourney) -> bool:
        """Tell whether an instance of the journey reads any of it."""
        return not (
            journey.reads_journeys.isdisjoint(self.journeys)
            and journey.reads_traits.isdisjoint(self.traits)
            and journey.reads_lists.isdisjoint(self.lists)
        )


@dataclass(frozen=True, slots=True)
class Invitation:
    """A user is to enter a journey, for another reason than its condition's turn.

    `entry` are the properties of what let them in, by path. Whether the condition is `asked`:
    it is by a trigger, which it narrows down; nobody asks it of who is enrolled by name.
    """

    journey: str
    entry: Mapping[str, object] = field(default_factory=dict)
    asked: bool = True


class Walk:
    """One happening being applied: `now` is its instant for the user, `came` its own.

    `was` holds, for journeys whose entry condition may have changed, its truth before. `readers`
    are the journeys that read others; where there are none, which is the rule, none need be told.
    It is `arriving` while time alone brings the user to an instant: its runs are still to come.
    When it is done the user may be `gone`: nobody any more.
    """

    __slots__ = (
        "arriving",
        "came",
        "entry",
        "floors",
        "gone",
        "invited",
        "journey_at_work",
        "journeys",
        "memory",
        "news",
        "now",
        "readers",
        "told",
        "travels",
        "user",
        "was",
    )

    def __init__(self, user: User, rules: Rules) -> None:
        self.user = user
        self.journeys = rules.journeys
        self.readers = rules.journeys.readers_of_journey
        self.floors = rules.floors
        self.memory = rules.memory
        self.told = Memberships(user)
        self.travels: Travels | None = Travels(user) if rules.travels else None
        self.entry = NOTHING
        self.now = self.came = user.clock
        self.arriving = False
        self.journey_at_work = ""
        self.was: dict[str, bool] = {}
        self.news: News | None = None
        self.invited: list[Invitation] = []
        self.gone = False

    def begin(self, event: Event) -> None:
        """Set `now` for an event, and `came`: its own instant, which is earlier if it is late."""
        user = self.user
        late = event.at // 1_000 < user.clock // 1_000
        if not late:
            user.clock = max(event.at, user.clock + 1)
        self.now = user.clock
        self.came = event.at if late else self.now
        if user.known_since == NEVER:
            user.known_since = self.now
        user.anonymous = event.anonymous
        self.entry = event.properties

    def reach(self, instant: int) -> None:
        """Let the user's time come to an instant; it never goes back."""
        self.now = self.came = self.user.clock = max(instant, self.user.clock)

    def moving(self) -> list[Instance]:
        """Return the instances that may move: nothing has failed in them, nobody holds them."""
        stuck, frozen = self.user.stuck, self.journeys.frozen
        return [
            each
            for each in self.user.instances
            if each.journey not in stuck and each.journey not in frozen
        ]

    def version_of(self, instance: Instance) -> CompiledJourney:
        """Return the version that an instance is pinned to."""
        return self.journeys.version(instance.journey, instance.version)

    def moment(self, journey: CompiledJourney, instance: Instance | None = None) -> Moment:
        """Return the context in which a journey's conditions are asked now."""
        floor = self.floors.of(journey)
        if instance is None:
            return Moment(self.user, self.now, floor)
        return Moment(
            self.user, self.now, floor, instance.entered_at, NEVER, instance.entry, instance
        )
