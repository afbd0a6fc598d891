"""Asking a worker's probes, as an orchestrator does."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any


def asked(port: int, path: str) -> tuple[int, dict[str, Any]]:
    """Return the status and the body; 0 while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read())
    except OSError:  # refused, reset, too slow
        return 0, {}


def reasons(port: int) -> list[str]:
    """Return why the worker says that it is not ready."""
    told: list[str] = asked(port, "/ready")[1].get("reasons", [])
    return told
