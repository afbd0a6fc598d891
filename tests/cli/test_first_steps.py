"""What the command line does without Kafka: help, `init`, `validate`, and refusals."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import orjson
import pytest

from journeystream.cli import app_for
from journeystream.commands.init import WELCOME
from journeystream.project import load_project
from tests.cli.typing_commands import (
    AUDIENCE,
    COMMAND,
    WINBACK,
    run,
    written,
)

app = app_for(())
_GROUPS = ("Start", "Journeys", "Users", "Events", "Workers")


def test_help_is_grouped_from_first_steps_to_workers() -> None:
    """A newcomer reads the groups from the top down, each with an example below."""
    shown = run("--help").stdout
    places = [shown.index(f"─ {group} ─") for group in _GROUPS]
    assert places == sorted(places)
    for example in ("Start: journeystream init", "Workers: journeystream run"):
        assert example in shown


@pytest.mark.parametrize("command", [str(each.name) for each in app.registered_commands])
def test_every_command_shows_an_example(command: str) -> None:
    """What to type is in the help of each command."""
    assert f"Example: journeystream {command}" in run(command, "--help").stdout


def test_version_is_told() -> None:
    """`--version` needs neither a command nor a project."""
    assert run("--version").stdout.startswith("journeystream ")


def test_init_writes_a_project_that_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What init writes loads, validates with its examples, and says what to type next."""
    result = run("init", tmp_path / "shop")
    assert result.stdout.count("\n  journeystream ") == 3
    assert load_project(tmp_path / "shop" / "journeystream.yaml").app == "journeystream"
    monkeypatch.chdir(tmp_path / "shop")
    result = run("validate", "journeys/welcome.yaml")
    assert result.stdout == "journeys/welcome.yaml: welcome: ok (3 steps, 2 examples run)\n"


@pytest.mark.parametrize("there", ["journeystream.yaml", "journeys/welcome.yaml"])
def test_init_never_overwrites(tmp_path: Path, there: str) -> None:
    """Where one of the files is, nothing is written, and the error names it."""
    (tmp_path / "journeys").mkdir()
    written(tmp_path / there, "mine")
    result = run("init", tmp_path)
    assert (result.exit_code, there in result.stderr) == (2, True)
    assert [file.read_text() for file in tmp_path.rglob("*.yaml")] == ["mine"]


def test_validate_tells_all_problems_of_all_files(tmp_path: Path) -> None:
    """Form, references and examples of several files are told at once, with path and advice."""
    project = written(
        tmp_path / "p.yaml",
        "sources: [{topic: e}]\ndestinations: [{type: event, name: email, topic: m}]",
    )
    dangling = written(tmp_path / "dangling.yaml", WELCOME.replace("next: remind", "next: remid"))
    form = written(tmp_path / "form.yaml", WELCOME.replace("name: Welcome", "nmae: Welcome"))
    late = WELCOME.replace("duration: 1 day", "duration: 2 days").replace("[ads]", "[email]")
    example = written(tmp_path / "example.yaml", late)
    result = run("validate", dangling, form, tmp_path / "none.yaml", example, file=project)
    assert result.exit_code == 2
    for told in (
        "dangling.yaml: welcome: 3 problems\n",
        "  steps[1].next: there is no step 'remid'; did you mean 'remind'?\n",
        "  steps[2].destinations[0]: there is no destination 'ads' in the project file; ",
        "form.yaml: 2 problems\n  name: is missing; add it\n  nmae: is not known here; ",
        "none.yaml: 1 problem\n  file: can not be read (No such file or directory); check",
        "example.yaml: welcome: ",
        "  examples[0].expect[1]: 'orders after two days': expected u1 exited greet at 24 h",
    ):
        assert told in result.stdout


