"""`journeystream lists`: uploaded lists, which conditions ask for by `list: ID`.

Laws:

1. To be put on a list twice is to be put on it once, so changes need no ids: a command that failed
   half-way is given again.
2. `replace` sends what differs from the members at the moment when all that was said before is
   applied; what is said meanwhile counts as if said before it or after it, user by user.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import typer
from aiokafka import TopicPartition

from journeystream.agents.users_now import members_now
from journeystream.broker_access import BrokerAccess
from journeystream.clock import WallClock
from journeystream.commands import output
from journeystream.commands.broker import ask, broker
from journeystream.commands.checking import AsJson
from journeystream.commands.context import project_of
from journeystream.commands.feeding import Feed
from journeystream.commands.noting import At, instant_of, send, topic_of
from journeystream.commands.people import File, People, Users, people
from journeystream.commands.reading import reading
from journeystream.durations import iso
from journeystream.errors import OperatorError, UserError
from journeystream.events import Listed
from journeystream.project import Project
from journeystream.topics import partitions_of

_LONGEST_NAME = 512  # as in agents/notes.py
_PATIENCE_SECONDS = 60.0
_LOOK_AGAIN_SECONDS = 0.2

lists = typer.Typer(no_args_is_help=True)
_List = Annotated[str, typer.Argument(metavar="LIST", show_default=False, help="A list's id.")]


@lists.callback()
def _about() -> None:
    """Put users on lists that conditions ask for (`list: ID`), and take them off.

    A list is there as soon as somebody is on it. Steps that update profiles change the same lists.

    Example: journeystream lists add vip u1 u2
    """


@lists.command("add")
def add_members(
    ctx: typer.Context, list_: _List, users: Users = None, *, file: File = None, at: At = None
) -> None:
    """Put users on a list.

    Example: journeystream lists add vip --file vip.txt
    """
    _change(ctx, list_, users, file, at, joins=True)


@lists.command("remove")
def remove_members(
    ctx: typer.Context, list_: _List, users: Users = None, *, file: File = None, at: At = None
) -> None:
    """Take users off a list.

    Example: journeystream lists remove vip u1
    """
    _change(ctx, list_, users, file, at, joins=False)


@lists.command("replace")
def replace_members(
    ctx: typer.Context,
    list_: _List,
    *,
    file: Annotated[
        Path,
        typer.Option(
            "--file",
            "-f",
            metavar="FILE",
            allow_dash=True,
            help="All users of the list, as other commands take them from a file.",
        ),
    ],
    at: At = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell who would join and leave.")
    ] = False,
) -> None:
    """Make a list what a file says: who is not in it leaves, who is new joins.

    Waits until workers have applied what was said of users before; so one has to run.

    Example: journeystream lists replace vip --file vip.txt
    """
    project = project_of(ctx)
    topic, instant = topic_of(project), instant_of(project, at)
    with people(None, file) as them, broker(project) as bootstrap:
        wanted = ask(_wanted(them, list_))
        ask(_wait_for_workers(project, bootstrap))
        members = _members(project, bootstrap, _checked(list_))
        changed = {
            **{user: True for user in wanted if user not in members},
            **{user: False for user in members if user not in wanted},
        }
        joining = sum(changed.values())
        meaning = f"{joining:,} join, {len(changed) - joining:,} leave"
        if dry_run:
            output.say(f"{list_}: {meaning}")
            return

        async def notes() -> AsyncIterator[Listed]:
            for user, joins in changed.items():
                yield Listed(user, instant, list_, joins)

        feed = Feed(bootstrap, topic, "user", None)
        send(feed, notes(), lambda some: f"{list_}: {some} changed: {meaning}")


@lists.command("show")
def show_members(ctx: typer.Context, list_: _List, *, json: AsJson = False) -> None:
    """Show who is on a list, and since when, as far as workers have applied.

    It reads all users' state: on millions of them that takes minutes.

    Example: journeystream lists show vip
    """
    project = project_of(ctx)
    with broker(project) as bootstrap:
        members = _members(project, bootstrap, _checked(list_))
    if json:
        output.say_json([{"userId": user, "since": iso(at)} for user, at in members.items()])
        return
    output.remark(f"{output.count_of(len(members), 'user')} on list {list_!r}")
    output.say_table(("user", "since"), [(user, iso(at)) for user, at in members.items()])


def _change(
    ctx: typer.Context,
    list_: str,
    users: list[str] | None,
    file: File,
    at: str | None,
    *,
    joins: bool,
) -> None:
    project = project_of(ctx)
    topic, instant, name = topic_of(project), instant_of(project, at), _checked(list_)
    with people(users, file) as them, broker(project) as bootstrap:
        send(
            Feed(bootstrap, topic, "user", them.lines),
            (Listed(named.user_id, instant, name, joins) async for named in them.named()),
            lambda some: f"{list_}: {some} put on it" if joins else f"{list_}: {some} taken off it",
        )


def _checked(list_: str) -> str:
    if not list_ or len(list_) > _LONGEST_NAME:
        raise UserError(
            f"LIST: {list_[:40]!r} names no list; write 1 to {_LONGEST_NAME} characters"
        )
    return list_


async def _wanted(them: People, list_: str) -> dict[str, None]:
    wanted = {named.user_id: None async for named in them.named()}
    if not wanted:
        raise UserError(
            f"--file: nobody is in it, so everybody would leave {list_!r}; name one at least, "
            f"or take them off by name: journeystream lists remove {list_}"
        )
    return wanted


def _members(project: Project, bootstrap: BrokerAccess, list_: str) -> dict[str, int]:
    with reading() as tell:
        return ask(members_now(list_, project.changelog_topic, bootstrap, tell))


async def _wait_for_workers(project: Project, bootstrap: BrokerAccess) -> None:
    """Return when all that was said of users so far is applied; else OperatorError."""
    topic, clock = project.rekey_topic, WallClock()
    count = (await partitions_of([topic], bootstrap))[topic]
    tps = [TopicPartition(topic, number) for number in range(count)]
    # A group id without a subscription: it joins nothing, but may ask for offsets.
    group = bootstrap.consumer(
        group_id=project.app,
        enable_auto_commit=False,
        isolation_level="read_committed",
    )
    await group.start()
    try:
        begins, ends = await group.beginning_offsets(tps), await group.end_offsets(tps)
        since = clock.elapsed()
        while waiting := [
            tp
            for tp in tps
            if ends[tp] > begins[tp] and (await group.committed(tp) or 0) < ends[tp]
        ]:
            if clock.elapsed() - since > _PATIENCE_SECONDS:
                raise OperatorError(
                    f"topic {topic!r}: {len(waiting)} of its partitions hold what no worker has "
                    f"applied yet; start one (journeystream run), then try again"
                )
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
    finally:
        await group.stop()
