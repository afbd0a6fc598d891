"""The journeys of the simulation, written by hand: between them every kind of wait and way out.

`late` is published, and `quick` archived, while events come. All spans are seconds, so that a
few seconds of virtual time hold whole journeys.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from journeystream.compiler import Workshop
from journeystream.control_log import Head, PublishedVersion, head_record, version_record
from journeystream.definitions import JourneyDefinition
from journeystream.durations import MICROS
from journeystream.keys import keys_of
from journeystream.lifecycle import State
from journeystream.project import EventDestination, ListDestination
from journeystream.publishing import workshop_of
from tests.strategies.small_journeys import journey_of

BASE = 1_700_000_000 * MICROS  # the instant of virtual time 0
EMAIL, ADS = "email", "ads"
DESTINATIONS = (
    EventDestination(name="email", type="event", topic=EMAIL),
    ListDestination(name="ads", type="list", topic=ADS, attributes={"plan": "traits.plan"}),
)
FIRST, QUICK, LATE = ("cart", "quick", "split"), "quick", "late"

_WRITTEN: dict[str, dict[str, Any]] = {
    "cart": {
        "id": "cart",
        "name": "Waits, then asks",
        "entry": {"condition": {"event": "a"}, "reentry": "after_exit"},
        "exits": [{"name": "bought", "condition": {"event": "b", "since": "entry"}}],
        "at_end": "exit",
        "steps": [
            {"id": "pause", "type": "wait_for_duration", "duration": "1 second", "next": "remind"},
            {"id": "remind", "type": "send_to_destinations", "destinations": ["email"],
             "next": "answer"},
            {"id": "answer", "type": "wait_for_condition",
             "condition": {"event": "c", "since": "step"}, "next": "thank",
             "timeout": {"after": "2 seconds", "next": "show"}},
            {"id": "thank", "type": "send_to_destinations", "destinations": ["email"]},
            {"id": "show", "type": "send_to_destinations", "destinations": ["ads", "email"]},
        ],
    },
    "quick": {
        "id": "quick",
        "name": "Enters by time alone",
        "entry": {
            "condition": {"all": [
                {"event": "a", "at_least": 1, "within": "3 seconds"},
                {"event": "b", "exactly": 0, "within": "1 second"},
            ]},
            "reentry": "after_exit",
        },
        "max_duration": "2 seconds",
        "steps": [
            {"id": "told", "type": "send_to_destinations", "destinations": ["email"],
             "next": "wait"},
            {"id": "wait", "type": "wait_for_condition", "condition": {"event": "b"},
             "next": "listed"},
            {"id": "listed", "type": "send_to_destinations", "destinations": ["ads"]},
        ],
    },
    "split": {
        "id": "split",
        "name": "Splits",
        "entry": {"condition": {"event": "c", "at_least": 2, "within": "3 seconds"},
                  "reentry": "after_exit"},
        "exits": [{"name": "twice", "condition": {"event": "b", "since": "entry", "at_least": 2}}],
        "at_end": "exit",
        "steps": [
            {"id": "plan", "type": "true_false_split",
             "condition": {"trait": "plan", "equals": "pro"},
             "if_true": {"next": "pros"}, "if_false": {"next": "others"}},
            {"id": "pros", "type": "send_to_destinations", "destinations": ["ads"],
             "next": "rest"},
            {"id": "others", "type": "multi_branch_split", "branches": [
                {"name": "one", "condition": {"event": "a", "since": "step"}, "next": "pros"},
                {"name": "two", "condition": {"event": "b", "since": "step"}, "next": "rest"}],
             "timeout": {"after": "1 second", "next": "pros"}},
            {"id": "rest", "type": "wait_for_duration", "duration": "1 second", "next": "last"},
            {"id": "last", "type": "send_to_destinations", "destinations": ["email"]},
        ],
    },
    "late": {
        "id": "late",
        "name": "Published late",
        "entry": {"condition": {"any": [{"event": "a"}, {"event": "b"}]},
                  "reentry": "after_exit"},
        "max_duration": "1 second",
        "steps": [{"id": "hello", "type": "send_to_destinations", "destinations": ["email"]}],
    },
}  # fmt: skip


@cache
def workshop() -> Workshop:
    """Return what journeys are compiled with."""
    attributes = {each.name: each.attributes for each in DESTINATIONS}
    plain = workshop_of(None)
    return Workshop(plain.zone, {}, lambda name: attributes[name])


@cache
def _definition(id_: str) -> JourneyDefinition:
    return journey_of(_WRITTEN[id_])


def steps_of(id_: str) -> list[str]:
    """Return the ids of a journey's steps."""
    return [step.id for step in _definition(id_).steps]


def published(id_: str, at: int) -> list[tuple[bytes, bytes]]:
    """Return the records by which a journey goes live."""
    definition = _definition(id_)
    version = PublishedVersion(definition, 1, keys_of(definition, {}, 255), at)
    return [version_record(version), head_record(id_, Head(State.LIVE, 1))]


def archived(id_: str) -> list[tuple[bytes, bytes]]:
    """Return the record by which a journey is archived."""
    return [head_record(id_, Head(State.ARCHIVED, 1))]
