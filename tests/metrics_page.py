"""docs/metrics.md, made of `journeystream/metrics.py`: `make metrics` writes it anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase

from journeystream import metrics

PAGE = Path(__file__).parents[1] / "docs" / "metrics.md"
_SUFFIX = {"counter": "_total", "info": "_info"}
_HEAD = """\
# Metrics

What a worker says at `/metrics` ([operating.md](operating.md)), as `metrics.py` has it: what each
figure is, and what to do when it looks wrong. `make metrics` writes this page. Times are in
seconds, `partition` is the number that a worker has of the source topics. A dashboard is in
[deploy/grafana](../deploy/grafana/journeystream.json), alerts are in
[deploy/prometheus](../deploy/prometheus/alerts.yaml).

| metric | kind | labels | meaning, and what to do |
| --- | --- | --- | --- |
"""


def all_metrics() -> dict[str, MetricWrapperBase]:
    """Return the metrics by the names that queries have for them, but for suffixes of samples."""
    found = [each for each in vars(metrics).values() if isinstance(each, MetricWrapperBase)]
    return {f"{each._name}{_SUFFIX.get(str(each._type), '')}": each for each in found}


def sample_names() -> dict[str, frozenset[str]]:
    """Return the name of every sample that a query can ask for, with its labels."""
    return dict(_samples())


def _samples() -> Iterator[tuple[str, frozenset[str]]]:
    for name, metric in all_metrics().items():
        labels = frozenset(metric._labelnames)
        if metric._type == "histogram":
            yield f"{name}_bucket", labels | {"le"}
            yield f"{name}_sum", labels
            yield f"{name}_count", labels
        elif metric._type == "info":
            yield name, frozenset({"version", "python", "app", "worker", "guarantee", "time"})
        else:
            yield name, labels


def written() -> str:
    """Return the page."""
    rows = (
        (f"`{name}`", str(metric._type), ", ".join(metric._labelnames), metric._documentation)
        for name, metric in all_metrics().items()
    )
    return _HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    PAGE.write_text(written(), encoding="utf-8")
