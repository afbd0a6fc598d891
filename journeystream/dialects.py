"""Journeys in another form: steps with a `config` object each, as decision platforms write them.

Law: a pure translation. What comes out is a document of ours and is checked like any other, so
that a step that nothing leads to, or a target that is not there, is told in our words.

How it is read:

* Steps follow one another in the order of the list; `branch` names its targets. `step_end`, where
  no step is called so, ends the journey.
* `wait` → wait_for_duration; `branch` → multi_branch_split, the first match; `send` →
  send_to_destinations, with the creative and the chosen offer's id as attributes; `update` →
  update_profile; `decide` → a decision service is asked, for an hour at most.
* An expression is a condition in one string, in which `&&` and `||` may stand for `and` and `or`:
  `outcome == 'click'` asks for a trait.
* A segment that an update of the same journey fills is a list, any other one an audience.
* Without entry conditions users are enrolled by name.
* A journey without an `id` gets one from its name. `status` belongs to the life cycle, and is left.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any

from journeystream.errors import DefinitionError, Problem

Document = Mapping[str, Any]
_END = "step_end"
_PATIENCE = "1 hour"
_UNITS = ("minutes", "hours", "days", "weeks", "months")
_SIGNS = {"&&": " and ", "||": " or "}
_QUOTED_OR_SIGN = re.compile(r"'[^']*'|\"[^\"]*\"|&&|\|\|")
_OPERATIONS: Mapping[str, tuple[str, str]] = {
    "set_attribute": ("set", "key"),
    "set_flag": ("set", "key"),
    "unset_attribute": ("unset", "key"),
    "remove_attribute": ("unset", "key"),
    "increment_attribute": ("increment", "key"),
    "decrement_attribute": ("decrement", "key"),
    "add_to_list": ("add_to_list", "key"),
    "remove_from_list": ("remove_from_list", "key"),
    "add_segment": ("add_to_audience", "segment"),
    "remove_segment": ("remove_from_audience", "segment"),
}


def is_config_form(document: object) -> bool:
    """Tell whether a document is a journey in this form."""
    if not isinstance(document, Mapping):
        return False
    steps = document.get("steps")
    return isinstance(steps, list) and any(
        isinstance(step, Mapping) and isinstance(step.get("config"), Mapping) for step in steps
    )


def translated(document: Document, source: str) -> dict[str, Any]:
    """Return the journey in our form; DefinitionError names what has no translation."""
    problems: list[Problem] = []
    written = [step if isinstance(step, Mapping) else {} for step in document["steps"]]
    ids = [str(step.get("id", f"step_{index + 1}")) for index, step in enumerate(written)]
    entry: dict[str, Any] = {}
    try:
        entry = _entry(document.get("entryConditions") or {}, _filled(written))
    except (TypeError, AttributeError):
        problems.append(
            Problem("entryConditions", "can not be read", "write segments or events, as lists")
        )
    steps: list[dict[str, Any]] = []
    for index, step in enumerate(written):
        onward = ids[index + 1] if index + 1 < len(ids) else None
        try:
            steps.append(_step(step, ids[index], onward))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            what = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
            problems.append(Problem(f"steps[{index}].config", what, "mend this step"))
    if problems:
        raise DefinitionError(source, problems)
    if _END not in ids and _names(steps, _END):
        steps.append({"id": _END, "type": "exit", "name": "End"})
    journey = {
        "id": document.get("id") or id_of(str(document.get("name", ""))),
        "name": document.get("name"),
        "description": document.get("description", ""),
        "entry": entry,
        "steps": steps,
    }
    if document.get("maxDuration") is not None:
        journey["max_duration"] = f"{document['maxDuration']} days"
    return {name: value for name, value in journey.items() if value is not None}


def _names(steps: list[dict[str, Any]], target: str) -> bool:
    ways = [step.get("everyone_else", {}) for step in steps]
    ways += [branch for step in steps for branch in step.get("branches", ())]
    return any(way.get("next") == target for way in ways)


def _filled(steps: Iterable[Document]) -> set[str]:
    """Return the segments that steps add users to."""
    operations = [
        operation
        for step in steps
        if isinstance(step.get("config"), Mapping)
        for operation in step["config"].get("operations", ())
    ]
    return {str(each.get("segment")) for each in operations if each.get("type") == "add_segment"}


def _entry(conditions: Document, filled: Container[str]) -> dict[str, Any]:
    leaves: list[dict[str, Any]] = [
        {"list" if each in filled else "audience": each} for each in conditions.get("segments", ())
    ]
    leaves += [{"event": each} for each in conditions.get("events", ())]
    entry: dict[str, Any] = {"condition": leaves[0] if len(leaves) == 1 else {"any": leaves}}
    if not leaves:
        entry = {"by_name": True}
    days = conditions.get("minDaysSinceLastJourney")
    if days is not None:
        entry["reentry"] = {"after_exit": {"cool_down": f"{days} days"}}
    return entry


def _step(step: Document, id_: str, onward: str | None) -> dict[str, Any]:
    kind = str(step.get("type"))
    translate = _TYPES.get(kind)
    if translate is None:
        raise ValueError(f"{kind!r} is no step type here: write one of {', '.join(_TYPES)}")
    ours = {"id": id_, **translate(step["config"], id_, onward)}
    if "name" in step:
        ours["name"] = step["name"]
    return {name: value for name, value in ours.items() if value is not None}


def _wait(config: Document, _: str, onward: str | None) -> dict[str, Any]:
    unit = config["unit"]
    if unit not in _UNITS:
        raise ValueError(f"unit {unit!r} is not known: write one of {', '.join(_UNITS)}")
    return {
        "type": "wait_for_duration",
        "duration": f"{config['duration']} {unit}",
        "next": onward,
    }


def _decide(config: Document, id_: str, onward: str | None) -> dict[str, Any]:
    return {
        "type": "decide",
        "ask": {"flow": config["decisionFlowId"]},
        "most": config.get("maxOffers", 1),
        "store_as": config.get("storeResultAs", id_),
        "timeout": {"after": _PATIENCE, **({"next": onward} if onward else {})},
        "next": onward,
    }


def _branch(config: Document, _: str, onward: str | None) -> dict[str, Any]:
    return {
        "type": "multi_branch_split",
        "mode": "first_match",
        "branches": [
            {
                "name": each.get("label", each["expression"]),
                "condition": _condition(each["expression"]),
                "next": each["targetStepId"],
            }
            for each in config["conditions"]
        ],
        "everyone_else": {"next": config.get("defaultTargetStepId", onward)},
    }


def _condition(expression: str) -> str:
    """Translate the signs that a condition in one string spells out; the rest is the same."""
    return _QUOTED_OR_SIGN.sub(lambda found: _SIGNS.get(found[0], found[0]), expression)


def _send(config: Document, _: str, onward: str | None) -> dict[str, Any]:
    attributes = {}
    if "creativeId" in config:
        attributes["creative_id"] = f"text.{config['creativeId']}"
    if "resultSource" in config:
        attributes["offer_id"] = f"results.{config['resultSource']}.0.offer_id"
    return {
        "type": "send_to_destinations",
        "destinations": [{"name": config["channelId"], "attributes": attributes}],
        "next": onward,
    }


def _update(config: Document, _: str, onward: str | None) -> dict[str, Any]:
    changes = []
    for operation in config["operations"]:
        kind = str(operation.get("type"))
        if kind not in _OPERATIONS:
            known = ", ".join(_OPERATIONS)
            raise ValueError(f"{kind!r} is no operation here: write one of {known}")
        verb, named_by = _OPERATIONS[kind]
        change = {verb: operation[named_by]}
        if "value" in operation:
            change["value"] = operation["value"]
        elif kind == "set_flag":
            change["value"] = True
        changes.append(change)
    return {"type": "update_profile", "changes": changes, "next": onward}


def id_of(name: str) -> str:
    """Return the id that a journey gets from its name."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:80] or "unnamed"


_TYPES: Mapping[str, Callable[[Document, str, str | None], dict[str, Any]]] = {
    "wait": _wait,
    "decide": _decide,
    "branch": _branch,
    "send": _send,
    "update": _update,
}
