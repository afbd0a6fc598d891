"""deploy/kubernetes agrees with itself, with the image, the command line and the project model.

No cluster is needed: this reads the files. What a worker does with a name, a state directory and
SIGTERM is tried in tests/integration.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from aiohttp import web
from ruamel.yaml import YAML

from journeystream import cli
from journeystream.agents.health import Health
from journeystream.probes import Probes
from journeystream.project import Kafka, Project, load_project
from journeystream.project_file import PREFIX, PROJECT_VARIABLE

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "deploy" / "kubernetes"
Tree = dict[str, Any]


@cache
def objects() -> dict[str, Tree]:
    """Return what the kustomization lists, by kind; the files hold one of each."""
    yaml = YAML(typ="safe", pure=True)
    listed = yaml.load(FOLDER / "kustomization.yaml")["resources"]
    assert sorted(listed) == sorted(
        file.name for file in FOLDER.glob("*.yaml") if file.name != "kustomization.yaml"
    )
    found = [each for name in listed for each in yaml.load_all(FOLDER / name)]
    by_kind = {each["kind"]: each for each in found}
    assert len(by_kind) == len(found)
    return by_kind


def pod() -> Tree:
    """Return what a worker's pod is made of."""
    template: Tree = objects()["StatefulSet"]["spec"]["template"]
    return template


def container(kind: str = "StatefulSet") -> Tree:
    """Return the one container of a pod."""
    [only] = objects()[kind]["spec"]["template"]["spec"]["containers"]
    assert isinstance(only, dict)
    return only


