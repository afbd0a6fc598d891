"""What may stand in `journeystream.yaml`, and how it is read.

Law: whatever loads is whole and consistent, so that nobody behind this module checks a
setting again; whatever does not load is told at once and completely, each problem on one
line with its place (`journeystream.yaml:12`, or the environment variable) and what to do.

An environment variable (`JOURNEYSTREAM_KAFKA__BOOTSTRAP`) wins over the file; lists are
written in it as JSON, and an empty variable counts as none.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, ModelWrapValidatorHandler, PrivateAttr, model_validator
from pydantic_core import InitErrorDetails

from journeystream.durations import parse_duration, parse_instant
from journeystream.ingest_settings import IngestSettings
from journeystream.kafka_security import Security
from journeystream.project_access import Api
from journeystream.project_file import PROJECT_VARIABLE, read_settings
from journeystream.setting_groups import Settings, built, setting_of, wrong
from journeystream.setting_types import (
    EMBEDDED,
    AppName,
    AttributePath,
    BootstrapText,
    Count,
    DateText,
    DurationText,
    Name,
    Share,
    TimeZoneName,
    TopicName,
)

DEFAULT_FILE = "journeystream.yaml"
# What our own topics can carry, with room for a key and headers (topics.py).
LARGEST_MESSAGE = 16_777_216
_INTERNAL_TOPICS = ("control", "changelog", "rekeyed", "dead-letters", "audit")


class Source(Settings):
    """A topic of Segment-Spec events that journeys read."""

    topic: TopicName
    """The topic."""
    keyed_by_user: bool = False
    """true promises that the producer keys each record by its user's id; false: records
    with another key pass through the re-keying topic."""


class _Destination(Settings):
    name: Name
    """What send steps call it."""
    topic: TopicName
    """The topic that it is written to; no other destination's."""
    attributes: dict[Name, AttributePath] = Field(default_factory=dict)
    """Output name to where its value comes from: a path under `traits.` or `entry.`."""


class EventDestination(_Destination):
    """Audience Entered and Audience Exited events, keyed by user."""

    type: Literal["event"]
    """One event when a user enters a send step, one when they leave it."""
    call: Literal["track", "identify"] = "track"
    """The Segment call that each event is."""


class ListDestination(_Destination):
    """A list as it now is: a compacted topic, keyed by list and user."""

    type: Literal["list"]
    """A record while a user is in a send step, a removal when they leave it."""


Destination = Annotated[EventDestination | ListDestination, Field(discriminator="type")]


class Decisions(Settings):
    """The topics by which decide steps `ask` a decision service."""

    requests: TopicName
    """What is asked, keyed by user; the service reads it."""
    replies: TopicName
    """What the service answers; workers read it."""


class Kafka(Settings):
    """Where Kafka is and how workers share it."""

    bootstrap: BootstrapText = "127.0.0.1:9092"
    """host:port, several with commas between; or `embedded`: a broker inside the project
    directory, for trials."""
    partitions: Annotated[int, Field(ge=1, le=1024)] = 8
    """Partitions of the topics that `journeystream topics` creates."""
    replication: Annotated[int, Field(ge=1, le=32_767)] = 1
    """Copies of each partition; 3 in production."""
    session_timeout: DurationText = "10 seconds"
    """How long a worker may be silent before others take over its partitions."""
    instance: Name | None = None
    """This worker's name (static membership): the same over restarts, another for each worker."""
    guarantee: Literal["exactly_once", "at_least_once"] = "exactly_once"
    """at_least_once is for brokers without transactions, and for one source that is
    keyed_by_user: after a crash destinations may get a message again, with the same messageId."""
    security: Security = Security()
    """How clients get in: TLS, SASL, or nothing."""

    @cached_property
    def session_timeout_micros(self) -> int:
        """The session timeout in microseconds."""
        return parse_duration(self.session_timeout).micros


class State(Settings):
    """Where a worker keeps the state of its partitions."""

    directory: Path = Path(".journeystream/state")
    """Relative to the project file; what is lost here comes back from the changelog topic."""
    block_cache_mb: Count = 256
    """Megabytes of memory for reading state, shared by all partitions of a worker."""
    standbys: Annotated[int, Field(ge=0, le=8)] = 0
    """Other workers that keep a copy of each partition's state, to take it over in seconds."""


