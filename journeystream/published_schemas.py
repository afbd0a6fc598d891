"""The JSON Schemas of records: what producers may send, and what consumers get.

Law: what the schema of a source record accepts is no dead letter for its form; what a worker
writes follows the other schemas. They are written by hand, as a promise that code has to keep:
the code that keeps it is tested against them (tests/test_published_schemas.py).

Objects are open: a later version may add fields, so readers pass over what they do not know.
"""

from __future__ import annotations

from typing import Any

from journeystream.effects import EXIT_REASONS

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NAMED, _OF_TRAITS = ["track", "page", "screen"], ["identify", "group", "alias"]
_ERASING = "delete"
_TEXT: Schema = {"type": "string"}
_OPTIONAL_TEXT: Schema = {"type": ["string", "null"]}
_OBJECT: Schema = {"type": "object"}
_OPTIONAL_OBJECT: Schema = {"type": ["object", "null"]}
_TIME: Schema = {"type": "string", "format": "date-time"}
_USER: Schema = {
    "type": ["string", "null"],
    "maxLength": 512,
    "pattern": "^[^\\u0000]*$",
}
# Whoever names both is known by the userId.
_HAS_USER: Schema = {
    "anyOf": [
        {"required": [name], "properties": {name: {"type": "string", "minLength": 1}}}
        for name in ("userId", "anonymousId")
    ]
}


def record_schemas() -> dict[str, Schema]:
    """Return file name -> schema."""
    return {
        "event.schema.json": _event(),
        "message.schema.json": _message(),
        "list_member.schema.json": _list_member(),
        "dead_letter.schema.json": _dead_letter(),
        "decision_request.schema.json": _decision_request(),
        "decision_reply.schema.json": _decision_reply(),
        "travel_log.schema.json": _travel_log(),
        "travel_goal.schema.json": _travel_goal(),
        "travel_path.schema.json": _travel_path(),
    }


def _event() -> Schema:
    return {
        "$schema": DIALECT,
        "title": "A record of a source topic",
        "description": "An event in the form of the Segment Spec, keyed by its user's id; in a "
        "replay also a clock mark. Fields that are not named here are passed over.",
        "anyOf": [{"$ref": "#/$defs/event"}, {"$ref": "#/$defs/clock_mark"}],
        "$defs": {
            "event": {
                "type": "object",
                "required": ["type"],
                "properties": {
                    "type": {
                        "enum": [*_NAMED, *_OF_TRAITS, _ERASING],
                        "description": "delete: the user is erased, and leaves every journey",
                    },
                    "userId": _USER,
                    "anonymousId": _USER,
                    "previousId": {**_USER, "description": "alias: another id of the user"},
                    "messageId": {
                        **_OPTIONAL_TEXT,
                        "description": "a repeat within limits.dedup_window counts once",
                    },
                    "timestamp": {
                        **_TIME,
                        "description": "when it happened; without one, the record's time counts",
                    },
                    "originalTimestamp": {"description": "says that timestamp is corrected"},
                    "sentAt": {**_TIME, "description": "the client's clock when it was sent"},
                    "receivedAt": {**_TIME, "description": "the server's clock then"},
                    "context": _OPTIONAL_OBJECT,
                },
                "allOf": [
                    _HAS_USER,
                    _if_type(
                        ["track"],
                        {"event": {"type": "string", "minLength": 1}},
                        required=["event"],
                    ),
                    _if_type(["page", "screen"], {"name": _OPTIONAL_TEXT}),
                    _if_type(_NAMED, {"properties": _OPTIONAL_OBJECT}),
                    _if_type(_OF_TRAITS, {"traits": _OPTIONAL_OBJECT}),
                ],
            },
            "clock_mark": _clock_mark(),
        },
    }


def _clock_mark() -> Schema:
    return {
        "type": "object",
        "description": "moves its partition's clock; `journeystream produce --clock-mark` puts "
        "one into every partition",
        "required": ["type", "timestamp"],
        "properties": {
            "type": {"const": "clock"},
            "timestamp": _TIME,
            "origin": _OPTIONAL_TEXT,
        },
    }


def _if_type(kinds: list[str], properties: Schema, required: list[str] | None = None) -> Schema:
    return {
        "if": {"properties": {"type": {"enum": kinds}}},
        "then": {"properties": properties, "required": required or []},
    }


