"""What the figures were measured on: they mean nothing without it."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.environment import RIVALS
from bench.processes import ROOT

_OURS = ("journeystream", "faust-streaming", "aiokafka", "rocksdict", "orjson")
_NONE = "(none)"
_RIVALS = ("quixstreams", "bytewax", "faust-streaming", "confluent-kafka")


def machine() -> dict[str, str]:
    """Return what is known of the machine and of all versions."""
    pinned = dict(
        line.split("==")
        for line in (RIVALS / "requirements.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    )
    return {
        "CPU": f"{_cpu()}, {os.cpu_count()} cores (the broker runs on them too)",
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB",
        "system": platform.platform(),
        "Python": platform.python_version(),
        "commit": _commit(),
        "journeystream": ", ".join(f"{name} {_version(name)}" for name in _OURS),
        "uvloop": _uvloop(),
        "rivals": ", ".join(f"{name} {pinned[name]}" for name in _RIVALS),
    }


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def _uvloop() -> str:
    found = _version("uvloop")
    if found == _NONE:
        return "not installed: the limit runs on asyncio's own loop; plain Faust has uvloop"
    return f"{found}, which the limit and plain Faust run on"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return _NONE


def _commit() -> str:
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty"],  # noqa: S607  whichever git there is
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout.strip() or "unknown"