class Limits(Settings):
    """How much is too much."""

    journeys: Count = 100
    """Journeys that are not archived."""
    steps: Count = 100
    """Steps in a journey."""
    exits: Count = 10
    """Exit conditions of a journey."""
    goals: Count = 5
    """Goals of a journey."""
    split_goals: Count = 2
    """Goals of a percent split."""
    goals_in_all: Count = 10
    """Goals of a journey and of all its splits."""
    journey_name: Count = 73
    """Characters in a journey's name."""
    step_name: Count = 170
    """Characters in a step's name."""
    key: Count = 255
    """Characters in the key of a send step."""
    message_bytes: Annotated[int, Field(ge=1, le=LARGEST_MESSAGE)] = 1_048_576
    """Bytes in a source record; bigger ones go to the dead letters."""
    dedup_window: DurationText = "7 days"
    """How long a repeated messageId of a user is dropped."""
    dedup_ids: Count = 100
    """How many messageIds are remembered for a user."""
    clock_skew: DurationText = "1 day"
    """An event later than its record's broker time by more than this is a dead letter;
    less is cut to the record's time."""
    oldest_event: DateText = "1980-01-01"
    """Events from before this date (UTC) are dead letters."""
    dead_letters_in_a_row: Count = 1_000
    """More dead letters of a partition without an event between them stop the worker."""
    dead_letter_share: Share = 0.5
    """A larger share of dead letters among a partition's newest 10,000 records stops it too."""
    stop_within: DurationText = "30 seconds"
    """How long a worker that was asked to end may take to finish its turns."""

    @cached_property
    def dedup_window_micros(self) -> int:
        """The dedup window in microseconds."""
        return parse_duration(self.dedup_window).micros

    @cached_property
    def clock_skew_micros(self) -> int:
        """The allowed clock skew in microseconds."""
        return parse_duration(self.clock_skew).micros

    @cached_property
    def stop_seconds(self) -> float:
        """The time to stop within, in seconds."""
        return parse_duration(self.stop_within).micros / 1_000_000

    @cached_property
    def oldest_event_instant(self) -> int:
        """The instant at which the oldest day starts in UTC."""
        return parse_instant(self.oldest_event)


class Project(Settings):
    """All settings of a project. `Project.model_validate(…, context={"directory": …})` says
    where the project file lies; without a context that is the working directory.
    """  # noqa: D205 -- a JSON Schema description, not a summary with a body

    app: AppName = "journeystream"
    """Prefix of the consumer group, the internal topics and the transactional ids."""
    time_zone: TimeZoneName = "UTC"
    """The zone of journeys and users that have none of their own."""
    time_zone_trait: str | None = None
    """Path of the trait that names a user's own time zone, as in `address.timezone`."""
    time: Literal["live", "replay"] = "live"
    """replay keeps wall time out: clocks move by events and clock marks only."""
    sources: Annotated[list[Source], Field(min_length=1)]
    """The topics that journeys read."""
    destinations: list[Destination] = Field(default_factory=list)
    """Where send steps write."""
    profile_changes: TopicName | None = None
    """The topic that update_profile steps write identify calls to; without it nobody is told."""
    decisions: Decisions | None = None
    """Where decide steps ask a service; without it no journey may `ask`."""
    travel_log: TopicName | None = None
    """The topic that gets a record for each stage that a user comes to; it costs."""
    api: Api = Api()
    """Who may use the HTTP API of workers."""
    kafka: Kafka = Kafka()
    """Where Kafka is and how workers share it."""
    state: State = State()
    """Where a worker keeps the state of its partitions."""
    limits: Limits = Limits()
    """How much is too much."""
    ingest: IngestSettings = IngestSettings()
    """Events by HTTP."""

    _directory: Path = PrivateAttr()

    def model_post_init(self, context: Any) -> None:  # noqa: ANN401 -- pydantic's signature
        """Keep where the project file lies; it is a fact about the file, not a setting."""
        self._directory = Path(context["directory"]) if context else Path.cwd()

    @model_validator(mode="wrap")
    @classmethod
    def _fitting(cls, data: object, build: ModelWrapValidatorHandler[Self]) -> Self:
        """Refuse what does not go together, next to all else that is wrong."""
        found = (
            *_shared_names(data),
            *_unfit_guarantee(data),
            *_needless_security(data),
            *_no_source(data),
        )
        return built(data, build, found)

    @property
    def directory(self) -> Path:
        """The directory of the project file."""
        return self._directory

    @property
    def state_directory(self) -> Path:
        """Where state is kept, whatever the working directory."""
        return self.directory / self.state.directory

    @property
    def embedded(self) -> bool:
        """Whether the broker is ours, inside the project directory."""
        return self.kafka.bootstrap == EMBEDDED

    @property
    def embedded_directory(self) -> Path:
        """Where the embedded broker keeps its files."""
        return self.directory / ".journeystream" / "broker"

    @property
    def zone(self) -> ZoneInfo:
        """The project's time zone."""
        return ZoneInfo(self.time_zone)

    @property
    def control_topic(self) -> str:
        """Definitions and commands, read whole by every worker."""
        return f"{self.app}.control"

    @property
    def audit_topic(self) -> str:
        """Who changed what in the control topic."""
        return f"{self.app}.audit"

    @property
    def changelog_topic(self) -> str:
        """The state of each partition, for the worker that takes it over."""
        return f"{self.app}.changelog"

    @property
    def rekey_topic(self) -> str:
        """Source records on their way to their user's partition."""
        return f"{self.app}.rekeyed"

    @property
    def topics_read(self) -> list[str]:
        """What workers read of users: sources, what is re-keyed, and a service's replies."""
        replies = [self.decisions.replies] if self.decisions else []
        return [*(source.topic for source in self.sources), self.rekey_topic, *replies]

    @property
    def ingest_topic(self) -> str:
        """The source that events by HTTP go to."""
        return self.ingest.topic or self.sources[0].topic

    @property
    def dead_letter_topic(self) -> str:
        """Records that can not be events."""
        return f"{self.app}.dead-letters"


