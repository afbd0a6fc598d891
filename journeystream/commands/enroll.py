"""`journeystream enroll`: users enter a journey because they are named.

Law: the same command given again enrols nobody twice (named_users.py).
"""

from __future__ import annotations

from typing import Annotated

import typer

from journeystream.commands.broker import ask, broker, published
from journeystream.commands.completing import journey_ids
from journeystream.commands.context import project_of
from journeystream.commands.feeding import Feed
from journeystream.commands.noting import At, instant_of, send, topic_of
from journeystream.commands.people import File, Users, people
from journeystream.named_users import enrolled, refuse_closed


def enroll(
    ctx: typer.Context,
    journey: Annotated[
        str,
        typer.Argument(
            metavar="JOURNEY",
            show_default=False,
            help="A journey's id.",
            autocompletion=journey_ids,
        ),
    ],
    users: Users = None,
    *,
    file: File = None,
    id_: Annotated[
        str,
        typer.Option(
            "--id",
            metavar="NAME",
            help="Name this enrolment: the same again counts once, under another name it counts.",
        ),
    ] = "",
    at: At = None,
) -> None:
    """Let users into a journey by name; its entry condition is not asked.

    Re-entry is: who is in the journey already, or may not enter again, does not. In a file, a line
    may say what journeys read as the entry event's properties, as in
    {"userId": "u1", "properties": {"plan": "pro"}}.

    Example: journeystream enroll welcome u1 u2
    """
    project = project_of(ctx)
    topic, instant = topic_of(project), instant_of(project, at)

    with people(users, file, properties=True) as them, broker(project) as bootstrap:
        refuse_closed(journey, ask(published(project, bootstrap)))
        send(
            Feed(bootstrap, topic, "user", them.lines),
            (
                enrolled(named.user_id, instant, journey, named.properties, id_)
                async for named in them.named()
            ),
            lambda some: (
                f"{journey}: {some} enrolled; the same again within "
                f"{project.limits.dedup_window} counts once"
            ),
        )
