"""What the benchmark's figures rest on: the same load for all, and an oracle that is right."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from itertools import pairwise
from typing import Any

from bench.oracle import Output, expected
from bench.rivals.cart import step
from bench.throughput import contests, rounds
from bench.workload import NAMES, events

COUNT = 5_000
USERS = 300


def test_the_same_seed_gives_the_same_bytes() -> None:
    """The workload is a function of its arguments, and as long as was asked for."""
    first, second = list(events(COUNT, USERS)), list(events(COUNT, USERS))
    assert first == second
    assert len(first) == COUNT
    assert first != list(events(COUNT, USERS, seed=1))


def test_each_event_is_json_and_later_than_the_one_before() -> None:
    """Times rise strictly; the JSON says what the event says."""
    load = list(events(COUNT, USERS))
    assert all(one.at < other.at for one, other in pairwise(load))
    for event in load:
        value = json.loads(event.value)
        assert (value["userId"], value["event"]) == (event.user, event.name)
        assert _millis(value["timestamp"]) == event.at
        assert event.name in NAMES


def test_every_user_ends_with_an_order() -> None:
    """So nobody's timers are left over, whatever clock they go by."""
    last = {event.user: event.name for event in events(COUNT, USERS)}
    assert set(last.values()) == {"Order Completed"}


def test_oracle_and_the_rivals_step_agree() -> None:
    """Two ways to work out the cart journey, by whole histories and by events, come to the same."""
    load = list(events(COUNT, USERS))
    states: dict[str, Any] = {}
    outputs: Counter[Output] = Counter()
    for event in load:
        states[event.user], out = step(states.get(event.user), json.loads(event.value))
        outputs.update((o["userId"], o["event"], _millis(o["timestamp"])) for o in out)
    wanted = expected(load)
    assert outputs == wanted.outputs
    assert outputs.total() > COUNT / 50
    assert wanted.events_behind(outputs.total()) == COUNT
    assert wanted.events_behind(0) == 0


def test_each_round_begins_with_another_contestant() -> None:
    """Everybody runs once in a round, and nobody is always first."""
    contest = contests()[1]
    order = [(number, one.name) for number, _, one in rounds([contest], 3)]
    firsts = {next(name for number, name in order if number == turn) for turn in (1, 2, 3)}
    assert len(firsts) == 3
    assert Counter(order).most_common(1)[0][1] == 1


def _millis(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1_000)
