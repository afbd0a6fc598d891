"""What can happen to a user: the inputs of the engine.

Every happening has an instant `at`; the engine knows no other time. They are values: nobody
changes one. (They are not `frozen`, because that triples what it costs to make one.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from journeystream.user import User


@dataclass(slots=True)
class Event:
    """One message of an upstream app about one user, decoded.

    `kind` is the call (`track`, `identify`, `page`, `screen`, `group`, `alias`), `name` the
    event's or page's name. `properties` are an identify's or group's traits. `previous` is another
    id that an alias or an identify says is the same user.
    """

    user_id: str
    kind: str
    name: str
    at: int
    properties: Mapping[str, object] = field(default_factory=dict)
    context: Mapping[str, object] = field(default_factory=dict)
    message_id: str | None = None
    anonymous: bool = False
    previous: str = ""


class Unread(Struct, gc=False):
    """An event that no live journey reads: its time counts, and whose it is.

    (A struct: that costs a third of a dataclass, and most of what comes may be this.)
    """

    user_id: str
    at: int

    def event(self) -> Event:
        """Return the event itself: asked for where its user is new to a journey."""
        raise NotImplementedError


@dataclass(slots=True)
class Due:
    """Time has come to `at`, an instant that the user's record asked to be woken at."""

    user_id: str
    at: int


@dataclass(slots=True)
class ClockMark:
    """The clock comes to `at`: a replay's word that nothing older will come from `origin`.

    An empty origin is the topic and partition that the mark itself was read from. So is what stands
    for events that have nothing else to do there.
    """

    at: int
    origin: str = ""


@dataclass(slots=True)
class Archived:
    """A journey was archived: everyone still in it leaves."""

    user_id: str
    at: int
    journey: str


@dataclass(slots=True)
class Retried:
    """A journey that failed on the user is tried again."""

    user_id: str
    at: int
    journey: str


@dataclass(slots=True)
class Reviewed:
    """A journey goes on after it was held, or has a version for those in older ones."""

    user_id: str
    at: int
    journey: str


@dataclass(slots=True)
class Enrolled:
    """Somebody names a user who is to enter: by a list, a command, the API.

    The entry condition is not asked; everything else about entering holds. `properties` stand for
    those of an entry event. A `message_id` tells a repeat, as with events.
    """

    user_id: str
    at: int
    journey: str
    properties: Mapping[str, object] = field(default_factory=dict)
    message_id: str | None = None


@dataclass(slots=True)
class Listed:
    """Somebody puts the user on a list, or takes them off (`joins` is false)."""

    user_id: str
    at: int
    list: str
    joins: bool
    message_id: str | None = None


@dataclass(slots=True)
class Answered:
    """A decision service answers the `request` of a decide step with ranked offers."""

    user_id: str
    at: int
    request: str
    offers: Sequence[Mapping[str, object]]
    message_id: str | None = None


@dataclass(slots=True)
class Removed:
    """Somebody takes the user out of a journey by hand.

    `key` names one of the passes that a journey has beside each other; None: all of them.
    """

    user_id: str
    at: int
    journey: str
    key: str | None = None
    message_id: str | None = None


@dataclass(slots=True)
class Moved:
    """Somebody brings the user to a step of a journey that they are in, by hand."""

    user_id: str
    at: int
    journey: str
    step: str
    message_id: str | None = None


@dataclass(slots=True)
class Erased:
    """The user is to be forgotten: by an upstream app, or by a command.

    It has no message id: what it would be remembered by is gone with the user.
    """

    user_id: str
    at: int


@dataclass(slots=True)
class Past:
    """An event of before a version was published, which counts for what that version asks."""

    user_id: str
    at: int
    journey: str
    version: int
    event: Event | Erased


@dataclass(slots=True)
class PastOver:
    """A new version meets the user, who may qualify already; it knows what it asks of before."""

    user_id: str
    at: int
    journey: str


Note = Enrolled | Listed | Answered | Removed | Moved
"""What others than upstream apps say of a user."""


@dataclass(slots=True)
class Claimed:
    """The user is another one, `by` name; `openly` if an alias says so, and no mere identify."""

    user_id: str
    at: int
    by: str
    openly: bool


@dataclass(slots=True)
class Adopted:
    """All that another id had comes to the user; `trail` are the ids that it has passed so far.

    Its `message_id` tells a repeat, as with events.
    """

    user_id: str
    at: int
    record: User
    trail: tuple[str, ...]
    message_id: str


Message = Event | Note | Erased | Claimed | Adopted
"""What comes by a topic about one user."""

Entry = Message | Unread | ClockMark | None
"""What a record of a topic is to a partition; None: nothing, or nothing beside what came before."""

Happening = Message | Due | Archived | Retried | Reviewed | Past | PastOver
