"""What a simulation tells, as values that the command and others hand out as they are.

Law: counts are of everybody, lists of users are bounded. Every order is a function of the content,
so that the same inputs give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from journeystream.answers import Answer

What = Literal["entered", "step", "goal", "told", "asked", "left"]
Differs = Literal["entry", "path", "end"]


class Refused(Answer):
    """Records that are no events, by the code that their dead letters would have."""

    code: str
    """Why, for programs."""
    records: int
    """How many."""
    example: str
    """Where the first one is, and what is wrong with it."""


class EventsRead(Answer):
    """What was read of the events."""

    events: int = 0
    """How many were played."""
    left_out: int = 0
    """How many are outside of the times that were asked for."""
    late: int = 0
    """How many of those played are older than one before them in their partition."""
    refused: tuple[Refused, ...] = ()
    """Records that are no events, by code."""
    first: str | None = None
    """The earliest time among those played; None without any."""
    last: str | None = None
    """The latest."""


class Edge(Answer):
    """A way from one stage to the next, and how often it was gone."""

    step: str
    """The step before; `start` for the first one. Of an end, the step that was come to last."""
    next: str
    """The step after; `complete`, `exit` or `orphan` where the pass ends."""
    branch: str
    """The split's branch, if it is one."""
    ends: bool
    """Whether the pass ends there: `next` is no step."""
    passes: int
    """How often."""


class Messages(Answer):
    """What a destination would have got."""

    destination: str
    """Its name."""
    entered: int
    """Audience Entered events, or additions to lists."""
    exited: int
    """Audience Exited events, or removals from lists."""


class Moment(Answer):
    """Something that happened to a user."""

    at: str
    """When."""
    instance: str
    """The id of the pass through the journey."""
    what: What
    """entered or left the journey, came to a step, reached a goal, a destination is told, a
    decision service asked."""
    name: str = ""
    """Of the step or goal; of who leaves, the stage: complete, exit or orphan."""
    detail: str = ""
    """The branch to a step; why the user left; of a message, entered or `exited: REASON`; the
    decision flow."""
    destination: str = ""
    """Who is told."""


class Timeline(Answer):
    """All that happened to one user in the journey, in order."""

    user: str
    """The user's id."""
    moments: tuple[Moment, ...]
    """From the first entry on."""


class Simulated(Answer):
    """What became of everybody in one version of a journey."""

    journey: str
    """The journey's id."""
    label: str
    """Which version: a published one's number, or the file."""
    until: str | None
    """Up to when time has passed; None if nothing has happened."""
    entered: int
    """Passes begun. Each is still inside or among the exits."""
    users: int
    """Users who entered at least once."""
    inside: int
    """Passes that have not ended."""
    standing: Mapping[str, int]
    """Step to users who stand there; who rests does so at the send step that was last."""
    exits: Mapping[str, int]
    """Reason, with what is behind it, to passes that ended by it."""
    edges: tuple[Edge, ...]
    """Every way between stages that was gone."""
    goals: Mapping[str, int]
    """Goal to passes that reached it."""
    messages: tuple[Messages, ...]
    """What destinations would have got."""
    profile_changes: int
    """Changes of profiles by steps, each of which would have been told."""
    unanswered: int
    """Questions to a decision service. None is answered here, so each goes the time-out's way."""
    failures: Mapping[str, int]
    """Faults of journeystream itself, by journey and error; who meets one is stuck there."""
    timelines: tuple[Timeline, ...]
    """Users who entered: the one who was named, or the first ones by id."""


class UserDifference(Answer):
    """A user who fares differently. A way is told by its steps, with branches, and its end."""

    user: str
    """The user's id."""
    differs: Differs
    """How often they enter; the steps that they come to; or only the end."""
    this: tuple[tuple[str, ...], ...]
    """The ways of their passes in the version that is simulated."""
    against: tuple[tuple[str, ...], ...]
    """The ways in the version that it is compared with."""


class Difference(Answer):
    """Who would fare differently; when something happens makes no difference, what does."""

    entry: int
    """Users who enter in one version only, or more often."""
    path: int
    """Users who enter equally often and come to other steps."""
    end: int
    """Users who come to the same steps and end differently, or only in one."""
    users: tuple[UserDifference, ...]
    """The one who was named, or the first ones by id."""


class Report(Answer):
    """All that a simulation has to say."""

    read: EventsRead
    """What was read of the events."""
    simulated: Simulated
    """What became of everybody."""
    against: Simulated | None = None
    """The same in the version that it is compared with."""
    difference: Difference | None = None
    """Who would fare differently."""
