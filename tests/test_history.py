"""A journey that uses history: what came before it was published counts, once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeystream.definitions import JourneyDefinition
from journeystream.engine import Rules
from journeystream.errors import DefinitionError
from journeystream.events import Erased, Event, Past, PastOver
from journeystream.journeys import Floors, Journeys
from journeystream.project import Project
from journeystream.publishing import check
from journeystream.turn import sweep
from tests.law_settings import laws
from tests.playing import Partition
from tests.strategies import DAY, START, journey_of, rules_of

HOUR = 3_600_000_000
SENT = {"id": "sent", "type": "send_to_destinations", "destinations": ["email"]}
BOUGHT = {"event": "order", "at_least": 2, "within": "30 days"}


def loyal(**entry: object) -> JourneyDefinition:
    """Read a journey for who ordered twice, which waits an hour before it sends."""
    said: dict[str, Any] = {"condition": BOUGHT, "use_history": True, **entry}
    return journey_of(
        {
            "id": "j",
            "name": "J",
            "entry": said,
            "exits": [{"name": "out", "condition": {"event": "out", "since": "entry"}}],
            "steps": [
                {"id": "wait", "type": "wait_for_duration", "duration": "1 hour", "next": "sent"},
                {"id": "sent", "type": "send_to_destinations", "destinations": ["email"]},
            ],
        }
    )


def opening_at(at: int, journey: JourneyDefinition) -> Rules:
    """Publish the journey at an instant."""
    return Rules(rules_of(journey).journeys, Floors({("j", 1): at}))


class Late(Partition):
    """A partition that learns of a journey after it has applied some of its log."""

    def __init__(self, past: Sequence[Event | Erased], journey: JourneyDefinition) -> None:
        super().__init__(Rules(Journeys()))
        self.take(past)
        self.past = past
        self.rules = opening_at(max(self.store.partition().clock, START), journey)

    def learn(self, slices: int = 1) -> None:
        """Read the past again, in slices, then let in whoever qualifies."""
        size = -(-len(self.past) // slices) or 1
        for begin in range(0, len(self.past), size):
            clock = self.store.partition().clock
            some = self.past[begin : begin + size]
            past = [Past(each.user_id, each.at, "j", 1, each) for each in some]
            self.keep(sweep(past, clock, self.store, self.rules))
        clock = max(self.store.partition().clock, START)
        met = [PastOver(user, clock, "j") for user in self.store.users()]
        self.keep(sweep(met, clock, self.store, self.rules))


def orders(*ats: int, user: str = "u1", ids: bool = False) -> list[Event]:
    """Make orders of a user."""
    return [
        Event(user, "track", "order", START + at, message_id=str(n) if ids else None)
        for n, at in enumerate(ats)
    ]


def test_who_qualifies_enters_at_the_opening() -> None:
    """Two orders of last week count, and the wait begins now."""
    late = Late([*orders(0, DAY), *orders(2 * DAY, user="u2")], loyal())
    late.learn()
    opened = START + 2 * DAY
    assert late.effects == []
    late.take([], until=opened + HOUR)
    assert [(each.user_id, each.at) for each in late.effects] == [("u1", opened + HOUR)]
    late.take([Event("u2", "track", "order", opened + 2 * HOUR)], until=opened + 4 * HOUR)
    assert [(each.user_id, each.at) for each in late.effects][1:] == [("u2", opened + 3 * HOUR)]


def test_without_history_only_what_follows_counts() -> None:
    """The same journey without it lets nobody in by what was."""
    late = Late(orders(0, DAY), loyal(use_history=False))
    late.learn()
    late.take(orders(3 * DAY), until=START + 5 * DAY)
    assert late.effects == []


def test_a_repeat_in_the_past_counts_once() -> None:
    """A producer's retry is no second order, then as now."""
    first = orders(0, ids=True)
    late = Late([*first, *first], loyal())
    late.learn()
    late.take([], until=START + 5 * DAY)
    assert late.effects == []


def test_what_is_applied_late_is_the_past_too() -> None:
    """Events from before the opening that are applied only now let nobody in early."""
    partition = Partition(opening_at(START + 3 * DAY, loyal()))
    partition.take([*orders(0, DAY), *orders(4 * DAY, user="u2")], until=START + 5 * DAY)
    assert [(each.user_id, each.at) for each in partition.effects] == [
        ("u1", START + 3 * DAY + HOUR)
    ]


