"""`decide`: offers are chosen and kept, and sends can use them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from journeystream.effects import DecisionRequest, memberships
from journeystream.engine import advance
from journeystream.events import Due, Event
from journeystream.steps.decide import Decide, answer, is_asking
from journeystream.user import User
from tests.strategies import START, journey_of, rules_of
from tests.walking import effects, everything, walk

SENDS = """
  - id: sent
    type: send_to_destinations
    destinations:
      - {name: email, attributes: {offer: results.loan.0.offer_id, rate: results.loan.0.rate,
                                   second: results.loan.1.offer_id, creative: text.loans_v1}}
  - {id: none, type: send_to_destinations, destinations: [email]}
"""
RULES = f"""
steps:
  - id: choose
    type: decide
    rules:
      - condition: {{trait: plan, equals: pro}}
        offers: [{{offer_id: gold, attributes: {{rate: 3}}}}, {{offer_id: silver}}]
      - {{condition: {{event: Look}}, offers: [{{offer_id: tin}}]}}
    most: 2
    store_as: loan
    next: sent
    no_offer: {{next: none}}
{SENDS}"""
SCORES = f"""
steps:
  - id: loan
    type: decide
    offers:
      - {{offer_id: big, score: traits.income * 0.1 - entry.debt}}
      - {{offer_id: small, score: 5, condition: {{event: Look}}}}
      - {{offer_id: none, score: -1000}}
    next: sent
    no_offer: {{next: none}}
{SENDS}"""


def chosen(journey: str, *happened: str) -> dict[str, object]:
    """Return what the send after the decision was told."""
    [effect] = effects(journey, *happened)
    return {"step": effect.step, **effect.attributes}


def test_the_first_rule_that_holds_gives_its_offers() -> None:
    """Rules are asked in order; what they offer stands in the send, with its attributes."""
    start = "01:00:00 u1 Start"
    pro, look = "00:00:00 u1 identify {plan: pro}", "00:00:00 u1 Look"
    gold = {"step": "sent", "offer": "gold", "rate": 3, "second": "silver", "creative": "loans_v1"}
    assert chosen(RULES, pro, start) == gold
    assert chosen(RULES, pro, look, start) == gold
    assert chosen(RULES, look, start) == {"step": "sent", "offer": "tin", "creative": "loans_v1"}
    assert chosen(RULES, start) == {"step": "none"}


@pytest.mark.parametrize(
    ("income", "debt", "offer"), [(100, 4, "big"), (100, 6, "small"), (0, 0, "small")]
)
def test_the_highest_score_wins(income: int, debt: int, offer: str) -> None:
    """Scores count with traits and the entry event's properties; who may not get it is out."""
    happened = (f"00:00:00 u1 identify {{income: {income}}}", "00:00:00 u1 Look")
    told = chosen(SCORES, *happened, f"01:00:00 u1 Start {{debt: {debt}}}")
    assert told == {"step": "sent", "offer": offer, "creative": "loans_v1"}
    told = chosen(SCORES, "01:00:00 u1 Start {debt: 2000}")
    assert told["offer"] == "none"


def test_equal_scores_keep_the_order_of_the_file() -> None:
    """Of equal scores the one that is listed first comes first."""
    journey = SCORES.replace("traits.income * 0.1 - entry.debt", "5")
    assert chosen(journey, "00:00:00 u1 Look", "01:00:00 u1 Start")["offer"] == "big"


# ── a decision service outside ────────────────────────────────────────────────────────────

ASKS = f"""
steps:
  - id: choose
    type: decide
    ask: {{flow: loans, attributes: {{plan: traits.plan, cart: entry.cart, app: text.shop}}}}
    timeout: {{after: 10 minutes, next: none}}
    most: 3
    store_as: loan
    next: sent
{SENDS}"""


def test_a_service_is_asked_once() -> None:
    """One request leaves, with an id and what the service is to know; the user waits."""
    happened = ("00:00:00 u1 Start {cart: c1}", "00:05:00 u1 Look", "00:06:00 u1 Start")
    [request] = everything(ASKS, *happened)
    assert isinstance(request, DecisionRequest)
    assert (request.flow, request.most, request.visit) == ("loans", 3, 1)
    assert request.attributes == {"cart": "c1", "app": "shop"}
    assert len(request.message_id) == 32


def test_without_an_answer_the_timeout_comes() -> None:
    """The service has its time, and no more."""
    assert walk(ASKS, "00:00:00 u1 Start", until="1d 00:00:00") == ["00:10:00 u1 entered none"]


def test_an_answer_takes_the_user_on() -> None:
    """What the service offers is kept as a result, and the user goes on with it."""
    step = {
        "id": "choose",
        "type": "decide",
        "ask": {"flow": "loans"},
        "timeout": {"after": "1 hour"},
        "next": "sent",
    }
    attributes = {"offer": "results.choose.0.offer_id"}
    send = {
        "id": "sent",
        "type": "send_to_destinations",
        "destinations": [{"name": "email", "attributes": attributes}],
    }
    entry = {"condition": {"event": "a"}}
    rules = rules_of(journey_of({"id": "j", "name": "J", "entry": entry, "steps": [step, send]}))
    asked = advance(User("u1"), Event("u1", "track", "a", START), rules)
    assert asked.user is not None
    [request], [instance] = asked.effects, asked.user.instances
    [position] = instance.positions
    assert isinstance(request, DecisionRequest)
    assert position.taken == [request.message_id]
    [compiled] = rules.journeys.versions.values()
    assert is_asking(position, request.message_id)
    answer(instance, position, compiled.steps["choose"], [{"offer_id": "gold"}])
    assert not is_asking(position, request.message_id)
    instance.wake = START + 1
    [told] = memberships(advance(asked.user, Due("u1", START + 1), rules).effects)
    assert (told.step, told.attributes) == ("sent", {"offer": "gold"})


@pytest.mark.parametrize(
    "written",
    [
        {},
        {"offers": [{"offer_id": "a"}], "rules": [{"condition": {"event": "a"}, "offers": []}]},
        {"ask": {"flow": "a"}},
        {"offers": [{"offer_id": "a"}], "timeout": {"after": "1 hour"}},
        {"offers": [{"offer_id": "a", "score": "sum(traits.a)"}]},
        {"offers": [{"offer_id": "a"}], "store_as": "a.b"},
        {"offers": []},
    ],
)
def test_what_can_not_be_decided(written: dict[str, object]) -> None:
    """One way to choose is written, and `ask` says how long it waits."""
    with pytest.raises(ValidationError):
        Decide.model_validate({"id": "choose", "type": "decide", **written})
