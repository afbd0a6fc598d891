"""A slow and obvious reference for what a condition means.

It looks at the whole list of one user's events each time it is asked, and reads the condition
as it was written. Its time zone is UTC. The event that the user entered by is the one at the
instant of the entry.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise, product
from typing import Any

from journeystream.durations import instant_of
from journeystream.events import Event
from journeystream.user import NEVER
from tests.strategies import DAY, DUES, HOUR, MINUTE, START

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
_DAYS_AHEAD = 101


@dataclass(frozen=True, slots=True)
class _Situation:
    log: Sequence[Event]
    now: int
    entered_at: int
    step_since: int

    @property
    def entry(self) -> Written:
        """The properties of the event that the user entered by."""
        for event in self.log:
            if event.at == self.entered_at:
                return dict(event.properties) if event.kind != "identify" else {}
        return {}

    def begin(self, leaf: Written) -> int:
        """Return the instant after which events count."""
        since = {"entry": self.entered_at, "step": self.step_since}
        return since.get(leaf.get("since", ""), NEVER)

    def events(self, wanted: Written | str, begin: int = NEVER) -> list[int]:
        """Return the instants of the events that are asked for."""
        leaf: Written = {"event": wanted} if isinstance(wanted, str) else wanted
        found = [event.at for event in self.log if _asked_for(leaf, event, self.entry)]
        return sorted(at for at in found if at > begin)


def holds(
    condition: Written,
    log: Sequence[Event],
    now: int,
    entered_at: int = NEVER,
    step_since: int = NEVER,
) -> bool:
    """Tell from all events of one user so far whether a condition, as written, is true."""
    return _holds(condition, _Situation(log, now, entered_at, step_since))


def _holds(condition: Written, asked: _Situation) -> bool:
    if "all" in condition:
        return all(_holds(part, asked) for part in condition["all"])
    if "any" in condition:
        return any(_holds(part, asked) for part in condition["any"])
    if "not" in condition:
        return not _holds(condition["not"], asked)
    return _leaf_holds(condition, asked)


def _leaf_holds(condition: Written, asked: _Situation) -> bool:
    if "trait" in condition:
        return _trait_holds(condition, asked)
    if "inaction" in condition:
        return _inaction_holds(condition["inaction"], asked)
    if "sequence" in condition:
        return _sequence_holds(condition, asked)
    counted = [
        at
        for at in asked.events(condition, asked.begin(condition))
        if "within" not in condition or at + SPANS[condition["within"]] > asked.now
    ]
    return _enough(condition, len(counted))


# ── events ───────────────────────────────────────────────────────────────────────────────


def _asked_for(leaf: Written, event: Event, entry: Written) -> bool:
    if "page" in leaf:
        named = event.kind == "page" and event.name == leaf["page"]
    else:
        named = event.kind == "track" and leaf["event"] in ("*", event.name)
    after, before = leaf.get("after"), leaf.get("before")
    return (
        named
        and all(
            _is(event.properties, name, wanted, entry)
            for name, wanted in leaf.get("where", {}).items()
        )
        and (after is None or event.at >= instant_of(after))
        and (before is None or event.at < instant_of(before))
    )


def _is(properties: Any, name: str, wanted: Any, entry: Written) -> bool:  # noqa: ANN401  JSON
    if wanted == {"exists": False}:
        return name not in properties
    if name not in properties:
        return False
    value = properties[name]
    if not isinstance(wanted, dict):
        return bool(value == wanted)
    if "equals_entry" in wanted and entry.get(wanted["equals_entry"]) != value:
        return False
    return "at_least" not in wanted or bool(value >= wanted["at_least"])


def _enough(leaf: Written, count: int) -> bool:
    if "at_most" in leaf:
        return count <= int(leaf["at_most"])
    if "exactly" in leaf:
        return count == int(leaf["exactly"])
    if "between" in leaf:
        low, high = leaf["between"]
        return int(low) <= count <= int(high)
    return count >= int(leaf.get("at_least", 1))


def _inaction_holds(leaf: Written, asked: _Situation) -> bool:
    begins = asked.events(leaf["did"], asked.begin(leaf))
    stops = asked.events(leaf["without"], asked.begin(leaf))
    for begin in begins:
        end = begin + SPANS[leaf["within"]]
        stopped = any(begin < stop < end for stop in stops)
        begun_anew = any(again >= end for again in begins)
        if end <= asked.now and not stopped and not begun_anew:
            return True
    return False


def _sequence_holds(leaf: Written, asked: _Situation) -> bool:
    steps = [asked.events(step, asked.begin(leaf)) for step in leaf["sequence"]]
    span = SPANS[leaf["within"]] if "within" in leaf else -NEVER
    return any(
        all(left < right for left, right in pairwise(chain)) and chain[-1] < chain[0] + span
        for chain in product(*steps)
    )


# ── traits ───────────────────────────────────────────────────────────────────────────────


def _trait_holds(leaf: Written, asked: _Situation) -> bool:
    name = leaf["trait"]
    traits: Written = {}
    changed = NEVER
    for event in asked.log:
        if event.kind == "identify" and name in event.properties:
            if name not in traits or traits[name] != event.properties[name]:
                changed = max(changed, event.at)
            traits[name] = event.properties[name]
    if "has_been" in leaf:
        begin = changed + SPANS[leaf["for"]]
        return bool(traits.get(name) == leaf["has_been"]) and begin <= asked.now
    if "changed" in leaf or "changed_to" in leaf:
        lately = changed > asked.begin(leaf) and (
            "within" not in leaf or asked.now < changed + SPANS[leaf["within"]]
        )
        if "changed" in leaf:
            return bool(lately == leaf["changed"])
        return bool(lately and traits[name] == leaf["changed_to"])
    if name == "due":
        return _date_holds(leaf, traits.get(name, ""), asked.now)
    return _value_holds(leaf, traits)


def _value_holds(leaf: Written, traits: Written) -> bool:
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


def _date_holds(leaf: Written, text: str, now: int) -> bool:
    if text in ("", "soon"):
        return False
    value, today = _instant(text), _moment(now).date()
    day = _moment(value).date()
    truths = {
        "before": lambda wanted: value < _instant(wanted),
        "after": lambda wanted: value >= _instant(wanted),
        "within_last": lambda wanted: value <= now < value + SPANS[wanted],
        "within_next": lambda wanted: value - SPANS[wanted] <= now < value,
        "same_day": lambda wanted: (
            day == (today if wanted == "today" else date.fromisoformat(wanted))
        ),
        "anniversary_within": lambda wanted: any(
            (ahead.month, ahead.day) == (day.month, day.day) and ahead.year > day.year
            for ahead in (today + timedelta(days=days) for days in range(wanted + 1))
        ),
    }
    return all(truths[name](wanted) for name, wanted in leaf.items() if name != "trait")


def _instant(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return instant_of(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _moment(instant: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant)


# ── changes by time alone ────────────────────────────────────────────────────────────────


def change_points(condition: Written, log: Sequence[Event]) -> list[int]:
    """Return every instant at which time alone could change some leaf of the condition."""
    spans = set(_windows(condition))
    points = {event.at + span for event in log for span in spans}
    if "'due'" in str(condition):
        dues = [_instant(due) for due in DUES if due != "soon"]
        points |= {due + sign * span for due in dues for span in (0, *spans) for sign in (-1, 1)}
        points |= {START + days * DAY for days in range(_DAYS_AHEAD)}
    return sorted(points)


def _windows(condition: Any) -> Iterator[int]:  # noqa: ANN401  JSON
    """Yield the length of every window in the condition."""
    match condition:
        case dict():
            for part in condition.values():
                yield from _windows(part)
        case list():
            for part in condition:
                yield from _windows(part)
        case str() if condition in SPANS:
            yield SPANS[condition]