LOGS = st.lists(
    st.builds(
        Event,
        st.sampled_from(("u1", "u2")),
        st.just("track"),
        st.sampled_from(("order", "out", "other")),
        st.integers(0, 40 * 24).map(lambda hours: START + hours * HOUR),
        message_id=st.none() | st.sampled_from("abc"),
    ),
    max_size=12,
).map(lambda log: sorted(log, key=lambda event: event.at))


@laws
@given(LOGS, st.integers(1, 4))
def test_what_is_learnt_is_what_was_seen(log: list[Event], slices: int) -> None:
    """Whether a partition saw the events when they came or reads them again, it knows the same."""
    late = Late(log, loyal())
    late.learn(slices)
    # Nobody enters before the opening, so this one just notes what comes.
    early = Partition(opening_at(START + 50 * DAY, loyal()))
    early.take(log)
    assert facts(late) == facts(early)
    assert not any(user.past for user in late.known())


def facts(partition: Partition) -> dict[str, dict[str, list[int]]]:
    """Return what is known of each user's events, to the millisecond."""
    return {
        user.id: {id_: [at // 1_000 for at in ats] for id_, ats in user.facts.items()}
        for user in partition.known()
        if user.facts
    }


def test_history_needs_transactions() -> None:
    """Without them it could not be told after a crash who had learnt what."""
    project = Project.model_validate(
        {
            "sources": [{"topic": "events", "keyed_by_user": True}],
            "destinations": [{"name": "email", "type": "event", "topic": "email"}],
            "kafka": {"guarantee": "at_least_once"},
        }
    )
    [problem] = check(loyal(), {}, project)
    assert problem.path == "entry.use_history"
    assert check(loyal(use_history=False), {}, project) == []


@pytest.mark.parametrize("entry", [{"by_name": True}, {"trigger": {"journey": "a", "step": "b"}}])
def test_history_goes_with_a_condition(entry: dict[str, object]) -> None:
    """Where nothing is asked, the past answers nothing."""
    with pytest.raises(DefinitionError, match="use_history"):
        journey_of(
            {"id": "j", "name": "J", "entry": {"use_history": True, **entry}, "steps": [SENT]}
        )


@pytest.mark.parametrize("orders_after", [1, 2])
def test_who_was_erased_is_not_remembered_again(orders_after: int) -> None:
    """What a user did before they were erased does not count, though the topic still holds it."""
    after = orders(*(2 * DAY + HOUR * n for n in range(orders_after)))
    late = Late([*orders(0, DAY), Erased("u1", START + DAY + HOUR), *after], loyal())
    late.learn()
    late.take([], until=START + 5 * DAY)
    assert len(late.effects) == (orders_after == 2)


def test_nothing_is_left_of_who_was_erased() -> None:
    """Reading the past again makes no record of a user who is gone."""
    late = Late([*orders(0, DAY), Erased("u1", START + DAY + HOUR)], loyal())
    late.learn(3)
    assert late.known() == []


def test_who_is_in_it_already_enters_when_it_is_published() -> None:
    """Members of the audience enter at once, known by a trait or a count; others as they join."""
    entry = {"condition": {"trait": "plan", "equals": "pro"}, "already_in": True}
    plans = [Event(user, "identify", "", START, {"plan": user}) for user in ("pro", "free")]
    late = Late(plans, loyal(use_history=False, **entry))
    late.learn()
    late.take([Event("free", "identify", "", START + HOUR, {"plan": "pro"})], until=START + DAY)
    assert [(each.user_id, each.at) for each in late.effects] == [
        ("pro", START + HOUR),
        ("free", START + 2 * HOUR),
    ]


def test_everyone_is_down_for_the_first_run() -> None:
    """A journey for everyone at its runs reaches those too who are known and do nothing."""
    run = {"schedule": {"every": "monthly", "everyone": True}, "reentry": "after_exit"}
    entry = {"condition": {"trait": "plan", "equals": "pro"}, **run}
    late = Late(
        [Event("u1", "identify", "", START, {"plan": "pro"})], loyal(use_history=False, **entry)
    )
    late.learn()
    late.take([], until=START + 45 * DAY)
    assert [each.user_id for each in late.effects] == ["u1"]
