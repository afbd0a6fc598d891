"""The command line: what people see of it, from `init` to `tail`.

The commands run in this process, but where stdin, a signal or a terminal is the point.
"""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from typer.testing import CliRunner, Result

from journeystream.cli import app
from journeystream.commands.broker import broker
from journeystream.commands.init import WELCOME
from journeystream.embedded_broker import port_is_free
from journeystream.project import Project, load_project

COMMAND = [sys.executable, "-m", "journeystream"]
AUDIENCE = "kind: audience\nid: loyal\nname: Loyal\ncondition: {event: Order Completed}\n"
WINBACK = WELCOME.replace("{event: Signed Up}", "{audience: loyal}").split("examples:")[0]

Shop = Callable[..., Result]


def run(*arguments: object, file: Path | None = None) -> Result:
    """Run a command in this process, on a project file if one is given."""
    project = ["--project", str(file)] if file else []
    # `run` takes over what SIGTERM does.
    before = signal.getsignal(signal.SIGTERM)
    try:
        return CliRunner().invoke(app, [*project, *map(str, arguments)])
    finally:
        signal.signal(signal.SIGTERM, before)


def written(path: Path, text: str) -> Path:
    """Write a file, and return its path."""
    path.write_text(text)
    return path


def event(user: str, number: int, **fields: object) -> dict[str, object]:
    """Return a track event of a user."""
    return {"type": "track", "event": "Viewed", "userId": user, "messageId": str(number), **fields}


def json_lines(path: Path, *events: dict[str, object]) -> Path:
    """Write events to a file."""
    path.write_bytes(b"".join(orjson.dumps(each) + b"\n" for each in events))
    return path


def tailed(shop: Shop, topic: str, *options: str) -> list[dict[str, Any]]:
    """Return the records that `tail --json` shows."""
    result = shop("tail", topic, "--json", *options)
    assert result.exit_code == 0, result.output
    return [orjson.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def shop_file(tmp_path: Path, kafka: str) -> Path:
    """Write a replay project with topics of its own on the session's broker."""
    name = f"cli-{uuid4().hex[:12]}"
    return written(
        tmp_path / "journeystream.yaml",
        f"app: {name}\n"
        "time: replay\n"
        f"sources: [{{topic: {name}-events, keyed_by_user: true}}]\n"
        "destinations:\n"
        f"  - {{type: event, name: email, topic: {name}-email}}\n"
        f"  - {{type: list, name: ads, topic: {name}-ads}}\n"
        f"kafka: {{bootstrap: '{kafka}', partitions: 3}}\n",
    )


@pytest.fixture
def shop(shop_file: Path) -> Shop:
    """Return `run` on a project whose topics are there."""
    result = run("topics", file=shop_file)
    assert result.exit_code == 0, result.output
    return lambda *arguments: run(*arguments, file=shop_file)


def test_help_is_grouped_from_first_steps_to_workers() -> None:
    """A newcomer reads the groups from the top down, each with an example below."""
    shown = run("--help").stdout
    places = [shown.index(f"─ {group} ─") for group in ("Start", "Journeys", "Events", "Workers")]
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
    "arguments", [["topics"], ["list"], ["tail", "e"], ["produce", os.devnull], ["run"]]
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
            "choose one of: e, rekeyed, control, changelog, dead-letters, mail, email, ",
        ),
        (["produce", os.devnull, "--topic", "mail"], "choose one of: e\n"),
        (["produce", os.devnull, "--clock-mark", "2024-01-01"], "time: replay"),
        (["produce", "nowhere.jsonl"], "nowhere.jsonl: can not be read"),
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


