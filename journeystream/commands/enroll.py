"""`journeystream enroll`: users enter a journey because they are named.

Law: an enrolment's message id is made of journey, user, properties and `--id`. So the same command
given again, because the first time failed half-way, enrols nobody twice within
`limits.dedup_window`; and what is meant to count anew gets another `--id`.
"""

from __future__ import annotations

from typing import Annotated

import orjson
import typer

from journeystream.commands.broker import ask, broker, published
from journeystream.commands.completing import journey_ids
from journeystream.commands.context import project_of
from journeystream.commands.feeding import Feed
from journeystream.commands.noting import At, instant_of, send, topic_of
from journeystream.commands.people import File, Named, Users, people
from journeystream.control_log import Published
from journeystream.effects import stable_id
from journeystream.errors import CommandRefused, did_you_mean
from journeystream.events import Enrolled
from journeystream.lifecycle import State

_ADVICE = {
    State.PAUSED: "let users in again: journeystream resume {}",
    State.STOPPED: "that is for good; begin another one: journeystream clone {}",
    State.ARCHIVED: "bring it back: journeystream unarchive {0}, then journeystream resume {0}",
}


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

    def enrolled(named: Named) -> Enrolled:
        said = orjson.dumps(named.properties, option=orjson.OPT_SORT_KEYS).decode()
        message_id = stable_id("enroll", journey, named.user_id, said, id_)
        return Enrolled(named.user_id, instant, journey, named.properties, message_id)

    with people(users, file, properties=True) as them, broker(project) as bootstrap:
        _refuse_closed(journey, ask(published(project, bootstrap)))
        send(
            Feed(bootstrap, topic, "user", them.lines),
            (enrolled(named) async for named in them.named()),
            lambda some: (
                f"{journey}: {some} enrolled; the same again within "
                f"{project.limits.dedup_window} counts once"
            ),
        )


def _refuse_closed(journey: str, current: Published) -> None:
    """Refuse a journey that lets nobody in; what is sent to it would be gone."""
    head = current.heads.get(journey)
    if head is None:
        raise CommandRefused(
            f"no journey {journey!r} is published; {did_you_mean(journey, current.heads.keys())}"
        )
    if head.state in _ADVICE:
        raise CommandRefused(
            f"journey {journey!r} is {head.state}: nobody enters; "
            f"{_ADVICE[head.state].format(journey)}"
        )
