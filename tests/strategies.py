"""What the law tests draw: small valid journeys, logs of events, and cuts of a log.

Everything is small on purpose: few names, few users and few instants meet often, and what
goes wrong between two things goes wrong between two small ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from journeystream.compiler import Workshop, compile_journey
from journeystream.definitions import JourneyDefinition, parse_definition
from journeystream.durations import MICROS, instant_of
from journeystream.effects import Effect
from journeystream.engine import Rules
from journeystream.events import Event
from journeystream.journeys import Journeys
from journeystream.keys import keys_of
from journeystream.project import Limits
from journeystream.state.codec import PartitionState, encode_user
from journeystream.state.memory import MemoryStore
from journeystream.state.store import Store, change_of
from journeystream.turn import take_turn
from journeystream.user import NEVER, Derived, Hold, Instance, Passes, Position, User
from journeystream.validation import Known, validate_journey

START = instant_of(datetime(2024, 3, 1, tzinfo=UTC))
MINUTE = 60 * MICROS
HOUR = 60 * MINUTE
DAY = 24 * HOUR
END_OF_TIME = START + 60 * DAY

EVENT_NAMES = ("a", "b", "c")
USERS = ("u1", "u2", "u3")
WINDOWS = ("1 hour", "3 hours", "1 day")
TRAITS = ("plan", "score")
DESTINATIONS = ("email", "ads")

Cuts = Sequence[int]


# ── conditions ───────────────────────────────────────────────────────────────────────────


def _where() -> st.SearchStrategy[dict[str, Any]]:
    wanted = st.one_of(
        st.integers(0, 2),
        st.builds(lambda number: {"at_least": number}, st.integers(0, 2)),
        st.just({"exists": False}),
    )
    return st.one_of(st.just({}), st.just({}), st.builds(lambda value: {"n": value}, wanted))


def _counts() -> st.SearchStrategy[dict[str, Any]]:
    number = st.integers(0, 2)
    return st.one_of(
        st.just({}),
        st.builds(lambda n: {"at_least": n + 1}, number),
        st.builds(lambda n: {"at_most": n}, number),
        st.builds(lambda n: {"exactly": n}, number),
        st.builds(lambda low, more: {"between": [low, low + more]}, number, number),
    )


@st.composite
def event_leaves(
    draw: st.DrawFn, *, since: tuple[str, ...] = (), windows: tuple[str, ...] = WINDOWS
) -> dict[str, Any]:
    """Draw an event leaf as it is written; `since` says which words are allowed here."""
    leaf: dict[str, Any] = {"event": draw(st.sampled_from((*EVENT_NAMES, "*")))}
    if draw(st.integers(0, 5)) == 0:
        leaf = {"page": "home"}
    if where := draw(_where()):
        leaf["where"] = where
    leaf |= draw(_counts())
    span = draw(st.sampled_from(("ever", "within", "within", "since", "dates")))
    if span == "within":
        leaf["within"] = draw(st.sampled_from(windows))
    elif span == "since" and since:
        leaf["since"] = draw(st.sampled_from(since))
    elif span == "dates":
        leaf["after"] = datetime(2024, 3, 1, draw(st.integers(0, 12)), tzinfo=UTC)
        if draw(st.booleans()):
            leaf["before"] = datetime(2024, 3, 2, draw(st.integers(0, 12)), tzinfo=UTC)
    return leaf


def trait_leaves() -> st.SearchStrategy[dict[str, Any]]:
    """Draw a trait leaf as it is written."""
    return st.sampled_from(
        (
            {"trait": "plan", "equals": "pro"},
            {"trait": "plan", "not_equals": "pro"},
            {"trait": "plan", "exists": True},
            {"trait": "score", "greater_than": 1},
            {"trait": "score", "in": [0, 2]},
        )
    )


def conditions(
    *, since: tuple[str, ...] = (), windows: tuple[str, ...] = WINDOWS
) -> st.SearchStrategy[dict[str, Any]]:
    """Draw a condition as it is written: a leaf, or a small tree of them."""
    leaves = st.one_of(
        event_leaves(since=since, windows=windows),
        event_leaves(since=since, windows=windows),
        trait_leaves(),
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(lambda parts: {"all": parts}, st.lists(inner, min_size=1, max_size=3)),
            st.builds(lambda parts: {"any": parts}, st.lists(inner, min_size=1, max_size=3)),
            st.builds(lambda part: {"not": part}, inner),
        ),
        max_leaves=3,
    )


def _easy_conditions(since: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw conditions that often hold, so that users get far."""
    easy = st.sampled_from([{"event": name} for name in EVENT_NAMES])
    return st.one_of(easy, easy, conditions(since=since))


# ── journeys ─────────────────────────────────────────────────────────────────────────────