def environment(kind: str) -> dict[str, str]:
    """Return the variables of a container in the pod `journeystream-0`."""
    secrets = objects()["Secret"]["stringData"]
    found: dict[str, str] = {}
    for variable in container(kind)["env"]:
        match variable:
            case {"value": value}:
                # As Kubernetes does, with variables that stand before.
                found[variable["name"]] = re.sub(r"\$\((\w+)\)", lambda m: found[m[1]], value)
            case {"valueFrom": {"secretKeyRef": {"name": "journeystream-kafka", "key": key}}}:
                found[variable["name"]] = secrets[key]
            case {"valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}:
                found[variable["name"]] = "journeystream-0"
            case _:
                pytest.fail(f"{variable} leads nowhere")
    return found


def written_project() -> Tree:
    """Return the project file of the ConfigMap, as it is written."""
    tree = YAML(typ="safe").load(objects()["ConfigMap"]["data"]["journeystream.yaml"])
    assert isinstance(tree, dict)
    return tree


def project_in(kind: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Return the project as a container reads it."""
    for name, text in objects()["ConfigMap"]["data"].items():
        (directory / name).write_text(text)
    for name, text in environment(kind).items():
        assert name.startswith(PREFIX)
        monkeypatch.setenv(name, text)
    mounted = Path(environment(kind)[PROJECT_VARIABLE])
    return load_project(directory / mounted.name)


@pytest.mark.parametrize("kind", ["StatefulSet", "Job"])
def test_the_project_is_accepted_with_the_variables_of_the_pods(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers, and the job that creates topics, start with settings that are whole."""
    project = project_in(kind, tmp_path, monkeypatch)
    assert project.kafka.instance == ("journeystream-0" if kind == "StatefulSet" else None)
    assert project.state_directory == Path("/state")
    assert [token.role for token in project.api.tokens] == (
        ["admin"] if kind == "StatefulSet" else []
    )


def test_commands_are_those_of_the_command_line() -> None:
    """What the containers run is accepted by our own parser."""
    for kind, name in (("StatefulSet", "run"), ("Job", "topics")):
        program, command, *options = container(kind)["command"]
        assert (program, command) == ("journeystream", name)
        parser: Any = typer.main.get_command(cli.app_for(()))
        parser.commands[command].make_context(command, options)


def test_the_image_is_the_one_that_is_built() -> None:
    """Both run the image that the kustomization names, as the user that the Dockerfile makes."""
    [image] = YAML(typ="safe").load(FOLDER / "kustomization.yaml")["images"]
    assert container()["image"] == container("Job")["image"] == image["name"]
    user = pod()["spec"]["securityContext"]
    assert f"--uid {user['runAsUser']}" in (ROOT / "Dockerfile").read_text()
    assert user["fsGroup"] == user["runAsUser"]


def test_probes_ask_for_what_a_worker_answers() -> None:
    """Paths and port are those of the worker's web server; so are those of Prometheus."""
    command = container()["command"]
    port = int(command[command.index("--http-port") + 1])
    [opened] = container()["ports"]
    assert opened["containerPort"] == port
    assert command[command.index("--http-host") + 1] == "0.0.0.0"  # noqa: S104  pods are reached
    served = _served()
    asked = {
        name: container()[name]["httpGet"]
        for name in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    assert {each["path"] for each in asked.values()} <= served
    assert {each["port"] for each in asked.values()} == {opened["name"]}
    assert asked["livenessProbe"]["path"] == "/live"
    assert asked["readinessProbe"]["path"] == "/ready"
    scraped = pod()["metadata"]["annotations"]
    assert scraped["prometheus.io/path"] in served
    assert scraped["prometheus.io/port"] == str(port)
    [service] = objects()["Service"]["spec"]["ports"]
    assert (service["port"], service["targetPort"]) == (port, opened["name"])


def test_a_worker_keeps_its_name_and_its_state() -> None:
    """Each pod has a volume of its own at the state directory, and what is written is mounted."""
    [claim] = objects()["StatefulSet"]["spec"]["volumeClaimTemplates"]
    mounts = {each["name"]: each for each in container()["volumeMounts"]}
    assert mounts[claim["metadata"]["name"]]["mountPath"] == written_project()["state"]["directory"]
    volumes = {each["name"] for each in pod()["spec"]["volumes"]} | {claim["metadata"]["name"]}
    assert volumes == set(mounts)
    assert container()["securityContext"]["readOnlyRootFilesystem"]
    assert "/tmp" in {each["mountPath"] for each in mounts.values()}  # noqa: S108  Faust's


def test_a_pod_waits_longer_than_its_worker_takes_to_stop() -> None:
    """Nobody kills a worker that still has its own time to end in."""
    grace = pod()["spec"]["terminationGracePeriodSeconds"]
    project = Project.model_validate(
        {"sources": [{"topic": "t"}], "limits": written_project()["limits"]}
    )
    assert grace > project.limits.stop_seconds


def test_a_pod_that_comes_back_is_back_within_the_session() -> None:
    """A restart that takes half of the session's time moves nothing."""
    kafka = {"session_timeout": written_project()["kafka"]["session_timeout"]}
    assert Kafka.model_validate(kafka).session_timeout_micros >= 60_000_000


def test_scaling_follows_the_lag_of_the_project() -> None:
    """KEDA asks for the group, topic and brokers of the project; partitions bound the workers."""
    project, scaled = written_project(), objects()["ScaledObject"]["spec"]
    [trigger] = scaled["triggers"]
    asked = trigger["metadata"]
    assert asked["consumerGroup"] == project["app"]
    assert asked["topic"] in [source["topic"] for source in project["sources"]]
    assert asked["bootstrapServers"] == project["kafka"]["bootstrap"]
    assert scaled["maxReplicaCount"] == project["kafka"]["partitions"]
    assert scaled["minReplicaCount"] > project["state"]["standbys"]
    target = scaled["scaleTargetRef"]
    assert objects()[target["kind"]]["metadata"]["name"] == target["name"]
    given = objects()["TriggerAuthentication"]
    assert trigger["authenticationRef"]["name"] == given["metadata"]["name"]
    secret = objects()["Secret"]
    for reference in given["spec"]["secretTargetRef"]:
        assert reference["name"] == secret["metadata"]["name"]
        assert reference["key"] in secret["stringData"]


def test_selectors_find_the_workers() -> None:
    """Service, StatefulSet and disruption budget speak of the same pods."""
    labels = pod()["metadata"]["labels"]
    assert objects()["StatefulSet"]["spec"]["selector"]["matchLabels"] == labels
    assert objects()["Service"]["spec"]["selector"] == labels
    assert objects()["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert objects()["PodDisruptionBudget"]["spec"]["maxUnavailable"] == 1
    assert (
        objects()["StatefulSet"]["spec"]["serviceName"] == objects()["Service"]["metadata"]["name"]
    )


def test_other_workers_reach_a_pod_by_its_name_in_the_service() -> None:
    """What a pod advertises is the name that a StatefulSet's service gives it."""
    [opened] = container()["ports"]
    service = objects()["Service"]["metadata"]["name"]
    assert objects()["Service"]["spec"]["clusterIP"] == "None"
    advertised = environment("StatefulSet")["JOURNEYSTREAM_API__ADVERTISE"]
    assert advertised == f"http://journeystream-0.{service}:{opened['containerPort']}"


def _served() -> set[str]:
    """Return the paths that a worker answers to everybody."""
    site = web.Application()
    Probes(lambda: Health(alive=True, ready=True, reasons=(), partitions={}, standbys=())).add_to(
        site
    )
    return {resource.canonical for resource in site.router.resources()}
