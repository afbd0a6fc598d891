"""One target under atheris, in a process of its own: `python -m tests.fuzz.guided`.

Atheris instruments what is imported under it and ends the process itself, so a target that was
tried can not be followed by another one, and nothing of ours is imported above.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

_SECONDS_PER_INPUT = 10
_MEGABYTES = 2_048
_LARGEST = 16_384


def main(name: str, seconds: int, crashes: str) -> None:
    """Try a target until the time is over or an input breaks its law."""
    # It publishes no types, and is there only where its extra is installed.
    atheris: Any = import_module("atheris")
    with atheris.instrument_imports(include=["journeystream"], enable_loader_override=False):
        target = import_module("tests.fuzz.targets").TARGETS[name]
        mutated = import_module("tests.fuzz.mutation").mutated
    seeds = list(target.seeds())
    # What is found goes to the first directory, so that this one stays as it is.
    kept = [str(target.corpus)] if target.corpus.is_dir() else []

    def mutate(data: bytes, largest: int, seed: int) -> bytes:
        random = Random(seed)  # noqa: S311  libFuzzer's seed: the same run finds the same
        if random.randrange(4) == 0:
            changed: bytes = atheris.Mutate(data, largest)
        else:
            changed = mutated(data, seeds, target.separator, random)
        return changed[:largest]

    with TemporaryDirectory() as directory:
        for index, seed in enumerate(seeds):
            (Path(directory) / f"seed{index}").write_bytes(seed)
        atheris.Setup(
            [
                *(sys.argv[0], directory, *kept),
                f"-max_total_time={seconds}",
                f"-timeout={_SECONDS_PER_INPUT}",
                f"-rss_limit_mb={_MEGABYTES}",
                f"-max_len={_LARGEST}",
                f"-artifact_prefix={crashes}/",
                "-print_final_stats=1",
            ],
            target.holds,
            custom_mutator=mutate,
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
