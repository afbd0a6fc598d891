"""What is wrong with a definition is said all at once, each with its place and with advice."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from journeystream.definitions import (
    AudienceDefinition,
    JourneyDefinition,
    parse_definition,
    read_definitions,
)
from journeystream.errors import DefinitionError, Problem, UserError
from journeystream.project import Limits
from journeystream.validation import Known, validate_audience, validate_journey

Written = dict[str, Any]

WAIT: Written = {"id": "wait", "type": "wait_for_duration", "duration": "1 day", "next": "sent"}
SENT: Written = {"id": "sent", "type": "send_to_destinations", "destinations": ["email"]}


def written(**changes: object) -> Written:
    """Write a journey in which nothing is wrong but the changes."""
    return {
        "id": "j",
        "name": "Journey",
        "entry": {"condition": {"event": "a"}},
        "steps": [deepcopy(WAIT), deepcopy(SENT)],
        **changes,
    }


def problems(
    document: Written,
    *,
    limits: Written | None = None,
    audiences: tuple[str, ...] = (),
) -> list[Problem]:
    """Return what is wrong with a journey whose form is right."""
    journey = parse_definition(document, "test")
    assert isinstance(journey, JourneyDefinition)
    known = Known(
        ("email", "ads"),
        dict.fromkeys(audiences, journey.entry.condition),
        Limits.model_validate(limits or {}),
    )
    return validate_journey(journey, known)


def places(found: list[Problem]) -> list[str]:
    """Return where the problems are; each must say what is wrong and what to do."""
    for problem in found:
        assert problem.message
        assert problem.advice
        assert str(problem).startswith(f"{problem.path}: ")
    return [problem.path for problem in found]


def split(**changes: object) -> Written:
    """Write a true/false split between two send steps."""
    return {
        "id": "split",
        "type": "true_false_split",
        "condition": {"event": "b"},
        "if_true": {"next": "sent"},
        "if_false": {"next": "other"},
        **changes,
    }


OTHER: Written = {**SENT, "id": "other"}


def test_a_good_journey_has_no_problems() -> None:
    """Where nothing is wrong nothing is reported."""
    assert problems(written()) == []
    assert problems(written(steps=[split(), SENT, OTHER])) == []


# ── each kind of problem ─────────────────────────────────────────────────────────────────


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


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (
            written(entry={"condition": {"event": "a"}, "next": "wiat"}, steps=[WAIT, SENT]),
            "entry.next",
        ),
        (written(steps=[{**WAIT, "next": "snet"}, SENT]), "steps[0].next"),
        (
            written(steps=[split(if_false={"next": "othr"}), SENT, OTHER]),
            "steps[0].if_false.next",
        ),
        (
            written(
                steps=[
                    {
                        "id": "w",
                        "type": "wait_for_condition",
                        "condition": {"event": "b"},
                        "next": "sent",
                        "timeout": {"after": "1 day", "next": "snt"},
                    },
                    SENT,
                ]
            ),
            "steps[0].timeout.next",
        ),
        (
            written(
                steps=[
                    {
                        "id": "m",
                        "type": "multi_branch_split",
                        "mode": "first_match",
                        "branches": [
                            {"name": "x", "condition": {"event": "b"}, "next": "sent"},
                            {"name": "y", "condition": {"event": "c"}, "next": "Sent"},
                        ],
                        "everyone_else": {"next": "sent"},
                    },
                    SENT,
                ]
            ),
            "steps[0].branches[1].next",
        ),
        (
            written(
                steps=[
                    {
                        "id": "m",
                        "type": "multi_branch_split",
                        "mode": "first_match",
                        "branches": [{"name": "x", "condition": {"event": "b"}, "next": "sent"}],
                        "everyone_else": {"next": "sents"},
                    },
                    SENT,
                ]
            ),
            "steps[0].everyone_else.next",
        ),
    ],
)
def test_dangling_references(document: Written, path: str) -> None:
    """A reference to no step is named, with the step that may be meant."""
    found = problems(document)
    assert path in places(found)
    [problem] = [problem for problem in found if problem.path == path]
    assert "did you mean" in problem.advice


def test_a_reference_like_no_step_lists_the_steps() -> None:
    """Where no id is like the one that was written, all are listed."""
    [problem, _] = problems(written(steps=[{**WAIT, "next": "zzzzzz"}, SENT]))
    assert (problem.path, problem.advice) == ("steps[0].next", "known are: sent, wait")


def test_unreachable_steps() -> None:
    """Every step that nothing leads to is named, also those that lead to each other."""
    ring = [{**WAIT, "id": "x", "next": "y"}, {**WAIT, "id": "y", "next": "x"}]
    assert places(problems(written(steps=[WAIT, SENT, *ring]))) == ["steps[2]", "steps[3]"]
    entry = {"condition": {"event": "a"}, "next": "sent"}
    assert places(problems(written(entry=entry))) == ["steps[0]"]


def test_loops_take_time() -> None:
    """Every step of a loop that takes no time is named; one with a wait of fixed length is fine."""
    wait = {"id": "w", "type": "wait_for_condition", "condition": {"event": "b"}, "next": "sent"}
    loop = [
        split(if_true={"next": "sent"}, if_false={"next": "w"}),
        wait,
        {**SENT, "next": "split"},
    ]
    assert places(problems(written(steps=loop))) == ["steps[0]", "steps[1]", "steps[2]"]
    timed = [split(if_true={"next": "sent"}, if_false={"next": "wait"}), {**WAIT, "next": "split"}]
    assert problems(written(steps=[*timed, SENT])) == []
    assert places(problems(written(steps=[{**SENT, "next": "sent"}]))) == ["steps[0]"]


def test_what_leads_to_a_loop_is_not_in_it() -> None:
    """A step before a loop is not blamed for it."""
    steps = [WAIT, {**SENT, "next": "other"}, {**OTHER, "next": "sent"}]
    first = {**SENT, "id": "first", "next": "wait"}
    assert places(problems(written(steps=[first, *steps]))) == ["steps[2]", "steps[3]"]


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


# ── form ─────────────────────────────────────────────────────────────────────────────────


def misread(document: object) -> list[str]:
    """Return the paths of what is wrong with a document's form."""
    with pytest.raises(DefinitionError) as refused:
        parse_definition(document, "test.yaml")
    assert str(refused.value).startswith("test.yaml: ")
    return places(list(refused.value.problems))


