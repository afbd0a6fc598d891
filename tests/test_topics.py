"""The topics of a project: which there are, and what must be equal among them."""

from __future__ import annotations

from typing import Any

import pytest

from journeystream.errors import ProjectFileError
from journeystream.project import Project
from journeystream.topics import WantedTopic, check_copartitioned, compared, wanted_topics

DAY_MS = 86_400_000


def project(**settings: object) -> Project:
    """Build a project with two sources and a destination of each type."""
    whole: dict[str, Any] = {
        "app": "shop",
        "sources": [{"topic": "web"}, {"topic": "app", "keyed_by_user": True}],
        "destinations": [
            {"type": "event", "name": "email", "topic": "email"},
            {"type": "list", "name": "ads", "topic": "ads"},
        ],
        "kafka": {"partitions": 6, "replication": 3},
        **settings,
    }
    return Project.model_validate(whole)


def wanted(**settings: object) -> dict[str, WantedTopic]:
    """Return the wanted topics of such a project by name."""
    return {topic.name: topic for topic in wanted_topics(project(**settings))}


def test_every_topic_is_wanted_once() -> None:
    """Nothing that a worker reads or writes is left to the broker's auto-creation."""
    assert [topic.name for topic in wanted_topics(project())] == [
        "web",
        "app",
        "shop.rekeyed",
        "shop.control",
        "shop.audit",
        "shop.changelog",
        "shop.dead-letters",
        "email",
        "ads",
    ]


def test_all_topics_but_those_of_commands_have_the_partitions_of_the_project() -> None:
    """Commands, and who gave them, are in one order for all; everything else is spread alike."""
    counts = {name: topic.partitions for name, topic in wanted().items()}
    assert counts.pop("shop.control") == counts.pop("shop.audit") == 1
    assert set(counts.values()) == {6}
    assert {topic.replication for topic in wanted().values()} == {3}


def test_what_is_state_is_compacted_and_never_expires() -> None:
    """The last record of each key is kept, however old it is."""
    for name in ("shop.control", "shop.changelog", "ads"):
        config = wanted()[name].config
        assert config["cleanup.policy"] == "compact"
        assert "retention.ms" not in config


def test_the_changelog_is_compacted_early() -> None:
    """A partition that moves is restored from little more than its state."""
    config = wanted()["shop.changelog"].config
    assert config["min.cleanable.dirty.ratio"] == "0.1"
    assert config["segment.bytes"] == "67108864"


def test_tombstones_of_the_changelog_stay() -> None:
    """A worker that was away for years hears who was erased; Kafka can add the span to a date."""
    kept = int(wanted()["shop.changelog"].config["delete.retention.ms"])
    assert kept > 99 * 365 * DAY_MS
    assert kept < 2**62


@pytest.mark.parametrize(
    ("name", "days"), [("web", 7), ("shop.rekeyed", 7), ("shop.dead-letters", 30), ("email", 7)]
)
def test_what_passes_expires(name: str, days: int) -> None:
    """Records that are history are kept for as long as someone may still come for them."""
    assert wanted()[name].config["retention.ms"] == str(days * DAY_MS)
    assert "cleanup.policy" not in wanted()[name].config


def test_nothing_expires_in_a_replay() -> None:
    """Last year's events are not deleted for their age before they are read."""
    assert {topic.config.get("retention.ms", "-1") for topic in wanted(time="replay").values()} == {
        "-1"
    }


def test_an_oversized_record_fits_where_it_has_to_go() -> None:
    """The biggest record of a source fits through re-keying, and in base64 in a dead letter."""
    sizes = {name: int(each.config.get("max.message.bytes", 0)) for name, each in wanted().items()}
    assert sizes["web"] == sizes["shop.rekeyed"] == 20_971_520
    assert sizes["shop.dead-letters"] == 33_554_432 > sizes["web"] * 4 / 3
    limit = project(limits={"message_bytes": 16_777_216}).limits.message_bytes
    assert limit < sizes["shop.rekeyed"]


def test_sources_rekeyed_and_changelog_belong_together() -> None:
    """A user's events and state meet in one partition."""
    assert [name for name, topic in wanted().items() if topic.copartitioned] == [
        "web",
        "app",
        "shop.rekeyed",
        "shop.changelog",
    ]


WITH_SERVICE = {"decisions": {"requests": "asked", "replies": "answered"}, "travel_log": "travels"}


def test_a_decision_service_and_a_travel_log_need_topics_of_their_own() -> None:
    """Replies are read as sources are; requests expire as other outputs do.

    What is measured over 90 days is kept for longer.
    """
    topics = wanted(**WITH_SERVICE)
    assert topics.keys() - wanted().keys() == {"asked", "answered", "travels"}
    assert topics["answered"].config == topics["web"].config
    together = {name for name, topic in topics.items() if topic.copartitioned}
    assert together == {"web", "app", "shop.rekeyed", "shop.changelog", "answered"}
    assert topics["asked"].config == topics["email"].config
    assert int(topics["travels"].config["retention.ms"]) > 90 * 86_400_000


def test_every_topic_says_what_it_is_for() -> None:
    """A person can tell what would be created, and why."""
    assert all(topic.why for topic in wanted().values())


@pytest.mark.parametrize(
    "existing",
    [
        {},
        {"web": 6},
        {"web": 4, "app": 4, "shop.rekeyed": 4, "shop.changelog": 4},
        {"email": 1, "shop.dead-letters": 2, "elsewhere": 9},
    ],
)
def test_equal_partitions_are_accepted(existing: dict[str, int]) -> None:
    """Only topics that share users have to be alike, and only with each other."""
    check_copartitioned(wanted_topics(project()), existing)


def test_a_new_topic_unlike_an_existing_one_is_refused() -> None:
    """Nothing is created beside a source that has another number of partitions."""
    with pytest.raises(ProjectFileError) as caught:
        check_copartitioned(wanted_topics(project()), {"web": 4, "app": 4})
    told = str(caught.value)
    assert "web (4), app (4), shop.rekeyed (6, to be created), shop.changelog (6" in told
    assert told.endswith("; set kafka.partitions to 4 in the project file")


def test_existing_topics_that_differ_are_refused() -> None:
    """Topics that share users and differ can not be mended by a setting; the error says how."""
    existing = {"web": 4, "app": 8, "shop.rekeyed": 8, "shop.changelog": 8}
    with pytest.raises(ProjectFileError) as caught:
        check_copartitioned(wanted_topics(project()), existing)
    told = str(caught.value)
    assert "web (4), app (8), shop.rekeyed (8), shop.changelog (8)" in told
    assert "create the odd ones anew with as many partitions as the others (most have 8)" in told


def test_an_existing_topic_is_compared() -> None:
    """A topic that is not as the project says is told, not changed."""
    topic = wanted()["email"]
    assert compared(topic, 6) == "exists"
    assert compared(topic, 4) == "differs: has 4 partitions, wanted 6"
