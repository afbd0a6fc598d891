"""What is known of one user: profile, facts, and the journeys they walk.

These are plain records. They decide nothing; `engine.py` changes them and `state/codec.py`
stores them: what is not as it is at first, under the short names that stand here. All times are
instants (microseconds, see `durations.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from msgspec import Struct, field

NEVER = -(1 << 62)
"""An instant before all others."""


@dataclass(slots=True)
class Derived:
    """What follows from a user's record: when to wake them, and where they stand.

    A value: nobody changes one. (Not `frozen`, because that triples what it costs to make one.)

    A place is (journey, step); a user at rest stands at the send step that holds them. Who is
    stuck in a journey is at a place of its own besides (`stuck_in`).
    """

    wake: int | None = None
    places: frozenset[tuple[str, str]] = frozenset()


NOBODY = Derived()


class Hold(Struct, omit_defaults=True, forbid_unknown_fields=True):
    """Membership of a send step: Entered was sent, Exited is owed.

    Without destinations nobody was told yet: the user came here under another id (identity.py).
    """

    step: str = field(name="s")
    visit: int = field(name="v")
    destinations: list[str] = field(name="d")


class Position(Struct, omit_defaults=True, forbid_unknown_fields=True):
    """A place where an instance stands.

    `step` is None when the path has ended at a send step and the user rests there. `taken`
    names the branches that an every-match split has already sent this position down, or the
    request that a decide step has made. `rounds` counts how often it came to each merge.
    """

    step: str | None = field(name="s")
    since: int = field(name="t")
    hold: Hold | None = field(name="h", default=None)
    taken: list[str] = field(default_factory=list)
    rounds: dict[str, int] = field(default_factory=dict)


class Instance(Struct, omit_defaults=True, forbid_unknown_fields=True):
    """One pass of the user through one journey, pinned to the version they entered.

    `number` counts the user's passes through the journey from 1; `entry` holds the
    properties of the entry event that the journey asks for; `visits` counts what was told per
    step, so that each Entered has an id of its own, and rounds per merge. `key` tells concurrent
    passes apart; `goals` says when each goal was reached in this pass; `results` holds what decide
    steps stored; `paths` the path that each percent split with goals has drawn.
    """

    journey: str = field(name="j")
    version: int = field(name="v")
    number: int = field(name="n")
    entered_at: int = field(name="t")
    entry: dict[str, object] = field(name="e", default_factory=dict)
    positions: list[Position] = field(name="p", default_factory=list)
    visits: dict[str, int] = field(name="s", default_factory=dict)
    wake: int | None = field(name="w", default=None)
    key: str = ""
    goals: dict[str, int] = field(default_factory=dict)
    results: dict[str, object] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)


class Passes(Struct, omit_defaults=True, forbid_unknown_fields=True):
    """The user's history with one journey.

    `qualified` is the truth of the entry condition when it was last looked at: an entry
    needs it to turn true. `version` is the one it was looked at under. `left_at` is when they last
    left the journey; `goals` when they last reached each of its goals. `run` is the
    run of its schedule that they wait for.
    """

    version: int = field(name="v")
    qualified: bool = field(name="q", default=False)
    entered: int = field(name="e", default=0)
    exits: dict[str, int] = field(name="x", default_factory=dict)
    wake: int | None = field(name="w", default=None)
    left_at: int = field(name="l", default=NEVER)
    goals: dict[str, int] = field(default_factory=dict)
    run: int | None = None


class Claim(Struct, omit_defaults=True, forbid_unknown_fields=True):
    """Somebody says that the user is them, from an instant on (identity.py)."""

    by: str
    at: int
    openly: bool


class User(Struct, omit_defaults=True, forbid_unknown_fields=True):
    """One user's record: the unit of state, of the changelog and of ordering.

    `clock` is the last instant that was applied for this user and `known_since` the first.
    `facts` maps a predicate's id to the most recent instants at which it held, ascending.
    `seen` holds the newest message ids with their event times, for duplicates. `stuck` maps a
    journey that failed on this user, a bug, to what failed: nothing happens in it until it is
    tried again.

    Few users have more: `values` are facts with a property's value beside the instant, `changed`
    says when a trait last changed, `lists` since when they are in a static audience, `sent` holds
    the newest instants at which something counted for a frequency cap, and `past` is as `seen`,
    while history is read again. `claimed` are other ids of theirs, and a `claim` is what somebody
    says of this one; who `became` another user has nothing else here (identity.py).
    """

    id: str
    anonymous: bool = field(name="a", default=False)
    known_since: int = field(name="k", default=NEVER)
    clock: int = field(name="c", default=NEVER)
    traits: dict[str, object] = field(name="t", default_factory=dict)
    facts: dict[str, list[int]] = field(name="f", default_factory=dict)
    seen: dict[str, int] = field(name="s", default_factory=dict)
    passes: dict[str, Passes] = field(name="p", default_factory=dict)
    instances: list[Instance] = field(name="i", default_factory=list)
    stuck: dict[str, str] = field(default_factory=dict)
    values: dict[str, list[tuple[int, Any]]] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    lists: dict[str, int] = field(default_factory=dict)
    sent: dict[str, list[int]] = field(default_factory=dict)
    past: dict[str, int] = field(default_factory=dict)
    claimed: list[str] = field(default_factory=list)
    claim: Claim | None = None
    became: str = ""

    @property
    def wake(self) -> int | None:
        """The earliest instant at which time alone may change something for this user."""
        # A plain loop, because it is asked several times for each event.
        first, stuck = None if self.claim is None else self.claim.at, self.stuck
        for journey, passes in self.passes.items():
            wake = passes.wake
            if wake is not None and (first is None or wake < first) and journey not in stuck:
                first = wake
        for instance in self.instances:
            wake = instance.wake
            if (
                wake is not None
                and (first is None or wake < first)
                and instance.journey not in stuck
            ):
                first = wake
        return first

    def derived(self) -> Derived:
        """Return what follows from the record."""
        if not self.instances and not self.stuck:
            return Derived(self.wake)
        places = {
            (instance.journey, position.step or (position.hold.step if position.hold else ""))
            for instance in self.instances
            for position in instance.positions
        }
        places.update((stuck_in(journey), "") for journey in self.stuck)
        return Derived(self.wake, frozenset(places))


def stuck_in(journey: str) -> str:
    """Return the name of the place where the users are for whom a journey failed."""
    return f"!{journey}"
