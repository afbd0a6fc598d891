"""`journeystream exit` and `move`: users leave a journey, or go to one of its steps, by hand.

Law: as with enrolments, a message id is made of what is asked for, the user and `--id`. So the same
command given again, because the first time failed half-way, moves nobody twice within
`limits.dedup_window`; and what is meant to count anew gets another `--id`.
"""

from __future__ import annotations

from typing import Annotated

import typer

from journeystream.commands.broker import ask, broker, published
from journeystream.commands.context import project_of
from journeystream.commands.feeding import Feed
from journeystream.commands.noting import At, instant_of, send, topic_of
from journeystream.commands.people import File, Named, Users, people
from journeystream.control_log import Published
from journeystream.effects import stable_id
from journeystream.errors import CommandRefused, did_you_mean
from journeystream.events import Moved, Removed
from journeystream.lifecycle import State
from journeystream.steps.merge import closing_merges

_Journey = Annotated[
    str, typer.Argument(metavar="JOURNEY", show_default=False, help="A journey's id.")
]
_Id = Annotated[
    str,
    typer.Option(
        "--id",
        metavar="NAME",
        help="Name this command: the same again counts once, under another name it counts.",
    ),
]


def take_out(
    ctx: typer.Context,
    journey: _Journey,
    users: Users = None,
    *,
    file: File = None,
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            metavar="KEY",
            help="Where a user is in it several times: only the pass with this key.",
        ),
    ] = None,
    id_: _Id = "",
    at: At = None,
) -> None:
    """Take users out of a journey, wherever they stand; who is not in it is left alone.

    Destinations get every Exited and list removal that is owed, with the reason `removed`. Whether
    users come in again is up to the journey, as after any exit.

    Example: journeystream exit welcome u1 u2
    """
    project = project_of(ctx)
    topic, instant = topic_of(project), instant_of(project, at)
    passes = () if key is None else (key,)

    def removed(named: Named) -> Removed:
        message_id = stable_id("exit", journey, *passes, named.user_id, id_)
        return Removed(named.user_id, instant, journey, key, message_id)

    with people(users, file) as them, broker(project) as bootstrap:
        _refuse_left(journey, ask(published(project, bootstrap)))
        send(
            Feed(bootstrap, topic, "user", them.lines),
            (removed(named) async for named in them.named()),
            lambda some: (
                f"{journey}: {some} to leave; the same again within "
                f"{project.limits.dedup_window} counts once"
            ),
        )


def move(
    ctx: typer.Context,
    journey: _Journey,
    step: Annotated[str, typer.Argument(metavar="STEP", show_default=False, help="A step's id.")],
    users: Users = None,
    *,
    file: File = None,
    id_: _Id = "",
    at: At = None,
) -> None:
    """Bring users who are in a journey to one of its steps, from which they go on.

    They leave all places where they stand; destinations get every Exited that is owed, with the
    reason `moved`. Who is not in the journey, or in a version without the step, is left alone.

    Example: journeystream move welcome remind u1 u2
    """
    project = project_of(ctx)
    topic, instant = topic_of(project), instant_of(project, at)

    def moved(named: Named) -> Moved:
        message_id = stable_id("move", journey, step, named.user_id, id_)
        return Moved(named.user_id, instant, journey, step, message_id)

    with people(users, file) as them, broker(project) as bootstrap:
        current = ask(published(project, bootstrap))
        _refuse_left(journey, current)
        _refuse_standing(journey, step, current)
        send(
            Feed(bootstrap, topic, "user", them.lines),
            (moved(named) async for named in them.named()),
            lambda some: (
                f"{journey}: {some} to go to {step}; the same again within "
                f"{project.limits.dedup_window} counts once"
            ),
        )


def _refuse_left(journey: str, current: Published) -> None:
    """Refuse a journey that nobody can be in."""
    head = current.heads.get(journey)
    if head is None:
        raise CommandRefused(
            f"no journey {journey!r} is published; {did_you_mean(journey, current.heads.keys())}"
        )
    if head.state is State.ARCHIVED:
        raise CommandRefused(
            f"journey {journey!r} is archived: everyone has left it; name another journey"
        )


def _refuse_standing(journey: str, step: str, current: Published) -> None:
    """Refuse a journey in which nobody moves any more, and a step that no version has."""
    if current.heads[journey].state is State.STOPPED:
        raise CommandRefused(
            f"journey {journey!r} is stopped: nobody moves in it any more; "
            f"take users out of it: journeystream exit {journey} USER"
        )
    steps = {
        each.id
        for (id_, _), version in current.versions.items()
        if id_ == journey
        for each in version.definition.steps
        if each.id not in closing_merges(version.definition.steps)
    }
    if step not in steps:
        raise CommandRefused(
            f"journey {journey!r} has no step {step!r}; {did_you_mean(step, steps)}"
        )
