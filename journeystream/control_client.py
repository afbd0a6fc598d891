"""Reading and changing the control topic from outside of the workers' turns.

Laws:

1. A change is decided from everything that was there before it. All who change share one
   transactional id: whoever begins fences who began before, and reads the topic then. So of two
   at the same time one is done first, and the other one decides anew.
2. The records of a change and its audit record are one transaction (audit.py). Where the broker
   has none (`at_least_once`) there is no fence either, and the audit record comes first.
3. Who has changed something reads it from then on, and so does everybody else.
4. What was answered under an idempotency key is forgotten after a day, by the next change.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from aiokafka import TopicPartition
from aiokafka.errors import (
    IllegalOperation,
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    ProducerFenced,
)

from journeystream.audit import Request, audit_record
from journeystream.broker_access import BrokerAccess, ProducerClient
from journeystream.broker_refusals import NOT_ALLOWED, refusal
from journeystream.control_log import LastRecords, Published, Record, answer_record
from journeystream.errors import CommandRefused, OperatorError, UserError
from journeystream.project import Project
from journeystream.topics import partitions_of

T = TypeVar("T")
Decide = Callable[[Published], tuple[Sequence[Record], T]]
"""Says what to write, and what to tell, from what is published."""

_WAIT_MS = 500
_TRIES = 6
_PAUSE_SECONDS = 0.2
_REMEMBERED = 24 * 3_600_000_000  # microseconds
_CLOSE_SECONDS = 5.0
_READABLE_SECONDS = 30.0
_LOOK_SECONDS = 0.01


async def read_published(topic: str, bootstrap: BrokerAccess) -> Published:
    """Read the control topic to its end."""
    consumer = bootstrap.consumer(enable_auto_commit=False, isolation_level="read_committed")
    try:
        await consumer.start()
        if topic not in await consumer.topics():
            raise UserError(f"topic {topic!r} is not there yet; run `journeystream topics`")
        tp = TopicPartition(topic, 0)
        consumer.assign([tp])
        await consumer.seek_to_beginning(tp)
        last = LastRecords()
        end = (await consumer.end_offsets([tp]))[tp]
        while await consumer.position(tp) < end:
            for record in (await consumer.getmany(tp, timeout_ms=_WAIT_MS)).get(tp, []):
                last.take(record.key, record.value)
    except (KafkaConnectionError, *NOT_ALLOWED) as error:
        raise await refusal(bootstrap, error) from None
    except KafkaError as error:
        raise OperatorError(
            f"topic {topic!r} can not be read ({error}); run `journeystream topics`"
        ) from None
    else:
        return last.published()
    finally:
        await consumer.stop()


async def change(
    project: Project, bootstrap: BrokerAccess, request: Request, decide: Decide[T], now: int
) -> T:
    """Change what is published as `decide` says, and return what it tells.

    CommandRefused when others change it all the time; what `decide` raises goes through.
    """
    await partitions_of([project.control_topic, project.audit_topic], bootstrap)
    return await _unfenced(request, lambda: _change(project, bootstrap, request, decide, now))


async def _change(
    project: Project, bootstrap: BrokerAccess, request: Request, decide: Decide[T], now: int
) -> T:
    async with _producer(project, bootstrap, "control") as producer:
        published = await read_published(project.control_topic, bootstrap)
        # In a thread: examples are run, and a worker that asks has turns to take.
        records, told = await asyncio.to_thread(decide, published)
        if records:
            old = [key for key, each in published.answers.items() if each.at < now - _REMEMBERED]
            forgotten = [answer_record(key, None) for key in old]
            async with _together(project, producer):
                audit = audit_record(request, now, [key for key, _ in records])
                await producer.send_and_wait(project.audit_topic, audit, partition=0)
                last = await _send(producer, project.control_topic, [*records, *forgotten], 0)
            await _readable(project.control_topic, bootstrap, last)
        return told


async def _readable(topic: str, bootstrap: BrokerAccess, offset: int) -> None:
    """Wait until whoever reads a topic to its end reads this record too.

    Kafka says that a transaction is committed a moment before it lets anybody read it.
    """
    tp = TopicPartition(topic, 0)
    consumer = bootstrap.consumer(enable_auto_commit=False, isolation_level="read_committed")
    try:
        await consumer.start()
        async with asyncio.timeout(_READABLE_SECONDS):
            # Nobody tells: it has to be asked for.
            while (await consumer.end_offsets([tp]))[tp] <= offset:  # noqa: ASYNC110  see above
                await asyncio.sleep(_LOOK_SECONDS)
    except TimeoutError:
        raise OperatorError(
            f"topic {topic!r}: what was written can not be read yet; look after Kafka"
        ) from None
    finally:
        await consumer.stop()


@dataclass(frozen=True, slots=True)
class Notes:
    """What a `teller` says of users: records, keyed by them, for a topic."""

    teller: str
    topic: str
    records: Sequence[tuple[bytes, bytes]]


async def tell(
    project: Project, bootstrap: BrokerAccess, request: Request, notes: Notes, now: int
) -> None:
    """Send notes, with the record of who asked for it.

    Nothing is decided, so tellers do not wait for one another. Of two of one name (a worker that
    was started again at its address) whoever is fenced tries again.
    """
    await partitions_of([notes.topic, project.audit_topic], bootstrap)
    name = f"notes.{notes.teller}"

    async def send() -> None:
        async with _producer(project, bootstrap, name) as producer, _together(project, producer):
            audit = audit_record(request, now, ())
            await producer.send_and_wait(project.audit_topic, audit, partition=0)
            await _send(producer, notes.topic, notes.records)

    await _unfenced(request, send)


async def _unfenced(request: Request, attempt: Callable[[], Awaitable[T]]) -> T:
    """Try until nobody else begins meanwhile; CommandRefused where somebody always does."""
    for number in range(_TRIES):
        with contextlib.suppress(ProducerFenced, IllegalOperation):
            return await attempt()
        # Two who begin again at once would fence each other for ever.
        await asyncio.sleep(random.uniform(0, _PAUSE_SECONDS * 2**number))  # noqa: S311  no secret
    raise CommandRefused(f"{request.action}: others ask for changes all the time; try again")


@contextlib.asynccontextmanager
async def _producer(
    project: Project, bootstrap: BrokerAccess, name: str
) -> AsyncIterator[ProducerClient]:
    producer = bootstrap.producer(
        acks="all",
        enable_idempotence=_has_transactions(project),
        transactional_id=f"{project.app}.{name}" if _has_transactions(project) else None,
    )
    try:
        await producer.start()
        yield producer
    except ProducerFenced:
        raise
    except MessageSizeTooLargeError:
        raise UserError("this is too large for a record of Kafka; send less at once") from None
    except (KafkaConnectionError, *NOT_ALLOWED) as error:
        raise await refusal(bootstrap, error) from None
    except KafkaError as error:
        # So aiokafka calls the end of batches whose producer was fenced while they were sent.
        if type(error) is KafkaError and _has_transactions(project):
            raise ProducerFenced from error
        raise OperatorError(f"Kafka did not take a change ({error}); look after it") from error
    finally:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(producer.stop(), _CLOSE_SECONDS)


def _has_transactions(project: Project) -> bool:
    return project.kafka.guarantee == "exactly_once"


@contextlib.asynccontextmanager
async def _together(project: Project, producer: ProducerClient) -> AsyncIterator[None]:
    """Let what is sent in the block count as a whole, or not at all."""
    if not _has_transactions(project):
        yield
        return
    async with producer.transaction():
        yield


async def _send(
    producer: ProducerClient, topic: str, records: Iterable[Record], partition: int | None = None
) -> int:
    """Send records; return the last one's offset."""
    sent = [
        await producer.send(topic, value, key=key, partition=partition) for key, value in records
    ]
    offsets: list[int] = [each.offset for each in await asyncio.gather(*sent)]
    return max(offsets)
