"""`python -m tests.fuzz`: look for inputs that break a target's law, guided by coverage.

Each target runs in a process of its own, one after the other. An input that breaks a law is
written to `tests/fuzz/crashes/`, and the command says how to try it again. Once mended, the
input belongs into `tests/fuzz/corpus/TARGET/` under a name that says what it was.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from collections import deque
from importlib.util import find_spec
from pathlib import Path

import typer

from tests.fuzz.target import FUZZ, Target
from tests.fuzz.targets import TARGETS

CRASHES = FUZZ / "crashes"
_PULSE = re.compile(r"#(\d+)\s.*?cov: (\d+).*?exec/s: (\d+)")
_EVERY = 10.0  # seconds between two lines of progress
_LINES_TOLD = 40


def main() -> int:
    """Run the command; 0 when every law held, 1 when one was broken, 2 when it can not run."""
    asked = _parser().parse_args()
    targets = [TARGETS[name] for name in asked.targets] or list(TARGETS.values())
    if asked.replay is not None:
        return _replay(asked.replay, targets)
    if find_spec("atheris") is None:
        typer.echo("fuzzing needs atheris: pip install -e '.[fuzz]' (Linux; Python 3.11 to 3.13)")
        return 2
    broken = [target.name for target in targets if _found(target, asked.seconds)]
    return int(bool(broken))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz",
        description="Look for inputs that break a law.",
        epilog="targets: " + "; ".join(f"{each.name}: {each.law}" for each in TARGETS.values()),
    )
    parser.add_argument("--seconds", type=int, default=60, help="for each target; default: 60")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="try one input again")
    parser.add_argument("targets", nargs="*", metavar="TARGET", choices=[*TARGETS, []])
    return parser


def _replay(file: Path, targets: list[Target]) -> int:
    if len(targets) != 1:
        typer.echo("--replay needs the one TARGET that the input is for")
        return 2
    targets[0].holds(file.read_bytes())
    typer.echo(f"{targets[0].name}: the law holds for {file}")
    return 0


def _found(target: Target, seconds: int) -> bool:
    """Fuzz one target; tell how it goes, and what was found."""
    crashes = CRASHES / target.name
    crashes.mkdir(parents=True, exist_ok=True)
    before = set(crashes.iterdir())
    typer.echo(f"{target.name}: {target.law}")
    guided = subprocess.Popen(
        [sys.executable, "-m", "tests.fuzz.guided", target.name, str(seconds), str(crashes)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    last = _followed(target, guided)
    code = guided.wait()
    found = sorted(set(crashes.iterdir()) - before)
    if code or found:
        typer.echo("\n".join(last))
    for file in found:
        typer.echo(
            f"{target.name}: an input broke the law; try it again with\n"
            f"  python -m tests.fuzz --replay {file} {target.name}"
        )
    return bool(code or found)


def _followed(target: Target, guided: subprocess.Popen[str]) -> deque[str]:
    """Tell progress while it runs; return the last lines that it wrote."""
    assert guided.stdout is not None
    last: deque[str] = deque(maxlen=_LINES_TOLD)
    pulse, told = "", time.monotonic()
    for line in guided.stdout:
        last.append(line.rstrip())
        if match := _PULSE.search(line):
            runs, reached, rate = (int(number) for number in match.groups())
            pulse = f"{target.name}: {runs:,} inputs, {rate:,} a second, {reached:,} places"
        if pulse and time.monotonic() - told >= _EVERY:
            typer.echo(pulse)
            pulse, told = "", time.monotonic()
    if pulse:
        typer.echo(pulse)
    return last


if __name__ == "__main__":
    sys.exit(main())
