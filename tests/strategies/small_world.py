"""The small world of what is drawn: few names, few users, and instants from one start on."""

from __future__ import annotations

from datetime import UTC, datetime

from journeystream.durations import MICROS, instant_of

START = instant_of(datetime(2024, 3, 1, tzinfo=UTC))
MINUTE = 60 * MICROS
HOUR = 60 * MINUTE
DAY = 24 * HOUR
END_OF_TIME = START + 60 * DAY

EVENT_NAMES = ("a", "b", "c")
USERS = ("u1", "u2", "u3")
WINDOWS = ("1 hour", "3 hours", "1 day")
TRAITS = ("plan", "score", "due")
# Dates around the start, one a year ago, and what is no date.
DUES = ("2024-03-01T06:30:00Z", "2024-03-03", "2023-03-04T10:00:00+02:00", "soon")
DESTINATIONS = ("email", "ads")
