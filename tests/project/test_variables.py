"""Settings by environment variables."""

from __future__ import annotations

import pytest

from journeystream.project import (
    load_project,
)
from tests.project.files import SOURCE, Write, problems


def test_a_variable_names_the_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """JOURNEYSTREAM_PROJECT counts where no path is given."""
    path = write(f"app: other\n{SOURCE}")
    path.rename(path.with_name("other.yaml"))
    monkeypatch.setenv("JOURNEYSTREAM_PROJECT", "other.yaml")
    assert load_project().app == "other"


def test_a_variable_wins_over_the_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable changes its setting and leaves the ones beside it as the file has them."""
    write(f"{SOURCE}kafka: {{bootstrap: 'a:1', partitions: 4}}\n")
    monkeypatch.setenv("JOURNEYSTREAM_KAFKA__BOOTSTRAP", "b:1, c:2")
    monkeypatch.setenv("JOURNEYSTREAM_SOURCES", '[{"topic": "x"}, {"topic": "y"}]')
    project = load_project()
    assert (project.kafka.bootstrap, project.kafka.partitions) == ("b:1,c:2", 4)
    assert [source.topic for source in project.sources] == ["x", "y"]


def test_an_empty_variable_counts_as_none(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that a deployment leaves empty does not empty the setting."""
    write(f"app: a\n{SOURCE}")
    monkeypatch.setenv("JOURNEYSTREAM_APP", "")
    assert load_project().app == "a"


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("KAFKA__BOOTSTRAP", "host", "kafka.bootstrap: 'host' is no broker; write host:port"),
        ("KAFKA__BOOTSTRP", "x", "kafka.bootstrp: there is no such setting; did you mean"),
        ("KAFKA", '{"partitions": 0}', "kafka.partitions: 0 is too small; write 1 or more"),
        ("KAFKA", "x", "kafka: what is written is no group of settings; write"),
        ("SOURCES", "events", "sources: 'events' is no list; start each entry with"),
        ("SOURCES", '[{"topik": "a"}]', "sources[0].topic: it is missing; add it"),
        ("SOURCES__0__TOPIC", "a", "sources: a group of settings is no list; start each"),
        ("TIMEZONE", "UTC", "there is no such setting; did you mean JOURNEYSTREAM_TIME_ZONE?"),
        ("KAFKA_BOOTSTRAP", "x", "there is no such setting; did you mean JOURNEYSTREAM_KAFKA__BOO"),
        ("BROKER__HOST", "x", "there is no such setting; known: APP, TIME_ZONE"),
    ],
)
def test_a_problem_names_its_variable(
    write: Write, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, problem: str
) -> None:
    """Nobody looks in the file for what came from the environment."""
    write(SOURCE)
    monkeypatch.setenv(f"JOURNEYSTREAM_{variable}", value)
    assert problems()[0].startswith(f"JOURNEYSTREAM_{variable}: {problem}")


def test_a_file_is_not_blamed_on_a_variable(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable for one setting of a group does not take the blame for its neighbour."""
    write(f"{SOURCE}kafka: {{partitions: 0}}\n")
    monkeypatch.setenv("JOURNEYSTREAM_KAFKA", '{"bootstrap": "a:1"}')
    assert problems() == ["journeystream.yaml:2: kafka.partitions: 0 is too small; write 1 or more"]


def test_variables_of_kubernetes_are_not_ours(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service named journeystream or journeystream-kafka does not stop its own pods."""
    write(SOURCE)
    for name in ("PORT", "PORT_9092_TCP", "SERVICE_HOST", "KAFKA_PORT", "KAFKA_SERVICE_HOST"):
        monkeypatch.setenv(f"JOURNEYSTREAM_{name}", "tcp://10.0.0.1:9092")
    assert load_project().app == "journeystream"
