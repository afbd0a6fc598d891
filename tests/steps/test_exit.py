"""`exit`: the journey ends here; and who may come back, after whatever exit."""

from __future__ import annotations

from tests.walking import walk

# ── leaving ───────────────────────────────────────────────────────────────────────────────


# 00:00      00:10    00:20      00:30
# arrives    Webinar  Form       Refuse
def test_an_exit_step_ends_every_path() -> None:
    """Everything that the user still holds is exited, on all paths, with the exit's name."""
    journey = """
steps:
  - id: split
    type: multi_branch_split
    branches:
      - {name: webinar, condition: {event: Webinar}, next: webinar}
      - {name: form, condition: {event: Form}, next: form}
      - {name: refuse, condition: {event: Refuse}, next: out}
      - {name: other, condition: {event: Other}, next: other}
  - {id: webinar, type: send_to_destinations, destinations: [email]}
  - {id: form, type: send_to_destinations, destinations: [email], next: wait}
  - {id: wait, type: wait_for_duration, duration: 1 day, next: later}
  - {id: later, type: send_to_destinations, destinations: [email]}
  - {id: other, type: send_to_destinations, destinations: [email]}
  - {id: out, name: No thanks, type: exit}
"""
    assert walk(
        journey,
        "00:00:00 u1 Start",
        "00:10:00 u1 Webinar",
        "00:20:00 u1 Form",
        "00:30:00 u1 Refuse",
        "00:40:00 u1 Other",
        until="9d 00:00:00",
    ) == [
        "00:10:00 u1 entered webinar",
        "00:20:00 u1 entered form",
        "00:30:00 u1 exited webinar (exit_step: No thanks)",
        "00:30:00 u1 exited form (exit_step: No thanks)",
    ]


# 00:00             01:00
# hello ── wait ─── exit
def test_an_exit_step_ends_the_send_step_before_it() -> None:
    """Whoever comes to an exit step has left the send step before it, once."""
    journey = """
steps:
  - {id: hello, type: send_to_destinations, destinations: [email], next: wait}
  - {id: wait, type: wait_for_duration, duration: 1 hour, next: out}
  - {id: out, name: Done, type: exit}
"""
    told = walk(journey, "00:00:00 u1 Start", until="9d 00:00:00")
    assert [line.split(" (")[0] for line in told] == [
        "00:00:00 u1 entered hello",
        "01:00:00 u1 exited hello",
    ]


def test_an_exit_step_without_a_name_goes_by_its_id() -> None:
    """The exit's detail is its name for people, else its id."""
    journey = """
steps:
  - id: split
    type: multi_branch_split
    branches:
      - {name: a, condition: {event: Start}, next: hello}
      - {name: b, condition: {event: Refuse}, next: out}
  - {id: hello, type: send_to_destinations, destinations: [email]}
  - {id: out, type: exit}
"""
    assert walk(journey, "00:00:00 u1 Start", "00:30:00 u1 Refuse") == [
        "00:00:00 u1 entered hello",
        "00:30:00 u1 exited hello (exit_step: out)",
    ]


def test_an_exit_rule_that_holds_at_entry_lets_nobody_in() -> None:
    """Exit conditions are looked at before anything else, at entry too."""
    journey = """
exits: [{name: customer, condition: {trait: customer, equals: true}}]
steps: [{id: hello, type: send_to_destinations, destinations: [email]}]
"""
    assert walk(journey, "00:00:00 u1 identify {customer: true}", "00:01:00 u1 Start") == []


def test_the_first_exit_rule_that_holds_is_the_reason() -> None:
    """Of several exit conditions that hold at once, the one listed first is named."""
    journey = """
exits:
  - {name: big order, condition: {event: Order, since: entry, where: {total: {at_least: 100}}}}
  - {name: order, condition: {event: Order, since: entry}}
steps: [{id: hello, type: send_to_destinations, destinations: [email]}]
"""
    assert walk(
        journey,
        "00:00:00 u1 Start",
        "00:00:00 u2 Start",
        "00:10:00 u1 Order {total: 100}",
        "00:10:00 u2 Order {total: 99}",
    )[2:] == [
        "00:10:00 u1 exited hello (exit_condition: big order)",
        "00:10:00 u2 exited hello (exit_condition: order)",
    ]


def test_an_event_of_the_entrys_millisecond_can_be_after_the_entry() -> None:
    """`since: entry` goes by the order of the log where the milliseconds are equal."""
    journey = """
exits: [{name: ordered, condition: {event: Order, since: entry}}]
steps: [{id: hello, type: send_to_destinations, destinations: [email]}]
"""
    assert walk(journey, "00:00:00 u1 Start", "00:00:00 u1 Order") == [
        "00:00:00 u1 entered hello",
        "00:00:00 u1 exited hello (exit_condition: ordered)",
    ]
    assert walk(journey, "00:00:00 u1 Order", "00:00:00 u1 Start") == ["00:00:00 u1 entered hello"]


