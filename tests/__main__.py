"""`python -m tests`: all tests, their parts side by side; further words go to pytest.

Each line says which part it is from. The exit code is that of the worst part.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import IO

from tests.parts import PARTS


def main(words: list[str]) -> int:
    """Run all parts to their ends."""
    running = {
        part: subprocess.Popen(
            [sys.executable, "-u", "-m", "pytest", "--part", part, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for part in PARTS
    }
    with ThreadPoolExecutor(len(running)) as readers:
        for part, process in running.items():
            readers.submit(_show, part, process.stdout)
    codes = {part: process.wait() for part, process in running.items()}
    for part, code in codes.items():
        sys.stdout.write(f"{part}: {'passed' if code == 0 else f'FAILED (exit code {code})'}\n")
    return max(abs(code) for code in codes.values())


def _show(part: str, output: IO[str] | None) -> None:
    for line in output or ():
        sys.stdout.write(f"{part:9} | {line}")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
