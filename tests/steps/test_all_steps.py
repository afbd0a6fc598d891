"""The laws that every step type keeps, whatever it does.

A new step type joins by one line in SAMPLES (a sample for each mode that it has).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC
from itertools import chain, combinations
from pathlib import Path
from typing import get_args

import pytest
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from journeystream.conditions import Moment
from journeystream.definitions import definition_schema
from journeystream.durations import MICROS
from journeystream.steps import Step
from journeystream.steps.contract import STAY, CompiledStep, Decision, StepDefinition, Surroundings
from journeystream.user import Position, User

MEMBERS: tuple[type[StepDefinition], ...] = get_args(get_args(Step)[0])
SAMPLES = """
- {type: wait_for_condition, condition: {event: Go}, next: a}
- type: wait_for_condition
  condition: {all: [{event: Go, since: step}, {not: {event: Buy, at_least: 2, within: 1 hour}}]}
  next: a
  timeout: {after: 2 hours, next: b}
- {type: wait_for_duration, duration: 1 hour, next: a}
- {type: wait_for_duration, duration: 1 month 1 day}
- {type: true_false_split, condition: {trait: plan, in: [pro]}, if_true: {next: a}, if_false: {}}
- type: multi_branch_split
  branches:
    - {name: went, condition: {event: Go, within: 90 minutes}, next: a}
    - {name: quiet, condition: {event: Buy, exactly: 0, within: 1 hour}, next: b}
  timeout: {after: 2 hours, next: c}
- type: multi_branch_split
  mode: first_match
  branches: [{name: went, condition: {page: Home, where: {x: {between: [1, 2]}}}, next: a}]
  everyone_else: {name: others, next: b}
- type: send_to_destinations
  destinations: [email, {name: crm, attributes: {plan: entry.plan}}]
  key: by_hand
  next: a
- type: send_to_destinations
  destinations: [email]
  sending: {windows: [{from: "01:00", to: "02:00"}, {from: "12:00", to: "00:30"}]}
- type: send_to_destinations
  destinations: [email]
  sending:
    quiet_hours: [{days: [tue], from: "22:00", to: "08:00"}]
    at_other_times: discard
    caps: [{at_most: 1, within: 1 day}, {at_most: 2, within: 1 month, across: all}]
    over_cap: hold
- type: wait_for_condition
  condition: {event: Buy}
  timeout: {after: 1 hour, next: b}
  restart_on: {event: Go, where: {size: 1}}
- {type: wait_until, time: "09:00", next: a}
- {type: wait_until, windows: [{days: [mon, sat], from: "22:00", to: "06:00"}], next: a}
- {type: wait_until, date: traits.flight_at, before: 2 hours, next: a, otherwise: {next: b}}
- {type: wait_until, date: entry.departure, after: 1 month, next: a, otherwise: {}}
- type: multi_branch_split
  mode: first_to_happen
  branches:
    - {name: went, condition: {event: Go, since: step}, next: a}
    - {name: quiet, condition: {event: Buy, exactly: 0, within: 1 hour}, next: b}
  timeout: {after: 2 hours, next: c}
- type: percent_split
  paths:
    - {name: new, share: 66.67, next: a}
    - {name: old, share: 33.33, control: true}
  goals: [{name: bought, condition: {event: Buy}}]
- {type: merge, next: a}
- type: decide
  rules:
    - {condition: {trait: plan, equals: pro}, offers: [{offer_id: gold, attributes: {rate: 3}}]}
  no_offer: {next: b}
- type: decide
  offers:
    - {offer_id: gold, score: traits.ltv * 2, condition: {event: Buy}}
    - {offer_id: tin, score: 1}
  most: 2
  store_as: loan
- type: decide
  ask: {flow: loans, attributes: {plan: traits.plan}}
  timeout: {after: 1 hour, next: b}
- type: update_profile
  changes:
    - {set: status, value: platinum}
    - {increment: rides}
    - {add_to_list: shows, from: entry.show}
    - {add_to_audience: vip}
  next: a