_STEP_TYPES = (
    "send_to_destinations",
    "send_to_destinations",
    "send_to_destinations",
    "wait_for_condition",
    "wait_for_duration",
    "true_false_split",
    "every_match",
    "first_match",
    "exit",
)
_DURATIONS = ("10 minutes", "1 hour", "5 hours", "1 day")
_MOST_STEPS = 6
_MOST_FORKS = 2  # every-match splits double positions; two keep an instance small


@dataclass(frozen=True, slots=True)
class _Builder:
    """Draws the steps of one journey; all ways lead forward, or back over a long wait."""

    draw: st.DrawFn
    count: int

    def next(self, place: int) -> str | None:
        later = [f"s{index}" for index in range(place + 1, self.count)]
        return self.draw(st.sampled_from((*later[:1], *later[:1], *later[:3], None)))

    def condition(self) -> dict[str, Any]:
        return self.draw(_easy_conditions(("entry", "step")))

    def timeout(self, place: int) -> dict[str, Any]:
        after = self.draw(st.sampled_from(_DURATIONS))
        return {"timeout": {"after": after, "next": self.next(place)}}

    def branches(self, place: int) -> list[dict[str, Any]]:
        return [
            {"name": f"branch {index}", "condition": self.condition(), "next": self.next(place)}
            for index in range(self.draw(st.integers(1, 3)))
        ]

    def pause(self, place: int, *, loops: bool) -> dict[str, Any]:
        """Draw a wait of fixed length, which may lead back to the first step."""
        if loops and self.draw(st.integers(0, 3)) == 0:
            return {"duration": "1 day", "next": "s0"}
        return {"duration": self.draw(st.sampled_from(_DURATIONS)), "next": self.next(place)}

    def step(self, place: int, kind: str, *, loops: bool) -> dict[str, Any]:
        step: dict[str, Any] = {"id": f"s{place}", "type": kind}
        match kind:
            case "send_to_destinations":
                number = self.draw(st.integers(1, 2))
                step["destinations"] = list(DESTINATIONS[:number])
                step["next"] = self.next(place)
            case "wait_for_condition":
                step |= {"condition": self.condition(), "next": self.next(place)}
                if self.draw(st.booleans()):
                    step |= self.timeout(place)
            case "wait_for_duration":
                step |= self.pause(place, loops=loops)
            case "true_false_split":
                step["condition"] = self.condition()
                step |= {way: {"next": self.next(place)} for way in ("if_true", "if_false")}
            case "every_match":
                step |= {"type": "multi_branch_split", "branches": self.branches(place)}
                if self.draw(st.booleans()):
                    step |= self.timeout(place)
            case "first_match":
                step |= {"type": "multi_branch_split", "mode": kind}
                step |= {"branches": self.branches(place)}
                if self.draw(st.booleans()):
                    step["everyone_else"] = {"next": self.next(place)}
        return step


@st.composite
def journeys(
    draw: st.DrawFn, id_: str = "j", *, entries: st.SearchStrategy[dict[str, Any]] | None = None
) -> JourneyDefinition:
    """Draw a valid journey of up to six steps of any type."""
    count = draw(st.integers(2, _MOST_STEPS))
    kinds = [draw(st.sampled_from(_STEP_TYPES)) for _ in range(count)]
    kinds[draw(st.integers(0, 1))] = "send_to_destinations"  # or nothing can be seen
    forks = [index for index, kind in enumerate(kinds) if kind == "every_match"]
    for index in forks[_MOST_FORKS:]:
        kinds[index] = "first_match"
    builder = _Builder(draw, count)
    steps = [
        builder.step(place, kind, loops=not forks and kinds[0] != "exit")
        for place, kind in enumerate(kinds)
    ]
    written: dict[str, Any] = {
        "id": id_,
        "name": f"Journey {id_}",
        "entry": {
            "condition": draw(_easy_conditions(()) if entries is None else entries),
            "reentry": draw(st.sampled_from(("never", "after_exit"))),
        },
        "at_end": draw(st.sampled_from(("rest", "exit"))),
        "steps": _reachable(steps),
    }
    if draw(st.booleans()):
        out = st.builds(lambda n: {"event": n, "since": "entry"}, st.sampled_from(EVENT_NAMES))
        condition = draw(st.one_of(out, _easy_conditions(("entry",))))
        written["exits"] = [{"name": "out", "condition": condition}]
    if draw(st.integers(0, 2)) == 0:
        written["max_duration"] = draw(st.sampled_from(("2 hours", "2 days", "1 month")))
    return journey_of(written)