def _message() -> Schema:
    common: Schema = {
        "userId": _TEXT,
        "anonymousId": {**_TEXT, "description": "instead of userId, where there is none"},
        "messageId": {**_TEXT, "description": "the same for the same effect: drop repeats by it"},
        "timestamp": {**_TIME, "description": "when the user entered or exited, in event time"},
        "context": {"$ref": "#/$defs/context"},
    }
    said: Schema = {
        **_OBJECT,
        "description": "the send step's key with whether the user is there now, beside the "
        "mapped attributes",
    }
    required = ["type", "messageId", "timestamp", "context"]
    return {
        "$schema": DIALECT,
        "title": "A record of an event destination",
        "description": "Keyed by user. A user entered a send step or exited it, as a track or "
        "an identify call, as the destination asks for.",
        "oneOf": [{"$ref": "#/$defs/track"}, {"$ref": "#/$defs/identify"}],
        "$defs": {
            "track": {
                "type": "object",
                "required": [*required, "event", "properties"],
                "properties": {
                    "type": {"const": "track"},
                    "event": {"enum": ["Audience Entered", "Audience Exited"]},
                    "properties": said,
                    **common,
                },
                **_HAS_USER,
            },
            "identify": {
                "type": "object",
                "required": [*required, "traits"],
                "properties": {"type": {"const": "identify"}, "traits": said, **common},
                **_HAS_USER,
            },
            "context": _context(),
        },
    }


def _context() -> Schema:
    return {
        "type": "object",
        "required": ["journey"],
        "properties": {
            "journey": {
                "type": "object",
                "required": ["id", "version", "instance", "step"],
                "properties": {
                    "id": _TEXT,
                    "version": {"type": "integer", "minimum": 1},
                    "instance": {**_TEXT, "description": "this pass of the user"},
                    "step": {**_TEXT, "description": "the send step's id"},
                },
            },
            "exit": {
                "type": "object",
                "description": "why the user left; there on exit only",
                "required": ["reason", "detail"],
                "properties": {
                    "reason": {
                        **_TEXT,
                        "examples": [*EXIT_REASONS],
                    },
                    "detail": {**_OPTIONAL_TEXT, "description": "the exit, goal or step behind it"},
                },
            },
        },
    }


def _list_member() -> Schema:
    return {
        "$schema": DIALECT,
        "title": "A record of a list destination",
        "description": "A member of a list, keyed LIST/USER in a compacted topic. A record "
        "without a value removes the member: its headers are messageId and reason.",
        "type": "object",
        "required": ["list", "messageId", "timestamp", "attributes", "context"],
        "properties": {
            "list": {**_TEXT, "description": "the send step's key"},
            "userId": _TEXT,
            "anonymousId": {**_TEXT, "description": "instead of userId, where there is none"},
            "messageId": _TEXT,
            "timestamp": {**_TIME, "description": "when the user joined, in event time"},
            "attributes": _OBJECT,
            "context": {"$ref": "#/$defs/context"},
        },
        **_HAS_USER,
        "$defs": {"context": _context()},
    }


def _dead_letter() -> Schema:
    base64: Schema = {**_OPTIONAL_TEXT, "contentEncoding": "base64"}
    return {
        "$schema": DIALECT,
        "title": "A record of the dead-letter topic",
        "description": "A source record that could not be applied, exactly as it came, and why.",
        "type": "object",
        "required": ["error", "origin", "key", "value", "preview"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["code", "text"],
                "properties": {
                    "code": {
                        **_TEXT,
                        "description": "stable, for programs",
                        "examples": ["not_json", "no_user", "time_in_future", "engine_failed"],
                    },
                    "text": {**_TEXT, "description": "for people"},
                },
            },
            "origin": {
                "type": "object",
                "required": ["topic", "partition", "offset", "timestamp"],
                "properties": {
                    "topic": _TEXT,
                    "partition": {"type": "integer", "minimum": 0},
                    "offset": {"type": "integer", "minimum": 0},
                    "timestamp": {**_TIME, "description": "the record's own"},
                },
            },
            "key": base64,
            "value": base64,
            "preview": {**_TEXT, "description": "the value's beginning as text"},
        },
    }


