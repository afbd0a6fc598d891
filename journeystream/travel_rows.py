"""The rows of the travel log: what a stage, a goal and an assigned path are called outside.

Laws:

1. A row has the columns of its kind, no more. A stage's are the sixteen fields of the travel log,
   which have no room for anything else; so what each kind has beside them, `BESIDE`, stands in the
   headers of its record, and in the last columns of an export.
2. Instants are written in milliseconds. But for what that cuts off, `travel_of` reads back what
   `row_of` wrote.
3. Whatever reads rows from outside refuses what is none, by `check`: nobody measures by guessing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from journeystream.durations import iso, parse_instant
from journeystream.effects import Assigned, Reached, Travel, Travelled, stable_id

Kind = Literal["stage", "goal", "path"]
KINDS: tuple[Kind, ...] = get_args(Kind)
ColumnType = Literal["text", "flag", "instant"]
Row = dict[str, Any]

_OF_PATH: dict[str, ColumnType] = {
    "event_id": "text",
    "journey_id": "text",
    "journey_version": "text",
    "split_id": "text",
    "test_group_name": "text",
    "is_control": "flag",
}
# The fields of a record's value, in their order.
FIELDS: Mapping[Kind, Mapping[str, ColumnType]] = {
    "stage": {
        "entry_at": "instant",
        "event_id": "text",
        "exit_segments": "text",
        "is_control": "flag",
        "is_remaining": "flag",
        "journey_id": "text",
        "journey_name": "text",
        "journey_version": "text",
        "mxs_ids": "text",
        "parent_id": "text",
        "parent_name": "text",
        "split_condition_name": "text",
        "stage_id": "text",
        "stage_name": "text",
        "stage_type": "text",
        "test_group_name": "text",
    },
    "goal": {"reached_at": "instant", "goal_id": "text", **_OF_PATH},
    "path": {"assigned_at": "instant", **_OF_PATH},
}
# The row of a log that lacks them has empty ones.
BESIDE: Mapping[str, ColumnType] = {
    "message_id": "text",
    "instance_id": "text",
    "instance_entered_at": "instant",
}


def columns(kind: Kind) -> dict[str, ColumnType]:
    """Return the columns of a kind, in their order."""
    return {**FIELDS[kind], **BESIDE}


def row_of(at: Travel) -> tuple[Kind, Row]:
    """Return the kind of row that something is, and the row."""
    if isinstance(at, Travelled):
        return "stage", _stage(at)
    row = {
        "event_id": at.user_id,
        "journey_id": at.journey,
        "journey_version": str(at.version),
        "split_id": at.split,
        "test_group_name": at.path,
        "is_control": at.is_control,
        "instance_id": at.instance,
        "instance_entered_at": iso(at.entered_at),
    }
    if isinstance(at, Reached):
        id_ = stable_id("goal", at.instance, at.goal, str(at.at))
        return "goal", {"reached_at": iso(at.at), "goal_id": at.goal, **row, "message_id": id_}
    id_ = stable_id("path", at.instance, at.split, at.path, str(at.at))
    return "path", {"assigned_at": iso(at.at), **row, "message_id": id_}


def travel_of(kind: Kind, row: Mapping[str, Any]) -> Travel:
    """Return what a row tells that was checked."""
    user, version = row["event_id"], int(row["journey_version"])
    began = row["instance_entered_at"]
    if kind == "stage":
        entered_at = None if began is None else parse_instant(began)
        told = {name: row[name] for name in _SAME}
        at, instance = parse_instant(row["entry_at"]), row["instance_id"]
        return Travelled(
            user, at, journey_version=version, instance=instance, entered_at=entered_at, **told
        )
    instance, entered_at = (row["journey_id"], version, row["instance_id"]), parse_instant(began)
    split, path, control = row["split_id"], row["test_group_name"], row["is_control"]
    if kind == "goal":
        at = parse_instant(row["reached_at"])
        return Reached(user, at, *instance, row["goal_id"], entered_at, split, path, control)
    at = parse_instant(row["assigned_at"])
    return Assigned(user, at, *instance, entered_at, split, path, control)


def check(kind: Kind, row: Mapping[str, Any]) -> None:
    """Refuse a row that lacks a column, or has something else in it (ValueError)."""
    for name, type_ in columns(kind).items():
        value = row.get(name)
        if value is None and kind == "stage" and name == "instance_entered_at":
            continue  # a log of before does not tell
        right = isinstance(value, bool if type_ == "flag" else str)
        if not right or (type_ == "instant" and not _is_instant(value)):
            raise ValueError(f"{name} is {value!r}, no {type_}")
    if not row["journey_version"].isdecimal():
        raise ValueError(f"journey_version is {row['journey_version']!r}, no number")


def _is_instant(value: Any) -> bool:  # noqa: ANN401 -- a text, which was looked at
    try:
        parse_instant(value)
    except ValueError:
        return False
    return True


# Fields of a stage that are called and written alike inside and outside.
_SAME = tuple(
    name for name in FIELDS["stage"] if name not in ("entry_at", "event_id", "journey_version")
)


def _stage(at: Travelled) -> Row:
    way = at.split_condition_name, at.test_group_name
    return {
        "entry_at": iso(at.at),
        "event_id": at.user_id,
        "exit_segments": at.exit_segments,
        "is_control": at.is_control,
        "is_remaining": at.is_remaining,
        "journey_id": at.journey_id,
        "journey_name": at.journey_name,
        "journey_version": str(at.journey_version),
        "mxs_ids": at.mxs_ids,
        "parent_id": at.parent_id,
        "parent_name": at.parent_name,
        "split_condition_name": at.split_condition_name,
        "stage_id": at.stage_id,
        "stage_name": at.stage_name,
        "stage_type": at.stage_type,
        "test_group_name": at.test_group_name,
        "message_id": stable_id(at.instance, at.parent_id, *way, at.stage_id, str(at.at)),
        "instance_id": at.instance,
        "instance_entered_at": None if at.entered_at is None else iso(at.entered_at),
    }
