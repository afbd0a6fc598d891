"""Trying a journey before it goes live: validate, plan, preview, simulate.

Law: what may take long is a process of its own, the command of the same name, so that it takes no
time from the worker's turns and answers exactly as the command does. One of them runs at a time,
for so long at most.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Literal

import orjson

from journeystream.agents.partition import Partition
from journeystream.api.desk import Desk
from journeystream.api.inside import count_at_steps
from journeystream.api.journeys import journey_document, sound, view_of
from journeystream.api.owners import Gathered
from journeystream.api.problems import Flaw, Refused
from journeystream.api.routes import Call, Reply, Role, Route, Told
from journeystream.definitions import AudienceDefinition, parse_definition
from journeystream.errors import DefinitionError
from journeystream.planning import plan
from journeystream.publishing import check

_SECONDS = 120.0
_NICENESS = 10
_WAITING_AT_MOST = 4
_REFUSED = 2  # the exit code of whoever asked for something wrong


class Verdict(Told):
    """What is wrong with a definition."""

    ok: bool
    """Whether it can be published."""
    problems: list[Flaw]
    """All that is wrong, and warnings."""


class StepOutlook(Told):
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
    try:
        definition = parse_definition(call.body, "definition")
    except DefinitionError as error:
        problems = list(error.problems)
    else:
        conditions = current.conditions()
        if isinstance(definition, AudienceDefinition):
            conditions[definition.id] = definition.condition
        problems = check(
            definition, conditions, desk.project, current.journeys(), current.computed_traits
        )
    flaws = [
        Flaw(path=each.path, message=each.message, advice=each.advice, warning=each.warning)
        for each in problems
    ]
    return Reply(Verdict(ok=all(flaw.warning for flaw in flaws), problems=flaws))


async def plan_journey(desk: Desk, call: Call) -> Reply:
    """Tell what publishing a definition would mean to users in flight."""
    id_ = call.path["journey"]
    current = await desk.published()
    view_of(id_, current)
    before = current.head(id_)
    after = sound(journey_document({"id": id_, **call.body}), current, desk)
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


class Workbench:
    """Runs commands beside the worker, one at a time."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)
        self._waiting = 0

    async def run(self, *words: str) -> Any:  # noqa: ANN401  the command's JSON
        """Run a command, and return what it prints with --json; Refused with what it says."""
        if self._waiting >= _WAITING_AT_MOST:
            raise Refused(
                HTTPStatus.TOO_MANY_REQUESTS,
                "others are being tried; try again",
                {"Retry-After": "10"},
            )
        self._waiting += 1
        try:
            async with self._turn:
                return await self._run(*words)
        finally:
            self._waiting -= 1

    async def _run(self, *words: str) -> Any:  # noqa: ANN401  the command's JSON
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "journeystream",
            *words,
            "--json",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, _NICENESS)
        try:
            told, said = await asyncio.wait_for(process.communicate(), _SECONDS)
        except TimeoutError:
            raise Refused(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"it took longer than {_SECONDS:.0f} s; use the command, which has no bound",
            ) from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode == 0:
            return orjson.loads(told)
        if process.returncode == _REFUSED:
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, said.decode(errors="replace").strip())
        raise RuntimeError(f"{words[0]}: exit code {process.returncode}: {said!r}")


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
]  # fmt: skip
