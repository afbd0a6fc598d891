"""`journeystream history`: what the travel log tells of one user.

Law: only the user's partition of the log is read, and what is committed of it.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import Annotated

import typer

from journeystream.agents.home import home_of
from journeystream.agents.travel_log import travel_log
from journeystream.broker_access import BrokerAccess
from journeystream.commands import output
from journeystream.commands.broker import ask, broker
from journeystream.commands.checking import AsJson
from journeystream.commands.context import project_of
from journeystream.commands.export import topic_of
from journeystream.commands.people import checked_id
from journeystream.travel_rows import Kind, Row

_WHEN = {"stage": "entry_at", "goal": "reached_at", "path": "assigned_at"}
_WHAT = {"stage": "stage_id", "goal": "goal_id", "path": "test_group_name"}


def history(
    ctx: typer.Context,
    user: Annotated[str, typer.Argument(metavar="USER", show_default=False, help="A user's id.")],
    *,
    json: AsJson = False,
) -> None:
    """Show each stage, goal and path of a user that the travel log tells of, oldest first.

    Example: journeystream history u1
    """
    project = project_of(ctx)
    with broker(project) as bootstrap:
        rows = ask(_rows(topic_of(project), bootstrap, checked_id(user, "USER")))
    if json:
        output.say_json([{"kind": kind, "row": row} for kind, row in rows])
        return
    output.say_table(
        ("when", "journey", "version", "what", "name"),
        [
            (
                row[_WHEN[kind]],
                row["journey_id"],
                row["journey_version"],
                kind,
                row[_WHAT[kind]],
            )
            for kind, row in rows
        ],
    )


async def _rows(topic: str, bootstrap: BrokerAccess, user: str) -> list[tuple[Kind, Row]]:
    found: list[tuple[Kind, Row]] = []
    async with travel_log(topic, bootstrap) as log:
        home = home_of(user.encode(), len(log.begins))
        async with aclosing(log.read(home, log.begins[home], user=user)) as stretches:
            async for stretch in stretches:
                found += stretch.rows
    # What follows from a late event stands later in the log than its time.
    return sorted(found, key=lambda told: str(told[1][_WHEN[told[0]]]))
