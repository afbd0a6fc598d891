"""`journeystream erase`: users are forgotten, and leave everything."""

from __future__ import annotations

import typer

from journeystream.commands.broker import broker
from journeystream.commands.context import project_of
from journeystream.commands.feeding import Feed
from journeystream.commands.noting import At, instant_of, send, topic_of
from journeystream.commands.people import File, Users, people
from journeystream.events import Erased


def erase(ctx: typer.Context, users: Users = None, *, file: File = None, at: At = None) -> None:
    """Erase users: they leave all journeys and lists, and nothing is kept of them.

    Destinations get every Exited and list removal that is owed, with the reason `erased`. What
    Kafka holds in topics of events goes when these expire. Who comes again is a stranger.

    Example: journeystream erase u1 u2
    """
    project = project_of(ctx)
    topic, instant = topic_of(project, erasing=True), instant_of(project, at)
    with people(users, file) as them, broker(project) as bootstrap:
        send(
            Feed(bootstrap, topic, "user", them.lines),
            (Erased(named.user_id, instant) async for named in them.named()),
            lambda some: f"{some} to be erased, as soon as workers have read it",
        )
