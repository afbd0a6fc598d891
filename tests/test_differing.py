"""Two versions side by side: who fares differently, in what, and nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from journeystream.differing import differ
from journeystream.engine import Rules
from journeystream.events import Event, Message
from journeystream.simulated import Difference, UserDifference
from journeystream.simulating import Simulation, Subject
from tests.law_settings import laws
from tests.strategies import (
    END_OF_TIME,
    START,
    USERS,
    Project,
    apart,
    logs,
    messages,
    projects,
    rules_of,
)
from tests.town import journey, send, track, wait

EXITS = [{"name": "done", "condition": {"event": "b", "since": "entry"}}]


def played(rules: Rules, log: Sequence[Message], subject: Subject) -> Simulation:
    """Play a log to the end of time."""
    playing = Simulation(subject, replace(rules, travels=True))
    playing.take([(0, each) for each in log])
    playing.end(END_OF_TIME)
    return playing


def compared(
    this: Rules, against: Rules, log: Sequence[Message], subject: Subject | None = None
) -> Difference:
    """Compare two versions over a log."""
    subject = subject or Subject("j")
    return differ(played(this, log, subject), played(against, log, subject))


@laws
@given(projects(), messages())
def test_a_version_does_not_differ_from_itself(project: Project, log: list[Message]) -> None:
    """Whatever happens: the same definition means the same to everyone."""
    rules = rules_of(*project)
    assert compared(rules, rules, log, Subject("j1")) == Difference(
        entry=0, path=0, end=0, users=()
    )


def test_each_user_is_told_by_what_differs_first() -> None:
    """Who enters, which steps, which end; who fares the same is not among them."""
    this = journey(wait(), send(), exits=EXITS, entry={"condition": {"event": "a"}})
    longer = {**wait(), "duration": "1 day"}
    against = journey(
        longer,
        send(onward="more"),
        send("more"),
        exits=[{**EXITS[0], "name": "ordered"}],
        entry={"condition": {"any": [{"event": "a"}, {"event": "c"}]}},
    )
    log = [
        track("comes in", "c", START),
        track("goes on", "a", START + 1),
        track("leaves", "a", START + 2),
        track("leaves", "b", START + 3),
    ]
    found = compared(this, against, log)
    assert (found.entry, found.path, found.end) == (1, 1, 1)
    assert [(each.user, each.differs, each.this, each.against) for each in found.users] == [
        ("comes in", "entry", (), (("wait", "sent", "more"),)),
        ("goes on", "path", (("wait", "sent"),), (("wait", "sent", "more"),)),
        (
            "leaves",
            "end",
            (("wait", "left: exit_condition: done"),),
            (("wait", "left: exit_condition: ordered"),),
        ),
    ]


def test_when_something_happens_is_no_difference() -> None:
    """A longer wait that leads everyone the same way changes nobody's way."""
    log = [track(user, "a", START + number) for number, user in enumerate(USERS)]
    later = journey({**wait(), "duration": "2 hours"}, send())
    found = compared(journey(wait(), send()), later, log)
    assert found == Difference(entry=0, path=0, end=0, users=())


def test_the_list_is_bounded_and_the_counts_are_not() -> None:
    """The first by id are listed, or who is named; counted are all."""
    log = [track(f"u{number}", "a", START + number) for number in (3, 1, 2)]
    versions = journey(wait(), send()), journey(send())
    for subject, listed in (
        (Subject("j", users=2), ["u1", "u2"]),
        (Subject("j", user="u3"), ["u3"]),
        (Subject("j", user="u9"), []),
    ):
        found = compared(*versions, log, subject)
        assert ([each.user for each in found.users], found.path) == (listed, 3)


@laws
@given(projects(linked=False), projects(linked=False), logs(in_order=True), st.permutations(USERS))
def test_users_are_judged_one_by_one(
    this: Project, against: Project, log: list[Event], users: list[str]
) -> None:
    """A user differs among others just as if there were nobody else."""
    versions, log = (rules_of(this[0]), rules_of(against[0])), apart(log)
    subject = Subject("j1", users=100)
    together = compared(*versions, log, subject)
    alone: dict[str, UserDifference] = {}
    for user in users:
        found = compared(*versions, [each for each in log if each.user_id == user], subject)
        alone |= {each.user: each for each in found.users}
    assert {each.user: each for each in together.users} == alone
    assert len(alone) == together.entry + together.path + together.end
