"""Trying a journey before it goes live: validate, plan, preview, simulate.

Law: nothing of it changes anything. Previews and simulations are the commands of that name, run
beside the worker (workbench.py): their answers are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import Field, StringConstraints, model_validator

from journeystream.agents.partition import Partition
from journeystream.answers import Answer
from journeystream.api.desk import Desk
from journeystream.api.inside import count_at_steps
from journeystream.api.journey_views import view_of
from journeystream.api.journeys import journey_document, sound
from journeystream.api.owners import Gathered
from journeystream.api.people import UserId
from journeystream.api.problems import Flaw
from journeystream.api.routes import Asked, Call, Reply, Role, Route
from journeystream.control_log import Published
from journeystream.definitions import AudienceDefinition, parse_definition
from journeystream.errors import DefinitionError, Problem
from journeystream.figures import Measurement
from journeystream.planning import plan
from journeystream.previewing import Preview
from journeystream.project import Project
from journeystream.publishing import check
from journeystream.setting_types import TopicName
from journeystream.simulated import Report
from journeystream.steps.contract import ID_PATTERN

_JOURNEY_FILE, _AGAINST_FILE, _EVENTS_FILE = "journey.json", "against.json", "events.jsonl"
_MOST_EVENTS = 10_000
JourneyId = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
TimeText = Annotated[str, StringConstraints(min_length=1, max_length=40)]


class Verdict(Answer):
    """What is wrong with a definition."""

    ok: bool
    """Whether it can be published."""
    problems: list[Flaw]
    """All that is wrong, and warnings."""


class StepOutlook(Answer):
    """What happens to users at a step."""

    step: str
    """The step of the version before."""
    happens: Literal["stays", "moves", "leaves"]
    """stays: on its version; moves: into the new one; leaves: the journey."""
    to: str | None
    """Where it goes on."""
    users: int
    """How many stand there now."""


class Outlook(Gathered):
    """What publishing a definition would mean."""

    journey: str
    """Its id."""
    differences: list[str]
    """Fields that differ in structure; none: it would be an edit in place, or a new journey."""
    steps: list[StepOutlook]
    """What becomes of users in flight."""


async def validate(desk: Desk, call: Call) -> Reply:
    """Tell all that is wrong with a definition; its examples are run."""
    current = await desk.published()
    problems = await desk.think(lambda: _problems(call.body, current, desk.project))
    flaws = [
        Flaw(path=each.path, message=each.message, advice=each.advice, warning=each.warning)
        for each in problems
    ]
    return Reply(Verdict(ok=all(flaw.warning for flaw in flaws), problems=flaws))


def _problems(body: object, current: Published, project: Project) -> list[Problem]:
    try:
        definition = parse_definition(body, "definition")
    except DefinitionError as error:
        return list(error.problems)
    conditions = current.conditions()
    if isinstance(definition, AudienceDefinition):
        conditions[definition.id] = definition.condition
    return check(definition, conditions, project, current.journeys(), current.computed_traits)


async def plan_journey(desk: Desk, call: Call) -> Reply:
    """Tell what publishing a definition would mean to users in flight."""
    id_ = call.path["journey"]
    current = await desk.published()
    view_of(id_, current)
    before = current.head(id_)
    document = journey_document({"id": id_, **call.body})
    after = await desk.think(lambda: sound(document, current, desk))
    meant = plan(before.definition, after) if before is not None else None

    async def own(here: Mapping[int, Partition]) -> dict[str, Any]:
        return await count_at_steps(id_, here)

    def joined(answers: list[Any], missing: list[int]) -> Reply:
        steps = [
            StepOutlook(
                step=each.step,
                happens=each.happens,
                to=each.to,
                users=sum(answer["steps"].get(each.step, 0) for answer in answers),
            )
            for each in (meant.steps if meant is not None else ())
        ]
        differences = list(meant.differences) if meant is not None else []
        return Reply(Outlook(journey=id_, differences=differences, steps=steps, missing=missing))

    return await desk.owners.gather(call, own, joined)


class Trial(Asked):
    """Which journey is tried: a definition, or a published one."""

    definition: dict[str, Any] | None = None
    """A definition, as in docs/journeys.md."""
    journey: JourneyId | None = None
    """The id of a published journey."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.definition is None) == (self.journey is None):
            raise ValueError("send either a definition or a journey's id")
        return self

    def subject(self) -> str:
        """Return what the command is told to try."""
        return self.journey or _JOURNEY_FILE

    def files(self) -> dict[str, bytes]:
        """Return the files that the command reads."""
        return {} if self.definition is None else {_JOURNEY_FILE: orjson.dumps(self.definition)}


