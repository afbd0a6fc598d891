"""The example of a decision service: what it answers, and the journey that asks it."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import orjson
import pytest

from journeystream.agents.decode import DecodeLimits, decode
from journeystream.definitions import JourneyDefinition, read_definitions
from journeystream.effects import DecisionRequest
from journeystream.events import Answered
from journeystream.project import load_project
from journeystream.publishing import check
from journeystream.sinks.decision_requests import RequestSink
from tests.strategies import START

EXAMPLES = Path(__file__).parents[1] / "examples"
SERVICE = runpy.run_path(str(EXAMPLES / "decision_service" / "service.py"))
LIMITS = DecodeLimits(10_000, clock_skew=0, oldest_event=0, replay=False, replies=True)


def answer(flow: str, attributes: dict[str, Any], *, anonymous: bool = False) -> Answered:
    """Let the service answer what a worker asks, and a worker read it."""
    place = "loans", 1, "1f", "ask", 1
    asked = DecisionRequest("u1", anonymous, START, *place, flow, 2, attributes)
    [request] = RequestSink("requests", "replies").records(asked)
    reply = SERVICE["reply_to"](orjson.loads(request.value or b""))
    found = decode(orjson.dumps(reply), START, LIMITS)
    assert isinstance(found, Answered)
    assert (found.user_id, found.request) == ("u1", asked.message_id)
    return found


@pytest.mark.parametrize(
    ("income", "loans"),
    [
        (9_000, ["platinum_loan", "gold_loan"]),
        (3_000, ["gold_loan", "starter_loan"]),
        (2_999.5, ["starter_loan"]),
        (0, []),
        ("much", []),
    ],
)
def test_loans_are_ranked_by_income(income: object, loans: list[str]) -> None:
    """What an income allows is offered, the best first, and no more than was asked for."""
    assert [
        offer["offer_id"] for offer in answer("df_personal_loans", {"income": income}).offers
    ] == (loans)


def test_whoever_can_not_be_served_is_told_at_once() -> None:
    """Without an income, or for a flow that the service does not know, nobody has to wait."""
    assert answer("df_personal_loans", {}, anonymous=True).offers == []
    assert answer("df_another", {"income": 9_000}).offers == []


def test_its_journey_can_be_published_in_the_project_of_the_examples() -> None:
    """The project names the topics by which it asks, and its examples hold."""
    [journey] = read_definitions(EXAMPLES / "decision_service" / "loans.yaml")
    assert isinstance(journey, JourneyDefinition)
    assert check(journey, {}, load_project(EXAMPLES / "journeystream.yaml")) == []
