"""`journeystream measure`: goals, exits, tests of paths and ways, as the travel log tells them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from journeystream.agents.travel_log import travel_log
from journeystream.broker_access import BrokerAccess
from journeystream.clock import WallClock
from journeystream.commands import output
from journeystream.commands.broker import ask, broker
from journeystream.commands.checking import AsJson
from journeystream.commands.context import project_of
from journeystream.commands.export import remark_strangers, topic_of
from journeystream.durations import parse_instant
from journeystream.errors import UserError
from journeystream.exports.parts import rows_in
from journeystream.figures import Estimate, JourneyFigures, Split
from journeystream.measuring import Measuring
from journeystream.travel_rows import travel_of

_SPANS = ((86_400, "days"), (3_600, "hours"), (60, "minutes"))


def measure(
    ctx: typer.Context,
    journey: Annotated[
        str | None,
        typer.Argument(metavar="[JOURNEY]", show_default=False, help="Its id; all if none."),
    ] = None,
    *,
    from_export: Annotated[
        Path | None,
        typer.Option(
            metavar="DIRECTORY", help="Measure what was exported there instead of the topic."
        ),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Measure as if it were then, as in 2024-07-01; now."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Show goals reached, exits, conversions with their lift, and how often ways were gone.

    The travel log tells them; docs/measurement.md says what each figure means.

    Example: journeystream measure welcome
    """
    measuring = Measuring(_instant(as_of), [journey] if journey else [])
    if from_export is None:
        _measure_topic(ctx, measuring)
    else:
        for kind, row in rows_in(from_export):
            measuring.add(travel_of(kind, row))
    figures = measuring.figures()
    if json:
        output.say_json(figures.model_dump(mode="json"))
        return
    if not figures.journeys:
        output.remark(
            f"nothing is told of {'journey ' + repr(journey) if journey else 'any journey'}; "
            f"the log begins {figures.since or 'with nothing'}"
        )
    for each in figures.journeys:
        output.say(f"{each.journey}: {each.name} ({figures.since} to {figures.as_of})")
        _say(each)


def _instant(text: str | None) -> int:
    if text is None:
        return WallClock().now()
    try:
        return parse_instant(text)
    except ValueError:
        raise UserError(f"--as-of {text!r} is no time; write it as in 2024-07-01T12:00") from None


def _measure_topic(ctx: typer.Context, measuring: Measuring) -> None:
    project = project_of(ctx)
    topic = topic_of(project)

    async def read(bootstrap: BrokerAccess) -> None:
        columns = (MofNCompleteColumn(), BarColumn(), TimeRemainingColumn())
        async with travel_log(topic, bootstrap) as log:
            with output.progress(TextColumn("read"), *columns) as progress:
                task = progress.add_task("", total=log.size)
                await log.measure(measuring, lambda offsets: progress.advance(task, offsets))
            remark_strangers(log)

    with broker(project) as bootstrap:
        ask(read(bootstrap))


def _say(journey: JourneyFigures) -> None:
    stages = journey.stages.model_dump()
    output.say_table(list(stages), [[str(count) for count in stages.values()]])
    if journey.milestones:
        output.say_table(
            ("milestone", "name", "path", "all time", "7 days", "30 days", "90 days", "median"),
            [
                (
                    each.kind,
                    each.name,
                    each.path,
                    *map(str, (each.all_time, each.last_7_days)),
                    *map(str, (each.last_30_days, each.last_90_days)),
                    _span(each.median_seconds),
                )
                for each in journey.milestones
            ],
        )
    for split in journey.splits:
        output.say_table(
            (f"paths of {split.split}", "entered", "goal", "reached", "rate", "difference", "lift"),
            _paths(split),
        )
    if journey.steps:
        output.say_table(
            ("step", "name", "type", "arrivals"),
            [(each.step, each.name, each.type, str(each.arrivals)) for each in journey.steps],
        )
        output.say_table(
            ("from", "by", "to", "passed"),
            [
                (each.from_step, each.branch or each.path, each.to_step, str(each.passed))
                for each in journey.edges
            ],
        )


def _paths(split: Split) -> Iterator[tuple[str, ...]]:
    for each in split.paths:
        named = f"{each.path} (control)" if each.is_control else each.path
        if not each.goals:
            yield named, str(each.entered), "", "", "", "", ""
        for goal in each.goals:
            yield (
                named,
                str(each.entered),
                goal.goal,
                str(goal.conversions),
                _percent(goal.rate),
                _percent(goal.difference, signed=True),
                _percent(goal.lift, signed=True),
            )


def _percent(estimate: Estimate | None, *, signed: bool = False) -> str:
    """Write `+12.3% (-1.0% to +25.6%)`."""
    if estimate is None:
        return ""
    sign = "+" if signed else ""
    value, low, high = (
        "?" if share is None else f"{share:{sign}.1%}"
        for share in (estimate.value, estimate.low, estimate.high)
    )
    return f"{value} ({low} to {high})"


def _span(seconds: float | None) -> str:
    if seconds is None:
        return ""
    for size, unit in _SPANS:
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} seconds"
