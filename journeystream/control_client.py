"""Reading and writing the control topic from a command."""

from __future__ import annotations

from collections.abc import Iterable

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError

from journeystream.control_log import LastRecords, Published
from journeystream.errors import BrokerUnreachable, OperatorError, UserError

_WAIT_MS = 500


async def read_published(topic: str, bootstrap: str) -> Published:
    """Read the control topic to its end."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, isolation_level="read_committed"
    )
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
    except KafkaConnectionError:
        raise BrokerUnreachable(
            f"kafka.bootstrap: no broker answers at {bootstrap}; start Kafka, or correct it"
        ) from None
    except KafkaError as error:
        raise OperatorError(
            f"topic {topic!r} can not be read ({error}); run `journeystream topics`"
        ) from None
    else:
        return last.published()
    finally:
        await consumer.stop()


async def write(topic: str, bootstrap: str, records: Iterable[tuple[bytes, bytes]]) -> None:
    """Append records to the control topic; all are acknowledged when this returns."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    try:
        for key, value in records:
            await producer.send_and_wait(topic, value, key=key, partition=0)
    finally:
        await producer.stop()
