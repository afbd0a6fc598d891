"""An audience with destinations is a journey of its own: whoever is in it stands in its one step.

So they are told Entered and Exited, and lists are kept, by the same rules as in any journey.
"""

from __future__ import annotations

from journeystream.definitions import AudienceDefinition, JourneyDefinition

_STEP = "in"


def journey_id(audience: str) -> str:
    """Return the id of an audience's own journey."""
    return f"audience-{audience}"


def journey_of(audience: AudienceDefinition) -> JourneyDefinition:
    """Return the journey that tells an audience's destinations who is in it."""
    return JourneyDefinition.model_validate(
        {
            "id": journey_id(audience.id),
            "name": audience.name,
            "description": f"tells destinations who is in audience {audience.id}",
            "entry": {"audience": audience.id, "already_in": True, "reentry": "after_exit"},
            "leave_when_not_in_audience": True,
            "steps": [
                {
                    "id": _STEP,
                    "type": "send_to_destinations",
                    "destinations": audience.destinations,
                    "key": audience.key or audience.id,
                }
            ],
        }
    )
