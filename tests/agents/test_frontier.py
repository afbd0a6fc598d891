"""How far a partition's clock may move when its events come from several places."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from journeystream.agents.frontier import Frontier, origin_of
from journeystream.events import ClockMark, Event
from journeystream.user import NEVER

Entries = Sequence[Event | ClockMark | None]
Batches = Sequence[tuple[str, Entries]]

WEB_0, WEB_1 = origin_of("web", 0), origin_of("web", 1)
REKEYED = "app.rekeyed"
MIXED = Frontier(frozenset(("shop", "till")), frozenset((WEB_0, WEB_1)))


def event(at: int) -> Event:
    """Return an event at an instant."""
    return Event("u1", "track", "Order", at)


def batches() -> st.SearchStrategy[Batches]:
    """Draw batches of straight, re-keyed and foreign topics, with events, marks and neither."""
    instants = st.integers(-5, 5)
    origins = st.sampled_from(("", WEB_0, WEB_1, "web/9", "shop"))
    entries = st.one_of(
        st.none(), st.builds(event, instants), st.builds(ClockMark, instants, origins)
    )
    topics = st.sampled_from(("shop", "till", REKEYED, "web"))
    return st.lists(st.tuples(topics, st.lists(entries, max_size=3)), max_size=12)


# ── the law ──────────────────────────────────────────────────────────────────────────────


@given(batches())
def test_the_frontier_is_what_every_origin_has_reached(drawn: Batches) -> None:
    """The clock may move to the least, over all origins, of the latest that each has shown."""
    fronts: dict[str, int] = {}
    shown: dict[str, list[int]] = {origin: [NEVER] for origin in (*MIXED.straight, *MIXED.spread)}
    for topic, entries in drawn:
        MIXED.observe(fronts, topic, entries)
        for entry in entries:
            if isinstance(entry, ClockMark) and entry.origin:
                shown.get(entry.origin, []).append(entry.at)
            elif entry is not None:
                shown.get(topic, []).append(entry.at)
        assert MIXED.reached(fronts) == min(max(instants) for instants in shown.values())


@given(batches())
def test_the_frontier_never_moves_back(drawn: Batches) -> None:
    """Late events and old marks take nothing back, for no origin."""
    fronts: dict[str, int] = {}
    for topic, entries in drawn:
        before, reached = dict(fronts), MIXED.reached(fronts)
        MIXED.observe(fronts, topic, entries)
        assert MIXED.reached(fronts) >= reached
        assert all(fronts[origin] >= at for origin, at in before.items())


@given(batches(), st.integers(0, 12))
def test_fronts_are_all_that_has_to_be_kept(drawn: Batches, stop: int) -> None:
    """Whoever goes on from stored fronts, in batches of any size, comes to the same frontier."""
    whole: dict[str, int] = {}
    for topic, entries in drawn:
        MIXED.observe(whole, topic, entries)
    first: dict[str, int] = {}
    for topic, entries in drawn[:stop]:
        MIXED.observe(first, topic, entries)
    second = dict(first)
    for topic, entries in drawn[stop:]:
        for entry in entries:
            MIXED.observe(second, topic, [entry])
    assert second == whole


# ── examples ─────────────────────────────────────────────────────────────────────────────


def test_it_waits_for_every_origin() -> None:
    """As long as one origin has shown nothing, the clock stays; the slowest one leads."""
    fronts: dict[str, int] = {}
    MIXED.observe(fronts, "shop", [event(50), None, event(40)])
    MIXED.observe(fronts, "till", [event(20)])
    MIXED.observe(fronts, REKEYED, [ClockMark(30, WEB_0)])
    assert MIXED.reached(fronts) == NEVER
    MIXED.observe(fronts, REKEYED, [ClockMark(10, WEB_1)])
    assert MIXED.reached(fronts) == 10
    MIXED.observe(fronts, REKEYED, [ClockMark(60, WEB_1)])
    assert MIXED.reached(fronts) == 20


def test_re_keyed_events_show_nothing() -> None:
    """What is on its way through re-keying may be older than what is here: only marks count."""
    only = Frontier(frozenset(), frozenset((WEB_0,)))
    fronts: dict[str, int] = {}
    only.observe(fronts, REKEYED, [event(50), ClockMark(70, "web/9"), ClockMark(60)])
    assert only.reached(fronts) == NEVER
    only.observe(fronts, REKEYED, [ClockMark(7, WEB_0)])
    assert only.reached(fronts) == 7


def test_a_mark_without_origin_speaks_for_its_topic() -> None:
    """In a topic that comes straight here, a mark is the word of that topic."""
    two = Frontier(frozenset(("shop", "till")))
    fronts: dict[str, int] = {}
    two.observe(fronts, "shop", [ClockMark(9)])
    two.observe(fronts, "till", [ClockMark(5)])
    assert (two.reached(fronts), fronts) == (5, {"shop": 9, "till": 5})


def test_a_single_straight_origin_moves_event_by_event() -> None:
    """Where all events come straight from one topic, its log is the order; nowhere else."""
    assert Frontier(frozenset(("shop",))).moves("shop")
    assert not Frontier(frozenset(("shop",))).moves(REKEYED)
    assert not Frontier(frozenset(("shop", "till"))).moves("shop")
    assert not Frontier(frozenset(("shop",)), frozenset((WEB_0,))).moves("shop")
    assert not Frontier(frozenset(), frozenset((WEB_0,))).moves("web")
    assert not Frontier(frozenset(), frozenset((WEB_0,))).moves(REKEYED)


def test_replies_let_no_event_move_the_clock() -> None:
    """Beside replies of a decision service, what is due waits until all are caught up with."""
    waiting = Frontier(frozenset(("shop",)), replies=True)
    fronts: dict[str, int] = {}
    waiting.observe(fronts, "shop", [event(50)])
    waiting.observe(fronts, "replies", [event(60)])
    assert not waiting.moves("shop")
    assert not waiting.moves("replies")
    assert waiting.reached(fronts) == NEVER


def test_origins_of_partitions_differ() -> None:
    """Each partition of a re-keyed source is an origin of its own."""
    assert len({origin_of("web", 1), origin_of("web", 11), origin_of("web-1", 1)}) == 3
