"""Dead letters, read back and produced once more where their records came from.

Laws:

1. Exactly once. A transaction holds the original records, what was passed over, and how far
   each partition has come. So a replay that was killed is gone on with by the next one, which
   repeats nothing and loses nothing. A second replay at the same time ends the first.
2. A replay goes up to the last letter that it was asked for, of those that were in the topic
   when it began; what comes later is for the next one.
3. What is passed over on the way (letters.py says what) stays for a later replay: it is written
   anew, as it is, to the end of its partition.
4. How far a partition has come is committed as the offset of a group, and as a mark in the topic
   itself: Kafka forgets the offsets of a group without members after a week, and letters stay.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Self

import orjson
from aiokafka import TopicPartition
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import IllegalOperation, KafkaError
from aiokafka.structs import ConsumerRecord

from journeystream.broker_access import BrokerAccess, ProducerClient
from journeystream.clock import WallClock
from journeystream.commands.letters import Letter, Survey, Wanted, read_letter
from journeystream.errors import BrokerUnreachable, OperatorError
from journeystream.project import Project
from journeystream.topics import partitions_of

_AT_ONCE = 500  # letters to a transaction: what a kill costs, and what readers wait for
_WAIT_MS = 500
_LARGEST_RECORD = 32 * 1024 * 1024  # the letter of the largest record that a source takes
# A killed replay holds up the readers of the sources for so long, unless the next one comes.
_TRANSACTION_MS = 30_000
_CLOSE_SECONDS = 5.0
_MARK = b'{"replayed":{"until":'


class DeadLetters:
    """The dead-letter topic of a project, as far as it was not replayed; `async with` it.

    Letters of `codes` and `topics` are asked for; of all, where none is named.
    """

    def __init__(
        self,
        project: Project,
        bootstrap: BrokerAccess,
        codes: Iterable[str] = (),
        topics: Iterable[str] = (),
    ) -> None:
        self._codes, self._topics = frozenset(codes), frozenset(topics)
        self._topic = project.dead_letter_topic
        self._sources = project.topics_read
        self._bootstrap = bootstrap
        self._group = f"{project.app}.dead-letters.replay"

    async def __aenter__(self) -> Self:
        counts = await partitions_of([self._topic, *self._sources], self._bootstrap)
        origins = {topic: counts[topic] for topic in self._sources}
        kept_since = await _kept_since(self._sources, self._bootstrap)
        self._wanted = Wanted(origins, kept_since, self._codes, self._topics)
        self._tps = [TopicPartition(self._topic, number) for number in range(counts[self._topic])]
        # A group id without a subscription: it joins nothing, but may ask for offsets.
        self._consumer = self._bootstrap.consumer(
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
        )
        await self._consumer.start()
        self._consumer.assign(self._tps)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def survey(self) -> Survey:
        """Read what is there now and was not replayed."""
        ends = await self._consumer.end_offsets(self._tps)
        survey = Survey(starts=await self._starts(ends))
        async with aclosing(self._batches(survey.starts, ends)) as batches:
            async for batch in batches:
                for record in _letters(batch):
                    survey.add(record, self._wanted)
        return survey

    async def replay(self, tell: Callable[[int, int], None]) -> Survey:
        """Produce the letters that are asked for; `tell` hears how many of how many."""
        async with self._producer() as producer:
            # Only now, as a replay that goes on would move the offsets.
            survey = await self.survey()
            done = 0
            tell(done, survey.asked_for)
            async with aclosing(self._batches(survey.starts, survey.until)) as batches:
                async for batch in batches:
                    done += await self._commit(producer, batch)
                    tell(done, survey.asked_for)
            return survey

    async def _starts(self, ends: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Return from where on letters were not replayed yet."""
        begins = await self._consumer.beginning_offsets(self._tps)
        committed = {tp: await self._consumer.committed(tp) for tp in self._tps}
        for tp, offset in committed.items():
            if offset is not None and offset > ends[tp]:
                raise OperatorError(
                    f"{tp.topic}/{tp.partition} ends at {ends[tp]}, but was replayed up to "
                    f"{offset}: it was recreated; delete the consumer group {self._group} in "
                    f"Kafka to replay what is in it now"
                )
        unknown = {tp: begins[tp] for tp, offset in committed.items() if offset is None}
        marks = await self._marks(unknown, ends)
        return {tp: max(begins[tp], committed[tp] or marks.get(tp, 0)) for tp in self._tps}

    async def _marks(
        self, starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, int]:
        """Return what the newest marks say, of the partitions that have any."""
        marks: dict[TopicPartition, int] = {}
        async with aclosing(self._batches(starts, ends)) as batches:
            async for batch in batches:
                for tp, records in batch.items():
                    for record in filter(_is_mark, records):
                        marks[tp] = orjson.loads(record.value)["replayed"]["until"]
        return marks

    async def _batches(
        self, starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
    ) -> AsyncGenerator[dict[TopicPartition, list[ConsumerRecord]], None]:
        waiting = {tp for tp in ends if tp in starts and starts[tp] < ends[tp]}
        for tp in waiting:
            self._consumer.seek(tp, starts[tp])
        while waiting:
            fetched = await self._consumer.getmany(
                *waiting, timeout_ms=_WAIT_MS, max_records=_AT_ONCE
            )
            found = {
                tp: [record for record in records if record.offset < ends[tp]]
                for tp, records in fetched.items()
            }
            yield {tp: records for tp, records in found.items() if records}
            # The end may lie behind records that are never shown: markers of transactions.
            waiting = {tp for tp in waiting if await self._consumer.position(tp) < ends[tp]}

    @asynccontextmanager
    async def _producer(self) -> AsyncIterator[ProducerClient]:
        producer = self._bootstrap.producer(
            transactional_id=self._group,
            transaction_timeout_ms=_TRANSACTION_MS,
            max_request_size=_LARGEST_RECORD,
        )
        try:
            # Ends what a killed replay left open, and keeps one that still runs from going on.
            await producer.start()
            yield producer
        # Fenced while it sends, aiokafka says at the next send that there is no transaction.
        except (KafkaError, IllegalOperation) as error:
            raise BrokerUnreachable(
                f"the replay stopped in a transaction, of which nothing counts ({error!r}); what "
                f"was replayed before stays so. If another replay runs now, that is all; if not, "
                f"look after Kafka, then start it again: it goes on"
            ) from error
        finally:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(producer.stop(), _CLOSE_SECONDS)

    async def _commit(
        self,
        producer: ProducerClient,
        batch: Mapping[TopicPartition, Sequence[ConsumerRecord]],
    ) -> int:
        """Replay a batch in one transaction; return how many letters that were."""
        if not batch:
            return 0
        replayed = 0
        offsets = {tp: records[-1].offset + 1 for tp, records in batch.items()}
        async with producer.transaction():
            sent = []
            for record in _letters(batch):
                letter = read_letter(record.value)
                if letter is not None and self._wanted.takes(letter):
                    sent.append(await _send_original(producer, letter))
                    replayed += 1
                else:
                    sent.append(await _send_anew(producer, record))
            for tp, until in offsets.items():
                mark = orjson.dumps({"replayed": {"until": until}})
                sent.append(await producer.send(tp.topic, mark, partition=tp.partition))
            await asyncio.gather(*sent)
            await producer.send_offsets_to_transaction(offsets, self._group)
        return replayed


