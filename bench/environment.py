"""Where the rivals live: a Python of their own, and the jars of Kafka Streams.

Both are made once, in the user's cache, named by what they are made from: so the project's own
environment and lock stay clean, and a changed rival is built anew.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.processes import ROOT

RIVALS = ROOT / "bench" / "rivals"
_REQUIREMENTS = RIVALS / "requirements.txt"
_STREAMS = RIVALS / "kafka_streams"
_OLDEST_JAVA = 17


class RivalMissing(Exception):
    """A rival can not be had here; the message says why."""


def rivals_python() -> Path:
    """Return the Python that has the rivals in Python, installed the first time."""
    return _made("rivals", [_REQUIREMENTS], _install) / "bin" / "python"


def streams_classpath() -> str:
    """Return the class path of the rival in Java, built the first time."""
    _java()
    sources = sorted(path for path in _STREAMS.rglob("*") if path.is_file())
    built = _made("kafka-streams", sources, _build)
    return f"{built}/*:{built}/libs/*"


def _java() -> None:
    java = shutil.which("java")
    if java is None or shutil.which("javac") is None:
        raise RivalMissing("no JDK")
    said = subprocess.run([java, "-version"], capture_output=True, check=False, timeout=30)  # noqa: S603  a known program
    version = re.search(r'version "(\d+)', said.stderr.decode())
    if version is None or int(version[1]) < _OLDEST_JAVA:
        raise RivalMissing(f"java is older than {_OLDEST_JAVA}")


def _install(target: Path) -> None:
    _run([sys.executable, "-m", "venv", target])
    python = target / "bin" / "python"
    words = ["pip", "install", "--quiet", "--disable-pip-version-check", "-r"]
    _run([python, "-m", *words, _REQUIREMENTS])


def _build(target: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise RivalMissing("no mvn")
    _run([maven, "-q", "-B", "-f", _STREAMS / "pom.xml", f"-Dout={target}", "package"])


def _made(name: str, sources: Sequence[Path], make: Callable[[Path], None]) -> Path:
    """Return a directory that `make` has filled from these sources, now or before."""
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "journeystream"
    target = cache / f"bench-{name}-{digest}"
    done = target / "done"
    if not done.is_file():
        # Not built beside and renamed: a virtual environment knows its own path.
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        make(target)
        done.touch()
    return target


def _run(words: Sequence[str | Path]) -> None:
    done = subprocess.run(  # noqa: S603  no shell, and the words are ours
        [str(word) for word in words], capture_output=True, text=True, check=False, timeout=900
    )
    if done.returncode:
        raise RivalMissing(f"{words[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
