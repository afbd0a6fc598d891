"""Who takes part beside journeystream, and how each is started."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bench.contest import LIMIT, Contestant, Guarantee, Run
from bench.environment import rivals_python, streams_classpath
from bench.processes import ROOT, Command, finish

_PYTHONPATH = {"PYTHONPATH": str(ROOT)}


def limit(guarantee: Guarantee, matter: Sequence[str], events_per_output: float) -> Contestant:
    """Return the bare loop, with as many outputs and state changes as the journeys have."""

    def start(run: Run) -> list[Command]:
        changelog = f"{run.name}-changelog"
        run.cluster.create(run.output, changelog)
        told = {
            **run.environment,
            "BENCH_CHANGELOG": changelog,
            "BENCH_MATTER": ",".join(matter),
            "BENCH_EVENTS_PER_OUTPUT": str(events_per_output),
            "BENCH_GUARANTEE": guarantee,
        }
        return [Command([sys.executable, "-m", "bench.limit"], told)]

    return Contestant(f"{LIMIT}, {guarantee}", guarantee, start, outputs=None)


def quix(guarantee: Guarantee) -> Contestant:
    """Return Quix Streams."""

    def start(run: Run) -> list[Command]:
        words: list[str | Path] = [rivals_python(), "-m", "bench.rivals.quix"]
        return [_rival(run, words, {"BENCH_GUARANTEE": guarantee})]

    return Contestant(f"Quix Streams, {guarantee}", guarantee, start)


def bytewax() -> Contestant:
    """Return Bytewax, whose offsets are in its recovery store."""

    def start(run: Run) -> list[Command]:
        python, recovery = rivals_python(), run.directory / "recovery"
        recovery.mkdir()
        finish([python, "-m", "bytewax.recovery", recovery, "1"])
        flow = ["bytewax.run", "bench.rivals.bytewax_flow:flow", "-s", "1", "-b", "0", "-r"]
        return [_rival(run, [python, "-m", *flow, recovery])]

    return Contestant("Bytewax", "at least once", start, commits=False)


def plain_faust() -> Contestant:
    """Return plain Faust."""

    def start(run: Run) -> list[Command]:
        options = ["--loop", "uvloop", "worker", "--loglevel", "warn", "--without-web"]
        return [_rival(run, [rivals_python(), "-m", "bench.rivals.plain_faust", *options])]

    return Contestant("plain Faust", "at least once", start)


def kafka_streams() -> Contestant:
    """Return Kafka Streams."""

    def start(run: Run) -> list[Command]:
        quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        words = ["java", "-Xmx1g", quiet, "-cp", streams_classpath(), "bench.CartJourney"]
        return [_rival(run, words)]

    return Contestant("Kafka Streams", "exactly once", start)


def _rival(run: Run, words: Sequence[str | Path], told: dict[str, str] | None = None) -> Command:
    run.cluster.create(run.output)
    return Command(words, {**run.environment, **_PYTHONPATH, **(told or {})})


RIVALS = (
    quix("exactly once"),
    quix("at least once"),
    bytewax(),
    plain_faust(),
    kafka_streams(),
)
