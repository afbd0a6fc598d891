"""What is wrong with the form of a definition is said at its field; files are read whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from journeystream.definitions import parse_definition, read_definitions
from journeystream.errors import DefinitionError, UserError
from tests.faulty_journeys import SENT, WAIT, Written, places, split, written

# ── fields ───────────────────────────────────────────────────────────────────────────────


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
        (written(entry={}), ["entry"]),
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
        (asking("a and"), ["entry.condition"]),
        (asking({"not": "event('a') and or"}), ["entry.condition.not"]),
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


# ── files ────────────────────────────────────────────────────────────────────────────────


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
