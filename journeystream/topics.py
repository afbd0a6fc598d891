"""Which topics a project needs, and creating those that are missing.

Law: what exists is never changed. Sources, re-keying topic, replies of decision services and
changelog have equally many partitions, or nothing is created: a user's events and state must meet
in one partition.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from aiokafka.admin import NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from journeystream.broker_access import AdminClient, BrokerAccess
from journeystream.broker_refusals import refusal
from journeystream.errors import ProjectFileError, UserError
from journeystream.project import Project

_UNKNOWN_TOPIC = 3
# Attributes may be as big as the events that they come from.
_ROOMY = {"max.message.bytes": str(20 * 1024 * 1024)}


@dataclass(frozen=True, slots=True)
class WantedTopic:
    """A topic that a project needs; `why` tells a person what it is for.

    `copartitioned` topics have to have equally many partitions.
    """

    name: str
    partitions: int
    replication: int
    config: dict[str, str]
    why: str
    copartitioned: bool = False


def wanted_topics(project: Project) -> list[WantedTopic]:
    """Return every topic of a project, each once."""
    week = _kept_for(project, timedelta(days=7))
    passing = {
        # Records of any size that Kafka takes reach us, so that one beyond our own limit
        # becomes a dead letter and not an error at its producer.
        "max.message.bytes": str(20 * 1024 * 1024),
    }
    sources = [
        _topic(
            project,
            source.topic,
            # A week to come back from an outage in which nothing was read.
            {**week, **passing},
            "events of users, from your producers",
            copartitioned=True,
        )
        for source in project.sources
    ]
    rekeyed = _topic(
        project,
        project.rekey_topic,
        # A passage, but an outage must lose nothing in it: kept as long as the sources.
        # What passes is as big as in a source.
        {**_kept_for(project, timedelta(days=7)), **passing},
        "events on their way to their user's partition",
        copartitioned=True,
    )
    replies = [
        _topic(
            project,
            decisions.replies,
            {**week, **passing},
            "answers of your decision service",
            copartitioned=True,
        )
        for decisions in (project.decisions,)
        if decisions is not None
    ]
    return [*sources, rekeyed, *replies, *_internal(project), *_outputs(project)]


def _internal(project: Project) -> list[WantedTopic]:
    control = WantedTopic(
        project.control_topic,
        # One partition: every worker applies the commands in one order.
        1,
        project.kafka.replication,
        # The last definition of each journey is what counts, however old it is.
        {"cleanup.policy": "compact"},
        "definitions of journeys and commands",
    )
    audit = WantedTopic(
        project.audit_topic,
        1,
        project.kafka.replication,
        # Who did what is asked years later.
        {"retention.ms": "-1"},
        "who asked for which change",
    )
    changelog = _topic(
        project,
        project.changelog_topic,
        {
            # The last value of each key is the state.
            "cleanup.policy": "compact",
            # Compact early: what is left over is read whole when a partition moves.
            "min.cleanable.dirty.ratio": "0.1",
            # Only closed segments are compacted, so close them often.
            "segment.bytes": str(64 * 1024 * 1024),
            # A worker that was away for long has to hear who was erased meanwhile. (A hundred
            # years: Kafka adds it to the time of day, and the largest number would overflow.)
            "delete.retention.ms": str(100 * 365 * 24 * 3_600_000),
            # A record is a whole user: profile, facts and positions.
            "max.message.bytes": str(32 * 1024 * 1024),
        },
        "state of each partition, for the worker that takes it over",
        copartitioned=True,
    )
    dead_letters = _topic(
        project,
        project.dead_letter_topic,
        {
            # A month for a person to look at them.
            **_kept_for(project, timedelta(days=30)),
            # The biggest record of a source in base64, which makes it a third bigger.
            "max.message.bytes": str(32 * 1024 * 1024),
        },
        "records that can not be events, with the reason",
    )
    return [control, audit, changelog, dead_letters]


def _outputs(project: Project) -> list[WantedTopic]:
    week = {**_kept_for(project, timedelta(days=7)), **_ROOMY}
    # What is measured over 90 days has to be there for as long, and until somebody measures.
    quarter = {**_kept_for(project, timedelta(days=100)), **_ROOMY}
    requests = project.decisions and project.decisions.requests
    named = (
        (project.profile_changes, "identify calls of update_profile steps", week),
        (requests, "what decide steps ask your service", week),
        (project.travel_log, "each stage and goal that a user comes to", quarter),
    )
    events = [_topic(project, name, kept, why) for name, why, kept in named if name]
    return events + [
        _topic(
            project,
            destination.topic,
            # A list is read from its start: the last record of each member has to stay.
            {"cleanup.policy": "compact", **_ROOMY}
            if destination.type == "list"
            # An event is old news: a week for its reader to come back from an outage.
            else week,
            f"output of the {destination.type} destination {destination.name!r}",
        )
        for destination in project.destinations
    ]


def _topic(
    project: Project, name: str, config: dict[str, str], why: str, *, copartitioned: bool = False
) -> WantedTopic:
    kafka = project.kafka
    return WantedTopic(name, kafka.partitions, kafka.replication, config, why, copartitioned)


def _kept_for(project: Project, age: timedelta) -> dict[str, str]:
    # Kafka deletes by the records' own times: of last year's events that are replayed,
    # it would delete what was not yet read.
    kept = -1 if project.time == "replay" else age // timedelta(milliseconds=1)
    return {"retention.ms": str(kept)}


def check_copartitioned(wanted: Sequence[WantedTopic], existing: Mapping[str, int]) -> None:
    """Refuse topics that would not have equally many partitions once the missing are created.

    `existing` holds the partition counts of the topics that Kafka has.
    """
    together = [topic for topic in wanted if topic.copartitioned]
    counts = {topic.name: existing.get(topic.name, topic.partitions) for topic in together}
    if len(set(counts.values())) <= 1:
        return
    found = sorted({existing[name] for name in counts if name in existing})
    told = ", ".join(
        f"{name} ({count}{'' if name in existing else ', to be created'})"
        for name, count in counts.items()
    )
    if len(found) == 1:
        advice = f"set kafka.partitions to {found[0]} in the project file"
    else:
        usual = Counter(existing[name] for name in counts if name in existing).most_common(1)[0][0]
        advice = (
            "create the odd ones anew with as many partitions as the others "
            f"(most have {usual}), or choose another `app` where only its own topics differ; "
            "do not add partitions to a topic that holds events or state: users would move"
        )
    raise ProjectFileError(
        f"kafka.partitions: these topics must have equally many partitions: {told}; {advice}"
    )


async def partitions_of(topics: Iterable[str], bootstrap: BrokerAccess) -> dict[str, int]:
    """Return how many partitions topics have; UserError if Kafka lacks any of them.

    A client that is asked for a topic that is not there waits for it, in vain.
    """
    admin = bootstrap.admin()
    try:
        await admin.start()
        found = await _partition_counts(admin)
    except (KafkaError, TimeoutError) as error:
        raise await refusal(bootstrap, error) from None
    finally:
        await admin.close()
    wanted = list(topics)
    missing = [topic for topic in wanted if topic not in found]
    if missing:
        seen = "" if bootstrap.user is None else f" that {bootstrap.user} may see"
        raise UserError(
            f"Kafka has no topic {', '.join(missing)}{seen}; create what is missing: "
            f"journeystream topics"
        )
    return {topic: found[topic] for topic in wanted}


async def create_missing(
    bootstrap: BrokerAccess, wanted: Sequence[WantedTopic]
) -> list[tuple[WantedTopic, str]]:
    """Create the topics that Kafka lacks; tell of each `created`, `exists` or `differs: …`."""
    admin = bootstrap.admin()
    try:
        await admin.start()
        existing = await _partition_counts(admin)
        check_copartitioned(wanted, existing)
        missing = [topic for topic in wanted if topic.name not in existing]
        made = await _create(admin, missing) if missing else {}
    except (KafkaError, TimeoutError) as error:
        raise await refusal(bootstrap, error) from error
    finally:
        await admin.close()
    return [
        (topic, made[topic.name] if topic.name in made else compared(topic, existing[topic.name]))
        for topic in wanted
    ]


def compared(topic: WantedTopic, partitions: int) -> str:
    """Tell how an existing topic compares with the wanted one."""
    if partitions == topic.partitions:
        return "exists"
    return f"differs: has {partitions} partitions, wanted {topic.partitions}"


async def _partition_counts(admin: AdminClient) -> dict[str, int]:
    # All topics: asking for some by name would make a broker with auto-creation create them.
    found = await admin.describe_topics()
    return {
        each["topic"]: len(each["partitions"])
        for each in found
        if each["error_code"] != _UNKNOWN_TOPIC
    }


async def _create(admin: AdminClient, missing: Sequence[WantedTopic]) -> dict[str, str]:
    answer = await admin.create_topics(
        [
            NewTopic(topic.name, topic.partitions, topic.replication, topic_configs=topic.config)
            for topic in missing
        ]
    )
    made, refused = {}, []
    for name, code, *message in answer.topic_errors:
        error = for_code(code)
        if code == 0:
            made[name] = "created"
        elif error is TopicAlreadyExistsError:
            made[name] = "exists"  # Someone else created it at this moment.
        else:
            reason = next((text for text in message if text), error.__name__)
            refused.append(f"{name}: Kafka refused to create this topic ({reason})")
    if refused:
        advice = "mend kafka.replication or kafka.partitions, or ask whoever runs Kafka"
        raise ProjectFileError("\n".join(f"{each}; {advice}" for each in refused))
    return made