def asking(condition: object) -> Written:
    """Write a journey that asks this at its entry."""
    return written(entry={"condition": condition})


@pytest.mark.parametrize(
    ("document", "paths"),
    [
        (written(nmae="x"), ["nmae"]),
        (written(name=3), ["name"]),
        (written(steps=[]), ["steps"]),
        ({"id": "j"}, ["name", "entry", "steps"]),
        (written(id="No Spaces"), ["id"]),
        (written(time_zone="Mars/Base"), ["time_zone"]),
        (written(max_duration="soon", at_end="sleep"), ["max_duration", "at_end"]),
        (written(entry={}), ["entry.condition"]),
        (written(entry={"condition": {"event": "a"}, "renetry": 1}), ["entry.renetry"]),
        (written(exits=[{"condition": {"event": "a"}}]), ["exits[0].name"]),
        (written(steps=[{**WAIT, "duration": "1 fortnight"}]), ["steps[0].duration"]),
        (written(steps=[WAIT, {"id": "x", "type": "wait"}]), ["steps[1]"]),
        (written(steps=[{"id": "x"}]), ["steps[0]"]),
        (written(steps=[{**SENT, "destinations": []}]), ["steps[0].destinations"]),
        (written(steps=[{**SENT, "key": "a b"}]), ["steps[0].key"]),
        (written(steps=[split(if_true={"nxt": "x"})]), ["steps[0].if_true.nxt"]),
        (
            written(steps=[split(condition={"trait": "x", "equalz": 1})]),
            ["steps[0].condition.equalz"],
        ),
        (
            written(steps=[{"id": "m", "type": "multi_branch_split", "branches": [{"name": "x"}]}]),
            ["steps[0].branches[0].condition"],
        ),
        (asking("a"), ["entry.condition"]),
        (asking({"evnt": "a"}), ["entry.condition"]),
        (asking({"event": ""}), ["entry.condition.event"]),
        (asking({"event": "a", "page": "b"}), ["entry.condition"]),
        (asking({"event": "a", "at_least": 0}), ["entry.condition.at_least"]),
        (asking({"event": "a", "at_least": 1, "at_most": 2}), ["entry.condition"]),
        (asking({"event": "a", "within": "1 day", "since": "entry"}), ["entry.condition"]),
        (asking({"event": "a", "between": [3, 1]}), ["entry.condition"]),
        (asking({"event": "a", "within": "soon"}), ["entry.condition.within"]),
        (asking({"event": "a", "after": "soon"}), ["entry.condition.after"]),
        (asking({"trait": "x"}), ["entry.condition"]),
        (asking({"trait": "x", "matches": "("}), ["entry.condition.matches"]),
        (asking({"all": []}), ["entry.condition.all"]),
        (asking({"not": {"all": [{"any": [{"evt": 1}]}]}}), ["entry.condition.not.all[0].any[0]"]),
        (
            asking({"all": [{"event": "a"}, {"not": {"event": "a", "at_leest": 1}}]}),
            ["entry.condition.all[1].not.at_leest"],
        ),
        (asking({"all": [{"event": "a"}], "event": "b"}), ["entry.condition.event"]),
        (asking({"event": "a", "event_": "b"}), ["entry.condition.event_"]),
        (
            asking({"audience": "x", "event": "a", "foo": 1}),
            ["entry.condition.audience", "entry.condition.foo"],
        ),
        (
            written(examples=[{"name": "x", "events": [{"evnt": "a"}], "expect": [{"at": 1}]}]),
            ["examples[0].events[0].evnt", "examples[0].expect[0].at"],
        ),
        ({"kind": "audience", "id": "x"}, ["name", "condition"]),
        (
            {"kind": "audience", "id": "x", "name": "X", "condition": {"event": "a", "x": 1}},
            ["condition.x"],
        ),
        ({"kind": "segment"}, ["document"]),
        ([written()], ["document"]),
        (None, ["document"]),
    ],
)
def test_wrong_fields_have_their_paths(document: object, paths: list[str]) -> None:
    """Whatever is wrong with a field is reported at that field, as it is written."""
    assert misread(document) == paths


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (
            asking({"event": "a", "where": {"price": {"at_leest": 5}}}),
            "entry.condition.where.price",
        ),
        (asking({"event": "a", "where": {"price": [5]}}), "entry.condition.where.price"),
        (
            asking({"event": "a", "where": {"event": {"at_leest": 5}}}),
            "entry.condition.where.event",
        ),
        (asking({"trait": "x", "length": {"at_leest": 5}}), "entry.condition.length"),
        (asking({"trait": "x", "between": [1, "b"]}), "entry.condition.between"),
        (asking({"trait": "x", "less_than": [1]}), "entry.condition.less_than"),
        (
            written(steps=[{**SENT, "destinations": ["email", {"nam": "ads"}]}]),
            "steps[0].destinations[1]",
        ),
        (written(steps=[{**SENT, "destinations": [3]}]), "steps[0].destinations[0]"),
    ],
)
def test_one_mistake_where_much_is_allowed(document: Written, path: str) -> None:
    """Where a field may be of several kinds, no path names a kind, and no field is named twice."""
    fields = ("at_leest", "nam", "name")
    allowed = {path, *(f"{path}[{n}]" for n in range(2)), *(f"{path}.{name}" for name in fields)}
    found = misread(document)
    assert set(found) <= allowed
    assert len(set(found)) == len(found)


