"""What counts in a changelog that several workers wrote without transactions.

The model: a source of events, one user each; a user's state is how many of their events are
applied. A capital erases the user, of whom only a tombstone is left. Workers take turns, die
anywhere between two records, and wake up after they have lost the partition. Whatever is in the
changelog, the next worker ends up with the right counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from aiokafka.structs import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from journeystream.agents.changelog import PARTITION_KEY, USER_KEY, ChangelogMerge, Restored, Stamp
from journeystream.state.codec import PartitionState, encode_partition

TOPIC = "events"
Counts = dict[str, int]


@dataclass
class Changelog:
    """The records so far, as a broker keeps them."""

    records: list[ConsumerRecord] = field(default_factory=list)

    def append(self, key: bytes, value: bytes | None, stamp: Stamp | None) -> None:
        """Add a record at the end."""
        headers = () if stamp is None else (stamp.header(),)
        end = self.records[-1].offset + 1 if self.records else 0
        self.records.append(
            ConsumerRecord("log", 0, end, 0, 0, key, value, None, len(key), 0, headers)
        )

    def compacted(self) -> Changelog:
        """Keep the last record of each key."""
        last = {record.key: record for record in self.records}
        return Changelog(sorted(last.values(), key=lambda record: record.offset))


class Owner:
    """A worker that has (or believes to have) the partition."""

    def __init__(self, source: list[str], log: Changelog) -> None:
        self.source = source
        self.log = log
        merge = ChangelogMerge(PartitionState())
        latest: dict[bytes, bytes | None] = {}
        for record in log.records:  # one fetch each: the worst cut
            latest |= merge.counting([record])
        end = len(log.records)
        self.found: Restored = merge.found(end, end)
        self.counts: Counts = {
            key[len(USER_KEY) :].decode(): int(value)
            for key, value in latest.items()
            if key != PARTITION_KEY and value is not None
        }
        self.position = _position(latest.get(PARTITION_KEY))
        self.unwritten: list[str | None] = []
        for user in sorted(self.found.stale):
            stamp = self.found.ahead.get(user, self.stamp)
            self._write(user, stamp)
        if self.found.stale:
            self._seal()

    @property
    def stamp(self) -> Stamp:
        """How far the partition is applied."""
        return Stamp({TOPIC: self.position}, self.position)

    def take_turn(self, most: int) -> None:
        """Apply events; the outcome is still to be written."""
        end = min(self.position + most, len(self.source))
        changed = []
        for offset in range(self.position, end):
            user = self.source[offset].lower()
            ahead = self.found.ahead.get(user)
            if ahead is None or offset >= ahead.positions[TOPIC]:
                _count(self.counts, self.source[offset])
                changed.append(user)
        self.position = end
        self.unwritten = [*dict.fromkeys(changed), None]

    def write(self, most: int) -> None:
        """Write what is left of the turn, its users first, up to some records."""
        for user in self.unwritten[:most]:
            if user is None:
                self._seal()
            else:
                self._write(user, self.stamp)
        del self.unwritten[:most]

    def _write(self, user: str, stamp: Stamp) -> None:
        count = str(self.counts[user]).encode() if user in self.counts else None
        self.log.append(USER_KEY + user.encode(), count, stamp)

    def _seal(self) -> None:
        state = PartitionState(clock=self.position, positions={TOPIC: self.position})
        self.log.append(PARTITION_KEY, encode_partition(state), None)


def _count(counts: Counts, event: str) -> None:
    """Count an event of a user, or forget the user."""
    if event.isupper():
        counts.pop(event.lower(), None)
    else:
        counts[event] = counts.get(event, 0) + 1


def _position(data: bytes | None) -> int:
    merge = ChangelogMerge(PartitionState())
    if data is None:
        return 0
    merge.counting([ConsumerRecord("log", 0, 0, 0, 0, PARTITION_KEY, data, None, 1, 1, ())])
    return merge.stamp.positions[TOPIC]


sources = st.lists(st.sampled_from("abcdeABC"), min_size=1, max_size=30)
# A turn over some events, of which some records are written; or one that was cut off wakes up.
turns = st.lists(
    st.one_of(
        st.tuples(st.just("turn"), st.integers(0, 8), st.integers(0, 9)),
        st.tuples(st.just("wake"), st.integers(0, 3), st.integers(0, 9)),
    ),
    max_size=12,
)


@given(sources, turns)
def test_whoever_wrote_the_next_worker_counts_right(
    source: list[str], story: list[tuple[str, int, int]]
) -> None:
    """After any story of deaths and awakenings every event counts once for its user."""
    _play(source, story, compacting=False)


@given(sources, turns)
def test_compaction_after_a_takeover_loses_nothing(
    source: list[str], story: list[tuple[str, int, int]]
) -> None:
    """Once a new worker has written stale users anew, only the last records are needed."""
    _play(source, story, compacting=True)


def _play(source: list[str], story: list[tuple[str, int, int]], *, compacting: bool) -> None:
    log = Changelog()
    owner = Owner(source, log)
    asleep: list[Owner] = []
    for what, number, written in story:
        if what == "wake" and asleep:
            # It writes on, and ends when it finds records of others between its own.
            asleep[number % len(asleep)].write(written)
        elif what == "turn":
            owner.take_turn(number)
            owner.write(written)
            if owner.unwritten:
                asleep.append(owner)
                owner = Owner(source, log)
    Owner(source, log)  # it writes stale users anew
    last = Owner(source, log.compacted() if compacting else log)
    last.take_turn(len(source))
    counts: Counts = {}
    for event in source:
        _count(counts, event)
    assert last.counts == counts


def test_a_record_of_a_transaction_always_counts() -> None:
    """Without a stamp there was a transaction, which only one worker could commit."""
    log = Changelog()
    log.append(PARTITION_KEY, encode_partition(PartitionState(positions={TOPIC: 9})), None)
    log.append(USER_KEY + b"a", b"1", None)
    merge = ChangelogMerge(PartitionState())
    assert USER_KEY + b"a" in merge.counting(log.records)
    assert merge.found(2, 2).base == 2
