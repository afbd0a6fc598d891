"""What tests draw: small valid journeys, logs of events, and records of users.

Everything is small on purpose: few names, few users and few instants meet often, and what
goes wrong between two things goes wrong between two small ones.
"""

from __future__ import annotations

from tests.strategies.event_logs import (
    Cuts,
    apart,
    cut,
    cuts,
    events,
    handled,
    logs,
    messages,
    with_repeats,
)
from tests.strategies.small_journeys import (
    Project,
    journey_of,
    journeys,
    meeting_journeys,
    projects,
    rules_of,
)
from tests.strategies.small_world import (
    DAY,
    DESTINATIONS,
    DUES,
    END_OF_TIME,
    HOUR,
    MINUTE,
    START,
    USERS,
)
from tests.strategies.user_records import instants, json_values, users
from tests.strategies.written_conditions import (
    change_leaves,
    conditions,
    date_leaves,
    event_leaves,
    ordered_leaves,
)

__all__ = [
    "DAY",
    "DESTINATIONS",
    "DUES",
    "END_OF_TIME",
    "HOUR",
    "MINUTE",
    "START",
    "USERS",
    "Cuts",
    "Project",
    "apart",
    "change_leaves",
    "conditions",
    "cut",
    "cuts",
    "date_leaves",
    "event_leaves",
    "events",
    "handled",
    "instants",
    "journey_of",
    "journeys",
    "json_values",
    "logs",
    "meeting_journeys",
    "messages",
    "ordered_leaves",
    "projects",
    "rules_of",
    "users",
    "with_repeats",
]
