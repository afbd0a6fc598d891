"""`journeystream tail`: the records of a topic, as consumers of committed records see them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

import orjson
import typer
from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord

from journeystream.broker_access import BrokerAccess
from journeystream.commands import output
from journeystream.commands.broker import ask, broker
from journeystream.commands.context import project_of
from journeystream.durations import iso
from journeystream.errors import UserError
from journeystream.project import Project
from journeystream.topics import partitions_of, wanted_topics

_WAIT_MS = 500


def tail(
    ctx: typer.Context,
    topic: Annotated[
        str,
        typer.Argument(
            metavar="TOPIC",
            show_default=False,
            help="A topic of the project, or the name of a destination; of internal topics "
            "the end will do, as in dead-letters.",
        ),
    ],
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Stop after N records.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Show a topic from its start to its end as of now.

    Prints time, partition, key and value of each record. Only committed records are shown; a
    member that left a list shows as removed.

    Example: journeystream tail email --follow
    """
    project = project_of(ctx)
    name = _topic(project, topic)
    with broker(project) as bootstrap:
        ask(_show(name, bootstrap, follow=follow, limit=limit, json=json))


def _topic(project: Project, asked: str) -> str:
    topics = [topic.name for topic in wanted_topics(project)]
    named = {
        **{topic.removeprefix(f"{project.app}."): topic for topic in topics},
        **{destination.name: destination.topic for destination in project.destinations},
        **{topic: topic for topic in topics},
    }
    if asked not in named:
        raise UserError(f"{asked!r} is no topic of this project; choose one of: {', '.join(named)}")
    return named[asked]


async def _show(
    topic: str, bootstrap: BrokerAccess, *, follow: bool, limit: int | None, json: bool
) -> None:
    lines, shown = output.Lines(), 0
    async with aclosing(_records(topic, bootstrap, follow=follow)) as records:
        async for record in records:
            if json:
                output.say(output.compact(_as_json(record)))
            else:
                cells = (_time(record), str(record.partition), str(_text(record.key)))
                lines.say(cells, _value(record))
            shown += 1
            if shown == limit:
                return


async def _records(
    topic: str, bootstrap: BrokerAccess, *, follow: bool
) -> AsyncGenerator[ConsumerRecord, None]:
    partitions = (await partitions_of([topic], bootstrap))[topic]
    tps = [TopicPartition(topic, number) for number in range(partitions)]
    consumer = bootstrap.consumer(enable_auto_commit=False, isolation_level="read_committed")
    await consumer.start()
    try:
        consumer.assign(tps)
        await consumer.seek_to_beginning(*tps)
        ends = await consumer.end_offsets(tps)
        waiting = set(tps)
        while waiting or follow:
            fetched = await consumer.getmany(timeout_ms=_WAIT_MS)
            for tp, records in fetched.items():
                for record in records:
                    # What came after the start of the command is not asked for.
                    if follow or record.offset < ends[tp]:
                        yield record
            # The end may lie behind records that are never shown: markers of transactions.
            waiting = {tp for tp in waiting if await consumer.position(tp) < ends[tp]}
    finally:
        await consumer.stop()


def _as_json(record: ConsumerRecord) -> dict[str, Any]:
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": _time(record),
        "key": _text(record.key),
        "value": _parsed(record.value),
        "headers": {name: _text(value) for name, value in record.headers},
    }


def _value(record: ConsumerRecord) -> str:
    """Return the value on one line; of a removal, the reason if it says one."""
    if record.value is None:
        reason = dict(record.headers).get("reason")
        return f"removed ({reason.decode(errors='replace')})" if reason else "removed"
    value = _parsed(record.value)
    return value if isinstance(value, str) else output.compact(value)


def _time(record: ConsumerRecord) -> str:
    return iso(record.timestamp * 1_000)


def _parsed(value: bytes | None) -> Any:  # noqa: ANN401 -- any JSON
    if value is None:
        return None
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return _text(value)


def _text(data: bytes | None) -> str | None:
    """Return bytes as text; in base64 what is none, as the changelog's records."""
    if data is None:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return f"base64:{b64encode(data).decode()}"