def test_a_field_named_like_a_kind_misleads_nobody() -> None:
    """A field that is called as one of the kinds are does not move the paths of the others."""
    found = misread(written(journey="x", name=3, id="B C"))
    assert sorted(found) == ["id", "journey", "name"]
    sent = {**SENT, "send_to_destinations": "x", "destinations": []}
    assert sorted(misread(written(steps=[sent]))) == [
        "steps[0].destinations",
        "steps[0].send_to_destinations",
    ]


def test_a_file_is_read_with_all_its_documents(tmp_path: Path) -> None:
    """All documents of a file are read, and the problems of all are reported at once."""
    path = tmp_path / "journeys.yaml"
    path.write_text(
        "id: one\nname: One\nentry: {condition: {event: a}}\nsteps: [{id: x, type: exit}]\n"
        "---\nkind: audience\nid: vips\nname: VIPs\ncondition: {trait: vip, equals: true}\n"
    )
    assert [each.id for each in read_definitions(path)] == ["one", "vips"]
    path.write_text("id: one\n---\nkind: audience\nid: x\nname: X\ncondition: {event: a, foo: 1}\n")
    with pytest.raises(DefinitionError) as refused:
        read_definitions(path)
    assert places(list(refused.value.problems)) == [
        "document 1: name",
        "document 1: entry",
        "document 1: steps",
        "document 2: condition.foo",
    ]
    assert str(path) in str(refused.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"a: [", "is no YAML or JSON"),
        (b"\xff\xfe\x00", "is no YAML or JSON"),
        (b"a: 1\na: 2\n", "is no YAML or JSON"),
    ],
)
def test_what_is_no_definition_file_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    """A file that can not be read as YAML is one line for whoever wrote it, with its path."""
    path = tmp_path / "journey.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=said) as refused:
        read_definitions(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """A path that leads nowhere is named, with the advice to check it."""
    with pytest.raises(UserError, match="check the path"):
        read_definitions(tmp_path / "nothing.yaml")