def test_validate_tells_programs_the_same(tmp_path: Path) -> None:
    """--json has each definition with its problems, and the same exit code."""
    broken = written(tmp_path / "broken.yaml", WELCOME.replace("next: remind", "next: remid"))
    result = run("validate", written(tmp_path / "fine.yaml", WELCOME), broken, "--json")
    fine, wrong = orjson.loads(result.stdout)
    assert (result.exit_code, fine["ok"], fine["problems"]) == (2, True, [])
    assert (fine["kind"], fine["id"], fine["steps"], fine["examples"]) == (
        "journey",
        "welcome",
        3,
        2,
    )
    assert wrong["problems"][0] == {
        "path": "steps[1].next",
        "message": "there is no step 'remid'",
        "advice": "did you mean 'remind'?",
        "warning": False,
    }
    # The second of two journeys with one id.
    assert "id" in [problem["path"] for problem in wrong["problems"]]


def test_audiences_of_the_files_are_known_in_any_order(tmp_path: Path) -> None:
    """A journey may ask for an audience of a file after it, but not for one of no file."""
    journey = written(tmp_path / "winback.yaml", WINBACK)
    audience = written(tmp_path / "loyal.yaml", AUDIENCE)
    assert run("validate", journey, audience).exit_code == 0
    result = run("validate", journey)
    assert "there is no audience 'loyal'" in result.stdout
    assert "--online" in result.stderr


def test_a_wrong_command_is_told_without_a_traceback(tmp_path: Path) -> None:
    """As a process: no project file is exit code 2, one line on stderr, nothing on stdout."""
    done = subprocess.run([*COMMAND, "list"], cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1)
    assert b"journeystream init" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["topics"],
        ["list"],
        ["tail", "e"],
        ["produce", os.devnull],
        ["enroll", "j", "u1"],
        ["exit", "j", "u1"],
        ["move", "j", "s", "u1"],
        ["erase", "u1"],
        ["lists", "add", "vip", "u1"],
        ["lists", "show", "vip"],
        ["explain", "u1"],
        ["user", "u1"],
        ["preview", "welcome"],
        ["run"],
    ],
)
def test_kafka_that_does_not_answer_is_for_operators(tmp_path: Path, arguments: list[str]) -> None:
    """Without a broker the exit code is 1, and one line says where none is."""
    project = written(
        tmp_path / "p.yaml", "sources: [{topic: e}]\nkafka: {bootstrap: '127.0.0.1:1'}"
    )
    result = run(*arguments, file=project)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "127.0.0.1:1" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["tail", "mails"],
            "choose one of: e, rekeyed, control, audit, changelog, dead-letters, mail, email, ",
        ),
        (["produce", os.devnull, "--topic", "mail"], "choose one of: e\n"),
        (["produce", os.devnull, "--clock-mark", "2024-01-01"], "time: replay"),
        (["produce", "nowhere.jsonl"], "nowhere.jsonl: can not be read"),
        (["enroll", "j"], "--file FILE"),
        (["move", "j", "s"], "--file FILE"),
        (["erase", "u1", "--file", os.devnull], "--file FILE"),
        (["erase", "--file", "nowhere"], "nowhere: can not be read"),
        (["erase", "u1", "--at", "noon"], "--at: 'noon' is no time"),
        (["erase", "u1", "--at", "2999-01-01"], "--at: 2999-01-01T00:00:00.000Z is in the future"),
        (["lists", "add", "", "u1"], "LIST: '' names no list"),
        (["explain", ""], "USER: '' is no user's id"),
        (["run", "--http-port", "PORT"], "choose another port"),
    ],
)
def test_what_the_project_can_not_do_is_refused(
    tmp_path: Path, arguments: list[str], told: str
) -> None:
    """Before Kafka is asked for anything, the error says what would do."""
    project = written(
        tmp_path / "p.yaml",
        "sources: [{topic: e}]\ndestinations: [{type: event, name: email, topic: mail}]",
    )
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = run(*(port if each == "PORT" else each for each in arguments), file=project)
    assert (result.exit_code, told in result.stderr) == (2, True)
