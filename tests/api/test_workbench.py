"""Commands beside the worker: real processes, whose ends are answers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from journeystream.api.problems import Refused
from journeystream.api.workbench import Workbench
from journeystream.embedded_broker import free_port
from journeystream.errors import OperatorError

JOURNEY = b"""{"id": "a", "name": "A", "entry": {"by_name": true},
 "steps": [{"id": "s", "type": "send_to_destinations", "destinations": ["email"]}]}"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a project whose Kafka is away."""
    file = tmp_path / "journeystream.yaml"
    file.write_text(
        f"kafka: {{bootstrap: '127.0.0.1:{free_port()}'}}\nsources: [{{topic: e}}]\n"
        "destinations: [{name: email, type: event, topic: email}]\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("JOURNEYSTREAM_PROJECT", str(file))


def test_a_command_answers() -> None:
    """What it prints is the answer; it finds the files that were sent."""
    told: Any = asyncio.run(Workbench().run(["validate", "a.json"], {"a.json": JOURNEY}))
    assert [(each["id"], each["ok"]) for each in told] == [("a", True)]


def test_what_the_caller_did_wrong_is_told() -> None:
    """A refusal of the command is one of the request, in the same words."""
    with pytest.raises(Refused, match=r"nowhere\.json") as refused:
        asyncio.run(Workbench().run(["validate", "nowhere.json"]))
    assert refused.value.status == 422


def test_what_is_for_operators_is_no_bug() -> None:
    """Where Kafka is away, it is not the caller's fault, nor ours."""
    with pytest.raises(OperatorError, match="no broker"):
        asyncio.run(Workbench().run(["list"]))


def test_only_a_few_wait() -> None:
    """One runs, some wait for it, and whoever comes then is told to come again."""

    async def run() -> list[Any]:
        bench, files = Workbench(), {"a.json": JOURNEY}
        asking = (bench.run(["validate", "a.json"], files) for _ in range(6))
        return await asyncio.gather(*asking, return_exceptions=True)

    told = asyncio.run(run())
    refused = [each for each in told if isinstance(each, Refused)]
    assert [each.status for each in refused] == [429, 429]
    assert all("Retry-After" in each.headers for each in refused)
    assert len([each for each in told if isinstance(each, list)]) == 4
