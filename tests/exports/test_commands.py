"""`measure` and `export` as they are typed, without Kafka."""

from __future__ import annotations

import sys
from pathlib import Path

import orjson
import pytest

from journeystream.durations import iso
from journeystream.effects import Assigned, Reached, Travel, Travelled
from journeystream.exports.formats import Format
from journeystream.figures import Measurement
from journeystream.measuring import measure
from tests.cli.typing_commands import run, written
from tests.exports.writing import write_log
from tests.strategies import START
from tests.strategies.travels import DAY

PROJECT = "sources: [{topic: events}]\n"
PASS = ("j", 1, "i")


def told() -> list[Travel]:
    """Tell of two users who are tested, of whom one buys and leaves."""
    log: list[Travel] = []
    for user, path in (("u1", "offer"), ("u2", "none")):
        stage = (user, START, "j", "My journey", 1, "i")
        log += [
            Travelled(*stage, "start", "start", "start", entered_at=START),
            Travelled(*stage, "test", "Test", "percent_split", "start", "start", entered_at=START),
            Assigned(user, START, *PASS, START, "test", path, is_control=path == "none"),
        ]
    left = Travelled("u1", START + DAY, "j", "My journey", 1, "i", "exit", "exit", "exit")
    left.entered_at, left.exit_segments = START, "bought"
    return [*log, Reached("u1", START + DAY, *PASS, "test.paid", START, "test", "offer"), left]


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """Return a directory with an export."""
    write_log(tmp_path / "out", told(), Format.CSV)
    return tmp_path / "out"


def test_figures_are_shown_as_tables(exported: Path) -> None:
    """Without a project, from files alone: one line says of what and when, then tables."""
    at = iso(START + 8 * DAY)
    shown = run("measure", "--from-export", exported, "--as-of", at)
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.splitlines() == [
        f"j: My journey ({iso(START)} to {at})",
        "start\tcomplete\texit\torphan",
        "2\t0\t1\t0",
        "milestone\tname\tpath\tall time\t7 days\t30 days\t90 days\tmedian",
        "exit\texit\t\t1\t0\t1\t1\t1.0 days",
        "exit_condition\tbought\t\t1\t0\t1\t1\t1.0 days",
        "goal\ttest.paid\toffer\t1\t0\t1\t1\t1.0 days",
        "paths of test\tentered\tgoal\treached\trate\tdifference\tlift",
        "none (control)\t1\ttest.paid\t0\t0.0% (0.0% to 79.3%)\t\t",
        (
            "offer\t1\ttest.paid\t1\t100.0% (20.7% to 100.0%)\t+100.0% (-12.2% to +100.0%)\t"
            "? (-68.8% to +2784.1%)"
        ),
        "step\tname\ttype\tarrivals",
        "test\tTest\tpercent_split\t2",
        "from\tby\tto\tpassed",
        "start\t\ttest\t2",
    ]


def test_programs_get_the_figures_as_they_are(exported: Path) -> None:
    """`--json` is the model; a journey that nothing is told of has none, and that is said."""
    at = iso(START + 8 * DAY)
    shown = run("measure", "j", "--json", "--from-export", exported, "--as-of", at)
    figures = Measurement.model_validate(orjson.loads(shown.stdout))
    assert figures == measure(told(), START + 8 * DAY)
    unknown = run("measure", "nobody", "--from-export", exported)
    assert (unknown.exit_code, unknown.stdout) == (0, "")
    assert "nothing is told of journey 'nobody'" in unknown.stderr


def test_what_is_asked_wrongly_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with what to do, and exit code 2."""
    file = written(tmp_path / "journeystream.yaml", PROJECT)
    out = tmp_path / "out"
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    kept = written(tmp_path / "kept.yaml", f"{PROJECT}travel_log: travels\n")
    for words, project, advice in (
        (("measure",), file, "travel_log: the project keeps none; name a topic"),
        (("export", "--to", out), file, "travel_log: the project keeps none; name a topic"),
        (("export", "--to", out, "--format", "parquet"), kept, "pip install 'journeystream[export"),
        (("measure", "--as-of", "soon"), kept, "--as-of 'soon' is no time; write it as in"),
        (("measure", "--from-export", out), file, f"make one: journeystream export --to {out}"),
    ):
        refused = run(*words, file=project)
        assert refused.exit_code == 2, words
        assert advice in refused.stderr
        assert not out.exists()
