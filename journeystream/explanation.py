"""What is said of a user's ways through journeys: why they are where they are, or why not.

How it is found is in `explaining.py`. Nothing here decides anything.
"""

from __future__ import annotations

from typing import Any, Literal

from journeystream.answers import Answer, Instant
from journeystream.clauses import Clause
from journeystream.lifecycle import State

Reason = Literal[
    "unknown_user",
    "became_another",
    "paused",
    "stopped",
    "archived",
    "stuck",
    "inside",
    "never_again",
    "cool_down",
    "full",
    "not_learned",
    "reads_history",
    "no_run",
    "needs_trigger",
    "needs_enrolment",
    "condition",
    "audience",
    "include",
    "exclude",
    "awaits_run",
    "due",
    "needs_cause",
]


class Obstacle(Answer):
    """One reason why a user does not enter a journey."""

    reason: Reason
    """The reason, for programs."""
    text: str
    """The same for people, and what would change it."""
    until: Instant | None = None
    """When time alone removes it; null: never."""


class Asked(Answer):
    """A condition that is asked of the user, and where."""

    name: str
    """The field of the definition, the name of an exit, or that of a branch."""
    clause: Clause
    """The condition, opened up."""


class Told(Answer):
    """A send step that the user is in: destinations were told Entered and are owed Exited."""

    step: str
    """The send step's id."""
    destinations: tuple[str, ...]
    """Those who were told; none where the user came here under another id."""


class Standing(Answer):
    """One place where an instance stands."""

    step: str | None
    """The step's id; null: the path has ended, and the user rests in the send step."""
    name: str
    """The step's name for people."""
    type: str
    """The step's type; `rest` where the user rests."""
    since: Instant
    """When they came to it."""
    wakes_at: Instant | None
    """When time alone may move them on from here; null: never."""
    timeout: str | None = None
    """How long they wait here at most, as the step says it."""
    waits_for: tuple[Asked, ...] = ()
    """The conditions that would move them on; of a split those of branches not taken yet."""
    taken: tuple[str, ...] = ()
    """The branches that they have gone down already while they wait here."""
    told: Told | None = None
    """The send step that they are in meanwhile, if any."""


class GoalState(Answer):
    """A goal, as it is for one instance."""

    id: str
    """The goal's id; of a percent split's goal the step's id, a dot, and its name."""
    name: str
    """Its name for people."""
    state: Literal["open", "reached", "met_at_entry", "not_asked"]
    """`met_at_entry` never counts; `not_asked` is a split's, which was not passed yet."""
    at: Instant | None
    """When it was reached, or found met."""
    exits: bool
    """Whether reaching it ends the instance."""
    clause: Clause
    """Its condition, opened up."""


class InstanceState(Answer):
    """One pass through a journey, as it is now."""

    instance: str
    """Its id, as in the context of messages."""
    version: int
    """The version that it walks."""
    number: int
    """The user's how-manieth pass through the journey it is, from 1."""
    key: str
    """What tells it apart from others beside it; mostly empty."""
    entered_at: Instant
    """When the user entered."""
    entry: dict[str, Any]
    """What is kept of the event that they entered by."""
    results: dict[str, Any]
    """What decide steps have stored."""
    paths: dict[str, str]
    """The path that each percent split with goals has drawn."""
    stands_still: Literal["held", "stopped", "stuck"] | None
    """Why nothing moves in it, if so: the journey is held or stopped, or has failed on the user."""
    wakes_at: Instant | None
    """When time alone may change something; what lies in the past was not applied yet."""
    ends_at: Instant | None
    """When the maximum duration is over; null: there is none."""
    positions: tuple[Standing, ...]
    """Where it stands."""
    goals: tuple[GoalState, ...]
    """The journey's goals."""
    exits: tuple[Asked, ...]
    """The exit conditions: any that holds takes the user out."""
    stays_while: tuple[Asked, ...]
    """Where whoever is not in the entry audience any more leaves: what has to go on being true."""


class JourneyExplanation(Answer):
    """Why a user is in one journey, or is not."""

    journey: str
    """The journey's id."""
    name: str
    """Its name for people."""
    state: State
    """Where in its life it is."""
    version: int
    """The version that new users enter."""
    inside: bool
    """Whether the user is in it."""
    instances: tuple[InstanceState, ...]
    """Their passes through it that have not ended."""
    entered: int
    """How often they have entered it."""
    exits: dict[str, int]
    """How often they have left it, by reason."""
    qualifies: bool
    """Whether all that entering asks is true now."""
    entry: tuple[Asked, ...]
    """What entering asks; all of it has to hold."""
    obstacles: tuple[Obstacle, ...]
    """Why they do not enter now; empty where nothing is in the way of the next cause."""
    counts_from: Instant | None
    """Only events after this count for it, as it was published then; null: all that is known."""


class Explanation(Answer):
    """Why a user is where they are, in one journey or in all."""

    user_id: str
    """The user."""
    known: bool
    """Whether anything was applied for this id."""
    became: str | None
    """The user that this id turned out to be, who has all that it had."""
    now: Instant
    """The instant at which everything was asked."""
    journeys: tuple[JourneyExplanation, ...]
    """By id."""
