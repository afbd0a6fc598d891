"""The project file: what loads, what does not, and where each problem is said to be."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from journeystream.errors import ProjectFileError
from journeystream.project import (
    Project,
    Source,
    load_project,
    project_schema,
)
from tests.project.files import DAY, SOURCE, Write, problems


def test_derived_names_start_with_the_app(write: Write) -> None:
    """Two apps on one Kafka share no topic but the ones that their files name."""
    write(f"app: shop-2\n{SOURCE}")
    project = load_project()
    assert project.control_topic == "shop-2.control"
    assert project.changelog_topic == "shop-2.changelog"
    assert project.rekey_topic == "shop-2.rekeyed"
    assert project.dead_letter_topic == "shop-2.dead-letters"


def test_durations_and_dates_are_microseconds(write: Write) -> None:
    """Settings in words are the numbers that the engine computes with."""
    write(f"{SOURCE}time_zone: Europe/Berlin\nlimits: {{oldest_event: 1970-01-02}}\n")
    project = load_project()
    assert project.kafka.session_timeout_micros == 10_000_000
    assert project.limits.dedup_window_micros == 7 * DAY
    assert project.limits.clock_skew_micros == DAY
    assert project.limits.oldest_event_instant == DAY
    assert project.zone == ZoneInfo("Europe/Berlin")


def test_paths_start_at_the_project_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """State lies beside the project file, from whatever directory a worker is started."""
    path = write(f"{SOURCE}kafka: {{bootstrap: embedded}}\n")
    monkeypatch.chdir("/")
    project = load_project(path)
    assert project.directory == path.parent
    assert project.state_directory == path.parent / ".journeystream/state"
    assert project.embedded
    assert project.embedded_directory == path.parent / ".journeystream/broker"


def test_an_absolute_state_directory_is_kept(write: Write) -> None:
    """A state directory on another disk is not moved below the project."""
    write(f"{SOURCE}state: {{directory: /data/state}}\n")
    assert load_project().state_directory == Path("/data/state")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("app: Shop", "app: 'Shop' can not be used here; write at most 61 small letters"),
        ("app: 5", "app: 5 is not text; put it in quotes"),
        ("time_zone: Europe/Berln", "time_zone: 'Europe/Berln' is no time zone; did you mean"),
        ("time_zone: Europe", "time_zone: 'Europe' is no time zone; did you mean"),
        ("time: past", "time: 'past' is not known; write 'live' or 'replay'"),
        ("time-zone: UTC", "time-zone: there is no such setting; did you mean 'time_zone'?"),
        (
            "bootstrap: x",
            "bootstrap: there is no such setting here; did you mean 'kafka.bootstrap'",
        ),
        ("qqqq: x", "qqqq: there is no such setting; known here: app, time_zone"),
        ("kafka:", "kafka: an empty value is no group of settings; write `name: value`"),
        ("kafka: {bootstrp: x}", "kafka.bootstrp: there is no such setting; did you mean"),
        ("kafka: {bootstrap: host}", "kafka.bootstrap: 'host' is no broker; write host:port"),
        ("kafka: {bootstrap: 'h:99999'}", "kafka.bootstrap: 'h:99999' is no broker; write"),
        ("kafka: {bootstrap: 'h:1,embedded'}", "kafka.bootstrap: 'embedded' is no broker; write"),
        ("kafka: {partitions: 0}", "kafka.partitions: 0 is too small; write 1 or more"),
        ("kafka: {partitions: 1025}", "kafka.partitions: 1025 is too large; write 1024 or less"),
        ("kafka: {partitions: many}", "kafka.partitions: 'many' is no whole number; write one"),
        ("kafka: {session_timeout: soon}", "kafka.session_timeout: 'soon' is no duration: write"),
        ("limits: {dedup_window: 1 month}", "limits.dedup_window: '1 month' has no fixed length;"),
        ("limits: {message_bytes: 99999999}", "limits.message_bytes: 99999999 is too large;"),
        ("limits: {oldest_event: long ago}", "limits.oldest_event: 'long ago' is no date; write"),
        ("destinations: {a: 1}", "destinations: a group of settings is no list; start each"),
        ("destinations: [email]", "destinations[0]: 'email' is no group of settings; write"),
        ("destinations: [{name: a}]", "destinations[0]: its type is missing; add `type: event`"),
        (
            "destinations: [{type: mail}]",
            "destinations[0]: type 'mail' is not known; write 'event'",
        ),
        (
            "destinations: [{type: list, topic: a}]",
            "destinations[0].name: it is missing; add it",
        ),
        (
            "destinations: [{type: list, name: a, topic: a, call: track}]",
            "destinations[0].call: there is no such setting",
        ),
        (
            "destinations: [{type: event, name: a, topic: a b}]",
            "destinations[0].topic: 'a b' can not be used here; write at most 249 letters",
        ),
        (
            "destinations: [{type: event, name: a, topic: a, attributes: {x: profile.x}}]",
            "destinations[0].attributes.x: 'profile.x' can not be used here; write a path",
        ),
        (
            "destinations: [{type: list, name: a, topic: events}]",
            "destinations[0].topic: 'events' is already the topic of sources[0]; give each its own",
        ),
        (
            "destinations: [{type: list, name: a, topic: journeystream.changelog}]",
            "destinations[0].topic: 'journeystream.changelog' is already the topic of journey",
        ),
        (
            "destinations: [{type: list, name: a, topic: b}, {type: event, name: a, topic: c}]",
            "destinations[1].name: 'a' is already the name of destinations[0]; give each its own",
        ),
        (
            "destinations: [{type: list, name: a, topic: b}, {type: event, name: c, topic: b}]",
            "destinations[1].topic: 'b' is already the topic of destinations[0]; give each its own",
        ),
        ("decisions: {requests: a}", "decisions.replies: it is missing; add it"),
        (
            "decisions: {requests: a, replies: a}",
            "decisions.replies: 'a' is already the topic of decisions.requests; give each its own",
        ),
        (
            "decisions: {requests: a, replies: journeystream.rekeyed}",
            "decisions.replies: 'journeystream.rekeyed' is already the topic of journeystream its",
        ),
        (
            "travel_log: journeystream.control",
            "travel_log: 'journeystream.control' is already the topic of journeystream itself; gi",
        ),
        ("ingest: {topic: evnts}", "ingest.topic: 'evnts' is no source; choose one of: events"),
        ("ingest: {event_bytes: 900001}", "ingest.event_bytes: 900001 is too large; write 900000"),
        ("ingest: {acknowledge_within: 1 month}", "ingest.acknowledge_within: '1 month' has no"),
        ("ingest: {origins: ['https://a.b/']}", "ingest.origins[0]: 'https://a.b/' is no origin;"),
        ("ingest: {origins: [shop.example]}", "ingest.origins[0]: 'shop.example' is no origin; wr"),
        ("ingest: {write_keys: [a], open: true}", "ingest: open is for projects without write_k"),
        (SOURCE.strip(), "sources: it stands in line 1 already; keep one of the two"),
        ("12: x", "12 is no name of a setting; write text"),
    ],
)
def test_a_problem_names_its_line(write: Write, line: str, problem: str) -> None:
    """Each problem is one line: the place, the setting, the value, and what to do."""
    write(f"{SOURCE}# a comment\n{line}\n")
    (told,) = problems()
    if not line.startswith("12"):  # A key that is no text has no line of its own.
        assert told.startswith(f"journeystream.yaml:3: {problem}")
    assert problem in told


@pytest.mark.parametrize("key", ["se:cret", "se cret", "1234567", "[secret]", "sécret", "''"])
def test_a_write_key_that_can_not_be_used_is_not_shown(write: Write, key: str) -> None:
    """Whoever reads the log of a failed start does not learn what may be a key elsewhere."""
    write(f"{SOURCE}ingest: {{write_keys: [{key}]}}\n")
    (told,) = problems()
    assert told.startswith(
        "journeystream.yaml:2: ingest.write_keys[0]: a write key can not be used; write 1 to 200"
    )
    assert key not in told or key == "''"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "journeystream.yaml:1: sources: it is missing; add it"),
        ("app: a\nsources: []", "journeystream.yaml:2: sources: it is empty; list at least 1"),
        ("app: a\nsources:\n  - topik: a", "journeystream.yaml:3: sources[0].topic: it is missing"),
        ("- a", "journeystream.yaml:1: this is no group of settings; write `name: value` lines"),
        ("app: a\nsources: [", "journeystream.yaml:2: this is no YAML: "),
        ("app: a\n\tsources: []", "journeystream.yaml:2: this is no YAML: found character '\\t'"),
        ("app: a\nkafka: \x01", "journeystream.yaml:2: this is no YAML: unacceptable character"),
        ("app: !!python/name:os.system", "journeystream.yaml:1: this is no YAML: could not"),
        ("sources: &a [*a]", "journeystream.yaml:1: its aliases unfold to more than 100,000"),
    ],
)
def test_a_file_that_is_no_project_names_its_line(write: Write, text: str, problem: str) -> None:
    """Broken YAML and missing settings are one line each too."""
    write(text)
    assert problems()[0].startswith(problem)


def test_all_problems_are_told_at_once(write: Write) -> None:
    """Whoever mends a file sees everything that is wrong, in the order of the lines."""
    write(
        "app: 1\nsources:\n  - {topic: a}\n  - {topic: a}\nkafka:\n  partitions: 0\n"
        "  partitions: 1\n  nothing: 1\ntime: past\n"
    )
    told = [line.split(": ")[0] for line in problems()]
    assert told == [f"journeystream.yaml:{line}" for line in (1, 4, 6, 7, 8, 9)]


def test_a_missing_file_says_how_to_get_one(write: Write) -> None:
    """Someone without a project learns of `journeystream init`."""
    write("").unlink()
    (told,) = problems()
    assert told.startswith("journeystream.yaml: there is no such file; run `journeystream init`")


def test_a_file_that_is_no_text_names_its_line(write: Write) -> None:
    """A file in another encoding is a problem of the file, not a crash."""
    write("").write_bytes(b"app: a\ntime_zone: \xff\n")
    assert problems() == ["journeystream.yaml:2: this is not UTF-8; save it as UTF-8"]


def test_a_directory_is_no_project_file(tmp_path: Path) -> None:
    """What can not be read is told as a problem of the project file."""
    with pytest.raises(ProjectFileError, match="it can not be read"):
        load_project(tmp_path)


def test_a_project_is_the_same_wherever_it_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only reading the file looks at the environment; the model alone does not."""
    monkeypatch.setenv("JOURNEYSTREAM_APP", "other")
    project = Project(sources=[Source(topic="events")])
    assert (project.app, project.directory) == ("journeystream", Path.cwd())


