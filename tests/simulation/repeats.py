"""What must have come out of turns that were committed at least once.

Law: without what repeats, which has the message id or the bytes of something before it, outputs
per key are those of the whole log in one piece; and so are all users, in the last owner's store
and in what the changelog makes of nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from aiokafka import TopicPartition

from journeystream.agents.batch import Batch
from journeystream.agents.surroundings import Surroundings
from journeystream.engine import Rules
from journeystream.sinks.records import OutRecord
from journeystream.state.codec import PartitionState, encode_user
from journeystream.state.memory import MemoryStore
from journeystream.state.store import changes_of
from journeystream.turn import take_turn
from tests.simulation.oracle import Difference, Evidence

Headers = Iterable[tuple[str, bytes]]
Ids = dict[tuple[str, bytes | None], list[bytes | None]]


def compare_repeats(
    evidence: Evidence,
    around: Surroundings,
    rules: Rules,
    stores: Mapping[int, tuple[MemoryStore, MemoryStore]],
) -> None:
    """Compare all; `stores` are the last owner's, and the one that was rebuilt, by partition."""
    wanted: Ids = defaultdict(list)
    for number, (kept, rebuilt) in stores.items():
        clock = kept.partition().clock
        whole, outputs = _in_one_piece(evidence, around, rules, number, clock)
        for record in outputs:
            wanted[record.topic, record.key].append(_id(record.headers, record.value))
        for what, store in (("the last owner's store", kept), ("the changelog", rebuilt)):
            if _people(store) != _people(whole):
                raise Difference(f"partition {number}: {what} has other users than the log makes")
    found = _first_of_each(evidence, {topic for topic, _ in wanted})
    if found != wanted:
        key = next(each for each in {**wanted, **found} if wanted.get(each) != found.get(each))
        raise Difference(f"{key}: {found.get(key)} instead of {wanted.get(key)}")


def _in_one_piece(
    evidence: Evidence, around: Surroundings, rules: Rules, number: int, clock: int
) -> tuple[MemoryStore, list[OutRecord]]:
    ((source, _),) = evidence.plan.sources.items()
    log = evidence.logs[TopicPartition(source, number)]
    batch = Batch(source, number, log.committed(0, log.end), 0, log.end)
    intake = around.sorters[source].sort(batch)
    whole = MemoryStore()
    turn = take_turn(intake.entries, PartitionState().clock, whole, rules, until=clock)
    whole.save(changes_of(turn), PartitionState())
    return whole, [*around.routing.records(turn.effects), *intake.letters]


def _first_of_each(evidence: Evidence, topics: set[str]) -> Ids:
    found: dict[tuple[str, bytes | None], dict[bytes | None, None]] = defaultdict(dict)
    for tp, log in evidence.logs.items():
        if tp.topic in topics:
            for record in log.committed(0, log.end):
                found[tp.topic, record.key][_id(record.headers, record.value)] = None
    return {place: list(ids) for place, ids in found.items()}


def _id(headers: Headers, value: bytes | None) -> bytes | None:
    """Return the id that a list's record carries, or all of a message, which its id is part of."""
    return dict(headers).get("messageId", value)


def _people(store: MemoryStore) -> dict[str, bytes]:
    users = store.load(list(store.users()))
    return {id_: encode_user(user) for id_, user in sorted(users.items())}
