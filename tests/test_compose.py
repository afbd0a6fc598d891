"""docker-compose.kafka.yml and the Dockerfile agree with each other and with the tests.

No Docker engine is needed: this reads the files. What a broker does with the settings is tried
where the tests start one.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.brokers.settings import BROKER_SETTINGS, KAFKA_IMAGE, as_environment

ROOT = Path(__file__).parents[1]
WORKERS = ("worker-1", "worker-2")
# What depends on where a broker runs, so that it is in no common setting.
OF_PLACE = {
    "KAFKA_NODE_ID",
    "KAFKA_CONTROLLER_QUORUM_VOTERS",
    "KAFKA_CONTROLLER_LISTENER_NAMES",
    "KAFKA_INTER_BROKER_LISTENER_NAME",
    "KAFKA_LISTENERS",
    "KAFKA_ADVERTISED_LISTENERS",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP",
    "KAFKA_LOG_DIRS",
}

Tree = dict[str, Any]


@pytest.fixture(scope="module")
def compose() -> Tree:
    """Return the compose file with its merges done."""
    tree = YAML(typ="safe", pure=True).load(ROOT / "docker-compose.kafka.yml")
    assert isinstance(tree, dict)
    return tree


@pytest.fixture(scope="module")
def dockerfile() -> list[list[str]]:
    """Return the words of each instruction of the Dockerfile."""
    joined = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return [line.split() for line in joined.splitlines() if line and not line.startswith("#")]


def test_broker_is_that_of_the_tests(compose: Tree) -> None:
    """The broker has the image and, but for its place, exactly the settings of the tests."""
    kafka = compose["services"]["kafka"]
    assert kafka["image"] == KAFKA_IMAGE
    settings = {name: text for name, text in kafka["environment"].items() if name not in OF_PLACE}
    assert settings == as_environment(BROKER_SETTINGS)


def test_broker_advertises_listeners_that_it_has(compose: Tree) -> None:
    """Clients are sent to listeners that exist; the published port is one, on loopback only."""
    kafka = compose["services"]["kafka"]
    listeners = _listeners(kafka["environment"]["KAFKA_LISTENERS"])
    advertised = _listeners(kafka["environment"]["KAFKA_ADVERTISED_LISTENERS"])
    assert advertised == {
        "PLAINTEXT": ("kafka", listeners["PLAINTEXT"][1]),
        "HOST": ("127.0.0.1", listeners["HOST"][1]),
    }
    port = listeners["HOST"][1]
    assert kafka["ports"] == [f"127.0.0.1:{port}:{port}"]


def test_two_workers_run_after_the_topics(compose: Tree) -> None:
    """There are two workers, which wait for the topics, which wait for a healthy broker."""
    services = compose["services"]
    runs = [
        name for name, one in services.items() if one.get("command") == ["journeystream", "run"]
    ]
    assert runs == list(WORKERS)
    assert services["topics"]["command"] == ["journeystream", "topics"]
    assert services["topics"]["depends_on"] == {"kafka": {"condition": "service_healthy"}}
    assert services["kafka"]["healthcheck"]["test"][0] == "CMD"
    for worker in WORKERS:
        waits_for = {"topics": {"condition": "service_completed_successfully"}}
        assert services[worker]["depends_on"] == waits_for


def test_all_use_the_broker_and_the_project_file(compose: Tree) -> None:
    """Topics and workers are built from the Dockerfile, and read one file that is there."""
    for name in ("topics", *WORKERS):
        service = compose["services"][name]
        assert service["build"] == "."
        (mount,) = (one for one in service["volumes"] if isinstance(one, dict))
        assert mount["read_only"] is True
        source = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", mount["source"])
        assert (ROOT / source).is_file()
        environment = service["environment"]
        assert environment["JOURNEYSTREAM_PROJECT"] == mount["target"]
        assert environment["JOURNEYSTREAM_KAFKA__BOOTSTRAP"] == "kafka:9092"


def test_each_worker_has_its_own_state_and_name(compose: Tree) -> None:
    """No two workers share a volume or an instance name."""
    volumes, instances = [], []
    for worker in WORKERS:
        service = compose["services"][worker]
        assert service["environment"]["JOURNEYSTREAM_STATE__DIRECTORY"] == "/state"
        volumes += [v.split(":")[0] for v in service["volumes"] if str(v).endswith(":/state")]
        instances.append(service["environment"]["JOURNEYSTREAM_KAFKA__INSTANCE"])
    assert len(set(volumes)) == len(set(instances)) == len(WORKERS)


def test_every_service_and_volume_that_is_named_exists(compose: Tree) -> None:
    """Nothing refers to a service or a volume that is not defined, and none is left over."""
    services = compose["services"]
    waited_for = {other for one in services.values() for other in one.get("depends_on", ())}
    assert waited_for <= set(services)
    named = {
        volume.split(":")[0]
        for one in services.values()
        for volume in one["volumes"]
        if isinstance(volume, str)
    }
    assert named == set(compose["volumes"])


def test_dockerfile_names_what_exists(dockerfile: list[list[str]]) -> None:
    """What the Dockerfile copies is in the checkout and let through, nothing else is."""
    stages = {words[3] for words in dockerfile if words[0] == "FROM" and len(words) > 2}
    copied: set[str] = set()
    for words in dockerfile:
        if words[0] != "COPY":
            continue
        if words[1].startswith("--from="):
            assert words[1].removeprefix("--from=") in stages
        else:
            copied.update(words[1:-1])
    missing = {name for name in copied if not (ROOT / name).exists()}
    assert missing == set()
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignore
    assert {line[1:] for line in ignore if line.startswith("!")} == copied


def test_image_is_not_root_and_runs_a_worker(dockerfile: list[list[str]]) -> None:
    """Both stages have one Python; the last has a user of its own and starts a worker."""
    images = {words[1] for words in dockerfile if words[0] == "FROM"}
    assert images == {"python:3.12-slim"}
    users = [words[1] for words in dockerfile if words[0] == "USER"]
    assert users == ["journeystream"]
    assert dockerfile[-1] == ["CMD", '["journeystream",', '"run"]']


def _listeners(told: str) -> dict[str, tuple[str, str]]:
    """Read `NAME://host:port,...`."""
    found = (re.fullmatch(r"(\w+)://([\w.]*):(\d+)", one) for one in told.split(","))
    return {one[1]: (one[2], one[3]) for one in found if one is not None}
