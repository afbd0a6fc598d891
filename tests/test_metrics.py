"""Metrics, the page of them, the dashboard and the alerts speak of the same things."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from ruamel.yaml import YAML

from tests.metrics_page import PAGE, all_metrics, sample_names, written

ROOT = Path(__file__).parents[1]
# What Prometheus puts on each sample, and what clients tell of any process.
SCRAPED = {"instance", "job"}
PROCESS = {"process_start_time_seconds", "process_resident_memory_bytes"}
WORDS = {"and", "on", "by", "or", "unless", "absent", "bool", "ignoring"}
FUNCTIONS = {
    *("changes", "count", "delta", "histogram_quantile", "increase", "max", "min", "rate"),
    *("sum", "time"),
}


@cache
def alerts() -> list[dict[str, Any]]:
    """Return the alerts, from YAML whose structure is that of a rule file."""
    [group] = YAML(typ="safe").load(ROOT / "deploy" / "prometheus" / "alerts.yaml")["groups"]
    assert group.keys() == {"name", "rules"}
    rules: list[dict[str, Any]] = group["rules"]
    return rules


@cache
def dashboard() -> dict[str, Any]:
    """Return the dashboard."""
    file = ROOT / "deploy" / "grafana" / "journeystream.json"
    read: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return read


def panels() -> list[dict[str, Any]]:
    """Return the panels that show something."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


QUERIES = [
    *(rule["expr"] for rule in alerts()),
    *(target["expr"] for panel in panels() for target in panel["targets"]),
]


def test_the_page_of_metrics_is_that_of_the_code() -> None:
    """docs/metrics.md has every metric as it is now; `make metrics` writes it."""
    assert PAGE.read_text(encoding="utf-8") == written(), "run: make metrics"


@pytest.mark.parametrize("name", all_metrics())
def test_every_metric_says_what_to_do(name: str) -> None:
    """A help text says what the figure is, then `what looks wrong: what to do`."""
    said = all_metrics()[name]._documentation
    assert re.fullmatch(r"[A-Z0-9].+[.] .+: .+[.]", said), said
    assert name.startswith("journeystream_")


@pytest.mark.parametrize("query", QUERIES)
def test_queries_ask_for_what_there_is(query: str) -> None:
    """Each metric, label and function that the dashboard or an alert names exists."""
    known = sample_names()
    bare = re.sub(r'"[^"]*"|\[[^\]]*\]', "", query)
    assert bare.count("(") == bare.count(")")
    names = set(re.findall(r"[a-z_]{2,}", re.sub(r"\{[^}]*\}", "", bare)))
    asked = {name for name in names if name.startswith("journeystream_")}
    assert asked <= known.keys()
    assert asked, "it asks for nothing of ours"
    labels = SCRAPED.union(*(known[name] for name in asked))
    by = {
        each for list_ in re.findall(r"(?:by|on) \(([^)]*)\)", query) for each in list_.split(", ")
    }
    by |= set(re.findall(r"[{,]\s*(\w+)\s*[=!]", bare))
    assert by <= labels
    assert names - asked - by - PROCESS <= WORDS | FUNCTIONS


def test_process_metrics_are_told() -> None:
    """What queries ask of the process is what the client library tells of any process."""
    assert {metric.name for metric in REGISTRY.collect()} >= PROCESS


def test_the_names_of_samples_are_those_that_are_scraped() -> None:
    """What this file takes for the samples of a metric is what the library makes of it."""
    told = {sample.name for metric in REGISTRY.collect() for sample in metric.samples}
    ours = {name for name in told if name.startswith("journeystream_")}
    assert {name for name in ours if not name.endswith("_created")} <= sample_names().keys()


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: str(alert["alert"]))
def test_an_alert_says_what_it_is_and_what_to_do(alert: dict[str, Any]) -> None:
    """It has a summary, an action, a severity, and a heading of docs/operating.md that exists."""
    assert alert.keys() <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"Journeystream[A-Za-z]+", alert["alert"])
    assert alert["labels"].keys() == {"severity"}
    assert alert["labels"]["severity"] in ("warning", "critical")
    assert re.fullmatch(r"\d+[mh]", alert.get("for", "1m"))
    said = alert["annotations"]
    assert said.keys() == {"summary", "action", "runbook"}
    assert all(said[each].endswith(".") for each in ("summary", "action"))
    document, anchor = said["runbook"].split("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / document).read_text(encoding="utf-8"), re.MULTILINE)
    assert anchor in {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}
    labels = set(re.findall(r"\$labels\.(\w+)", said["summary"] + said["action"]))
    named = {name for name in sample_names() if name in alert["expr"]}
    assert labels <= SCRAPED.union(*(sample_names()[name] for name in named))


def test_the_names_of_alerts_differ() -> None:
    """Two alerts of one name would silence each other."""
    names = [alert["alert"] for alert in alerts()]
    assert len(set(names)) == len(names)


def test_the_dashboard_is_whole() -> None:
    """Panels have ids of their own, a text that helps, and do not lie over each other."""
    ids = [panel["id"] for panel in dashboard()["panels"]]
    assert len(set(ids)) == len(ids)
    places: set[tuple[int, int]] = set()
    for panel in panels():
        assert panel["description"].endswith(".")
        assert panel["datasource"]["uid"] == "${datasource}"
        at = panel["gridPos"]
        covers = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not covers & places
        assert at["x"] + at["w"] <= 24
        places |= covers
