"""A slow and obvious reference for what a condition means.

It looks at the whole list of one user's events each time it is asked, and reads the condition
as it was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from journeystream.durations import instant_of
from journeystream.events import Event
from journeystream.user import NEVER
from tests.strategies import DAY, HOUR, MINUTE

Written = dict[str, Any]
SPANS = {
    "10 minutes": 10 * MINUTE,
    "1 hour": HOUR,
    "3 hours": 3 * HOUR,
    "5 hours": 5 * HOUR,
    "1 day": DAY,
}
one_user = ("u1",)
anywhere = ("entry", "step")


def holds(
    condition: Written,
    log: Sequence[Event],
    now: int,
    entered_at: int = NEVER,
    step_since: int = NEVER,
) -> bool:
    """Tell from all events of one user so far whether a condition, as written, is true."""
    if "all" in condition:
        return all(holds(part, log, now, entered_at, step_since) for part in condition["all"])
    if "any" in condition:
        return any(holds(part, log, now, entered_at, step_since) for part in condition["any"])
    if "not" in condition:
        return not holds(condition["not"], log, now, entered_at, step_since)
    if "trait" in condition:
        return _trait_holds(condition, log)
    begin = {"entry": entered_at, "step": step_since}.get(condition.get("since", ""), NEVER)
    counted = [
        event
        for event in log
        if _asked_for(condition, event)
        and event.at > begin
        and ("within" not in condition or event.at + SPANS[condition["within"]] > now)
    ]
    return _enough(condition, len(counted))


def _asked_for(leaf: Written, event: Event) -> bool:
    if "page" in leaf:
        named = event.kind == "page" and event.name == leaf["page"]
    else:
        named = event.kind == "track" and leaf["event"] in ("*", event.name)
    after, before = leaf.get("after"), leaf.get("before")
    return (
        named
        and all(
            _is(event.properties, name, wanted) for name, wanted in leaf.get("where", {}).items()
        )
        and (after is None or event.at >= instant_of(after))
        and (before is None or event.at < instant_of(before))
    )


def _is(properties: Any, name: str, wanted: Any) -> bool:  # noqa: ANN401  JSON
    if wanted == {"exists": False}:
        return name not in properties
    if isinstance(wanted, dict):
        return name in properties and bool(properties[name] >= wanted["at_least"])
    return name in properties and bool(properties[name] == wanted)


def _enough(leaf: Written, count: int) -> bool:
    if "at_most" in leaf:
        return count <= int(leaf["at_most"])
    if "exactly" in leaf:
        return count == int(leaf["exactly"])
    if "between" in leaf:
        low, high = leaf["between"]
        return int(low) <= count <= int(high)
    return count >= int(leaf.get("at_least", 1))


def _trait_holds(leaf: Written, log: Sequence[Event]) -> bool:
    traits: dict[str, Any] = {}
    for event in log:
        if event.kind == "identify":
            traits.update(event.properties)
    name = leaf["trait"]
    if "not_equals" in leaf:
        return bool(traits.get(name) != leaf["not_equals"])
    if name not in traits:
        return False
    if "equals" in leaf:
        return bool(traits[name] == leaf["equals"])
    if "greater_than" in leaf:
        return bool(traits[name] > leaf["greater_than"])
    return "in" not in leaf or traits[name] in leaf["in"]


def change_points(condition: Written, log: Sequence[Event]) -> list[int]:
    """Return every instant at which an event falls out of some window of the condition."""
    return sorted({event.at + span for event in log for span in _windows(condition)})


def _windows(condition: Written) -> list[int]:
    if "within" in condition:
        return [SPANS[condition["within"]]]
    parts = [*condition.get("all", ()), *condition.get("any", ())]
    parts += [condition["not"]] if "not" in condition else []
    return [span for part in parts for span in _windows(part)]
