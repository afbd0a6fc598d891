"""Time and memory grow with the input, not faster: no record, pattern or file stalls anyone.

Growth is judged by processor time on an input and on one that is eight times as long: linear
work takes 8 times as long, quadratic 64 times, backtracking for ever. What could take all
memory is tried in a process of its own, with bounds.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from journeystream.agents.decode import DecodeLimits, decode
from journeystream.comparisons import Comparison, compile_comparison
from journeystream.durations import parse_duration
from journeystream.errors import RejectedEvent
from journeystream.project import LARGEST_MESSAGE
from tests.faulty_journeys import written

LONGER = 8
# Between 8 (linear) and 64 (quadratic), nearer to the first.
MOST_GROWTH = 24.0
# Less can not be measured well; it is fast enough anyway.
SHORTEST = 0.002
NOW = 1_709_251_200_000_000
LIMITS = DecodeLimits(LARGEST_MESSAGE, clock_skew=0, oldest_event=0, replay=False)


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time that the work takes, at its best of three."""
    taken = []
    for _ in range(3):
        gc.collect()
        gc.disable()  # its time grows with all that other tests have left, not with the input
        try:
            begin = time.process_time()
            work()
            taken.append(time.process_time() - begin)
        finally:
            gc.enable()
    return min(taken)


def grows_linearly(work: Callable[[int], Callable[[], object]], length: int) -> bool:
    """Tell whether work on an input of eight times the length takes about eight times as long."""
    short, long = seconds(work(length)), seconds(work(LONGER * length))
    return long <= MOST_GROWTH * max(short, SHORTEST)


# ── patterns ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("pattern", "piece", "end"),
    [
        ("(a+)+$", "a", "!"),
        ("^(a|aa)+$", "a", "!"),
        ("^(a|a?)+$", "a", "b"),
        ("(.*)*x$", "y", ""),
        ("(?:a*)*(?:a*)*b", "a", ""),
        (r"^(\w+\s?)*$", "word ", "!"),
        (r"([a-zA-Z0-9._-]+)*@example", "a.", ""),
        ("^(([a-z])+.)+[A-Z]([a-z])+$", "a", ""),
        ("(a?){50}a{50}", "a", ""),
        (".*.*.*=.*", "x", ""),
        ("(?i)(straße|strasse)+$", "straße", "!"),
        ("[^x]*x[^y]*y", "ä", ""),
    ],
)
def test_patterns_take_linear_time(pattern: str, piece: str, end: str) -> None:
    """A pattern that makes a backtracking engine go on for ever costs time by the length."""
    test = compile_comparison(Comparison(matches=pattern))

    def matching(length: int) -> Callable[[], object]:
        text = piece * length + end
        return lambda: test(text)

    assert grows_linearly(matching, 20_000)


@pytest.mark.parametrize("pattern", ["(a{1000}){1000}", "((a{100}){100}){100}", "(" * 2_000])
def test_patterns_too_big_to_run_are_refused(pattern: str) -> None:
    """A pattern whose machine would be huge is told to whoever wrote it, at once."""
    begin = time.process_time()
    with pytest.raises(ValueError, match="RE2"):
        Comparison(matches=pattern)
    assert time.process_time() - begin < 1.0


# ── records ──────────────────────────────────────────────────────────────────────────────


def track(properties: bytes) -> bytes:
    """Write a track call with these properties."""
    return b'{"type":"track","event":"a","userId":"u1","properties":' + properties + b"}"


