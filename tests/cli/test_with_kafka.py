"""What the command line does with Kafka: journeys live, events come and are shown."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import subprocess
from pathlib import Path
from uuid import uuid4

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from journeystream.commands.broker import broker
from journeystream.commands.init import WELCOME
from journeystream.embedded_broker import port_is_free
from journeystream.project import Project, load_project
from tests.cli.typing_commands import (
    AUDIENCE,
    COMMAND,
    WINBACK,
    Shop,
    event,
    json_lines,
    run,
    tailed,
    written,
)


def test_a_journey_lives_by_commands(shop: Shop, tmp_path: Path) -> None:
    """Topics, publish, list, pause, resume and archive follow each other, as lifecycle.py says."""
    again = [line.split("\t") for line in shop("topics").stdout.splitlines()]
    assert [row[2] for row in again] == ["what happened", *["exists"] * 8]
    welcome = written(tmp_path / "welcome.yaml", WELCOME)
    assert shop("publish", welcome).stdout == "welcome: published as version 1\n"
    written(welcome, WELCOME.replace("1 day", "2 days").split("examples:")[0])
    (published,) = orjson.loads(shop("publish", welcome, "--json").stdout)
    assert published["outcome"].startswith("published as version 2")
    assert shop("pause", "welcome").stdout.startswith("welcome: live -> paused")
    (listed,) = orjson.loads(shop("list", "--json").stdout)
    assert listed.pop("published_at") < "9"
    assert list(listed.values()) == ["welcome", "Welcome", "paused", 2, 3]
    refused = shop("unarchive", "welcome")
    assert refused.exit_code == 2
    assert "possible: publish, pause, resume, stop, retry, archive" in refused.stderr
    held = shop("pause", "welcome", "--hold").stdout
    assert held.startswith("welcome: paused -> paused: no one enters, users in flight stay")
    assert shop("resume", "welcome").stdout.startswith("welcome: paused -> live")
    assert "nobody is in flight" not in shop("publish", welcome, "--plan").stdout
    assert shop("clone", "welcome", "--as", "other").stdout.startswith("id: other\n")
    assert shop("stop", "welcome").stdout.startswith("welcome: live -> stopped")
    assert shop("archive", "welcome").stdout.startswith("welcome: stopped -> archived")
    assert shop("unarchive", "welcome").stdout.startswith("welcome: archived -> paused")
    assert shop("archive", "welcome").stdout.startswith("welcome: paused -> archived")
    assert shop("archive", "nobody").exit_code == 2
    rows = [line.split("\t")[:5] for line in shop("list").stdout.splitlines()]
    assert rows[1:] == [["welcome", "Welcome", "archived", "3", "3"]]


def test_several_journeys_change_together_or_not_at_all(shop: Shop, tmp_path: Path) -> None:
    """One command pauses several; if one of them refuses, none is changed."""
    other = WELCOME.replace("id: welcome", "id: other").replace("name: Welcome", "name: Other")
    files = written(tmp_path / "a.yaml", WELCOME), written(tmp_path / "b.yaml", other)
    assert shop("publish", *files).exit_code == 0
    assert shop("archive", "welcome", "nobody").exit_code == 2
    assert [each["state"] for each in orjson.loads(shop("list", "--json").stdout)] == ["live"] * 2
    told = shop("pause", "welcome", "other").stdout.splitlines()
    assert [line.split(": no one")[0] for line in told] == [
        "welcome: live -> paused",
        "other: live -> paused",
    ]


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
    [
        ["list"],
        ["pause", "welcome"],
        ["tail", "email"],
        ["produce", os.devnull],
        ["enroll", "welcome", "u1", "--at", "2024-03-01"],
        ["exit", "welcome", "u1", "--at", "2024-03-01"],
        ["lists", "show", "vip"],
        ["run"],
    ],
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
            assert bootstrap.address.encode() in done.stderr
    assert port_is_free(int(bootstrap.address.rpartition(":")[2]))
    # A broker of its own, which has what the other one wrote when it ended.
    shown = run("tail", "e", file=file)
    assert (shown.stderr, shown.stdout.count("\n")) == ("", 1)