def _decision_request() -> Schema:
    return {
        "$schema": DIALECT,
        "title": "A record of the topic decisions.requests",
        "description": "Keyed by user. A decide step asks for offers; the user waits for a reply.",
        "type": "object",
        "required": [
            *("type", "requestId", "flow", "maxOffers", "attributes", "replyTo", "timestamp"),
            "context",
        ],
        "properties": {
            "type": {"const": "decision_request"},
            "requestId": {**_TEXT, "description": "the reply names it; the same for a repeat"},
            "userId": _TEXT,
            "anonymousId": {**_TEXT, "description": "instead of userId, where there is none"},
            "flow": {**_TEXT, "description": "what is asked, as the step says"},
            "maxOffers": {
                "type": "integer",
                "minimum": 1,
                "description": "of more offers than these the first are kept",
            },
            "attributes": {**_OBJECT, "description": "what the step tells; unknown values are out"},
            "replyTo": {**_TEXT, "description": "the topic for the reply"},
            "timestamp": {**_TIME, "description": "when the user came to the step, in event time"},
            "context": {"$ref": "#/$defs/context"},
        },
        **_HAS_USER,
        "$defs": {"context": _context()},
    }


def _decision_reply() -> Schema:
    return {
        "$schema": DIALECT,
        "title": "A record of the topic decisions.replies",
        "description": "What a decision service answers, best keyed by user. The first reply to a "
        "request counts, before the step's time-out. Fields that are not named are passed over.",
        "type": "object",
        "required": ["requestId", "offers"],
        "properties": {
            "requestId": {"type": "string", "minLength": 1, "maxLength": 512},
            "userId": _USER,
            "anonymousId": _USER,
            "offers": {
                "type": "array",
                "items": _OBJECT,
                "description": "best first, at most 32 KiB; sends read results.NAME.0.offer_id",
            },
            "timestamp": {
                **_TIME,
                "description": "when it was answered; without one, the record's time counts. A "
                "replay needs it",
            },
            "messageId": _OPTIONAL_TEXT,
        },
        **_HAS_USER,
    }


def _travel_log() -> Schema:
    names = "|-separated names of the exit conditions that held"
    texts: dict[str, str] = {
        "event_id": "the user's id",
        "exit_segments": names,
        "journey_id": "the journey",
        "journey_name": "its name",
        "journey_version": "its version",
        "mxs_ids": names,
        "parent_id": "the stage before; empty where there is none",
        "parent_name": "its name",
        "split_condition_name": "the branch that led here, of a split by conditions",
        "stage_id": "a step's id, or one of start, complete, exit, orphan",
        "stage_name": "its name",
        "stage_type": "the step's type, or the stage's id",
        "test_group_name": "the path that led here, of a percent split",
    }
    properties = {
        "entry_at": {**_TIME, "description": "when the user came here, in event time"},
        "is_control": {"type": "boolean", "description": "whether that path is the control"},
        "is_remaining": {"type": "boolean", "description": "whether that branch is of all others"},
        **{name: {**_TEXT, "description": text} for name, text in texts.items()},
    }
    return _travel("A record of the travel log", "stage", "a stage that they came to", properties)


def _travel_goal() -> Schema:
    properties = {
        "reached_at": {**_TIME, "description": "when it was reached, in event time"},
        "goal_id": {**_TEXT, "description": "the goal's id; of a percent split's, SPLIT.NAME"},
        **_of_path(),
    }
    what = "a goal that they reached after they had entered"
    return _travel("A goal in the travel log", "goal", what, properties)


def _travel_path() -> Schema:
    properties = {
        "assigned_at": {**_TIME, "description": "when it was given, in event time"},
        **_of_path(),
    }
    what = "a path that a percent split with goals gave them"
    return _travel("A path in the travel log", "path", what, properties)


def _of_path() -> Schema:
    texts = {
        "event_id": "the user's id",
        "journey_id": "the journey",
        "journey_version": "its version",
        "split_id": "the percent split; empty for a goal of the journey",
        "test_group_name": "the path that the user has there",
    }
    return {
        "is_control": {"type": "boolean", "description": "whether that path is the control"},
        **{name: {**_TEXT, "description": text} for name, text in texts.items()},
    }


def _travel(title: str, kind: str, what: str, properties: Schema) -> Schema:
    return {
        "$schema": DIALECT,
        "title": title,
        "description": f"Keyed by user: {what}. In the headers: kind ({kind}), messageId (the same "
        "for a repeat), instance (of the journey), instanceEnteredAt (when that began).",
        "type": "object",
        "required": sorted(properties),
        "additionalProperties": False,
        "properties": dict(sorted(properties.items())),
    }
