"""Who enters a journey, by which cause, and how often: policies beside each other."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeystream.effects import memberships
from tests.law_settings import laws
from tests.publishing_world import World, audience, journey, send, wait

HOUR = 3_600.0
DAY = 24 * HOUR
PRO = audience("pro", {"trait": "plan", "equals": "pro"})


def entering(**entry: object) -> dict[str, Any]:
    """Write a journey that users leave by `out`."""
    out = [{"name": "out", "condition": {"event": "out", "since": "entry"}}]
    return journey("j", entry=entry, exits=out)


def entries(world: World) -> list[float]:
    """Return when the user was told to have entered."""
    return [at for at, _, change, _ in world.told() if change == "entered"]


# ── audiences ────────────────────────────────────────────────────────────────────────────


def test_an_audience_lets_in_who_joins_it() -> None:
    """Whoever joins enters, again after an exit; doing more of what keeps them in is no cause."""
    world = World(PRO, entering(audience="pro", reentry="after_exit"))
    world.identify(1, plan="pro")
    world.track(2, "out")
    world.identify(3, plan="pro", city="Oslo")
    assert entries(world) == [1]
    world.identify(4, plan="free")
    world.identify(5, plan="pro")
    assert entries(world) == [5]


@pytest.mark.parametrize(("already_in", "expected"), [(False, []), (True, [10])])
def test_who_is_in_it_already_enters_if_the_journey_says_so(
    already_in: bool,  # noqa: FBT001  the row's setting
    expected: list[float],
) -> None:
    """Who was in the audience at publishing enters at their next event, once, or not at all."""
    world = World(PRO)
    world.identify(1, plan="pro")
    world.publish(entering(audience="pro", already_in=already_in, reentry="after_exit"), at=5)
    world.track(10, "whatever")
    world.track(11, "out")
    world.track(12, "whatever")
    assert entries(world) == expected
    world.publish(
        {**entering(audience="pro", already_in=already_in), "max_duration": "1 day"}, at=20
    )
    world.track(21, "whatever")
    assert entries(world) == expected[1:]


def test_inclusion_and_exclusion() -> None:
    """A user enters when the condition holds, they are in one of these and in none of those."""
    out = audience("out-of-it", {"trait": "opted_out", "equals": True})
    gold = audience("gold", {"trait": "gold", "equals": True})
    entry: dict[str, Any] = {"include": ["pro", "gold"], "exclude": ["out-of-it"]}
    entry["condition"] = {"event": "start"}
    world = World(PRO, out, gold, entering(**entry))
    known: tuple[dict[str, Any], ...] = (
        {},
        {"plan": "pro"},
        {"gold": True},
        {"gold": True, "opted_out": True},
    )
    for user, traits in enumerate(known):
        world.identify(1, f"u{user}", **traits)
        world.track(2, "start", f"u{user}")
    assert [user for _, user, _, _ in world.told()] == ["u1", "u2"]
    world.identify(3, "u3", opted_out=False)
    assert world.told() == [(3, "u3", "entered", "j.sent")]


def test_leaving_the_audience_ends_it_where_the_journey_says_so() -> None:
    """With the setting a user leaves when what let them in ends, by a trait or by time."""
    busy = audience("busy", {"event": "start", "within": "1 hour"})
    world = World(
        busy,
        {**entering(audience="busy", reentry="after_exit"), "leave_when_not_in_audience": True},
        {**entering(audience="busy"), "id": "stays"},
    )
    world.track(1, "start")
    world.pass_time(DAY)
    world.track(DAY, "start")
    assert world.told() == [
        (1, "u1", "entered", "j.sent"),
        (1, "u1", "entered", "stays.sent"),
        (1 + HOUR, "u1", "exited", "j.sent left_audience"),
        (DAY, "u1", "entered", "j.sent"),
    ]


# ── triggers, and by name ────────────────────────────────────────────────────────────────


def test_a_step_of_another_journey_lets_users_in() -> None:
    """Whoever reaches the step enters at that instant; a condition beside it narrows it down."""
    first = journey("first", wait("wait", "1 hour", "sent"), send("sent"))
    trigger = {"journey": "first", "step": "sent"}
    world = World(
        first,
        journey("all", entry={"trigger": trigger}),
        journey("few", entry={"trigger": trigger, "condition": {"trait": "vip", "equals": True}}),
    )
    world.identify(0, "u2", vip=True)
    world.track(1, "start")
    world.track(1, "start", "u2")
    world.pass_time(DAY)
    at = 1 + HOUR
    assert world.told() == [
        (at, "u1", "entered", "first.sent"),
        (at, "u1", "entered", "all.sent"),
        (at, "u2", "entered", "first.sent"),
        (at, "u2", "entered", "all.sent"),
        (at, "u2", "entered", "few.sent"),
    ]


def test_who_is_enrolled_enters_without_being_asked() -> None:
    """Nobody asks the condition; re-entry and a pause are kept."""
    world = World(entering(condition={"event": "start"}))
    world.enroll(1, "j")
    world.enroll(2, "j")
    world.track(3, "out")
    world.enroll(4, "j")
    world.enroll(5, "unknown")
    assert entries(world) == [1]
    world.command("j", "pause", at=6)
    world.enroll(7, "j", "u2")
    assert entries(world) == []


def test_by_name_nobody_else_enters() -> None:
    """With `by_name` events let nobody in; who is enrolled brings properties along."""
    world = World(
        entering(by_name=True, reentry={"every_time": {"key": "cart"}}),
    )
    world.track(1, "start")
    world.enroll(2, "j", cart="a")
    world.enroll(3, "j", cart="b")
    world.enroll(4, "j", cart="a")
    assert entries(world) == [2, 3]
    assert [each.key for each in world.user().instances] == ["a", "b"]


# ── re-entry ─────────────────────────────────────────────────────────────────────────────

_CAUSES = st.lists(
    st.tuples(
        st.sampled_from((0.0, HOUR, 5 * HOUR, DAY)),
        st.sampled_from(("start", "start", "out")),
        st.sampled_from(("a", "b", "c", None)),
    ),
    max_size=14,
)


def played(reentry: object, causes: list[tuple[float, str, str | None]]) -> list[tuple[Any, ...]]:
    """Play starts and outs with keys; return when which key was entered and left."""
    exits = [{"name": "out", "condition": {"event": "out", "since": "entry"}}]
    entry = {"condition": {"event": "start"}, "reentry": reentry}
    said = {"name": "email", "attributes": {"key": "entry.k"}}
    world = World(journey("j", send("sent", destinations=[said]), entry=entry, exits=exits))
    at, told = 0.0, []
    for gap, name, key in causes:
        at += gap + 1
        world.track(at, name, **({} if key is None else {"k": key}))
        told += [
            (at, each.change, each.attributes.get("key"), each.reason)
            for each in memberships(world.effects)
        ]
        world.effects = []
    return told


@laws
@given(_CAUSES, st.sampled_from((None, "1 hour", "1 day")), st.booleans())
def test_reentry_after_exit_is_what_the_slow_reference_says(
    causes: list[tuple[float, str, str | None]],
    cool_down: str | None,
    never: bool,  # noqa: FBT001  drawn
) -> None:
    """At most once at a time; not within the cool-down; with `never` once at all."""
    rest = {None: 0.0, "1 hour": HOUR, "1 day": DAY}[cool_down]
    expected: list[tuple[Any, ...]] = []
    at, inside, left, entered = 0.0, None, -1e9, 0
    for gap, name, key in causes:
        at += gap + 1
        if name == "out" and inside is not None:
            expected.append((at, "exited", inside[0], "exit_condition"))
            inside, left = None, at
        elif name == "start" and inside is None and at >= left + rest and not (never and entered):
            inside, entered = (key,), entered + 1
            expected.append((at, "entered", key, None))
    policy: object = "after_exit"
    if never:
        policy = "never"
    elif cool_down:
        policy = {"after_exit": {"cool_down": cool_down}}
    assert played(policy, causes) == expected


@laws
@given(_CAUSES, st.integers(1, 3), st.sampled_from(("ignore", "restart")))
def test_reentry_every_time_is_what_the_slow_reference_says(
    causes: list[tuple[float, str, str | None]], most: int, on_repeat: str
) -> None:
    """One instance for each key, so many at most; a repeated key is passed over or begins anew."""
    expected: list[tuple[Any, ...]] = []
    inside: dict[str, str | None] = {}
    at = 0.0
    for gap, name, key in causes:
        at += gap + 1
        if name == "out":
            expected += [(at, "exited", each, "exit_condition") for each in inside.values()]
            inside.clear()
        elif (key or "") in inside:
            if on_repeat == "restart":
                del inside[key or ""]
                inside[key or ""] = key
                expected += [(at, "exited", key, "restarted"), (at, "entered", key, None)]
        elif len(inside) < most:
            inside[key or ""] = key
            expected.append((at, "entered", key, None))
    policy = {"every_time": {"key": "k", "most": most, "on_repeat": on_repeat}}
    assert played(policy, causes) == expected


def test_a_list_sees_first_and_last_of_all_instances() -> None:
    """Of two carts in the same step the list gets one add and one remove."""
    entry = {"condition": {"event": "start"}, "reentry": {"every_time": {"key": "k"}}}
    done = {"name": "done", "condition": {"event": "out", "since": "entry"}}
    world = World(journey("j", send("sent", destinations=["ads"]), entry=entry, exits=[done]))
    for at, key in enumerate("abc"):
        world.track(at, "start", k=key)
    world.track(9, "out")
    seen = [(each.change, each.first_or_last) for each in memberships(world.effects)]
    assert seen == [
        ("entered", True),
        ("entered", False),
        ("entered", False),
        ("exited", False),
        ("exited", False),
        ("exited", True),
    ]
    assert len({each.message_id for each in memberships(world.effects)}) == 6
