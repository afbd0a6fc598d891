"""Every metric that a worker publishes, with its meaning and what to do about it.

Laws: each help text says what the figure is, then what to do when it looks wrong; docs/metrics.md
is made of them. A turn tells its figures once (agents/figures.py); what has to be asked for is
asked every few seconds, and what a worker knows anyway is told when it is scraped
(agents/watch.py). What is told of a partition as it is now goes with it: its next owner tells it.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram, Info

EVENTS = Counter(
    "journeystream_events",
    "Records read from the source topics, by what became of them: applied (here, whether or not "
    "a journey cares), rekeyed, rejected. Rejected rising: look at the dead letters.",
    ["partition", "outcome"],
)
EFFECTS = Counter(
    "journeystream_effects",
    "Effects that were committed: entered, exited, changed (profiles), asked (decisions), "
    "handed_over (between two ids of a user). Flat while events are applied: look at the entry "
    "conditions.",
    ["partition", "change"],
)
TURN_SECONDS = Histogram(
    "journeystream_turn_seconds",
    "Time to decode, apply and commit one batch. Rising: add workers, look after Kafka and disks.",
    ["partition"],
)
CLOCK = Gauge(
    "journeystream_partition_clock_seconds",
    "The partition's clock (event time, seconds since 1970); without events it may stand still. "
    "Far behind while event_lag_seconds is not 0: the partition lags.",
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
LAG = Gauge(
    "journeystream_lag_records",
    "Offsets of a topic that a partition has yet to apply, asked for every ten seconds. Growing: "
    "add workers, up to one per partition; with that many, look at turn_seconds.",
    ["partition", "topic"],
)
EVENT_LAG = Gauge(
    "journeystream_event_lag_seconds",
    "How far the partition's clock is behind the wall clock while it lags; 0 when all is applied, "
    "and in a replay. Growing: journeys act late, see lag_records.",
    ["partition"],
)
TIMERS_OVERDUE = Gauge(
    "journeystream_timers_overdue_seconds",
    "How long the partition's earliest timer has been due; 0 when none is. Above a minute: timers "
    "wait for a partition that lags, for a source without events among several, or for Kafka.",
    ["partition"],
)
TIMER_LATENESS = Histogram(
    "journeystream_timer_lateness_seconds",
    "How late by the wall clock the first timer of each turn of time alone fired. Rising: the "
    "partition lags, or more comes due at once than a turn takes; spread schedules, add workers.",
    ["partition"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600),
)
DEAD_LETTERS = Counter(
    "journeystream_dead_letters",
    "Records that went to the dead letters, by code (docs/rules.md has them). Rising: run "
    "journeystream dead-letters list, mend what produces them, replay.",
    ["partition", "code"],
)
STATE_ROWS = Gauge(
    "journeystream_state_rows",
    "Rows of a partition's state by kind, as RocksDB estimates: timers (users who wait), users "
    "(at most so many: records that were written again count until it compacts). Growing without "
    "end: give journeys a max_duration, erase users who are gone.",
    ["partition", "kind"],
)
STATE_BYTES = Gauge(
    "journeystream_state_bytes",
    "Bytes of a partition's state on disk and in write buffers. Near the disk's size: give the "
    "worker a larger one before it is full.",
    ["partition"],
)
KAFKA_SILENT = Gauge(
    "journeystream_kafka_silent_seconds",
    "How long ago Kafka has answered; it is asked every second (NaN: it never has). Above 15: "
    "the worker is not ready, look after Kafka and the network.",
)
READY = Gauge(
    "journeystream_ready",
    "1 when /ready answers 200, else 0. 0 for minutes: ask /ready, its body says why.",
)
PARTITIONS = Gauge(
    "journeystream_partitions",
    "Partitions that the worker has, by standing: running, restoring, standby. Uneven among "
    "workers: more of them than partitions, or two with one kafka.instance.",
    ["standing"],
)
WORKER = Info(
    "journeystream_worker",
    "What the worker is: version, python, app, worker, guarantee, time. Versions differ after an "
    "upgrade: a worker was left out.",
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
    "Events that HTTP ingest has acknowledged, because Kafka has them. Flat while apps send: "
    "ingest_requests has the refusals.",
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