def test_settings_can_not_be_changed() -> None:
    """What was checked stays as it was checked."""
    project = Project(sources=[Source(topic="events")])
    with pytest.raises(ValidationError, match="frozen"):
        project.app = "other"  # type: ignore[misc]


def test_the_schema_describes_every_setting() -> None:
    """An editor can tell what each setting means, and refuses one that does not exist."""
    schema = project_schema()
    for group in [schema, *schema["$defs"].values()]:
        assert group["description"]
        assert group["additionalProperties"] is False
        for setting in group["properties"].values():
            # A reference to a group has the group's description.
            assert "description" in setting or "$ref" in setting
    assert schema["properties"]["time"]["enum"] == ["live", "replay"]
    assert schema["required"] == ["sources"]


@pytest.mark.parametrize(
    ("sources", "fits"),
    [
        ("[{topic: a, keyed_by_user: true}]", True),
        ("[{topic: a}]", False),
        ("[{topic: a, keyed_by_user: true}, {topic: b, keyed_by_user: true}]", False),
    ],
)
def test_at_least_once_needs_one_order(write: Write, sources: str, *, fits: bool) -> None:
    """Without transactions, only a single source that is keyed by user has one order."""
    write(f"sources: {sources}\nkafka:\n  guarantee: at_least_once\n")
    if fits:
        assert load_project().kafka.guarantee == "at_least_once"
    else:
        assert problems()[0].startswith("journeystream.yaml:3: kafka.guarantee: at_least_once")


def test_at_least_once_has_no_place_for_replies(write: Write) -> None:
    """Replies would be a second topic beside the source, and there is no order between two."""
    source = "sources: [{topic: a, keyed_by_user: true}]\n"
    write(f"{source}kafka: {{guarantee: at_least_once}}\ndecisions: {{requests: b, replies: c}}\n")
    [told] = problems()
    assert told.startswith("journeystream.yaml:3: decisions: replies are a second topic beside")
    assert told.endswith("; remove it, or use exactly_once")


def test_workers_read_what_is_said_of_users(write: Write) -> None:
    """Sources, the re-keying topic, and what a decision service replies."""
    write(f"app: shop\n{SOURCE}decisions: {{requests: asked, replies: answered}}\n")
    assert load_project().topics_read == ["events", "shop.rekeyed", "answered"]
