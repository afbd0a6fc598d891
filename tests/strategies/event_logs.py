"""Logs of events and of what else is said of users, and the ways to cut one into batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from hypothesis import strategies as st

from journeystream.events import Enrolled, Erased, Event, Listed, Message, Moved, Removed
from tests.strategies.small_world import DAY, DUES, EVENT_NAMES, HOUR, MINUTE, START, USERS

Cuts = Sequence[int]
M = TypeVar("M", bound=Message)
KINDS = ("track", "track", "track", "track", "identify", "page")


@st.composite
def events(
    draw: st.DrawFn,
    at: int,
    users: Sequence[str] = USERS,
    *,
    with_ids: bool = False,
    kinds: Sequence[str] = KINDS,
) -> Event:
    """Draw one event at an instant: mostly tracks, some pages, some identify calls."""
    kind = draw(st.sampled_from(kinds))
    properties: dict[str, object] = {}
    if kind == "identify":
        name = ""
        properties = draw(
            st.sampled_from(
                (
                    {"plan": "pro"},
                    {"plan": "free"},
                    {"score": 0},
                    {"score": 2, "plan": "pro"},
                    *({"due": due} for due in DUES),
                )
            )
        )
    else:
        name = "home" if kind == "page" else draw(st.sampled_from(EVENT_NAMES))
        if draw(st.booleans()):
            properties = {"n": draw(st.integers(0, 2))}
    return Event(
        user_id=draw(st.sampled_from(users)),
        kind=kind,
        name=name,
        at=at,
        properties=properties,
        message_id=f"m{draw(st.integers(0, 10**9))}" if with_ids else None,
    )


@st.composite
def logs(
    draw: st.DrawFn,
    *,
    in_order: bool = False,
    users: Sequence[str] = USERS,
    with_ids: bool = False,
    longest: int = 14,
    kinds: Sequence[str] = KINDS,
) -> list[Event]:
    """Draw a log: gaps of minutes to a day, ties, and (if allowed) events that come late."""
    at, log = START, []
    for _ in range(draw(st.integers(3, longest))):
        at += draw(st.sampled_from((0, 0, MINUTE, 10 * MINUTE, HOUR, 5 * HOUR, DAY)))
        late = 0 if in_order else draw(st.sampled_from((0, 0, 0, MINUTE, HOUR, DAY)))
        log.append(draw(events(at - late, users, with_ids=with_ids, kinds=kinds)))
    return log


@st.composite
def messages(
    draw: st.DrawFn, *, in_order: bool = False, users: Sequence[str] = USERS
) -> list[Message]:
    """Draw a log in which some users are enrolled, listed, erased, taken out or moved by hand."""
    said: list[Message] = []
    for event in draw(logs(in_order=in_order, users=users)):
        said.append(event)
        user, at = draw(st.sampled_from(users)), event.at
        match draw(st.integers(0, 9)):
            case 0:
                said.append(Erased(user, at))
            case 1:
                journey = draw(st.sampled_from(("j1", "j2")))
                properties = {"n": draw(st.integers(0, 2))}
                id_ = draw(st.sampled_from((None, "e1")))
                said.append(Enrolled(user, at, journey, properties, id_))
            case 2:
                said.append(Listed(user, at, "vip", draw(st.booleans())))
            case 3 | 4:
                said.append(draw(_by_hand(user, at)))
            case _:
                pass
    return said


@st.composite
def handled(
    draw: st.DrawFn, *, in_order: bool = False, users: Sequence[str] = USERS
) -> list[Message]:
    """Draw a log in which some users are taken out of journeys, or moved to steps, by hand."""
    said: list[Message] = []
    for event in draw(logs(in_order=in_order, users=users)):
        said.append(event)
        if draw(st.booleans()):
            said.append(draw(_by_hand(draw(st.sampled_from(users)), event.at)))
    return said


@st.composite
def _by_hand(draw: st.DrawFn, user: str, at: int) -> Removed | Moved:
    """Draw what is done to a user by hand; journeys are named as `projects` names them."""
    journey = draw(st.sampled_from(("j1", "j1", "j2")))
    id_ = draw(st.sampled_from((None, None, "h1")))
    if draw(st.integers(0, 3)) == 0:
        return Removed(user, at, journey, draw(st.sampled_from((None, "", "1"))), id_)
    step = draw(st.sampled_from(("s0", "s1", "s2", "s3", "split", "wait", "sent")))
    return Moved(user, at, journey, step, id_)


@st.composite
def with_repeats(draw: st.DrawFn, log: Sequence[Event]) -> list[Event]:
    """Give every event a message id of its own and send some of them again, later."""
    named = [replace(event, message_id=f"m{index}") for index, event in enumerate(log)]
    repeated: list[Event] = []
    for index, event in enumerate(named):
        repeated.append(event)
        if draw(st.integers(0, 2)) == 0:
            repeated.append(named[draw(st.integers(0, index))])
    return repeated


def apart(log: Sequence[M]) -> list[M]:
    """Give every event a millisecond of its own, so that no two instants are the same."""
    return [replace(event, at=event.at + index * 1_000) for index, event in enumerate(log)]


def cuts() -> st.SearchStrategy[Cuts]:
    """Draw the sizes of successive batches; the last one goes on to the end of the log."""
    return st.lists(st.integers(0, 4), max_size=8)


def cut(log: Sequence[M], sizes: Cuts) -> list[list[M]]:
    """Cut a log into batches of these sizes."""
    batches, start = [], 0
    for size in sizes:
        batches.append(list(log[start : start + size]))
        start += size
    return [*batches, list(log[start:])]
