"""`journeystream dead-letters list` and `replay`: what waits, what comes back, what does not."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from typer.testing import CliRunner

from journeystream.broker_access import BrokerAccess
from journeystream.cli import app_for
from journeystream.commands.letters import read_letter
from journeystream.commands.replaying import DeadLetters
from journeystream.project import load_project
from journeystream.sinks.dead_letters import Origin, dead_letter
from tests.brokers.clients import SECONDS, client, read
from tests.dead_letters.post import (
    AT,
    PARTITIONS,
    Post,
    identity,
    is_letter,
    new_post,
)
from tests.integration.waiting import wait_until

# ── what waits ───────────────────────────────────────────────────────────────────────────


app = app_for(())


def test_list_tells_what_waits(post: Post) -> None:
    """Each code and topic is a line, with its count, times and newest example."""
    post.write("not_json", "no_user", "not_json")
    lines = [line.split("\t") for line in post.run("list").stdout.splitlines()]
    assert lines[0] == ["code", "letters", "topic", "first", "last", "example"]
    first, second, third = (f"2024-01-01T00:00:00.00{number}Z" for number in range(3))
    assert sorted(lines[1:]) == [
        ["no_user", "1", post.source, second, second, "1/1: a text of 2"],
        ["not_json", "2", post.source, first, third, "0/2: a text of 2"],
    ]
    kinds = {kind.pop("code"): kind for kind in post.json("list")}
    assert kinds["not_json"] == {
        "letters": 2,
        "topic": post.source,
        "first": first,
        "last": third,
        "example": {"partition": 0, "offset": 2, "text": "a\ttext\nof 2"},
    }


def test_nothing_to_list_and_to_replay(post: Post) -> None:
    """Without letters both say so, and programs get an empty list."""
    shown = post.run("list")
    assert (shown.exit_code, shown.stdout.count("\n")) == (0, 1)
    assert shown.stderr == f"no dead letter waits in topic '{post.letters}'\n"
    assert post.replay().startswith("replayed 0 dead letters\n")
    assert post.json("list") == []


# ── what comes back ──────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("small")
def test_a_replay_gives_back_what_came(post: Post) -> None:
    """Key, bytes, partition and time are those of the record; a second replay finds nothing."""
    post.write(*["not_json"] * 10)
    assert post.replay().startswith("replayed 10 dead letters\n")
    assert [
        (each.key(), each.value(), each.partition(), each.timestamp()[1])
        for each in post.came_back(10)
    ] == [
        (
            None if number % 3 == 0 else b"\xff%d" % number,
            f"{number} not_json".encode(),
            number % PARTITIONS,
            AT + number,
        )
        for number in range(10)
    ]
    assert post.json("replay") == {"dry_run": False, "replayed": 0, "left": 0, "letters": []}
    post.expect_waiting()
    post.write("no_user", first=10)
    post.expect_waiting(no_user=1)
    assert post.json("replay")["replayed"] == 1
    post.expect_back(*range(11))


@pytest.mark.usefixtures("small")
def test_what_filters_leave_out_stays_for_later(post: Post) -> None:
    """Letters of other codes are passed over, not lost: a later replay has each once."""
    post.write(*["not_json", "no_user", "too_large"] * 5)
    answer = post.json("replay", "--code", "no_user", "--code", "engine_failed")
    assert (answer["replayed"], answer["left"]) == (5, 10)
    assert [kind["code"] for kind in answer["letters"]] == ["no_user"]
    post.expect_waiting(not_json=5, too_large=5)
    assert post.json("replay", "--topic", f"{post.app}.rekeyed")["replayed"] == 0
    assert post.json("replay", "--topic", post.source, "--code", "too_large")["replayed"] == 5
    assert post.json("replay")["replayed"] == 5
    post.expect_back(*range(15))
    post.expect_waiting()


def test_letters_that_come_later_wait_for_the_next_replay(post: Post) -> None:
    """A replay ends where the topic ended when it began, so that it does not chase its own."""
    post.write("not_json", "not_json")

    def come_back(done: int, _: int) -> None:
        if done == 0:
            post.write("not_json", "not_json", first=2)

    async def replay() -> None:
        async with DeadLetters(load_project(post.file), BrokerAccess(post.bootstrap)) as letters:
            await letters.replay(come_back)

    asyncio.run(replay())
    post.expect_back(0, 1)
    assert post.json("replay")["replayed"] == 2
    post.expect_back(0, 1, 2, 3)


def test_letters_that_are_passed_over_keep_their_bytes_and_their_time(post: Post) -> None:
    """What is written anew to the end of the topic is the same record as before."""
    post.write("not_json", "not_json", "no_user", "no_user")
    before = read(post.bootstrap, post.letters)
    post.replay("no_user")
    post.expect_back(2, 3)
    after = read(post.bootstrap, post.letters, expected=8)  # and a mark in each partition
    letters = Counter(map(identity, filter(is_letter, after)))
    kept = [identity(each) for each in before if b"not_json" in (each.value() or b"")]
    assert letters == Counter(map(identity, before)) + Counter(kept)
    assert len(kept) == 2


def test_nothing_moves_when_nothing_matches(post: Post) -> None:
    """A filter that matches no letter, and --dry-run, write nothing at all."""
    post.write("not_json", "no_user")
    before = [each.offset() for each in read(post.bootstrap, post.letters)]
    shown = post.run("replay", "--code", "bad_time")
    assert shown.stdout.startswith("replayed 0 dead letters\n")
    assert "none is asked for" in shown.stderr
    shown = post.run("replay", "--dry-run")
    assert shown.stdout.startswith("would replay 2 dead letters\n")
    answer = post.json("replay", "--dry-run", "--code", "no_user")
    assert (answer["dry_run"], answer["replayed"], answer["left"]) == (True, 0, 1)
    assert [kind["letters"] for kind in answer["letters"]] == [1]
    assert [each.offset() for each in read(post.bootstrap, post.letters)] == before
    post.expect_back()


def test_what_can_not_be_produced_again_stays(post: Post) -> None:
    """Letters without a value or of a foreign topic, and records of others, are told and kept."""
    post.write("empty", value=None)
    post.write("not_json", topic="elsewhere")
    producer = Producer(client(post.bootstrap))
    for value in (b"hello", b"[]", b'{"error": {}, "origin": 7}', None):
        producer.produce(post.letters, value, None, 0)
    assert producer.flush(SECONDS) == 0
    post.write("no_user")
    result = post.run("replay")
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "replayed 1 dead letter")
    for _ in range(2):
        assert "never replayed: 4 records no dead letter of journeystream" in result.stderr
        assert "1 record without a value, which never can be an event" in result.stderr
        assert "1 record from elsewhere/0, which this project does not read" in result.stderr
        post.expect_waiting(empty=1, not_json=1)
        result = post.run("list")
    post.expect_back(0)


def test_what_kafka_might_delete_unread_stays(tmp_path: Path, kafka: str) -> None:
    """A record that is older than its topic keeps any is told and kept, with what to do."""
    post = new_post(tmp_path, kafka, "live")
    now = time.time_ns() // 1_000_000
    post.write("not_json", "no_user")
    post.write("not_json", first=2, since=now)
    result = post.run("replay")
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "replayed 1 dead letter")
    assert f"2 records older than topic '{post.source}' keeps any (raise its" in result.stderr
    post.expect_back(2)
    admin = AdminClient(client(kafka))
    forever = ConfigEntry("retention.ms", "-1", incremental_operation=AlterConfigOpType.SET)
    topic = ConfigResource(ConfigResource.Type.TOPIC, post.source, incremental_configs=[forever])
    (done,) = admin.incremental_alter_configs([topic]).values()
    done.result(SECONDS)
    wait_until(lambda: post.json("replay", "--dry-run")["left"] == 0, "the raised retention")
    assert post.json("replay")["replayed"] == 2
    post.expect_back(0, 1, 2)


def test_a_record_whose_time_was_none_gets_a_new_one(post: Post) -> None:
    """A time that no record can have is not given to it again."""
    origin = Origin(post.source, 1, 5, -1)
    for code in ("bad_record_time", "not_json"):
        letter = read_letter(
            dead_letter(post.letters, origin, None, b"1", code=code, text="its time").value
        )
        assert letter is not None
        assert letter.timestamp_ms is None


# ── what does not work ───────────────────────────────────────────────────────────────────


@pytest.fixture(params=["list", "replay"])
def command(request: pytest.FixtureRequest) -> str:
    """Return each of the commands."""
    return str(request.param)


def test_kafka_that_does_not_answer_is_for_operators(tmp_path: Path, command: str) -> None:
    """Without a broker the exit code is 1, and one line says where none is."""
    file = tmp_path / "p.yaml"
    file.write_text("sources: [{topic: e}]\nkafka: {bootstrap: '127.0.0.1:1'}")
    result = Post(file, "", "").run(command)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "127.0.0.1:1" in result.stderr


def test_topics_that_are_not_there_yet_are_told(tmp_path: Path, kafka: str, command: str) -> None:
    """Before `journeystream topics` the error says at once to run it."""
    file = tmp_path / "p.yaml"
    name = f"post-{uuid4().hex[:12]}"
    file.write_text(f"app: {name}\nsources: [{{topic: {name}-e}}]\nkafka: {{bootstrap: '{kafka}'}}")
    result = Post(file, "", "").run(command)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.endswith("; create what is missing: journeystream topics\n")


def test_a_topic_that_is_no_source_is_refused(tmp_path: Path) -> None:
    """Before Kafka is asked for anything, the error names the topics that there are."""
    file = tmp_path / "p.yaml"
    file.write_text("app: shop\nsources: [{topic: web}]")
    result = Post(file, "", "").run("replay", "--topic", "wbe")
    assert result.exit_code == 2
    assert result.stderr == "'wbe' is no source topic; choose one of: web, shop.rekeyed\n"


def test_each_command_shows_an_example(command: str) -> None:
    """What to type is in the help of each command."""
    shown = CliRunner().invoke(app, ["dead-letters", command, "--help"]).stdout
    assert f"Example: journeystream dead-letters {command}" in shown
