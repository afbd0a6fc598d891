"""Any condition, asked of any user: `{"condition": …, "traits": …, "facts": …, "at": …}`.

Law: a condition that can be written is total. It has a truth at every moment, time alone
changes it only later, whatever the traits and facts are; asking changes nothing, and its
predicates can be asked about any event, and learn from it. It can be written as one string.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from journeystream.condition_language import Condition, text_of
from journeystream.condition_text import LONGEST_TEXT
from journeystream.conditions import Moment, compile_condition, flip
from journeystream.definitions import AudienceDefinition, parse_definition
from journeystream.durations import LAST_INSTANT
from journeystream.errors import DefinitionError
from journeystream.events import Event
from journeystream.project import Limits
from journeystream.user import NEVER, Passes, User
from journeystream.validation import Known, validate_audience
from tests.fuzz.published import QUESTIONS
from tests.fuzz.target import Target
from tests.fuzz.telling import says_what_to_do
from tests.strategies import DAY, START

ZONES = (ZoneInfo("UTC"), ZoneInfo("Pacific/Apia"))
BIG = {"event": "Order Completed", "where": {"total": {"at_least": 100}}, "within": "1 month"}
_MOST_FACTS = 20


def holds(data: bytes) -> None:
    """Ask the condition at every instant that there is about the user."""
    try:
        asked = orjson.loads(data)
    except orjson.JSONDecodeError:
        return
    if not isinstance(asked, dict):
        return
    condition = _read(asked.get("condition"))
    if condition is None:
        return
    _is_written_in_one_string(condition)
    traits, facts = _object(asked.get("traits")), _instants(asked.get("facts"))
    for zone in ZONES:
        _is_total(condition, zone, traits, facts or [START])


def _is_written_in_one_string(condition: Condition) -> None:
    text = text_of(condition)
    if len(text) > LONGEST_TEXT:
        return
    try:
        again = _audience(text).condition
    except DefinitionError as error:
        refused = str(error)
    else:
        assert again == condition
        return
    # Trees may nest deeper than a string.
    assert "nest at most" in refused


def _is_total(written: Condition, zone: ZoneInfo, traits: dict[str, Any], facts: list[int]) -> None:
    condition = compile_condition(written, zone, {"big": _big()})
    user = User(
        "u1",
        known_since=facts[0],
        clock=facts[-1],
        traits=traits,
        facts={id_: facts[-each.keep :] for id_, each in condition.predicates.items()},
        changed=dict.fromkeys(condition.watched, facts[0]),
        lists={"vips": facts[0]},
        passes={"welcome": Passes(1, exits={"archived": 1}, goals={"g": facts[0]})},
    )
    before = deepcopy(user)
    for now in (facts[-1], min(facts[-1] + DAY, LAST_INSTANT), LAST_INSTANT):
        for floor, entered_at in ((NEVER, NEVER), (facts[0], facts[len(facts) // 2])):
            moment = Moment(user, now, floor, entered_at, entered_at)
            assert isinstance(condition.holds(moment), bool)
            later = flip(condition, moment)
            assert later is None or later > now
            assert flip(condition, moment) == later
    assert user == before
    for predicate in condition.predicates.values():
        for properties in (traits, {}):
            event = Event("u1", predicate.kind, predicate.name, facts[0], properties, traits)
            matches = predicate.matches(event)
            assert isinstance(matches, bool)
            if matches and predicate.learn is not None:
                valued: list[tuple[int, object]] = []
                predicate.learn(valued, event.at, event)
                assert orjson.loads(orjson.dumps(valued))


def _audience(written: object) -> AudienceDefinition:
    document = {"kind": "audience", "id": "x", "name": "X", "condition": written}
    audience = parse_definition(document, "input")
    assert isinstance(audience, AudienceDefinition)
    return audience


def _read(written: object) -> Condition | None:
    """Read a condition as an audience's; None when it is refused."""
    try:
        audience = _audience(written)
    except DefinitionError as error:
        says_what_to_do(error)
        return None
    found = validate_audience(audience, Known((), {"big": _big()}, Limits()))
    allowed = all(problem.path.endswith((".since", ".equals_entry")) for problem in found)
    return audience.condition if allowed else None


def _big() -> Condition:
    big = parse_definition(
        {"kind": "audience", "id": "big", "name": "Big", "condition": BIG}, "big"
    )
    assert isinstance(big, AudienceDefinition)
    return big.condition


def _object(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _instants(value: object) -> list[int]:
    found = value if isinstance(value, list) else []
    return sorted(
        each for each in found[:_MOST_FACTS] if type(each) is int and 0 <= each <= LAST_INSTANT
    )


def seeds() -> Sequence[bytes]:
    """Return every kind of leaf, alone and in groups, about a user of whom much is known."""
    traits = {
        "plan": "pro",
        "score": 1,
        "tags": ["a", 1, True],
        "address": {"city": "Pau"},
        "name": "ße",
        "born": "2000-02-29",
    }
    facts = [START, START + 1, START + DAY, START + 30 * DAY, START + 31 * DAY]
    groups = [{"all": list(QUESTIONS)}, {"any": [{"not": each} for each in QUESTIONS]}]
    cart = {"event": "a", "where": {"n": {"equals_entry": "n"}}, "since": "entry"}
    texts = ("plan == 'pro' and not (event('a', n {> 1, < 5}, within='1 day') >= 2)", "vip or a.b")
    conditions = [*QUESTIONS, *groups, {"not": {"audience": "big"}}, cart, *texts]
    return [
        orjson.dumps({"condition": each, "traits": traits, "facts": facts}) for each in conditions
    ]


TARGET = Target("conditions", "a condition has a truth at every moment", holds, seeds)
