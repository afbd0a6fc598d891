"""Commands that the API runs beside the worker.

Law: what may take long is a process of its own, the command of the same name, so that it takes no
time from the worker's turns and answers exactly as the command does. One of them runs at a time,
for so long at most.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from journeystream.api.problems import Refused
from journeystream.errors import OperatorError

_SECONDS = 120.0
_NICENESS = 10
_WAITING_AT_MOST = 4
# Exit codes: who asked for something wrong, and what is for whoever runs the worker.
_REFUSED, _FOR_OPERATORS = 2, 1


class Workbench:
    """Runs commands beside the worker, one at a time."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)
        self._waiting = 0

    async def run(self, words: list[str], files: Mapping[str, bytes] | None = None) -> Any:  # noqa: ANN401
        """Run a command where these files are, and return what it prints with --json.

        Refused with what it says, where that is for the caller to mend.
        """
        if self._waiting >= _WAITING_AT_MOST:
            raise Refused(
                HTTPStatus.TOO_MANY_REQUESTS,
                "others are being tried; try again",
                {"Retry-After": "10"},
            )
        self._waiting += 1
        try:
            async with self._turn:
                with TemporaryDirectory() as directory:
                    for name, data in (files or {}).items():
                        (Path(directory) / name).write_bytes(data)
                    return await self._run(words, directory)
        finally:
            self._waiting -= 1

    async def _run(self, words: list[str], directory: str) -> Any:  # noqa: ANN401
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "journeystream",
            words[0],
            "--json",
            *words[1:],
            cwd=directory,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, _NICENESS)
        try:
            told, said = await asyncio.wait_for(process.communicate(), _SECONDS)
        except TimeoutError:
            raise Refused(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"it took longer than {_SECONDS:.0f} s; use the command, which has no bound",
            ) from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode == 0:
            return orjson.loads(told)
        if process.returncode == _REFUSED:
            why = (said.strip() or told.strip()).decode(errors="replace")
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, why)
        # A fault of ours ends with 1 too, as Python has it.
        if process.returncode == _FOR_OPERATORS and b"Traceback" not in said:
            raise OperatorError(f"{words[0]}: {said.decode(errors='replace').strip()}")
        raise RuntimeError(f"{words[0]}: exit code {process.returncode}: {said!r}")
