"""Changes that are done once, in the state that the caller knows."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

import pytest

from journeystream.api.changes import demand_match, etag_of, once
from journeystream.api.journey_views import JourneyView, etag, view_of
from journeystream.api.journeys import journey_document
from journeystream.api.problems import Refused
from journeystream.api.routes import Call, Reply
from journeystream.control_log import Draft, Published, Record, draft_record
from journeystream.planning import without_keys
from tests.api.calls import call


def saving(id_: str) -> tuple[list[int], Call]:
    """Return what counts how often it was decided, and a call with a key."""
    return [], call(key="k1", method="POST", url="/journeys", raw=id_.encode())


def decided(times: list[int], id_: str, current: Published) -> tuple[Sequence[Record], Reply]:
    """Save a draft."""
    times.append(1)
    records = [draft_record(id_, Draft({"id": id_, "steps": []}, 1, 1))]
    view = view_of(id_, current.after(records))
    return records, Reply(view, HTTPStatus.CREATED, etag(view))


def test_the_same_again_is_answered_as_it_was() -> None:
    """Under its key a change is decided once; whoever reads the topic answers the same."""
    times, asking = saving("a")
    decide = once(asking, lambda current: decided(times, "a", current), 5)
    records, first = decide(Published())
    known = Published().after(records)
    written, again = once(asking, lambda current: decided(times, "a", current), 6)(known)
    assert (list(written), len(times)) == ([], 1)
    assert (again.status, again.etag) == (first.status, first.etag)
    assert isinstance(first.body, JourneyView)
    assert again.raw == first.body.model_dump(mode="json", by_alias=True)


def test_a_key_is_for_one_request() -> None:
    """Another body, place or method under the key is refused, and decides nothing."""
    times, asking = saving("a")
    records, _ = once(asking, lambda current: decided(times, "a", current), 5)(Published())
    known = Published().after(records)
    for other in ({"raw": b"b"}, {"url": "/other"}, {"method": "PUT"}):
        said = {"method": "POST", "url": "/journeys", "raw": b"a", **other}
        with pytest.raises(Refused) as refused:
            once(call(key="k1", **said), lambda current: decided(times, "a", current), 6)(known)
        assert refused.value.status == 422
    assert len(times) == 1


def test_a_key_is_its_callers() -> None:
    """Two who choose the same key do not meet."""
    times, asking = saving("a")
    records, _ = once(asking, lambda current: decided(times, "a", current), 5)(Published())
    another = call(who="another", key="k1", method="POST", url="/journeys", raw=b"b")
    decide = once(another, lambda current: decided(times, "b", current), 6)
    assert decide(Published().after(records))[0]


@pytest.mark.parametrize("match", [None, "*", '"now"', '"before", "now"', ' "now" '])
def test_the_state_that_is_known_is_changed(match: str | None) -> None:
    """`If-Match` names the state, is one of several, is any, or is left out."""
    demand_match(call(match=match), '"now"')


@pytest.mark.parametrize(
    ("match", "state"), [('"before"', '"now"'), ("now", '"now"'), ("", '"now"'), ("*", None)]
)
def test_another_state_is_not_changed(match: str, state: str | None) -> None:
    """Who has seen another state, or what is not there, is told to look again: 412."""
    with pytest.raises(Refused, match="look at it again") as refused:
        demand_match(call(match=match), state)
    assert refused.value.status == 412


def test_an_etag_is_of_the_content() -> None:
    """The order of names changes nothing, a value does."""
    assert etag_of({"a": 1, "b": 2}) == etag_of({"b": 2, "a": 1}) != etag_of({"a": 1, "b": 3})


def test_a_draft_gets_an_id_from_its_name() -> None:
    """A draft is any object whose id names one thing."""
    assert journey_document({"name": "Personal Loan Nurture"})["id"] == "personal-loan-nurture"
    assert journey_document({"id": "x", "name": 7}) == {"id": "x", "name": 7}
    for bad in ({"id": "a/b"}, {"id": 7}, {"id": "x" * 101}, {"id": ["x"]}, {"id": "-p"}):
        with pytest.raises(Refused):
            journey_document(bad)


def test_a_clone_has_keys_of_its_own() -> None:
    """Keys set by hand belong to the journey that they were written for; so do its users."""
    definition = {"id": "a", "in_flight": "exit", "steps": [{"id": "s", "key": "k"}, 7]}
    assert without_keys(definition) == {"id": "a", "steps": [{"id": "s"}, 7]}
