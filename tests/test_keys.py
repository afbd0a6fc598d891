"""The keys that destinations know send steps by."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from journeystream.definitions import JourneyDefinition
from journeystream.keys import keys_of, make_key
from tests.strategies import journey_of

# No deadline: on a shared machine one slow example says nothing.
laws = settings(deadline=None, max_examples=200)

LONGEST = 255
SLUG = r"[a-z0-9]+(?:_[a-z0-9]+)*"
names = st.text(min_size=1, max_size=40)


def journey(id_: str = "j", name: str = "Journey", **step_names: str) -> JourneyDefinition:
    """Write a journey of send steps, one after the other, with these names."""
    ids = list(step_names)
    steps: list[dict[str, Any]] = [
        {
            "id": step,
            "type": "send_to_destinations",
            "name": step_names[step],
            "destinations": ["email"],
            "next": ids[index + 1] if index + 1 < len(ids) else None,
        }
        for index, step in enumerate(ids)
    ]
    return journey_of(
        {"id": id_, "name": name, "entry": {"condition": {"event": "a"}}, "steps": steps}
    )


@laws
@given(names, names)
def test_a_key_has_its_shape(journey_name: str, step_name: str) -> None:
    """A key is j_o, the journey's name, the step's name and six letters or digits."""
    key = make_key("j", journey_name, "s", step_name, LONGEST)
    assert re.fullmatch(rf"j_o_{SLUG}__{SLUG}_[a-z0-9]{{6}}", key, re.ASCII)


def test_the_example_of_the_rules() -> None:
    """Names are written in small letters, with one underscore for whatever is between words."""
    key = make_key("j", "First  Purchase!", "s", "Öpened: e-mail", LONGEST)
    assert re.fullmatch("j_o_first_purchase__opened_e_mail_[a-z0-9]{6}", key)
    assert re.fullmatch("j_o_unnamed__unnamed_[a-z0-9]{6}", make_key("j", "用户", "s", "🙂", 255))


@laws
@given(st.text(max_size=300), st.text(max_size=300), st.integers(20, LONGEST))
def test_a_key_is_never_too_long(journey_name: str, step_name: str, longest: int) -> None:
    """However long the names are, a key is cut to what is allowed and keeps its suffix."""
    key = make_key("j", journey_name, "s", step_name, longest)
    assert len(key) <= longest
    assert key[-7:] == make_key("j", "x", "s", "y", longest)[-7:]


def test_the_suffix_depends_on_the_ids_alone() -> None:
    """Equal names in other journeys or steps have other keys; other names, the same suffix."""
    ids = [(f"journey-{n}", f"step-{m}") for n in range(60) for m in range(60)]
    keys = {make_key(journey_id, "Same", step_id, "Name", LONGEST) for journey_id, step_id in ids}
    assert len(keys) == len(ids)
    assert (
        len({make_key("ab", "Same", "c", "Name", 255), make_key("a", "Same", "bc", "Name", 255)})
        == 2
    )


def test_a_key_stays_in_every_release() -> None:
    """What destinations have stored must be made again by every later version."""
    key = make_key("first_purchase", "First purchase", "opened", "Opened email", LONGEST)
    assert key == "j_o_first_purchase__opened_email_di9gsv"


@laws
@given(names.filter(str.strip), names)
def test_renaming_keeps_published_keys(journey_name: str, step_name: str) -> None:
    """A published key stays when the journey or the step is renamed; new steps get new ones."""
    published = keys_of(journey(first="One", second="Two"), {}, LONGEST)
    renamed = journey(name=journey_name[:70], first="1" + step_name, second="Two", third="Three")
    keys = keys_of(renamed, published, LONGEST)
    assert {step: keys[step] for step in published} == published
    assert keys["third"] not in published.values()


def test_a_key_can_be_set_by_hand() -> None:
    """A key in the definition goes before the one that was published and the one that is made."""
    by_hand = journey_of(
        {
            "id": "j",
            "name": "J",
            "entry": {"condition": {"event": "a"}},
            "steps": [
                {
                    "id": "s",
                    "type": "send_to_destinations",
                    "destinations": ["email"],
                    "key": "My.Key-1",
                }
            ],
        }
    )
    assert keys_of(by_hand, {"s": "j_o_old"}, LONGEST) == {"s": "My.Key-1"}


def test_only_send_steps_have_keys() -> None:
    """Steps that tell nobody need no key."""
    waiting = journey_of(
        {
            "id": "j",
            "name": "J",
            "entry": {"condition": {"event": "a"}},
            "steps": [{"id": "w", "type": "wait_for_duration", "duration": "1 day"}],
        }
    )
    assert keys_of(waiting, {}, LONGEST) == {}
