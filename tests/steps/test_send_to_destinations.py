"""`send_to_destinations`: Entered now, Exited later, both exactly once."""

from __future__ import annotations

from collections import Counter

from tests.walking import effects, walk

# ── how long a user is in a send step ─────────────────────────────────────────────────────


# 00:00             01:00
# first ── wait ─── second
def test_a_wait_is_a_gate() -> None:
    """The user is in the first send step until they reach the second, not until the wait."""
    journey = """
steps:
  - {id: first, type: send_to_destinations, destinations: [email], next: wait}
  - {id: wait, type: wait_for_duration, duration: 1 hour, next: second}
  - {id: second, name: The second, type: send_to_destinations, destinations: [email]}
"""
    assert walk(journey, "00:00:00 u1 Start", until="00:59:59.999") == ["00:00:00 u1 entered first"]
    assert walk(journey, "00:00:00 u1 Start", until="02:00:00") == [
        "00:00:00 u1 entered first",
        "01:00:00 u1 exited first (moved_on: The second)",
        "01:00:00 u1 entered second",
    ]


# 00:00             01:00                    03:00
# first ── wait ─── wait for condition ───── second
def test_several_waits_are_one_gate() -> None:
    """However many waits lie between, the send step lasts until the next step that is none."""
    journey = """
steps:
  - {id: first, type: send_to_destinations, destinations: [email], next: wait}
  - {id: wait, type: wait_for_duration, duration: 1 hour, next: for_go}
  - {id: for_go, type: wait_for_condition, condition: {event: Go}, next: second}
  - {id: second, type: send_to_destinations, destinations: [email]}
"""
    assert walk(journey, "00:00:00 u1 Start", "03:00:00 u1 Go") == [
        "00:00:00 u1 entered first",
        "03:00:00 u1 exited first (moved_on: second)",
        "03:00:00 u1 entered second",
    ]


def test_send_after_send_takes_no_time() -> None:
    """Without a wait between them the user passes the first send step in an instant."""
    journey = """
steps:
  - {id: first, type: send_to_destinations, destinations: [email], next: second}
  - {id: second, type: send_to_destinations, destinations: [email]}
"""
    assert walk(journey, "00:00:00 u1 Start", until="01:00:00") == [
        "00:00:00 u1 entered first",
        "00:00:00 u1 exited first (moved_on: second)",
        "00:00:00 u1 entered second",
    ]


ENDS = "steps: [{id: last, type: send_to_destinations, destinations: [email]}]\n"


# 00:00                400 d
# last ─── at rest ─── Start
def test_a_path_that_ends_at_a_send_step_lets_the_user_rest() -> None:
    """Nothing happens any more to a user who rests, and they are still in the journey."""
    journey = ENDS + "entry: {condition: {event: Start}, reentry: after_exit}"
    assert walk(journey, "00:00:00 u1 Start", "400d 00:00:00 u1 Start") == [
        "00:00:00 u1 entered last"
    ]


# 00:00                01:00 or 1 d
# last ─── at rest ─── Leave or max_duration
def test_exit_rule_and_maximum_duration_end_the_rest() -> None:
    """A resting user leaves by an exit condition or when the maximum duration is over."""
    journey = (
        ENDS + "exits: [{name: left, condition: {event: Leave, since: entry}}]\nmax_duration: 1 day"
    )
    assert walk(journey, "00:00:00 u1 Start", "01:00:00 u1 Leave", until="9d 00:00:00") == [
        "00:00:00 u1 entered last",
        "01:00:00 u1 exited last (exit_condition: left)",
    ]
    assert walk(journey, "00:00:00 u1 Start", until="9d 00:00:00") == [
        "00:00:00 u1 entered last",
        "1d 00:00:00 u1 exited last (max_duration)",
    ]


def test_at_end_exit_does_not_let_the_user_rest() -> None:
    """With `at_end: exit` the end of the path is the end of the journey, and they may return."""
    journey = ENDS + "at_end: exit\nentry: {condition: {event: Start}, reentry: after_exit}"
    assert walk(journey, "00:00:00 u1 Start", "01:00:00 u1 Start") == [
        "00:00:00 u1 entered last",
        "00:00:00 u1 exited last (completed)",
        "01:00:00 u1 entered last",
        "01:00:00 u1 exited last (completed)",
    ]


