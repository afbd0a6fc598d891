"""Every metric that a worker publishes, with its meaning and what to do about it."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

EVENTS = Counter(
    "journeystream_events",
    "Records read from the source topics, by what became of them: applied (here, whether or not "
    "a journey cares), rekeyed, rejected. Rejected rising: look at the dead letters.",
    ["partition", "outcome"],
)
EFFECTS = Counter(
    "journeystream_effects",
    "Effects that were committed: entered, exited, changed (profiles), asked (decisions), "
    "handed_over (between two ids of a user). Flat while events are applied: check entries.",
    ["partition", "change"],
)
TURN_SECONDS = Histogram(
    "journeystream_turn_seconds",
    "Time to decode, apply and commit one batch. Rising: add partitions and workers.",
    ["partition"],
)
CLOCK = Gauge(
    "journeystream_partition_clock_seconds",
    "The partition's clock (event time, seconds since 1970). Behind the wall clock: it lags.",
    ["partition"],
)
COMMITS_FAILED = Counter(
    "journeystream_commits_failed",
    "Turns that were not committed, by reason; each ends its worker, whose log says what to do. "
    "too_large, missing_topic, not_allowed: mend the topic. fenced: another worker has the "
    "partition. unreachable: look after Kafka.",
    ["partition", "reason"],
)
RESTORED = Counter(
    "journeystream_restored_records",
    "Changelog records applied while a partition was taken over. Large: keep state directories.",
    ["partition"],
)
RESTORE_LEFT = Gauge(
    "journeystream_restore_left_records",
    "Changelog offsets that a partition's state lacks, here where it is restored or stood by "
    "for. Not falling: look after the worker's disk and network.",
    ["partition"],
)
HISTORY_LEFT = Gauge(
    "journeystream_history_left_records",
    "Records that a partition has yet to read again for a journey that uses history. Nothing else "
    "is applied meanwhile. Not falling: look after Kafka.",
    ["partition"],
)
FAILURES = Counter(
    "journeystream_failures",
    "Happenings that the engine failed on, by journey (empty: outside of any). Not zero: a bug; "
    "the log has it. Users stay where they were in that journey until it is tried again.",
    ["partition", "journey"],
)
SET_ASIDE = Counter(
    "journeystream_state_set_aside",
    "Damaged state directories set aside at opening and rebuilt. Any: look after the disk.",
    ["partition"],
)
INGEST_REQUESTS = Counter(
    "journeystream_ingest_requests",
    "Requests to HTTP ingest, by what became of them: accepted, or the code of the refusal. "
    "bad_write_key: a key was taken away that is still in use. too_many_requests, kafka_is_late: "
    "look after Kafka. Other codes rising: look at the apps that send.",
    ["outcome"],
)
INGEST_EVENTS = Counter(
    "journeystream_ingest_events",
    "Events that HTTP ingest has acknowledged, because Kafka has them.",
)
INGEST_SECONDS = Histogram(
    "journeystream_ingest_seconds",
    "Time to answer a request. Rising: Kafka is slow, or there is work for another process.",
)
INGEST_IN_FLIGHT = Gauge(
    "journeystream_ingest_in_flight_requests",
    "Requests whose events Kafka does not have yet, though their senders may be gone. Near "
    "ingest.requests_in_flight: others are asked to come again.",
)
