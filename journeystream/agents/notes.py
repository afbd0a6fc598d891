"""Notes: what others than upstream apps say of a user, on its way to the user's partition.

Law: a note is a record of the re-keying topic, keyed by its user, so it takes its place in the
one order in which a partition applies what it reads, and counts exactly once as any event does.

A note looks like an event of another `type`: `enroll` into a journey, `list` to join or leave a
list, `answer` to a decision that was asked for, `exit` from a journey (`key`: one of passes beside
each other), `move` to one of its steps. `userId`, `timestamp` and `messageId` mean what they mean
in events.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from journeystream.agents.fields import object_of, shown, text_or_none
from journeystream.durations import iso, parse_instant
from journeystream.errors import RejectedEvent, UserError
from journeystream.events import Answered, Enrolled, Erased, Listed, Moved, Note, Removed
from journeystream.project import Project

NOTE_KINDS = ("enroll", "list", "answer", "exit", "move")
_LONGEST_NAME = 512
_LARGEST_OFFERS = 32 * 1024  # as much as is kept of an entry event's property: it is in the record


def topic_of(project: Project, *, erasing: bool = False) -> str:
    """Return where a note goes; UserError where it can not."""
    if project.kafka.guarantee == "exactly_once":
        return project.rekey_topic
    if erasing:
        return project.sources[0].topic
    raise UserError(
        "kafka.guarantee: with at_least_once the source alone says what happens, in one order; "
        "use exactly_once to name users"
    )


def said_instant(project: Project, at: str | None, now: int, name: str) -> int:
    """Return when a note happens; UserError, about `name`, where that can not be."""
    if at is None:
        if project.time == "replay":
            raise UserError(
                f"time: replay: clocks follow the events here; say when it happens, as in "
                f"{name} 2024-03-01T10:00"
            )
        return now
    try:
        instant = parse_instant(at)
    except ValueError:
        raise UserError(
            f"{name}: {at[:60]!r} is no time; write one as in 2024-03-01T10:00:00Z"
        ) from None
    if not project.limits.oldest_event_instant <= instant <= now:
        raise UserError(
            f"{name}: {iso(instant)} is in the future, or before limits.oldest_event; write a time "
            f"that was"
        )
    return instant


def note_of(kind: str, user_id: str, at: int, message: Mapping[str, object]) -> Note:
    """Read a note of one of NOTE_KINDS; RejectedEvent says what is wrong with it."""
    id_ = text_or_none(message, "messageId") or None
    if kind == "enroll":
        properties = object_of(message, "properties")
        return Enrolled(user_id, at, _name(message, "journey"), properties, id_)
    if kind == "list":
        joins = message.get("member")
        if not isinstance(joins, bool):
            raise RejectedEvent("wrong_type", f"member is {shown(joins)}; write true or false")
        return Listed(user_id, at, _name(message, "list"), joins, id_)
    if kind == "exit":
        return Removed(user_id, at, _name(message, "journey"), text_or_none(message, "key"), id_)
    if kind == "move":
        return Moved(user_id, at, _name(message, "journey"), _name(message, "step"), id_)
    return answer_of(user_id, at, message)


def answer_of(user_id: str, at: int, message: Mapping[str, object]) -> Answered:
    """Read an answer: a note's, or what a decision service replied."""
    id_ = text_or_none(message, "messageId") or None
    offers = message.get("offers")
    if not isinstance(offers, list) or not all(isinstance(each, dict) for each in offers):
        raise RejectedEvent("wrong_type", f"offers is {shown(offers)}, which is no list of objects")
    if (size := len(orjson.dumps(offers))) > _LARGEST_OFFERS:
        said = f"offers are {size} bytes as JSON, more than {_LARGEST_OFFERS}"
        raise RejectedEvent("too_large", f"{said}; send fewer, or smaller ones")
    return Answered(user_id, at, _name(message, "requestId"), offers, id_)


def written(note: Note | Erased) -> bytes:
    """Return a note as the value of a record; that a user is erased, as an app would say it."""
    message: dict[str, Any] = {"userId": note.user_id, "timestamp": iso(note.at)}
    if isinstance(note, Erased):
        return orjson.dumps({"type": "delete", **message})
    if note.message_id is not None:
        message["messageId"] = note.message_id
    match note:
        case Enrolled():
            message |= {"type": "enroll", "journey": note.journey, "properties": note.properties}
        case Listed():
            message |= {"type": "list", "list": note.list, "member": note.joins}
        case Answered():
            message |= {"type": "answer", "requestId": note.request, "offers": note.offers}
        case Removed():
            message |= {"type": "exit", "journey": note.journey}
            if note.key is not None:
                message["key"] = note.key
        case Moved():
            message |= {"type": "move", "journey": note.journey, "step": note.step}
    return orjson.dumps(message)


def _name(message: Mapping[str, object], field: str) -> str:
    name = text_or_none(message, field)
    if not name or len(name) > _LONGEST_NAME:
        raise RejectedEvent("bad_note", f"{field} is {shown(name)}, which names nothing")
    return name
