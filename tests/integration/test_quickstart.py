"""The README's second way in, typed as it stands."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from uuid import uuid4

from tests.integration.waiting import PATIENCE, wait_until

README = Path(__file__).parents[2] / "README.md"
EVENT = {"type": "track", "event": "Signed Up", "userId": "newcomer", "messageId": "1"}


def test_the_commands_of_the_readme_work_as_they_stand(kafka: str, tmp_path: Path) -> None:
    """Whoever types the block "With your own Kafka" sees the first Audience Entered."""
    section = README.read_text(encoding="utf-8").split("## With your own Kafka")[1]
    [block] = re.findall(r"```sh\n(.*?)```", section.split("## ")[0], re.DOTALL)
    lines = [shlex.split(line, comments=True) for line in block.strip().splitlines()]
    environment = {
        **os.environ,
        "JOURNEYSTREAM_KAFKA__BOOTSTRAP": kafka,
        "JOURNEYSTREAM_APP": f"q{uuid4().hex[:12]}",
        "JOURNEYSTREAM_STATE__DIRECTORY": str(tmp_path / "state"),
    }
    directory, worker = tmp_path, None
    try:
        for words in lines:
            if words[0] == "cd":
                directory /= words[1]
                event = json.dumps(EVENT)
                (directory / "events.jsonl").write_text(event, encoding="utf-8")
            elif words[1] == "run":
                worker = subprocess.Popen(_typed(words, directory), cwd=directory, env=environment)
            else:
                wait_until(partial(_shows, words, directory, environment), " ".join(words))
    finally:
        if worker is not None:
            worker.send_signal(signal.SIGTERM)
            worker.wait(PATIENCE)


def _shows(words: list[str], directory: Path, environment: dict[str, str]) -> bool:
    """Run a command; `tail` is repeated until it shows the newcomer, the others must succeed."""
    done = subprocess.run(
        _typed(words, directory),
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return words[1] != "tail" or "newcomer" in done.stdout


def _typed(words: list[str], directory: Path) -> list[str]:
    """Do what a shell does: find the command, expand the star."""
    expanded = []
    for word in words[1:]:
        expanded += sorted(str(path) for path in directory.glob(word)) if "*" in word else [word]
    return [sys.executable, "-m", "journeystream", *expanded]