- {type: enter_journey, journey: other, properties: {cart_id: entry.cart_id}, next: a}
- {type: exit, name: Done}
"""
WRITTEN = [{"id": "step", **sample} for sample in YAML(typ="safe").load(SAMPLES)]
STEPS: TypeAdapter[Step] = TypeAdapter(Step)
AROUND = Surroundings(UTC, {}, key="key")
MINUTE = 60 * MICROS
ARRIVAL = 1_000 * 86_400 * MICROS

every_sample = pytest.mark.parametrize("written", WRITTEN, ids=lambda written: written["type"])
every_member = pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.__name__)


def type_of(member: type[StepDefinition]) -> str:
    """Return what a definition writes as `type`."""
    (name,) = get_args(member.model_fields["type"].annotation)
    return str(name)


def situations(compiled: CompiledStep) -> Iterator[tuple[Moment, Position]]:
    """Yield users with every choice of a few events, at times around the arrival."""
    predicates = {id_ for condition in compiled.conditions for id_ in condition.predicates}
    happened = [(id_, ARRIVAL + at * MINUTE) for id_ in sorted(predicates) for at in (-80, -20, 30)]
    for chosen in chain.from_iterable(combinations(happened, n) for n in range(4)):
        for minutes in (0, 30, 59, 60, 100, 119, 120, 50_000):
            now = ARRIVAL + minutes * MINUTE
            user = User("u1", clock=now)
            for id_, at in chosen:
                if at <= now:
                    user.facts.setdefault(id_, []).append(at)
            yield (
                Moment(user, now, entered_at=ARRIVAL - 100 * MINUTE, step_since=ARRIVAL),
                Position(compiled.id, since=ARRIVAL),
            )


def test_every_type_has_a_sample() -> None:
    """No step type escapes these laws."""
    assert {written["type"] for written in WRITTEN} == {type_of(member) for member in MEMBERS}


@every_member
def test_a_type_is_a_file_and_its_test(member: type[StepDefinition]) -> None:
    """The step type `x` is in the file x.py, and its test in test_x.py."""
    module = sys.modules[member.__module__]
    assert module.__name__ == f"journeystream.steps.{type_of(member)}"
    assert Path(__file__).with_name(f"test_{type_of(member)}.py").exists()


@every_member
def test_the_schema_names_the_type(member: type[StepDefinition]) -> None:
    """The JSON Schema of a definition lists each step type, with what it means."""
    schema = definition_schema()["$defs"]
    assert schema[member.__name__]["properties"]["type"]["const"] == type_of(member)
    assert schema[member.__name__]["description"]
    mapping = schema["JourneyDefinition"]["properties"]["steps"]["items"]["discriminator"]
    assert mapping["mapping"][type_of(member)] == f"#/$defs/{member.__name__}"


@every_sample
def test_what_is_written_can_be_read_again(written: dict[str, object]) -> None:
    """A step survives the way through JSON: nothing is lost, and nothing is added."""
    step = STEPS.validate_python(written)
    dumped = step.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert STEPS.validate_python(dumped) == step
    assert STEPS.validate_json(STEPS.dump_json(step, by_alias=True, exclude_none=True)) == step
    assert written.keys() <= dumped.keys()


@every_sample
def test_compiling_twice_gives_the_same_behaviour(written: dict[str, object]) -> None:
    """What a step does is a function of its definition alone."""
    one, other = (STEPS.validate_python(written).compile(AROUND) for _ in range(2))
    assert (one.id, one.name, one.type, one.gate, one.key, one.destinations) == (
        other.id,
        other.name,
        other.type,
        other.gate,
        other.key,
        other.destinations,
    )
    for (moment, position), (same, place) in zip(situations(one), situations(other), strict=True):
        assert one.decide(moment, position) == other.decide(same, place)
        assert one.turns(moment, position) == other.turns(same, place)


@every_sample
def test_deciding_changes_nothing(written: dict[str, object]) -> None:
    """A step keeps no memory: the same question again has the same answer."""
    compiled = STEPS.validate_python(written).compile(AROUND)
    for moment, position in situations(compiled):
        first: Decision = compiled.decide(moment, position)
        before = (repr(moment), repr(position))
        assert compiled.decide(moment, position) == first
        assert (repr(moment), repr(position)) == before


@every_sample
def test_turns_lies_in_the_future(written: dict[str, object]) -> None:
    """For a user who stays, the next turn is None or later than now, so time goes on."""
    compiled = STEPS.validate_python(written).compile(AROUND)
    for moment, position in situations(compiled):
        if compiled.decide(moment, position) == STAY:
            turn = compiled.turns(moment, position)
            assert turn is None or turn > moment.now


@every_sample
def test_time_alone_changes_nothing_before_the_turn(written: dict[str, object]) -> None:
    """A user who stays would stay at any time before the turn: nothing is missed."""
    compiled = STEPS.validate_python(written).compile(AROUND)
    for moment, position in situations(compiled):
        if compiled.decide(moment, position) != STAY:
            continue
        turn = compiled.turns(moment, position)
        end = turn if turn is not None else moment.now + 100_000 * MINUTE
        for later in (moment.now + 1, (moment.now + end) // 2, end - 1):
            at_that_time = Moment(moment.user, max(later, moment.now), step_since=ARRIVAL)
            at_that_time.entered_at = moment.entered_at
            assert compiled.decide(at_that_time, position) == STAY


@every_sample
def test_ways_out_are_named_once(written: dict[str, object]) -> None:
    """Every way out and every condition has a path of its own, for messages and pictures."""
    step = STEPS.validate_python(written)
    for paths in ([path for path, _ in step.targets()], [path for path, _ in step.conditions()]):
        assert len(set(paths)) == len(paths)
    assert len(step.compile(AROUND).conditions) == len(list(step.conditions()))
