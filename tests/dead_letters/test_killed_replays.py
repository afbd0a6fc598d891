"""Replays that are killed, or meet another: each letter comes back once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journeystream.broker_access import BrokerAccess
from journeystream.commands import replaying
from journeystream.commands.replaying import DeadLetters
from journeystream.errors import BrokerUnreachable
from journeystream.project import load_project
from tests.brokers.clients import SECONDS, client
from tests.dead_letters.post import (
    STEPS,
    KillError,
    Post,
    kill_in,
    new_post,
)

# ── kills, and others at work ────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("step", STEPS)
def test_a_killed_replay_neither_loses_nor_repeats(post: Post, step: str) -> None:
    """Killed in any step of a transaction, it is gone on with: each record is there once."""
    post.write(*["not_json", "no_user"] * 5)
    with pytest.MonkeyPatch.context() as patch:
        kill_in(step, patch)
        killed = post.run("replay", "--code", "no_user")
    assert isinstance(killed.exception, KillError)
    assert killed.stdout.startswith("replayed ")
    post.replay("no_user")
    post.expect_back(1, 3, 5, 7, 9)
    post.replay()
    post.expect_back(*range(10))
    post.expect_waiting()


CODES = ("not_json", "no_user", "too_large")
replays = st.lists(
    st.tuples(st.sets(st.sampled_from(CODES)), st.sampled_from([None, *STEPS]), st.integers(0, 2)),
    max_size=4,
)


# Each example has topics of its own: few are drawn, and each has several replays.
@settings(deadline=None, max_examples=6, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(CODES), max_size=12), replays)
def test_any_replays_in_a_row_make_one_whole(
    kafka: str,
    tmp_path_factory: pytest.TempPathFactory,
    codes: list[str],
    replays: list[tuple[set[str], str | None, int]],
) -> None:
    """Whatever is filtered and killed on the way, a last replay leaves each record there once."""
    post = new_post(tmp_path_factory.mktemp("post"), kafka)
    post.write(*codes)
    for filtered, step, after in replays:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(replaying, "_AT_ONCE", 3)
            if step is not None:
                kill_in(step, patch, after=after)
            post.run("replay", *(word for code in filtered for word in ("--code", code)))
    post.replay()
    post.expect_back(*range(len(codes)))
    post.expect_waiting()


@pytest.mark.usefixtures("small")
def test_a_second_replay_ends_the_first(post: Post) -> None:
    """While one replays another takes over: the first says so, and each record is there once."""
    post.write(*["not_json"] * 10)
    project = load_project(post.file)
    real = AIOKafkaProducer.send_offsets_to_transaction

    async def story(patch: pytest.MonkeyPatch) -> None:
        async def overtaken(*arguments: Any) -> None:  # noqa: ANN401  aiokafka's
            patch.undo()
            async with DeadLetters(project, BrokerAccess(post.bootstrap)) as second:
                await second.replay(lambda _, __: None)
            await real(*arguments)

        patch.setattr(AIOKafkaProducer, "send_offsets_to_transaction", overtaken)
        async with DeadLetters(project, BrokerAccess(post.bootstrap)) as first:
            with pytest.raises(BrokerUnreachable, match="If another replay runs now, that is all"):
                await first.replay(lambda _, __: None)

    with pytest.MonkeyPatch.context() as patch:
        asyncio.run(story(patch))
    post.expect_back(*range(10))


@pytest.mark.usefixtures("small")
def test_kafka_may_forget_the_group(post: Post) -> None:
    """When the group's offsets are gone, the topic itself says what was replayed."""
    post.write(*["not_json", "no_user"] * 4)
    post.replay("no_user")
    post.expect_waiting(not_json=4)
    admin = AdminClient(client(post.bootstrap))
    group = f"{post.app}.dead-letters.replay"
    admin.delete_consumer_groups([group])[group].result(SECONDS)
    post.expect_waiting(not_json=4)
    post.replay()
    post.expect_waiting()
    admin.delete_consumer_groups([group])[group].result(SECONDS)
    assert post.json("replay")["replayed"] == 0
    post.expect_back(*range(8))


def test_a_topic_that_was_recreated_is_refused(post: Post) -> None:
    """A position behind the end of the topic is of another one: the error says what to do."""
    consumer = Consumer(client(post.bootstrap, group_id=f"{post.app}.dead-letters.replay"))
    consumer.commit(offsets=[TopicPartition(post.letters, 1, 99)], asynchronous=False)
    consumer.close()
    result = post.run("replay")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{post.letters}/1 ends at 0, but was replayed up to 99" in result.stderr
    assert f"delete the consumer group {post.app}.dead-letters.replay" in result.stderr