async def _kept_since(topics: Iterable[str], bootstrap: BrokerAccess) -> dict[str, int]:
    """Return since when (milliseconds) topics keep records; none that keeps them for ever."""
    admin = bootstrap.admin()
    try:
        await admin.start()
        answers = await admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in topics]
        )
    finally:
        await admin.close()
    now = WallClock().now() // 1_000
    kept_since = {}
    for _, _, _, topic, entries in (each for answer in answers for each in answer.resources):
        config = {entry[0]: entry[1] for entry in entries}
        kept = int(config.get("retention.ms") or -1)
        deletes = "delete" in config.get("cleanup.policy", "delete")
        if deletes and kept >= 0 and config.get("message.timestamp.type") != "LogAppendTime":
            kept_since[topic] = now - kept
    return kept_since


async def _send_original(producer: ProducerClient, letter: Letter) -> asyncio.Future[object]:
    sent: asyncio.Future[object] = await producer.send(
        letter.topic,
        letter.value,
        key=letter.key,
        partition=letter.partition,
        timestamp_ms=letter.timestamp_ms,
    )
    return sent


async def _send_anew(producer: ProducerClient, record: ConsumerRecord) -> asyncio.Future[object]:
    # The client refuses a record that has neither; ours always have a value.
    value = b"" if record.key is None and record.value is None else record.value
    # With its own time, so that it is not kept for longer than the others.
    sent: asyncio.Future[object] = await producer.send(
        record.topic,
        value,
        key=record.key,
        partition=record.partition,
        timestamp_ms=record.timestamp,
        headers=list(record.headers),
    )
    return sent


def _letters(
    batch: Mapping[TopicPartition, Iterable[ConsumerRecord]],
) -> Iterable[ConsumerRecord]:
    return (record for records in batch.values() for record in records if not _is_mark(record))


def _is_mark(record: ConsumerRecord) -> bool:
    return record.value is not None and bool(record.value.startswith(_MARK))
