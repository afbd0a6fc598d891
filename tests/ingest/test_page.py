"""docs/ingest.md says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import orjson
from ruamel.yaml import YAML

from journeystream import metrics
from journeystream.commands.ingest import ingest as command
from journeystream.ingest import Ingest
from journeystream.ingest.site import PATHS
from journeystream.project import Project
from tests.ingest.in_process import TRACK, Client, MemoryTopic, play, send

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "ingest.md").read_text(encoding="utf-8")
PACKAGE = ROOT / "journeystream" / "ingest"


def _block(language: str) -> str:
    [block] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(block)


def test_the_settings_are_a_project() -> None:
    """The settings of the page load as they stand."""
    project = Project.model_validate(YAML(typ="safe").load(_block("yaml project")))
    assert project.ingest.origins == ["https://shop.example"]
    for name in re.findall(r"`ingest\.(\w+)`", PAGE):
        assert name in type(project.ingest).model_fields


def test_every_path_and_code_is_on_the_page() -> None:
    """Whoever gets an answer finds its code; whoever sends finds each path, and no other."""
    assert set(re.findall(r"`(/v1/\w+)`", PAGE)) == set(PATHS)
    sources = "".join(file.read_text(encoding="utf-8") for file in PACKAGE.glob("*.py"))
    codes = set(re.findall(r'RequestRefused\(\s*\d+, "(\w+)"', sources))
    codes |= set(re.findall(r'RequestRefused\(\s*\d+,\s*"(\w+)"', sources))
    assert len(codes) > 8
    assert [code for code in codes if f"`{code}`" not in PAGE] == []


def test_the_refusal_is_the_one_that_is_shown() -> None:
    """The answer of the page is given, word by word."""

    async def story(client: Client, _: MemoryTopic, __: Ingest) -> None:
        batch = [TRACK, {**TRACK, "userId": None}]
        status, told = await send(client, "/v1/batch", {"batch": batch})
        assert (status, told) == (400, orjson.loads(_block("json")))

    play(story)


def test_the_call_by_hand_is_taken() -> None:
    """The body that is given to curl is a call, and the path is the one that takes it."""
    [(path, body)] = re.findall(r"curl .*8080(/\S+) \\\n\s+-d '(.*)'", PAGE)

    async def story(client: Client, topic: MemoryTopic, _: Ingest) -> None:
        assert (await send(client, path, body.encode()))[0] == 200
        assert topic.values[0]["messageId"] == "order-17"

    play(story)


def test_options_and_metrics_have_these_names() -> None:
    """What the page tells operators to use exists."""
    assert {"host", "port", "http_port"} <= set(command.__annotations__)
    for name in ("REQUESTS", "EVENTS", "SECONDS", "IN_FLIGHT"):
        assert getattr(metrics, f"INGEST_{name}")