def test_a_journey_lives_by_commands(shop: Shop, tmp_path: Path) -> None:
    """Topics, publish, list, pause, resume and archive follow each other, as lifecycle.py says."""
    again = [line.split("\t") for line in shop("topics").stdout.splitlines()]
    assert [row[2] for row in again] == ["what happened", *["exists"] * 7]
    welcome = written(tmp_path / "welcome.yaml", WELCOME)
    assert shop("publish", welcome).stdout == "welcome: published as version 1\n"
    written(welcome, WELCOME.replace("1 day", "2 days").split("examples:")[0])
    (published,) = orjson.loads(shop("publish", welcome, "--json").stdout)
    assert published["outcome"].startswith("published as version 2")
    assert shop("pause", "welcome").stdout.startswith("welcome: live -> paused")
    (listed,) = orjson.loads(shop("list", "--json").stdout)
    assert listed.pop("published_at") < "9"
    assert list(listed.values()) == ["welcome", "Welcome", "paused", 2, 3]
    refused = shop("pause", "welcome")
    assert refused.exit_code == 2
    assert "possible: publish, resume, retry, archive" in refused.stderr
    assert shop("resume", "welcome").stdout.startswith("welcome: paused -> live")
    assert shop("archive", "welcome").stdout.startswith("welcome: live -> archived")
    assert shop("archive", "nobody").exit_code == 2
    rows = [line.split("\t")[:5] for line in shop("list").stdout.splitlines()]
    assert rows[1:] == [["welcome", "Welcome", "archived", "2", "3"]]


def test_publish_is_all_or_nothing(shop: Shop, tmp_path: Path) -> None:
    """One wrong definition keeps the good ones from being published."""
    broken = WELCOME.replace("id: welcome", "id: broken").replace("[ads]", "[adverts]")
    files = written(tmp_path / "a.yaml", WELCOME), written(tmp_path / "b.yaml", broken)
    result = shop("publish", *files)
    assert (result.exit_code, result.stderr) == (2, "nothing was published\n")
    assert "broken: 1 problem\n  steps[2].destinations[0]: " in result.stdout
    assert orjson.loads(shop("list", "--json").stdout) == []


def test_published_audiences_are_known(shop: Shop, tmp_path: Path) -> None:
    """Publishing, and validating online, know the audiences that Kafka holds."""
    journey = written(tmp_path / "winback.yaml", WINBACK)
    assert shop("publish", written(tmp_path / "loyal.yaml", AUDIENCE)).exit_code == 0
    assert shop("validate", journey).exit_code == 2
    assert shop("validate", journey, "--online").exit_code == 0
    assert shop("publish", journey).exit_code == 0


def test_produced_events_are_in_the_topic(shop: Shop, tmp_path: Path) -> None:
    """Every event is there once, keyed by user and in order; then the clock marks."""
    events = [event(f"u{number % 7}", number) for number in range(2000)]
    file = json_lines(tmp_path / "events.jsonl", *events)
    result = shop("produce", file, "--clock-mark", "2024-03-01T10:00")
    assert result.stdout.startswith("sent 2,000 events to topic ")
    topic = result.stdout.split("'")[1]
    records = tailed(shop, topic)
    marks = [record for record in records if record["value"]["type"] == "clock"]
    assert sorted(mark["partition"] for mark in marks) == [0, 1, 2]
    assert {mark["value"]["timestamp"] for mark in marks} == {"2024-03-01T10:00:00.000Z"}
    for user in range(7):
        of_user = [record for record in records if record["key"] == f"u{user}"]
        assert [record["value"] for record in of_user] == events[user::7]
        assert len({record["partition"] for record in of_user}) == 1
        mark = next(each for each in marks if each["partition"] == of_user[0]["partition"])
        assert mark["offset"] > of_user[-1]["offset"]
    assert len(tailed(shop, topic, "--limit", "5")) == 5


def test_a_line_that_is_no_event_stops_producing(shop_file: Path, shop: Shop) -> None:
    """What stdin held before the bad line is sent and counted; the line is named."""
    lines = orjson.dumps(event("u", 1)) + b"\n\n" + b"[1]\n" + orjson.dumps(event("u", 2))
    done = subprocess.run(
        [*COMMAND, "--project", shop_file, "produce", "-", "--rate", "1000"],
        input=lines,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout[:13]) == (2, b"sent 1 event ")
    assert done.stderr == b"stdin:3: this is no JSON object; write one event a line\n"
    topic = load_project(shop_file).sources[0].topic
    assert [record["value"]["messageId"] for record in tailed(shop, topic)] == ["1"]


