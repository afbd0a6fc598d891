"""Parts: whole or not there, each offset once, whatever is killed in between."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeystream.effects import Travel, Travelled
from journeystream.errors import UserError
from journeystream.exports.formats import Format
from journeystream.exports.parts import Part, exporting, parts_in, rows_in
from journeystream.travel_rows import row_of
from tests.exports.writing import TOPIC, write_part
from tests.law_settings import laws
from tests.strategies import START

TOLD: list[Travel] = [
    Travelled(f"u{n}", START, "j", "J", 1, f"i{n}", "start", "start", "start", entered_at=START)
    for n in range(6)
]
# What reaches the disk, in the order in which a part needs it.
CALLS = ("mkdir", "rename", "fsync", "open")


class KillError(BaseException):
    """The process is gone."""


@contextmanager
def killed_at(number: int) -> Iterator[None]:
    """Let the process die before it does something to the disk for the so-manieth time."""
    done = 0

    def counting(call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401  as the call's
            nonlocal done
            done += 1
            if done == number:
                raise KillError
            return call(*arguments, **named)

        return counted

    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, counting(getattr(os, name)))
        yield


def export(directory: Path, part_rows: int = 2) -> None:
    """Export all that is told, from where the parts end, as the command does."""
    with exporting(directory, TOPIC, Format.JSONL) as there:
        for partition in (0, 1):
            for first in range(there.until(partition) or 0, len(TOLD), part_rows):
                write_part(there, partition, first, TOLD[first : first + part_rows])


def exported(directory: Path) -> list[str]:
    """Return who is told of in the parts."""
    return [row["event_id"] for _, row in rows_in(directory)]


ALL = [each.user_id for each in TOLD] * 2


def test_killed_at_any_step_an_export_goes_on(tmp_path: Path) -> None:
    """After one kill at each step in turn: every row once, and no part begins within another."""
    number, finished = 0, False
    while not finished:
        number += 1
        directory = tmp_path / str(number)
        with suppress(KillError), killed_at(number):
            export(directory)
            finished = True
        export(directory)
        assert exported(directory) == ALL, f"killed at step {number}"
    assert number > 40


@laws
@given(st.lists(st.tuples(st.integers(1, 20), st.integers(1, 5)), max_size=8))
def test_killed_again_and_again_an_export_goes_on(
    tmp_path_factory: pytest.TempPathFactory, kills: list[tuple[int, int]]
) -> None:
    """Kills in a row, with parts of any size, leave every row there once."""
    directory = tmp_path_factory.mktemp("export")
    for number, part_rows in kills:
        with suppress(KillError), killed_at(number):
            export(directory, part_rows)
    export(directory)
    assert exported(directory) == ALL


def test_what_is_being_written_is_not_read(tmp_path: Path) -> None:
    """A part that was left half-way has a name that no reader looks for."""
    export(tmp_path)
    (tmp_path / ".writing").mkdir()
    (tmp_path / ".writing" / "stages.jsonl").write_text("{half")
    assert exported(tmp_path) == ALL
    assert len(list(tmp_path.glob("partition-*/*/stages.*"))) == 6


def test_parts_may_be_taken_away_but_the_last(tmp_path: Path) -> None:
    """A warehouse took them; the export goes on behind the one that is left."""
    with exporting(tmp_path, TOPIC, Format.JSONL) as there:
        for first in (0, 2):
            write_part(there, 0, first, TOLD[first : first + 2])
    gone = tmp_path / Part(0, 0, 2).path
    for file in gone.iterdir():
        file.unlink()
    gone.rmdir()
    with exporting(tmp_path, TOPIC, Format.JSONL) as there:
        assert (there.until(0), there.until(1)) == (4, None)
        write_part(there, 0, 4, TOLD[4:])
    assert exported(tmp_path) == ["u2", "u3", "u4", "u5"]


def test_a_directory_is_for_one_topic_and_format(tmp_path: Path) -> None:
    """Another one is refused, with what to do."""
    export(tmp_path)
    for topic, format_ in (("other", Format.JSONL), (TOPIC, Format.CSV)):
        with (
            pytest.raises(UserError, match="export to another directory"),
            exporting(tmp_path, topic, format_),
        ):
            pass


def test_two_processes_do_not_export_to_one_directory(tmp_path: Path) -> None:
    """The second one is told to wait."""
    with (
        exporting(tmp_path, TOPIC, Format.JSONL),
        pytest.raises(UserError, match="another process exports"),
        exporting(tmp_path, TOPIC, Format.JSONL),
    ):
        pass


def test_parts_that_overlap_are_refused(tmp_path: Path) -> None:
    """Somebody put one there by hand: which is right is not guessed."""
    export(tmp_path)
    (tmp_path / "partition-0" / "000000000001-000000000003").mkdir()
    with pytest.raises(UserError, match="hold the same offsets"):
        parts_in(tmp_path)


def test_what_is_no_export_is_not_measured(tmp_path: Path) -> None:
    """An empty directory, and a file that was changed, are told with what to do."""
    with pytest.raises(UserError, match="is no export; make one"):
        list(rows_in(tmp_path))
    export(tmp_path)
    for changed in ("{half\n", "[]\n", "{}\n", "null\n"):
        (tmp_path / Part(0, 0, 2).path / "stages.jsonl").write_text(changed)
        with pytest.raises(UserError, match="can not be read"):
            list(rows_in(tmp_path))


def test_a_disk_that_refuses_is_told(tmp_path: Path) -> None:
    """Nothing is lost by it."""
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(UserError, match="can not be written"),
        exporting(tmp_path / "file", TOPIC, Format.JSONL),
    ):
        pass
    with exporting(tmp_path, TOPIC, Format.JSONL) as there:
        (tmp_path / "partition-0").write_text("in the way")
        with pytest.raises(UserError, match="nothing is lost"):
            there.write(Part(0, 0, 1), {"stage": [row_of(TOLD[0])[1]]})