RECORDS: dict[str, Callable[[int], bytes]] = {
    "a long text": lambda n: track(b'{"x":"' + b"a" * 20 * n + b'"}'),
    "a text of escapes": lambda n: track(b'{"x":"' + b"\\u00e4" * n + b'"}'),
    "many names": lambda n: track(orjson.dumps({f"k{i}": i for i in range(n)})),
    "one name many times": lambda n: track(b"{" + b'"a":1,' * n + b'"a":1}'),
    "many small objects": lambda n: track(b'{"x":[' + b"{}," * n + b"{}]}"),
    "many lists of 60 levels": lambda n: track(
        b'{"x":[' + (b"[" * 60 + b"]" * 60 + b",") * (n // 60) + b"1]}"
    ),
    "levels and levels": lambda n: track(b'{"x":' * n + b"1" + b"}" * n),
    "brackets that never close": lambda n: b"[" * n,
    "a number of many digits": lambda n: track(b'{"x":' + b"9" * n + b"}"),
    "a fraction of many digits": lambda n: track(b'{"x":0.' + b"1" * n + b"}"),
    "an exponent of many digits": lambda n: track(b'{"x":1e-' + b"9" * n + b"}"),
    "a long time": lambda n: (
        b'{"type":"track","event":"a","userId":"u","timestamp":"' + b"1" * n + b'"}'
    ),
    "a long user": lambda n: b'{"type":"track","event":"a","userId":"' + b"u" * n + b'"}',
    "a list for a user": lambda n: b'{"type":"track","userId":[' + b"1," * n + b"1]}",
}


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_records_take_linear_time(record: Callable[[int], bytes]) -> None:
    """However a record is built, to decode or refuse it costs time by its length."""

    def decoding(length: int) -> Callable[[], object]:
        value = record(length)

        def work() -> object:
            try:
                return decode(value, NOW, LIMITS)
            except RejectedEvent as error:
                return error

        return work

    assert grows_linearly(decoding, 12_000)


DURATIONS: dict[str, Callable[[int], str]] = {
    "many terms": lambda n: "1 second " * n,
    "spaces": lambda n: "1" + " " * n,
    "spaces before nothing": lambda n: " " * n + "x",
    "letters": lambda n: "1 " + "s" * n,
    "digits": lambda n: "1" * n,
}


@pytest.mark.parametrize("text", DURATIONS.values(), ids=DURATIONS)
def test_durations_take_linear_time(text: Callable[[int], str]) -> None:
    """A duration is read or refused in time by its length."""

    def reading(length: int) -> Callable[[], object]:
        long = text(length)

        def work() -> object:
            try:
                return parse_duration(long)
            except ValueError as error:
                return error

        return work

    assert grows_linearly(reading, 20_000)


# ── files ────────────────────────────────────────────────────────────────────────────────

_SECONDS, _BYTES = 8, 1_500_000_000
# Bounds come first: what a bomb does to memory, it does to this process alone.
_BOUNDED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]),) * 2)
resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[3]),) * 2)
from tests.fuzz.targets import TARGETS
TARGETS[sys.argv[1]].holds(sys.stdin.buffer.read())
"""
_LEVELS, _EACH = 9, 10


def bomb(first: str, level: Callable[[str], str]) -> str:
    """Write lists of ten aliases of lists of ten aliases …: a short text of 10⁹ values."""
    lines = [f"l0: &l0 {first}"]
    for number in range(1, _LEVELS):
        aliases = ", ".join([f"*l{number - 1}"] * _EACH)
        lines.append(f"l{number}: &l{number} {level(aliases)}")
    return "\n".join(lines) + "\n"


def in_place(first: str, level: Callable[[str], str], indent: str) -> str:
    """Write the same as items of a list, where such values may stand."""
    lines = bomb(first, level).splitlines()
    return "".join(f"{indent}- {line.partition(': ')[2]}\n" for line in lines)


def _chain(length: int) -> str:
    """Write a journey whose steps lead each to the next one."""
    steps = [
        {"id": f"s{n}", "type": "send_to_destinations", "destinations": ["email"]}
        | {"next": f"s{n + 1}"}
        for n in range(length)
    ]
    return orjson.dumps(written(steps=[*steps, {"id": f"s{length}", "type": "exit"}])).decode()


_ANY = "{{any: [{}]}}".format
_LAST = f"*l{_LEVELS - 1}"
_STEPS = "steps: [{id: x, type: exit}]\n"
_JOURNEY = "id: j\nname: J\nentry: {condition: {event: a}}\n" + _STEPS
_SOURCES = "sources: [{topic: events}]\n"
FILES: dict[str, tuple[str, str]] = {
    "definitions: a kind that is a bomb": (
        "definitions",
        bomb("[x]", "[{}]".format) + _JOURNEY + f"kind: {_LAST}\n",
    ),
    "definitions: conditions that are a bomb": (
        "definitions",
        "id: j\nname: J\nentry:\n  condition:\n    any:\n"
        + in_place("{event: a}", _ANY, "      ")
        + _STEPS,
    ),
    "definitions: properties that are a bomb": (
        "definitions",
        _JOURNEY
        + "examples:\n  - name: x\n    expect: []\n    events:\n      - event: a\n"
        + "        properties:\n          x:\n"
        + in_place("[x]", "[{}]".format, "            "),
    ),
    "definitions: merge keys that are a bomb": (
        "definitions",
        bomb("{a: 1}", "{{<<: [{}]}}".format) + _JOURNEY,
    ),
    "definitions: a name that is a bomb": (
        "definitions",
        bomb("[x]", "[{}]".format) + _JOURNEY.replace("name: J", f"name: {_LAST}"),
    ),
    "definitions: 20,000 levels": ("definitions", _JOURNEY + "description: " + "[" * 20_000),
    "definitions: 1,000 levels of blocks": (
        "definitions",
        _JOURNEY + "description:" + "".join("\n" + " " * n + "- " for n in range(1_000)),
    ),
    "definitions: a condition inside itself": (
        "definitions",
        _JOURNEY.replace("{event: a}", "&c {any: [*c, *c, {not: *c}]}"),
    ),
    "definitions: a chain of 1,500 steps": ("definitions", _chain(1_500)),
    "definitions: a chain of 6,000 steps": ("definitions", _chain(6_000)),
    "definitions: an example too big to apply": (
        "definitions",
        _JOURNEY
        + "examples: [{name: x, events: [{traits: {x: "
        + "y" * 4_300_000
        + "}}], expect: []}]\n",
    ),
    "project file: a name that is a bomb": (
        "project_file",
        bomb("[x]", "[{}]".format) + _SOURCES + f"app: {_LAST}\n",
    ),
    "project file: sources that are a bomb": (
        "project_file",
        "sources:\n" + in_place("{topic: events}", "[{}]".format, "  "),
    ),
    "project file: merge keys that are a bomb": (
        "project_file",
        bomb("{a: 1}", "{{<<: [{}]}}".format) + _SOURCES,
    ),
    "project file: 20,000 levels": ("project_file", _SOURCES + "app: " + "[" * 20_000),
}


@pytest.mark.parametrize(("target", "text"), FILES.values(), ids=FILES)
def test_files_take_little_time_and_memory(target: str, text: str) -> None:
    """A short file that unfolds to something huge, or nests deeply, is refused or read soon."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _BOUNDED, target, str(_BYTES), str(_SECONDS)],
        input=text.encode(),
        cwd=Path(__file__).parents[1],
        capture_output=True,
        timeout=10 * _SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-500:]