def test_tail_shows_what_consumers_of_committed_records_see(shop_file: Path, shop: Shop) -> None:
    """Members and removals of a list, found by the destination's name; nothing that was aborted."""
    project = load_project(shop_file)
    topic = project.destinations[1].topic

    async def change_list() -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=project.kafka.bootstrap, transactional_id=uuid4().hex
        )
        await producer.start()
        try:
            async with producer.transaction():
                await producer.send(topic, b'{"list": "l"}', key=b"l/u", partition=1)
            await producer.begin_transaction()
            await producer.send(topic, b'{"list": "aborted"}', key=b"l/v", partition=1)
            await producer.flush()
            await producer.abort_transaction()
            async with producer.transaction():
                reason = [("reason", b"exit_condition")]
                await producer.send(topic, None, key=b"l/u", partition=1, headers=reason)
        finally:
            await producer.stop()

    asyncio.run(change_list())
    rows = [line.split("\t")[1:] for line in shop("tail", "ads").stdout.splitlines()]
    assert rows == [["1", "l/u", '{"list":"l"}'], ["1", "l/u", "removed (exit_condition)"]]
    removal = tailed(shop, "ads")[1]
    assert (removal["value"], removal["headers"]) == (None, {"reason": "exit_condition"})


def test_tail_follows_until_ctrl_c(shop_file: Path, shop: Shop, tmp_path: Path) -> None:
    """With -f what comes later is shown too; Ctrl-C ends it with exit code 130, silently."""
    topic = load_project(shop_file).sources[0].topic
    command = [*COMMAND, "--project", str(shop_file), "tail", topic, "--follow", "--json"]
    shop("produce", json_lines(tmp_path / "1.jsonl", event("u", 1)))
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, bufsize=0) as tail:
        assert tail.stdout is not None
        assert orjson.loads(tail.stdout.readline())["value"]["messageId"] == "1"
        shop("produce", json_lines(tmp_path / "2.jsonl", event("u", 2)))
        assert orjson.loads(tail.stdout.readline())["value"]["messageId"] == "2"
        tail.send_signal(signal.SIGINT)
        _, said = tail.communicate()
    assert (tail.returncode, said) == (130, b"")


@pytest.mark.parametrize(
    "arguments",
    [["list"], ["pause", "welcome"], ["tail", "email"], ["produce", os.devnull], ["run"]],
)
def test_topics_that_are_not_there_yet_are_told(shop_file: Path, arguments: list[str]) -> None:
    """Before `journeystream topics` the error says at once to run it."""
    result = run(*arguments, file=shop_file)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.endswith("; create what is missing: journeystream topics\n")


def test_a_terminal_gets_a_table_and_pipes_do_not(
    shop_file: Path, shop: Shop, tmp_path: Path
) -> None:
    """Rich draws for people only, and brackets in a name are no markup to it."""
    named = WELCOME.replace("name: Welcome", 'name: "[red]Hi[/red]"')
    assert shop("publish", written(tmp_path / "w.yaml", named)).exit_code == 0
    assert "\x1b" not in shop("list").stdout
    ours, theirs = pty.openpty()
    subprocess.run([*COMMAND, "-p", shop_file, "list"], stdout=theirs, check=True)
    shown = os.read(ours, 65_536).decode()
    os.close(theirs)
    os.close(ours)
    assert "─" in shown
    assert "[red]Hi[/red]" in shown


def test_commands_share_the_embedded_broker(tmp_path: Path) -> None:
    """The first command's broker serves the others, and ends with it."""
    settings = {"sources": [{"topic": "e"}], "kafka": {"bootstrap": "embedded", "partitions": 1}}
    file = written(tmp_path / "p.yaml", orjson.dumps(settings).decode())
    project = Project.model_validate(settings, context={"directory": tmp_path})
    events = json_lines(tmp_path / "events.jsonl", event("u", 1))
    with broker(project) as bootstrap:
        for command in (["topics"], ["produce", str(events)]):
            done = subprocess.run([*COMMAND, "-p", file, *command], capture_output=True, check=True)
            assert bootstrap.encode() in done.stderr
    assert port_is_free(int(bootstrap.rpartition(":")[2]))
    # A broker of its own, which has what the other one wrote when it ended.
    shown = run("tail", "e", file=file)
    assert (shown.stderr, shown.stdout.count("\n")) == ("", 1)