def _unfit_guarantee(data: object) -> Iterator[InitErrorDetails]:
    """Find at-least-once where it can not be kept: with more than one order of events."""
    if not isinstance(data, Mapping):
        return
    kafka, sources = data.get("kafka"), data.get("sources")
    if setting_of(kafka, "guarantee") != "at_least_once":
        return
    alone = sources[0] if isinstance(sources, list) and len(sources) == 1 else None
    if str(setting_of(alone, "keyed_by_user")).lower() != "true":
        text = "at_least_once needs exactly one source, with keyed_by_user: true"
        yield wrong(("kafka", "guarantee"), f"{text}; key the source by user, or use exactly_once")
    if data.get("decisions") is not None:
        text = "replies are a second topic beside the source, and at_least_once has one order only"
        yield wrong(("decisions",), f"{text}; remove it, or use exactly_once")


def _no_source(data: object) -> Iterator[InitErrorDetails]:
    """Find a topic that events by HTTP go to, and that no worker reads."""
    topic, sources = (
        setting_of(setting_of(data, "ingest"), "topic"),
        setting_of(data, "sources"),
    )
    topics = [setting_of(each, "topic") for each in (sources if isinstance(sources, list) else ())]
    if isinstance(topic, str) and topic not in topics:
        known = ", ".join(map(str, topics)) or "none"
        yield wrong(("ingest", "topic"), f"{topic!r} is no source; choose one of: {known}")


def _needless_security(data: object) -> Iterator[InitErrorDetails]:
    kafka = setting_of(data, "kafka")
    protocol = setting_of(setting_of(kafka, "security"), "protocol")
    if setting_of(kafka, "bootstrap") == EMBEDDED and protocol not in (None, "plaintext"):
        text = "the embedded broker knows neither TLS nor SASL, and is reached from here only"
        place = ("kafka", "security", "protocol")
        yield wrong(place, f"{text}; remove it, or name a Kafka of yours")


def _shared_names(data: object) -> Iterator[InitErrorDetails]:
    """Find names and topics used twice, in input that may be wrong in any other way.

    A destination may not share a topic with a source either: journeys would read what they
    wrote. Nor may anything share the topics that journeystream keeps for itself.
    """
    if not isinstance(data, Mapping):
        return
    app = data.get("app", Project.model_fields["app"].default)
    users = {("topic", f"{app}.{name}"): "journeystream itself" for name in _INTERNAL_TOPICS}
    for place in ("profile_changes", "travel_log", "decisions.requests", "decisions.replies"):
        group, _, name = place.rpartition(".")
        topic = setting_of(data.get(group), name) if group else data.get(name)
        if isinstance(topic, str) and users.setdefault(("topic", topic), place) != place:
            yield _shared("topic", topic, users["topic", topic], tuple(place.split(".")))
    for group in ("sources", "destinations"):
        items = data.get(group)
        for index, item in enumerate(items if isinstance(items, list) else ()):
            for key in ("name", "topic"):
                value = setting_of(item, key)
                place = f"{group}[{index}]"
                if isinstance(value, str) and users.setdefault((key, value), place) != place:
                    yield _shared(key, value, users[key, value], (group, index, key))


def _shared(key: str, value: str, user: str, place: tuple[int | str, ...]) -> InitErrorDetails:
    return wrong(place, f"{value!r} is already the {key} of {user}; give each its own")


def load_project(path: Path | None = None) -> Project:
    """Read the project file: `path`, else what JOURNEYSTREAM_PROJECT names, else the default.

    Raises ProjectFileError, which holds every problem, one on a line.
    """
    return read_settings(Project, path or Path(os.environ.get(PROJECT_VARIABLE) or DEFAULT_FILE))


def project_schema() -> dict[str, Any]:
    """Return the JSON Schema of the project file, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Project.model_json_schema(),
        "title": DEFAULT_FILE,
    }
