"""`decide`: choose offers for the user, and keep them in the instance.

Three ways to choose, one of which is written:

* `rules`: the offers of the first rule whose condition holds.
* `offers`: all whose condition holds, the highest score first; of equal scores the earlier one.
* `ask`: a decision service outside answers; until it does, or the time-out, the user waits here.
  Of more offers than `most` the first are kept: a service ranks.

The result is a list of at most `most` offers, `[{"offer_id": …, "score": …, …}]`, under
`store_as` (default: the step's id); sends can use it: `results.loan.0.offer_id`. At a later
visit it is replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from journeystream.comparisons import MISSING
from journeystream.condition_language import Condition, Written
from journeystream.conditions import CompiledCondition, Moment
from journeystream.durations import parse_duration
from journeystream.scores import Score, compile_score, sources_of
from journeystream.sources import SOURCE_PATTERN, entry_paths_in, look_up
from journeystream.steps.contract import (
    ID_PATTERN,
    STAY,
    Ask,
    CompiledStep,
    Decision,
    Go,
    StepDefinition,
    Store,
    Surroundings,
    Timeout,
    Way,
)
from journeystream.user import Instance, Position

ANSWERED = "answered"
Offers = list[dict[str, object]]


class Offer(Written):
    """Something to offer, and whatever a send may want to know of it."""

    offer_id: str = Field(min_length=1, description="what the world knows it by")
    attributes: dict[str, Any] = Field(
        default_factory=dict, description="stored with the offer, as they stand"
    )

    def stored(self) -> dict[str, object]:
        """Return the offer as it is kept."""
        return {**self.attributes, "offer_id": self.offer_id}


class ScoredOffer(Offer):
    """An offer that competes with the others."""

    condition: Condition | None = Field(None, description="who may get it; default: everyone")
    score: str | float = Field(0, description="a number, or one like `traits.ltv * 0.1 + 5`")

    @field_validator("score")
    @classmethod
    def _can_be_counted(cls, score: str | float) -> str | float:
        compile_score(str(score))
        return score


class OfferRule(Written):
    """The offers of users who meet a condition."""

    name: str = Field("", description="what people see")
    condition: Condition
    offers: list[Offer] = Field(description="best first; none is an answer too")


class Question(Written):
    """What a decision service is asked."""

    flow: str = Field(min_length=1, description="the decision flow's name")
    attributes: dict[str, Annotated[str, Field(pattern=SOURCE_PATTERN)]] = Field(
        default_factory=dict, description="what it is told: name -> `traits.PATH`, `entry.PATH`"
    )


class Decide(StepDefinition):
    """Offers are chosen by rules, by scores or by a service outside, and kept."""

    type: Literal["decide"]
    rules: list[OfferRule] | None = Field(None, min_length=1, description="the first that holds")
    offers: list[ScoredOffer] | None = Field(None, min_length=1, description="the best of these")
    ask: Question | None = Field(None, description="a decision service outside")
    timeout: Timeout | None = Field(None, description="ask: how long at most, and where to then")
    most: int = Field(1, ge=1, le=100, description="so many offers at most")
    store_as: str | None = Field(None, pattern=ID_PATTERN, description="default: the step's id")
    next: str | None = Field(None, description="step id; without it the path ends")
    no_offer: Way | None = Field(None, description="the way of users without any offer")

    @model_validator(mode="after")
    def _chooses_one_way(self) -> Self:
        if sum(each is not None for each in (self.rules, self.offers, self.ask)) != 1:
            raise ValueError("write one of rules, offers, ask")
        if (self.ask is None) != (self.timeout is None):
            raise ValueError("`ask` needs a timeout, and only `ask` has one")
        return self

    @property
    def stores(self) -> str:
        """The name of the result."""
        return self.store_as or self.id

    def targets(self) -> Iterator[tuple[str, str | None]]:
        """Yield the way on, the way without offers, and the time-out's."""
        yield "next", self.next
        if self.no_offer is not None:
            yield "no_offer.next", self.no_offer.next
        if self.timeout is not None:
            yield "timeout.next", self.timeout.next

    def conditions(self) -> Iterator[tuple[str, Condition]]:
        """Yield the rules' conditions, or the offers'."""
        for index, rule in enumerate(self.rules or ()):
            yield f"rules[{index}].condition", rule.condition
        for index, offer in enumerate(self.offers or ()):
            if offer.condition is not None:
                yield f"offers[{index}].condition", offer.condition

    def sources(self) -> Iterator[tuple[str, str]]:
        """Yield what scores read, or what the service is told."""
        for index, offer in enumerate(self.offers or ()):
            for source in sources_of(str(offer.score)):
                yield f"offers[{index}].score", source
        if self.ask is not None:
            for name, source in self.ask.attributes.items():
                yield f"ask.attributes.{name}", source

    def compile(self, around: Surroundings) -> CompiledStep:
        """Return the behaviour of the way to choose."""
        if self.ask is not None and self.timeout is not None:
            return self._asking(self.ask, self.timeout, around)
        choose, conditions = self._by_rules(around) if self.rules else self._by_scores(around)

        def decide(moment: Moment, _: Position) -> Decision:
            offers = choose(moment)[: self.most]
            return Store(self.stores, offers, self._onward(offers))

        return CompiledStep(
            id=self.id,
            name=self.title,
            type=self.type,
            decide=decide,
            conditions=conditions,
            entry_paths=entry_paths_in(source for _, source in self.sources()),
            stores=self.stores,
        )

    def _onward(self, offers: object) -> str | None:
        return self.next if offers or self.no_offer is None else self.no_offer.next

    def _by_rules(
        self, around: Surroundings
    ) -> tuple[Callable[[Moment], Offers], tuple[CompiledCondition, ...]]:
        rules = [(around.condition(rule.condition), rule.offers) for rule in self.rules or ()]

        def choose(moment: Moment) -> Offers:
            for condition, offers in rules:
                if condition.holds(moment):
                    return [offer.stored() for offer in offers]
            return []

        return choose, tuple(condition for condition, _ in rules)

    def _by_scores(
        self, around: Surroundings
    ) -> tuple[Callable[[Moment], Offers], tuple[CompiledCondition, ...]]:
        compiled: list[tuple[ScoredOffer, CompiledCondition | None, Score]] = [
            (
                offer,
                around.condition(offer.condition) if offer.condition is not None else None,
                compile_score(str(offer.score)),
            )
            for offer in self.offers or ()
        ]

        def choose(moment: Moment) -> Offers:
            found = [
                (score(moment.user, moment.instance), offer)
                for offer, condition, score in compiled
                if condition is None or condition.holds(moment)
            ]
            found.sort(key=lambda each: -each[0])
            return [{**offer.stored(), "score": score} for score, offer in found]

        conditions = tuple(condition for _, condition, _ in compiled if condition is not None)
        return choose, conditions

    def _asking(self, ask: Question, timeout: Timeout, around: Surroundings) -> CompiledStep:
        patience = parse_duration(timeout.after)

        def deadline(moment: Moment, position: Position) -> int:
            return patience.after(position.since, around.zone_of(moment.user))

        def decide(moment: Moment, position: Position) -> Decision:
            if not position.taken:
                found = {
                    name: look_up(source, moment.user, moment.instance)
                    for name, source in ask.attributes.items()
                }
                known = {name: value for name, value in found.items() if value is not MISSING}
                return Ask(ask.flow, self.most, known)
            if ANSWERED in position.taken:
                results = moment.instance.results if moment.instance else {}
                return Go(self._onward(results.get(self.stores)))
            return Go(timeout.next) if moment.now >= deadline(moment, position) else STAY

        return CompiledStep(
            id=self.id,
            name=self.title,
            type=self.type,
            decide=decide,
            turns=deadline,
            traits=around.zone_traits if patience.months else frozenset(),
            entry_paths=entry_paths_in(ask.attributes.values()),
            stores=self.stores,
            most=self.most,
        )


def is_asking(position: Position, request: str) -> bool:
    """Tell whether a position has made the request, and has no answer yet."""
    return request in position.taken and ANSWERED not in position.taken


def answer(
    instance: Instance, position: Position, step: CompiledStep, offers: Sequence[object]
) -> None:
    """Keep the best of a service's answer, for the position that asked."""
    instance.results[step.stores] = list(offers[: step.most])
    position.taken.append(ANSWERED)
