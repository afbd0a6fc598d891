"""`journeystream explain` and `journeystream user`: why a user is where they are, and who they are.

Law: the state is read from the changelog as it is committed, of the user's partition only; no
worker is asked. So it is as of what workers have applied. In live time `now` is the wall clock; in
a replay it is the clock of the user's partition.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from journeystream.agents.users_now import StateNow, state_now
from journeystream.broker_access import BrokerAccess
from journeystream.clock import WallClock
from journeystream.commands import output
from journeystream.commands.broker import ask, broker, published
from journeystream.commands.checking import AsJson
from journeystream.commands.context import project_of
from journeystream.commands.explanation_lines import lines_of
from journeystream.commands.people import checked_id
from journeystream.commands.reading import reading
from journeystream.control_log import Published
from journeystream.durations import iso
from journeystream.explaining import Explainer
from journeystream.journeys import Floors
from journeystream.portrait import Portrait, portrait_of
from journeystream.project import Project
from journeystream.publishing import workshop_of
from journeystream.user import NEVER

_User = Annotated[str, typer.Argument(metavar="USER", show_default=False, help="A user's id.")]


@dataclass(frozen=True, slots=True)
class _Found:
    """What is published, and the state of the user's partition."""

    published: Published
    state: StateNow


def explain(
    ctx: typer.Context,
    user: _User,
    journey: Annotated[
        str | None,
        typer.Argument(metavar="JOURNEY", show_default=False, help="Its id; default: all."),
    ] = None,
    *,
    json: AsJson = False,
) -> None:
    """Tell why a user is in a journey, and where, or why they are not.

    Each clause of each condition that is asked of them shows whether it holds, and the instant at
    which time alone turns it. As of what workers have applied; none is disturbed.

    Example: journeystream explain u1 welcome
    """
    project = project_of(ctx)
    found = _find(project, checked_id(user, "USER"))
    partition = found.state.partition_of(user)
    explanation = Explainer(found.published, workshop_of(project)).explain(
        user,
        found.state.user(user),
        now_in(project, partition.clock, WallClock().now()),
        Floors(partition.floors),
        journey,
    )
    if json:
        output.say_json(explanation.as_json())
        return
    for line in lines_of(explanation):
        output.say(line)


def user(ctx: typer.Context, user: _User, *, json: AsJson = False) -> None:
    """Show what is known of a user: traits, lists, and the journeys they are or were in.

    Example: journeystream user u1
    """
    project = project_of(ctx)
    found = _find(project, checked_id(user, "USER"))
    now = now_in(project, found.state.partition_of(user).clock, WallClock().now())
    journeys = found.published.compiled(workshop_of(project))
    portrait = portrait_of(user, found.state.user(user), now, journeys)
    if json:
        output.say_json(portrait.as_json())
        return
    _show(portrait)


def now_in(project: Project, clock: int, wall: int) -> int:
    """Return the instant at which users of a partition with this clock are looked at."""
    return clock if project.time == "replay" and clock != NEVER else wall


def _find(project: Project, user_id: str) -> _Found:
    async def found(bootstrap: BrokerAccess) -> _Found:
        current = await published(project, bootstrap)
        state = await state_now(project.changelog_topic, bootstrap, user_id, tell)
        return _Found(current, state)

    with broker(project) as bootstrap, reading() as tell:
        return ask(found(bootstrap))


def _show(portrait: Portrait) -> None:
    if portrait.became:
        output.say(
            f"{portrait.user_id} turned out to be {portrait.became}, who has all that it had"
        )
        return
    if not portrait.known:
        output.say(
            f"nothing is known of {portrait.user_id}: no event of theirs was applied, or they were "
            f"erased"
        )
        return
    kind = " (anonymous)" if portrait.anonymous else ""
    since, applied = _time(portrait.known_since), _time(portrait.applied_to)
    output.say(f"{portrait.user_id}{kind}: known since {since}, applied to {applied}")
    if portrait.other_ids:
        output.say(f"also: {', '.join(portrait.other_ids)}")
    traits = {**portrait.traits, **{f"computed.{k}": v for k, v in portrait.computed.items()}}
    rows = [("trait", name, output.compact(value)) for name, value in traits.items()]
    rows += [("list", name, f"since {iso(at)}") for name, at in portrait.lists.items()]
    for seen in portrait.journeys:
        where = f"at {', '.join(seen.steps)}" if seen.steps else "not in it"
        left = ", ".join(f"{reason} ({times})" for reason, times in seen.exits.items())
        stuck = f"; stuck: {seen.stuck}" if seen.stuck else ""
        history = f"entered {seen.entered}" + (f", left: {left}" if left else "")
        rows.append(("journey", seen.journey, f"{where}; {history}{stuck}"))
    output.say_table(("what", "name", "value"), rows)


def _time(instant: int | None) -> str:
    return "-" if instant is None else iso(instant)