def _reachable(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    by_id = {step["id"]: step for step in steps}
    reached, todo = set(), [steps[0]["id"]]
    while todo:
        id_ = todo.pop()
        if id_ not in reached:
            reached.add(id_)
            todo += _targets(by_id[id_])
    return [step for step in steps if step["id"] in reached]


def _targets(written: object) -> list[str]:
    if isinstance(written, list):
        return [target for part in written for target in _targets(part)]
    if not isinstance(written, dict):
        return []
    here = [written["next"]] if written.get("next") else []
    return here + [target for part in written.values() for target in _targets(part)]


def journey_of(written: Mapping[str, Any]) -> JourneyDefinition:
    """Read a journey and make sure that it is valid."""
    journey = parse_definition(written, "drawn")
    assert isinstance(journey, JourneyDefinition)
    problems = validate_journey(journey, Known(DESTINATIONS, {}, Limits()))
    assert not problems, problems
    return journey


def rules_of(*definitions: JourneyDefinition, archived: Iterable[str] = ()) -> Rules:
    """Publish journeys as version 1 of themselves, in UTC."""
    workshop = Workshop(UTC, {}, lambda _: {"plan": "traits.plan", "n": "entry.n"})
    compiled = [
        compile_journey(definition, 1, keys_of(definition, {}, 255), workshop)
        for definition in definitions
    ]
    return Rules(
        Journeys(
            versions={(journey.id, 1): journey for journey in compiled},
            heads={journey.id: journey for journey in compiled},
            admitting=frozenset(journey.id for journey in compiled) - frozenset(archived),
            archived=frozenset(archived),
        )
    )


@st.composite
def meeting_journeys(draw: st.DrawFn, id_: str = "j") -> JourneyDefinition:
    """Draw a journey whose branches meet again in one send step, so that a user is in it twice."""
    names = draw(st.lists(st.sampled_from(EVENT_NAMES), min_size=2, max_size=3))
    onward = st.sampled_from(("sent", "sent", "wait", None))
    split: dict[str, Any] = {
        "id": "split",
        "type": "multi_branch_split",
        "branches": [
            {"name": f"{index}", "condition": {"event": name}, "next": draw(onward)}
            for index, name in enumerate(names)
        ],
        "timeout": {"after": "5 hours", "next": "wait"},
    }
    sent = {"id": "sent", "type": "send_to_destinations", "destinations": list(DESTINATIONS)}
    split["branches"][0]["next"] = "sent"
    wait = {"id": "wait", "type": "wait_for_duration", "next": "sent"}
    steps: list[dict[str, Any]] = [
        split,
        {**wait, "duration": draw(st.sampled_from(_DURATIONS))},
        {**sent, "next": draw(st.sampled_from((None, "after")))},
        {"id": "after", "type": "wait_for_condition", "condition": draw(trait_leaves())},
    ]
    out = {"event": draw(st.sampled_from(EVENT_NAMES)), "since": "entry", "at_least": 2}
    entry = draw(st.sampled_from(({"event": "*"}, {"event": "a"}, {"page": "home"})))
    return journey_of(
        {
            "id": id_,
            "name": f"Journey {id_}",
            "entry": {"condition": entry, "reentry": "after_exit"},
            "exits": [{"name": "out", "condition": out}],
            "at_end": draw(st.sampled_from(("rest", "exit"))),
            "steps": _reachable(steps),
        }
    )


@st.composite
def projects(draw: st.DrawFn) -> tuple[JourneyDefinition, ...]:
    """Draw one journey, or two that run beside each other."""
    first = draw(st.one_of(journeys("j1"), journeys("j1"), meeting_journeys("j1")))
    return (first, draw(journeys("j2"))) if draw(st.booleans()) else (first,)


# ── logs ─────────────────────────────────────────────────────────────────────────────────


@st.composite
def events(
    draw: st.DrawFn, at: int, users: Sequence[str] = USERS, *, with_ids: bool = False
) -> Event:
    """Draw one event at an instant: mostly tracks, some pages, some identify calls."""
    kind = draw(st.sampled_from(("track", "track", "track", "track", "identify", "page")))
    properties: dict[str, object] = {}
    if kind == "identify":
        name = ""
        properties = draw(
            st.sampled_from(
                ({"plan": "pro"}, {"plan": "free"}, {"score": 0}, {"score": 2, "plan": "pro"})
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
) -> list[Event]:
    """Draw a log: gaps of minutes to a day, ties, and (if allowed) events that come late."""
    at, log = START, []
    for _ in range(draw(st.integers(3, longest))):
        at += draw(st.sampled_from((0, 0, MINUTE, 10 * MINUTE, HOUR, 5 * HOUR, DAY)))
        late = 0 if in_order else draw(st.sampled_from((0, 0, 0, MINUTE, HOUR, DAY)))
        log.append(draw(events(at - late, users, with_ids=with_ids)))
    return log


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


def cuts() -> st.SearchStrategy[Cuts]:
    """Draw the sizes of successive batches; the last one goes on to the end of the log."""
    return st.lists(st.integers(0, 4), max_size=8)


def cut(log: Sequence[Event], sizes: Cuts) -> list[list[Event]]:
    """Cut a log into batches of these sizes."""
    batches, start = [], 0
    for size in sizes:
        batches.append(list(log[start : start + size]))
        start += size
    return [*batches, list(log[start:])]


# ── running ──────────────────────────────────────────────────────────────────────────────


class Partition:
    """A partition that takes turns and saves after each, as a worker does."""

    def __init__(self, rules: Rules, store: Store | None = None) -> None:
        self.rules = rules
        self.store = store or MemoryStore()
        self.effects: list[Effect] = []

    def take(
        self, batch: Sequence[Event], *, until: int | None = None, moves_clock: bool = True
    ) -> list[Effect]:
        """Take one turn, save it, and return its effects; nothing may fail in it."""
        partition = self.store.partition()
        turn = take_turn(
            batch, partition.clock, self.store, self.rules, until=until, moves_clock=moves_clock
        )
        assert not turn.failures, turn.failures
        assert turn.clock >= partition.clock
        self.store.save(
            [
                change_of(user, turn.before.get(user.id, Derived()))
                for user in turn.changed.values()
            ],
            PartitionState(clock=turn.clock),
        )
        self.effects += turn.effects
        return turn.effects

    def stored(self) -> Stored:
        """Return all that is stored, as bytes and as what is derived from them."""
        users = self.store.load(list(self.store.users()))
        return Stored(
            records={id_: encode_user(user) for id_, user in users.items()},
            alarms=self.store.due(-NEVER),
            clock=self.store.partition().clock,
        )


@dataclass(frozen=True, slots=True)
class Stored:
    """Everything that a partition has stored."""

    records: Mapping[str, bytes]
    alarms: Sequence[tuple[int, str]]
    clock: int


def play(
    rules: Rules, log: Sequence[Event], sizes: Cuts = (), *, until: int | None = END_OF_TIME
) -> Partition:
    """Play a log in batches, then let time pass to `until`."""
    partition = Partition(rules)
    for batch in cut(log, sizes):
        partition.take(batch)
    if until is not None:
        partition.take([], until=until)
    return partition


# ── stored records ───────────────────────────────────────────────────────────────────────


def json_values() -> st.SearchStrategy[Any]:
    """Draw whatever can stand in an event: any JSON value, as it is read."""
    scalars = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(1 << 63), (1 << 64) - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=8),
    )
    return st.recursive(
        scalars,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
        ),
        max_leaves=6,
    )


