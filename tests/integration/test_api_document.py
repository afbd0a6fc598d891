"""The OpenAPI document against the worker that serves it: what is generated from one is sent to the
other (schemathesis), and the answers are as the document says."""  # noqa: D205, D209  one sentence

from __future__ import annotations

import re
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
from tests.integration.api_client import MORE, TOKENS, Api
from tests.integration.waiting import wait_until
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
_READS, _WRITES = 40, 25  # requests of a route: those that change something wait for Kafka


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

    @settings(
        max_examples=_READS if route.role is Role.READ else _WRITES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of(drawn))
    def ask(case: Case) -> None:
        headers = {"Authorization": f"Bearer {TOKENS['admin']}"}
        response = case.call(f"http://127.0.0.1:{api.port}", headers=headers)
        print("XX", route.id, response.status_code)
        assert response.status_code < 500, response.text
        case.validate_response(response, checks=CHECKS)

    ask()
