"""When a send may be told: quiet hours, sending windows, frequency caps.

Law: a journey says it for all of its send steps, and a step overrides it field by field. Hours
come first: a send at another time is held until the first instant that is allowed, or
discarded. Then the caps: a send over one of them is discarded, or held until it is within all.
What was told counts, what was discarded does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from journeystream.calendars.caps import MOST_SENT, CompiledCap, free_at
from journeystream.calendars.hours import ALL_WEEK, Hours, WeekHours, allowed_hours
from journeystream.durations import parse_duration
from journeystream.setting_types import SpanText
from journeystream.user import User

OtherTimes = Literal["hold", "discard"]
DISCARD = "discard"


class Cap(BaseModel):
    """At most so many sends to one user in a rolling window of time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at_most: int = Field(ge=1, le=MOST_SENT, description="this many sends or fewer")
    within: SpanText = Field(description="a duration, as in `1 day`")
    across: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_-]{1,80}$",
        description="a name: all sends under a cap with this name count, in whichever journey; "
        "without it: the capped sends of this journey",
    )


class Sending(BaseModel):
    """The rules for sends. What a step leaves out is as its journey says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    quiet_hours: list[Hours] | None = Field(None, description="times at which nothing is sent")
    windows: list[Hours] | None = Field(None, description="the only times at which it is")
    at_other_times: OtherTimes | None = Field(
        None, description="hold (the default): until it may be sent; discard: it is left out"
    )
    caps: list[Cap] | None = Field(None, max_length=5, description="how many sends are too many")
    over_cap: OtherTimes | None = Field(
        None, description="discard (the default): it is left out; hold: until it is within the caps"
    )

    def over(self, journey: Sending) -> Sending:
        """Return the journey's rules with these over them."""
        here = {name: getattr(self, name) for name in type(self).model_fields}
        return journey.model_copy(
            update={name: value for name, value in here.items() if value is not None}
        )

    @property
    def hours(self) -> WeekHours:
        """The hours of the week at which it may be sent."""
        return allowed_hours(self.windows or (), self.quiet_hours or ())

    def compile(self, journey: str) -> Permit | None:
        """Return how to ask for a permit; None when everything may be sent."""
        caps = tuple(
            CompiledCap(
                f"*{cap.across}" if cap.across else journey, cap.at_most, parse_duration(cap.within)
            )
            for cap in self.caps or ()
        )
        hours = self.hours
        if hours == ALL_WEEK and not caps:
            return None
        return Permit(hours, self.at_other_times == DISCARD, caps, self.over_cap != "hold")


@dataclass(frozen=True, slots=True)
class Permit:
    """Says when a send may be told."""

    hours: WeekHours
    discards_at_other_times: bool
    caps: tuple[CompiledCap, ...]
    discards_over_cap: bool

    @property
    def scopes(self) -> tuple[str, ...]:
        """What a send counts for."""
        return tuple(dict.fromkeys(cap.scope for cap in self.caps))

    def answer(self, user: User, now: int, zone: tzinfo) -> int | None:
        """Return `now` when it may be told, a later instant to ask again at, None for never."""
        opens = self.hours.next_instant(now, zone)
        if opens is None or (opens > now and self.discards_at_other_times):
            return None
        if opens > now:
            return opens
        free = free_at(self.caps, user.sent, now, zone)
        return None if free > now and self.discards_over_cap else free