# ── coming back ───────────────────────────────────────────────────────────────────────────


def short(condition: str, reentry: str) -> str:
    """Write a journey that lasts an hour."""
    return f"""
entry: {{condition: {condition}, reentry: {reentry}}}
max_duration: 1 hour
steps: [{{id: hello, type: send_to_destinations, destinations: [email]}}]
"""


def visits(*hours: int) -> list[str]:
    """Write what is told of visits that begin at these hours."""
    return [
        line
        for hour in hours
        for line in (
            f"{hour:02d}:00:00 u1 entered hello",
            f"{hour + 1:02d}:00:00 u1 exited hello (max_duration)",
        )
    ]


# 00:00    01:00    02:00
# Start    (out)    Start
def test_nobody_comes_back_without_being_allowed_to() -> None:
    """`reentry: never`, the default, lets a user in once in a lifetime."""
    happened = ("00:00:00 u1 Start", "02:00:00 u1 Start")
    assert walk(short("{event: Start}", "never"), *happened, until="09:00:00") == visits(0)


# 00:00    00:30    01:00    02:00
# Start    Start    (out)    Start
def test_a_welcomed_event_lets_a_user_in_again() -> None:
    """An event that the entry asks for lets a user in again, if it comes after the exit."""
    journey = short("{event: Start}", "after_exit")
    assert walk(journey, "00:00:00 u1 Start", "00:30:00 u1 Start", until="09:00:00") == visits(0)
    assert walk(
        journey,
        "00:00:00 u1 Start",
        "00:30:00 u1 Start",
        "02:00:00 u1 Start",
        until="09:00:00",
    ) == visits(0, 2)


# 00:00          01:00    02:00           03:00         04:00
# {plan: pro}    (out)    {seats: 5}      {plan: free}  {plan: pro}
def test_a_condition_that_stays_true_lets_nobody_in_again() -> None:
    """After the exit, a state has to turn false and true anew."""
    assert walk(
        short("{all: [{trait: plan, equals: pro}, {trait: seats, not_equals: 9}]}", "after_exit"),
        "00:00:00 u1 identify {plan: pro}",
        "02:00:00 u1 identify {seats: 5}",
        "03:00:00 u1 identify {plan: free}",
        "04:00:00 u1 identify {plan: pro}",
        until="09:00:00",
    ) == visits(0, 4)


# 00:00                00:30          00:45          01:00    02:00 …
# {plan: pro} enters   {plan: free}   {plan: pro}    (out)    nothing
def test_turning_true_inside_the_journey_is_no_reason_after_it() -> None:
    """What the condition did while the user was inside does not let them in afterwards."""
    assert walk(
        short("{trait: plan, equals: pro}", "after_exit"),
        "00:00:00 u1 identify {plan: pro}",
        "00:30:00 u1 identify {plan: free}",
        "00:45:00 u1 identify {plan: pro}",
        until="09:00:00",
    ) == visits(0)


# 00:00             02:00           03:00    04:00                06:00
# Visit (newcomer)  "no visit …"    (out)    Visit                "no visit for 2 hours" anew
def test_time_can_let_a_user_in_again() -> None:
    """A window that slides makes the condition turn true anew, and the user enters by it."""
    assert walk(
        short("{event: Visit, exactly: 0, within: 2 hours}", "after_exit"),
        "00:00:00 u1 Visit",
        "04:00:00 u1 Visit",
        until="09:00:00",
    ) == visits(2, 6)


# 00:00    02:00                  02:30    03:00    04:30
# Visit    "no visit …" enters    Visit    (out)    "no visit for 2 hours" anew
def test_time_lets_a_user_in_again_without_an_event_after_the_exit() -> None:
    """What happened inside the journey can make the condition turn true anew after it."""
    journey = short("{event: Visit, exactly: 0, within: 2 hours}", "after_exit")
    happened = ("00:00:00 u1 Visit", "02:30:00 u1 Visit")
    assert walk(journey, *happened, until="05:00:00") == [
        *visits(2),
        "04:30:00 u1 entered hello",
    ]


def test_each_pass_is_an_instance_of_its_own() -> None:
    """`since: entry` begins anew with each pass."""
    journey = """
entry: {condition: {event: Start}, reentry: after_exit}
exits: [{name: ordered, condition: {event: Order, since: entry}}]
steps: [{id: hello, type: send_to_destinations, destinations: [email]}]
"""
    assert walk(
        journey, "00:00:00 u1 Start", "00:10:00 u1 Order", "00:20:00 u1 Start", until="09:00:00"
    ) == [
        "00:00:00 u1 entered hello",
        "00:10:00 u1 exited hello (exit_condition: ordered)",
        "00:20:00 u1 entered hello",
    ]
