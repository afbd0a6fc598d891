"""What is wrong with a definition is said all at once, each with its place and with advice.

The form of definitions is in `test_definition_form.py`, the ways through a journey are in
`test_way_validation.py`.
"""

from __future__ import annotations

import pytest

from journeystream.definitions import AudienceDefinition, JourneyDefinition, parse_definition
from journeystream.project import Limits
from journeystream.validation import Known, validate_audience, validate_journey
from tests.faulty_journeys import OTHER, SENT, WAIT, Written, places, problems, split, written


def test_a_good_journey_has_no_problems() -> None:
    """Where nothing is wrong nothing is reported."""
    assert problems(written()) == []
    assert problems(written(steps=[split(), SENT, OTHER])) == []


def test_everything_is_reported_at_once() -> None:
    """One look at a journey finds all that is wrong with it, in the order of the checks."""
    document = written(
        name="x" * 74,
        exits=[{"name": "out", "condition": {"audience": "vip"}}] * 2,
        steps=[
            {**WAIT, "next": "nowhere"},
            {**SENT, "destinations": ["mail"], "next": "sent"},
            {**SENT, "name": "Again", "destinations": [{"name": "ads", "attributes": {"x": "y"}}]},
        ],
    )
    assert set(places(problems(document))) >= {
        "name",
        "steps[2].id",
        "exits[1].name",
        "steps[0].next",
        "steps[1]",
        "exits[0].condition.audience",
        "exits[1].condition.audience",
        "steps[1].destinations[0]",
        "steps[2].destinations[0].attributes.x",
    }


# ── limits and names ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("document", "limits", "path"),
    [
        (written(), {"steps": 1}, "steps"),
        (
            written(exits=[{"name": n, "condition": {"event": n}} for n in "bcd"]),
            {"exits": 2},
            "exits",
        ),
        (written(name="x" * 74), {}, "name"),
        (written(steps=[WAIT, {**SENT, "name": "x" * 171}]), {}, "steps[1].name"),
        (written(steps=[WAIT, {**SENT, "key": "x" * 11}]), {"key": 10}, "steps[1].key"),
    ],
)
def test_limits(document: Written, limits: Written, path: str) -> None:
    """What is over a limit is named, together with the limit."""
    found = problems(document, limits=limits)
    assert places(found) == [path]


def test_what_just_fits_is_allowed() -> None:
    """A limit is what is still allowed."""
    document = written(name="x" * 73, steps=[WAIT, {**SENT, "name": "y" * 170}])
    document["exits"] = [{"name": f"{n}", "condition": {"event": "b"}} for n in range(10)]
    assert problems(document, limits={"steps": 2}) == []


@pytest.mark.parametrize(
    ("steps", "path"),
    [
        ([{**WAIT, "id": "sent", "name": "Wait"}, SENT], "steps[1].id"),
        ([{**WAIT, "name": "Same"}, {**SENT, "name": "Same"}], "steps[1].name"),
        ([{**WAIT, "name": "sent"}, SENT], "steps[1].name"),
        ([split(), {**SENT, "key": "k"}, {**OTHER, "key": "k"}], "steps[2].key"),
    ],
)
def test_names_used_twice(steps: list[Written], path: str) -> None:
    """Of two steps with one id, name or key, the second is named."""
    assert places(problems(written(steps=steps)))[:1] == [path]


def test_exits_named_twice() -> None:
    """Of two exits with one name, the second is named."""
    exits = [{"name": "out", "condition": {"event": name}} for name in "bc"]
    assert places(problems(written(exits=exits))) == ["exits[1].name"]


# ── conditions ───────────────────────────────────────────────────────────────────────────


def test_unknown_audiences() -> None:
    """An audience that was not published is named, however deep in whatever condition."""
    leaf = {"audience": "vip"}
    document = written(
        entry={"condition": {"all": [{"event": "a"}, {"not": leaf}]}},
        exits=[{"name": "out", "condition": leaf}],
        steps=[split(condition={"any": [{"any": [leaf]}]}), SENT, OTHER],
    )
    found = problems(document, audiences=("vips",))
    assert places(found) == [
        "entry.condition.all[1].not.audience",
        "exits[0].condition.audience",
        "steps[0].condition.any[0].any[0].audience",
    ]
    assert all("did you mean 'vips'?" in problem.advice for problem in found)
    assert problems(document, audiences=("vip",)) == []


def test_since_entry_needs_an_entry() -> None:
    """The entry condition can not ask what came since entry; exits and steps can."""
    leaf = {"event": "a", "since": "entry"}
    document = written(
        entry={"condition": leaf},
        exits=[{"name": "out", "condition": leaf}],
        steps=[split(condition=leaf), SENT, OTHER],
    )
    assert places(problems(document)) == ["entry.condition.since"]