# 00:00     01:00     02:00     02:30
# hello     hello     hello     Leave
def test_a_loop_enters_anew_each_time() -> None:
    """Each visit of a send step has one Entered and one Exited with ids of their own."""
    journey = """
exits: [{name: left, condition: {event: Leave, since: entry}}]
steps:
  - {id: hello, type: send_to_destinations, destinations: [ads], next: wait}
  - {id: wait, type: wait_for_duration, duration: 1 hour, next: hello}
"""
    told = effects(journey, "00:00:00 u1 Start", "02:30:00 u1 Leave", until="09:00:00")
    assert [(effect.change, effect.visit) for effect in told] == [
        ("entered", 1),
        ("exited", 1),
        ("entered", 2),
        ("exited", 2),
        ("entered", 3),
        ("exited", 3),
    ]
    assert len({effect.message_id for effect in told}) == len(told)


# ── what is sent ──────────────────────────────────────────────────────────────────────────

DESTINATIONS = ("crm", "email")
MAPPED = """
max_duration: 1 hour
steps:
  - id: hello
    name: Say hello
    type: send_to_destinations
    destinations:
      - crm
      - name: email
        attributes: {city: traits.address.city, cart: entry.cart.id, plan: entry.plan}
"""


def test_every_destination_hears_both() -> None:
    """Each destination gets one Entered and one Exited, under one key and one message id."""
    told = effects(MAPPED, "00:00:00 u1 Start", until="02:00:00")
    assert Counter((effect.change, effect.destination) for effect in told) == {
        (change, destination): 1 for change in ("entered", "exited") for destination in DESTINATIONS
    }
    assert len({effect.key for effect in told}) == 1
    assert told[0].key.startswith("j_o_journey__say_hello_")
    assert len({effect.message_id for effect in told}) == 2


def test_a_key_can_be_set_by_hand() -> None:
    """The step's own `key` is used as it is."""
    journey = "steps: [{id: s, type: send_to_destinations, destinations: [email], key: My-Key}]"
    assert [effect.key for effect in effects(journey, "00:00:00 u1 Start")] == ["My-Key"]


def test_attributes_come_from_traits_and_from_the_entry_event() -> None:
    """Traits are those of now, `entry` stays what it was, and what is not known is left out."""
    told = effects(
        MAPPED,
        "00:00:00 u1 identify {address: {city: Bonn}, plan: pro}",
        "00:00:00 u1 Start {cart: {id: c1}}",
        "00:30:00 u1 identify {address: {city: Ulm}}",
        until="02:00:00",
        attributes={"email": {"shop": "traits.shop"}},
    )
    assert [dict(effect.attributes) for effect in told if effect.destination == "email"] == [
        {"city": "Bonn", "cart": "c1"},
        {"city": "Ulm", "cart": "c1"},
    ]
    assert all(not effect.attributes for effect in told if effect.destination == "crm")


def test_the_steps_mapping_goes_over_the_destinations_own() -> None:
    """Where both name an attribute, the step's source counts, even if it leads nowhere."""
    told = effects(
        MAPPED,
        "00:00:00 u1 identify {plan: pro, name: Ann}",
        "00:00:00 u1 Start",
        attributes={name: {"plan": "traits.plan", "name": "traits.name"} for name in DESTINATIONS},
    )
    assert {effect.destination: dict(effect.attributes) for effect in told} == {
        "crm": {"plan": "pro", "name": "Ann"},
        "email": {"name": "Ann"},
    }


# 00:00    1 d
# Visit    "no visit for a day" turns true
def test_an_entry_by_time_has_no_entry_event() -> None:
    """Who enters because time passed has no properties of an entry event."""
    journey = """
entry: {condition: {event: Visit, exactly: 0, within: 1 day}}
steps:
  - {id: miss_you, type: send_to_destinations,
     destinations: [{name: email, attributes: {page: entry.page, name: traits.name}}]}
"""
    told = effects(
        journey,
        "00:00:00 u1 Visit {page: home}",
        "00:00:01 u1 identify {name: Ann}",
        until="1d 00:00:00",
    )
    assert [dict(effect.attributes) for effect in told] == [{"name": "Ann"}]
