"""A shop whose worker serves the API: its journeys, and what is asked of its answers."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from tests.integration.api_client import Answer, Api
from tests.integration.waiting import wait_until
from tests.integration.world import World

# As a decision platform documents it.
LOAN = """{
  "name": "Personal Loan Nurture",
  "description": "3-week nurture journey for loan-interested customers",
  "maxDuration": 21,
  "status": "draft",
  "entryConditions": {
    "segments": ["loan_interested"],
    "minDaysSinceLastJourney": 30
  },
  "steps": [
    {
      "id": "step_initial_offer",
      "type": "decide",
      "config": { "decisionFlowId": "df_personal_loans", "maxOffers": 1 }
    },
    {
      "id": "step_send_email",
      "type": "send",
      "config": { "channelId": "ch_email", "resultSource": "step_initial_offer" }
    },
    {
      "id": "step_wait_3d",
      "type": "wait",
      "config": { "duration": 3, "unit": "days" }
    },
    {
      "id": "step_check_response",
      "type": "branch",
      "config": {
        "conditions": [
          { "label": "Converted", "expression": "outcome == 'conversion'",
            "targetStepId": "step_end" }
        ],
        "defaultTargetStepId": "step_followup"
      }
    }
  ]
}"""


class Shop(NamedTuple):
    """A project whose one worker serves the API."""

    world: World
    api: Api


def journey(id_: str, **changes: object) -> dict[str, Any]:
    """Write a journey that users enter by name; they rest at a send step, behind a wait."""
    return {
        "id": id_,
        "name": id_,
        "entry": {"by_name": True, "reentry": "after_exit"},
        "steps": [
            {"id": "greet", "type": "send_to_destinations", "destinations": ["email"],
             "next": "rest"},
            {"id": "rest", "type": "wait_for_duration", "duration": "30 days", "next": "bye"},
            {"id": "bye", "type": "send_to_destinations", "destinations": ["in_app"]},
        ],
        **changes,
    }  # fmt: skip


def longer(id_: str, **changes: object) -> dict[str, Any]:
    """Write the same journey with a longer wait: another structure."""
    written = journey(id_, **changes)
    written["steps"][1]["duration"] = "40 days"
    return written


def done(answer: Answer, status: int = 200) -> dict[str, Any]:
    """Return the body of an answer that has this status."""
    assert answer.status == status, answer
    body: dict[str, Any] = answer.body
    return body


def refused(answer: Answer, status: int, *words: str) -> None:
    """Check that an answer is a problem that says these words."""
    assert answer.status == status, answer
    assert answer.headers["content-type"].startswith("application/problem+json")
    said = json.dumps(answer.body)
    assert all(word in said for word in words), said


def live(shop: Shop, id_: str) -> None:
    """Bring a journey to life."""
    done(shop.api.post("/journeys", journey(id_)), 201)
    done(shop.api.post(f"/journeys/{id_}/publish"))


def inside(shop: Shop, id_: str) -> dict[str, Any]:
    """Return how many are in a journey."""
    return done(shop.api.get(f"/journeys/{id_}/counts"))


def enroll(shop: Shop, id_: str, *users: str) -> None:
    """Let users in, and wait until they are."""
    before = inside(shop, id_)["inside"]
    body = {"users": [{"userId": user} for user in users]}
    assert done(shop.api.post(f"/journeys/{id_}/users", body), 202) == {"users": len(users)}
    wait_until(lambda: inside(shop, id_)["inside"] == before + len(users), "the users")