def test_since_step_needs_a_step() -> None:
    """Only a step can ask what came since it was reached."""
    leaf = {"event": "a", "since": "step"}
    document = written(
        entry={"condition": leaf},
        exits=[{"name": "out", "condition": {"not": leaf}}],
        steps=[split(condition=leaf), SENT, OTHER],
    )
    assert places(problems(document)) == [
        "entry.condition.since",
        "exits[0].condition.not.since",
    ]


def test_the_advice_about_since_can_be_followed() -> None:
    """What is advised where `since` can not stand is not the next mistake."""
    document = written(entry={"condition": {"event": "a", "since": "step"}})
    [problem] = problems(document)
    assert "since: entry" not in problem.advice


# ── destinations and examples ────────────────────────────────────────────────────────────


def test_unknown_destinations() -> None:
    """A destination that the project does not have is named, with the one that may be meant."""
    steps = [WAIT, {**SENT, "destinations": ["email", {"name": "add"}]}]
    [problem] = problems(written(steps=steps))
    assert problem.path == "steps[1].destinations[1]"
    assert "did you mean 'ads'?" in problem.advice


def test_any_destination_will_do_without_a_project() -> None:
    """Where no project file is at hand, destinations are not judged."""
    journey = parse_definition(written(steps=[WAIT, {**SENT, "destinations": ["x"]}]), "test")
    assert isinstance(journey, JourneyDefinition)
    assert validate_journey(journey, Known(None, {}, Limits())) == []


def test_destinations_named_twice() -> None:
    """A destination that a step names twice is named once more, in the report."""
    steps = [WAIT, {**SENT, "destinations": ["email", "ads", {"name": "email"}]}]
    assert places(problems(written(steps=steps))) == ["steps[1].destinations[2]"]


def test_attributes_have_a_source() -> None:
    """An attribute comes from the traits or from the entry event, or is reported."""
    attributes = {"plan": "traits.plan", "cart": "entry.cart_id", "x": "plan", "y": "trait.plan"}
    steps = [WAIT, {**SENT, "destinations": [{"name": "email", "attributes": attributes}]}]
    assert places(problems(written(steps=steps))) == [
        "steps[1].destinations[0].attributes.x",
        "steps[1].destinations[0].attributes.y",
    ]


def test_examples_say_what_is_expected() -> None:
    """An example's events have one name each, and its expectations one send step each."""
    example = {
        "name": "x",
        "events": [{"event": "a"}, {"event": "a", "page": "b"}, {"traits": {"plan": "pro"}}],
        "expect": [
            {"enters": "sent"},
            {"exits": "snet"},
            {"enters": "wait"},
            {},
            {"enters": "sent", "exits": "sent"},
        ],
    }
    assert places(problems(written(examples=[example]))) == [
        "examples[0].events[1]",
        "examples[0].expect[1]",
        "examples[0].expect[2]",
        "examples[0].expect[3]",
        "examples[0].expect[4]",
    ]


# ── audiences ────────────────────────────────────────────────────────────────────────────


def audience(condition: Written, id_: str = "vips") -> AudienceDefinition:
    """Read an audience."""
    document = {"kind": "audience", "id": id_, "name": "Name", "condition": condition}
    read = parse_definition(document, "test")
    assert isinstance(read, AudienceDefinition)
    return read


def test_audiences_are_validated_like_journeys() -> None:
    """An audience has no entry and no step to count from, and may name only known audiences."""
    known = Known((), {"others": audience({"event": "a"}).condition}, Limits())
    bad = {
        "all": [
            {"event": "a", "since": "entry"},
            {"not": {"event": "a", "since": "step"}},
            {"audience": "other"},
        ]
    }
    assert places(validate_audience(audience(bad), known)) == [
        "condition.all[0].since",
        "condition.all[1].not.since",
        "condition.all[2].audience",
    ]
    assert validate_audience(audience({"audience": "others"}), known) == []


def test_audiences_are_not_defined_by_themselves() -> None:
    """A circle of audiences is reported, also one over several and one that is not its own."""
    known = {
        "vips": audience({"event": "old"}).condition,
        "others": audience({"not": {"audience": "vips"}}).condition,
        "more": audience({"any": [{"audience": "others"}]}).condition,
    }
    for condition in ({"audience": "vips"}, {"all": [{"audience": "more"}]}):
        found = validate_audience(audience(condition), Known((), known, Limits()))
        assert places(found) == ["condition"]
    fine = audience({"audience": "more"}, "new")
    assert validate_audience(fine, Known((), known, Limits())) == []
