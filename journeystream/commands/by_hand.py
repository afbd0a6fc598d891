"""`journeystream exit` and `move`: users leave a journey, or go to one of its steps, by hand.

Law: as with enrolments, the same command given again moves nobody twice (named_users.py).
"""

from __future__ import annotations

from typing import Annotated

import typer

from journeystream.commands.broker import ask, broker, published
from journeystream.commands.context import project_of
from journeystream.commands.feeding import Feed
from journeystream.commands.noting import At, instant_of, send, topic_of
from journeystream.commands.people import File, Users, people
from journeystream.named_users import moved, refuse_left, refuse_standing, removed

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
    with people(users, file) as them, broker(project) as bootstrap:
        refuse_left(journey, ask(published(project, bootstrap)))
        send(
            Feed(bootstrap, topic, "user", them.lines),
            (removed(named.user_id, instant, journey, key, id_) async for named in them.named()),
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
    with people(users, file) as them, broker(project) as bootstrap:
        current = ask(published(project, bootstrap))
        refuse_standing(journey, step, current)
        send(
            Feed(bootstrap, topic, "user", them.lines),
            (moved(named.user_id, instant, journey, step, id_) async for named in them.named()),
            lambda some: (
                f"{journey}: {some} to go to {step}; the same again within "
                f"{project.limits.dedup_window} counts once"
            ),
        )