def user_ids() -> st.SearchStrategy[str]:
    """Draw ids as upstream apps write them: with slashes, spaces, other scripts, NUL."""
    odd = st.sampled_from(("a/b", "a b", "ÅÄÖ", "用户", "🙂", "a\0b", "a\x01", "x" * 500, "."))
    return st.one_of(odd, st.text(min_size=1, max_size=12))


def instants() -> st.SearchStrategy[int]:
    """Draw instants, also those before 1970 and the one before all others."""
    return st.one_of(st.just(NEVER), st.integers(-(1 << 61), 1 << 61), st.integers(-3, 3))


def users() -> st.SearchStrategy[User]:
    """Draw records of users with everything that a record can hold."""
    names = st.text(min_size=1, max_size=6)
    ids = st.text("ab1-_", min_size=1, max_size=4)
    holds = st.builds(Hold, ids, st.integers(1, 9), st.lists(names, max_size=2))
    positions = st.builds(
        Position,
        step=st.none() | ids,
        since=instants(),
        hold=st.none() | holds,
        taken=st.lists(names, max_size=2),
    )
    instances = st.builds(
        Instance,
        journey=ids,
        version=st.integers(1, 9),
        number=st.integers(1, 9),
        entered_at=instants(),
        entry=st.dictionaries(names, json_values(), max_size=2),
        positions=st.lists(positions, max_size=3),
        visits=st.dictionaries(ids, st.integers(1, 9), max_size=2),
        wake=st.none() | instants(),
    )
    passes = st.builds(
        Passes,
        version=st.integers(1, 9),
        qualified=st.booleans(),
        entered=st.integers(0, 9),
        exits=st.dictionaries(names, st.integers(1, 9), max_size=2),
        wake=st.none() | instants(),
    )
    return st.builds(
        User,
        id=user_ids(),
        anonymous=st.booleans(),
        known_since=instants(),
        clock=instants(),
        traits=st.dictionaries(names, json_values(), max_size=3),
        facts=st.dictionaries(names, st.lists(instants(), max_size=4).map(sorted), max_size=3),
        seen=st.dictionaries(names, instants(), max_size=3),
        passes=st.dictionaries(ids, passes, max_size=2),
        instances=st.lists(instances, max_size=2),
    )