class SimulationTrial(Trial):
    """What is simulated."""

    events: Annotated[list[dict[str, Any]], Field(max_length=_MOST_EVENTS)] | None = None
    """Events to play, as upstream apps send them."""
    topic: TopicName | None = None
    """A source topic to play, up to its present end."""
    since: TimeText | None = None
    """Only events from this time on."""
    before: TimeText | None = None
    """Only events before this time."""
    until: TimeText | None = None
    """Let time pass to here after the last event."""
    against: dict[str, Any] | None = None
    """Another definition of the same journey, to compare with."""
    against_version: Annotated[int, Field(ge=1)] | None = None
    """Another version of a published journey, to compare with."""
    others: bool = False
    """Let the other live journeys run beside it."""
    users: Annotated[int, Field(ge=0, le=1000)] = 5
    """Of how many users the way is told."""
    user: UserId | None = None
    """Tell this user's way, and no other's."""

    @model_validator(mode="after")
    def _has_events(self) -> Self:
        if (self.events is None) == (self.topic is None):
            raise ValueError("send either events or a topic")
        if self.against is not None and self.against_version is not None:
            raise ValueError("send either against or againstVersion")
        return self

    def words(self) -> list[str]:
        """Return the command's words; values stand in the same word as their option."""
        said = {
            "--events": _EVENTS_FILE if self.events is not None else None,
            "--topic": self.topic,
            "--from": self.since,
            "--to": self.before,
            "--until": self.until,
            "--against": _AGAINST_FILE if self.against is not None else self.against_version,
            "--users": self.users,
            "--user": self.user,
        }
        words = [f"{option}={value}" for option, value in said.items() if value is not None]
        return ["simulate", self.subject(), *words, *(["--others"] if self.others else [])]

    def files(self) -> dict[str, bytes]:
        """Return the files that the command reads."""
        files = super().files()
        if self.events is not None:
            files[_EVENTS_FILE] = b"".join(orjson.dumps(each) + b"\n" for each in self.events)
        if self.against is not None:
            files[_AGAINST_FILE] = orjson.dumps(self.against)
        return files


async def preview(desk: Desk, call: Call) -> Reply:
    """Estimate who would enter a journey if it was published now."""
    return Reply(raw=await desk.workbench.run(["preview", call.body.subject()], call.body.files()))


async def simulate(desk: Desk, call: Call) -> Reply:
    """Try a journey on events in virtual time; nothing is sent."""
    return Reply(raw=await desk.workbench.run(call.body.words(), call.body.files()))


async def measure(desk: Desk, call: Call) -> Reply:
    """Measure a journey by the travel log: milestones, splits with their lift, steps and ways."""
    id_ = call.path["journey"]
    view_of(id_, await desk.published())
    return Reply(raw=await desk.workbench.run(["measure", "--", id_]))


ROUTES = [
    Route(
        "POST", "/validate", validate, Role.READ, "Tell what is wrong with a definition.",
        "trying", answers=Verdict, takes_any=True,
    ),
    Route(
        "POST", "/journeys/{journey}/plan", plan_journey, Role.READ,
        "Tell what publishing a definition would mean.", "trying", answers=Outlook,
        takes_any=True,
    ),
    Route(
        "POST", "/preview", preview, Role.READ, "Estimate who would enter a journey.", "trying",
        answers=list[Preview], body=Trial,
    ),
    Route(
        "POST", "/simulate", simulate, Role.READ, "Try a journey on events in virtual time.",
        "trying", answers=Report, body=SimulationTrial,
    ),
    Route(
        "GET", "/journeys/{journey}/measures", measure, Role.READ,
        "Tell milestones, split results, steps and ways.", "journeys", answers=Measurement,
    ),
]  # fmt: skip
