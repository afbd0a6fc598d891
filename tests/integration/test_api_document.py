"""The OpenAPI document against the worker that serves it: what is generated from one is sent to the
other (schemathesis), and the answers are as the document says."""  # noqa: D205, D209  one sentence

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi import checks

from journeystream.api.all_routes import ROUTES
from journeystream.api.openapi import document
from journeystream.api.routes import PREFIX, Role, Route
from tests.api.route_table import PAGE
from tests.integration.api_client import MORE, TOKENS, Api
from tests.integration.waiting import PATIENCE, wait_until
from tests.integration.world import World

SCHEMA = schemathesis.openapi.from_dict(document(ROUTES))
CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
# What is there, so that not everything that is asked for is not found.
THERE = {
    "journey": "there",
    "version": "1",
    "step": "greet",
    "user": "u1",
    "list": "vip",
    "audience": "buyers",
    "trait": "total",
    "template": "welcome_series",
}
# Requests of a route: those that change something wait for Kafka, others for a command to start.
_READS, _WRITES, _COMMANDS = 20, 12, 6
_RUN_COMMANDS = ("preview", "simulate", "measure", "get_history")


@pytest.fixture(scope="module")
def api(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Run a worker, with something of each kind."""
    world = World(tmp_path_factory.mktemp("fuzzed"), kafka, live=True, more=MORE)
    api = Api()
    step = {"id": "greet", "type": "send_to_destinations", "destinations": ["email"]}
    journey = {"id": "there", "name": "There", "entry": {"by_name": True}, "steps": [step]}
    with world.worker("worker-1", *api.options):
        wait_until(api.is_ready, "the worker")
        api.put("/audiences/buyers", {"name": "Buyers", "condition": {"event": "Bought"}})
        api.put("/computed-traits/total", {"name": "T", "event": "Bought", "compute": "count"})
        api.post("/journeys", journey)
        api.post("/journeys/there/publish")
        api.post("/journeys/there/users", {"users": [{"userId": "u1"}]})
        api.post("/journeys/there/clone", {"id": "draft"})
        yield api


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.id)
def test_answers_are_as_the_document_says(api: Api, route: Route) -> None:
    """Whatever is sent, good or bad, is answered without a failure of ours, by a status, a content
    type and a body that the document has."""  # noqa: D205, D209  one sentence
    operation = SCHEMA[PREFIX + route.path][route.method]
    names = re.findall(r"\{(\w+)\}", route.path)
    known: dict[str, Any] = {"path_parameters": {name: THERE[name] for name in names}}
    drawn = [
        operation.as_strategy(mode, **(known if is_known and names else {}))
        for mode in GenerationMode
        for is_known in (False, True)
    ]

    count = _READS if route.role is Role.READ else _WRITES

    @settings(
        max_examples=_COMMANDS if route.id in _RUN_COMMANDS else count,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of(drawn))
    def ask(case: Case[Any]) -> None:
        headers = {"Authorization": f"Bearer {TOKENS['admin']}"}
        url = f"http://127.0.0.1:{api.port}"
        response = case.call(url, headers=headers, timeout=PATIENCE)
        assert response.status_code < 500, response.text
        case.validate_response(response, checks=CHECKS)

    ask()


def test_the_examples_of_the_page_are_so(api: Api) -> None:
    """The commands that docs/api.md shows do what it says, one after the other."""
    told = []
    for block in re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        done = subprocess.run(
            ["sh", "-c", block],  # noqa: S607  the shell of whoever follows the page
            env={**os.environ, "API": f"http://127.0.0.1:{api.port}{PREFIX}",
                 "TOKEN": TOKENS["write"]},
            capture_output=True,
            timeout=PATIENCE,
            check=True,
        )  # fmt: skip
        told.append(json.loads(done.stdout))
    draft, live, taken = told
    assert (draft["status"], live["status"], taken) == ("draft", "live", {"users": 1})
    wait_until(lambda: api.get("/journeys/hello/users").body["items"] == ["anna"], "the user")
