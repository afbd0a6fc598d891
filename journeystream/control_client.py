"""Reading and writing the control topic from a command."""

from __future__ import annotations

from collections.abc import Iterable

from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError

from journeystream.broker_access import BrokerAccess
from journeystream.broker_refusals import NOT_ALLOWED, refusal
from journeystream.control_log import LastRecords, Published
from journeystream.errors import OperatorError, UserError

_WAIT_MS = 500


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


async def write(
    topic: str, bootstrap: BrokerAccess, records: Iterable[tuple[bytes, bytes]]
) -> None:
    """Append records to the control topic; all are acknowledged when this returns."""
    producer = bootstrap.producer(acks="all")
    await producer.start()
    try:
        for key, value in records:
            await producer.send_and_wait(topic, value, key=key, partition=0)
    finally:
        await producer.stop()
