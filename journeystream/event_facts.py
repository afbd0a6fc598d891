"""Which events count for a leaf, and what is kept of them.

Laws:

1. Mostly the instants are kept. Where a filter compares with the event that the user entered
   by (`equals_entry`), the values are kept beside them, because it is not known beforehand what
   they will be compared with: those of the newest 100 events.
2. Relative dates in `where` compare with the event's own time, so a fact never changes.
3. Values are the same when they are equal and of one kind, as in `equals`: 1 and 1.0 are, 1 and
   true are not. null equals nothing.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from operator import itemgetter

import orjson

from journeystream.comparisons import MISSING, Comparison, Test, at_path, compile_comparison
from journeystream.date_comparisons import compile_dated
from journeystream.effects import stable_id
from journeystream.event_language import MOST_LOOKED_AT, EventComparison, EventFilter
from journeystream.events import Event
from journeystream.moments import Moment, Predicate, Valued

Bounds = tuple[int | None, int | None]
Value = Callable[[Event], object]
EVER: Bounds = (None, None)
_LONGEST_KEPT = 100
_when = itemgetter(0)


@dataclass(frozen=True, slots=True)
class Facts:
    """The events of a filter: what keeps them, and the instants of those that count.

    `instants` are ascending, of all that is kept; what lies in a window is the leaf's business.
    """

    predicate: Predicate
    instants: Callable[[Moment], Sequence[int]]
    entry_paths: frozenset[str] = frozenset()

    @property
    def predicates(self) -> Mapping[str, Predicate]:
        """The predicate by its id."""
        return {self.predicate.id: self.predicate}


def facts_of(
    asked: EventFilter, keep: int, zone: tzinfo, dates: Bounds = EVER, own: str = ""
) -> Facts:
    """Return how the events of a filter are kept and found again.

    Facts are shared by all who ask the same, but for those of a journey that has its `own`: what
    it has read of the past is nobody else's.
    """
    if asked.entry_paths:
        return _correlated(asked, zone, dates, own)
    id_ = filter_id(asked, zone, dates) + own
    kind, name = asked.kind_and_name
    predicate = Predicate(id_, kind, name, matcher(asked, zone, dates), keep)
    return Facts(predicate, lambda moment: moment.user.facts.get(id_, ()))


def filter_id(asked: EventFilter, zone: tzinfo, dates: Bounds = EVER, *more: str) -> str:
    """Return an id that filters share when they let the same events pass."""
    where = asked.model_dump(mode="json", by_alias=True, exclude_none=True)["where"]
    written = orjson.dumps(where, option=orjson.OPT_SORT_KEYS).decode()
    # Dates without an offset are read in the time zone.
    if any(
        isinstance(wanted, EventComparison) and wanted.dated() for wanted in asked.where.values()
    ):
        more = (*more, str(zone))
    after, before = dates
    return stable_id(*asked.kind_and_name, written, str(after), str(before), *more)[:12]


def matcher(asked: EventFilter, zone: tzinfo, dates: Bounds = EVER) -> Callable[[Event], bool]:
    """Return the test that the filter's events pass, of the same kind and name."""
    after, before = dates
    tests = [
        _property_test(path, wanted, zone)
        for path, wanted in asked.where.items()
        if not isinstance(wanted, EventComparison) or wanted.says_more()
    ]
    if after is not None:
        tests.append(lambda event: event.at >= after)
    if before is not None:
        tests.append(lambda event: event.at < before)
    if not tests:
        return lambda _: True
    if len(tests) == 1:
        return tests[0]
    return lambda event: all(test(event) for test in tests)


def property_at(path: str) -> Value:
    """Return how to find a property: by its whole name, else step by step; or in the context."""
    names = path.split(".")
    if names[0] == "context" and len(names) > 1:
        inside = names[1:]
        return lambda event: at_path(event.context, inside)

    def value(event: Event) -> object:
        found = event.properties.get(path, MISSING)
        return found if found is not MISSING else at_path(event.properties, names)

    return value


def sameness(value: object) -> str | None:
    """Return a short text that same values share; None for what is missing or null."""
    if value is None or value is MISSING:
        return None
    if isinstance(value, bool | str):
        text = orjson.dumps(value).decode()
    elif isinstance(value, int | float):
        text = str(int(value)) if value == value // 1 else repr(value)
    else:
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    # No JSON begins with this sign.
    return text if len(text) <= _LONGEST_KEPT else f"#{stable_id(text)}"


def _correlated(asked: EventFilter, zone: tzinfo, dates: Bounds, own: str) -> Facts:
    paths = dict(sorted(asked.entry_paths.items()))
    id_ = filter_id(asked, zone, dates, "values") + own
    kind, name = asked.kind_and_name
    passes = matcher(asked, zone, dates)
    sources = [property_at(path) for path in paths]

    def matches(event: Event) -> bool:
        return passes(event) and all(sameness(source(event)) is not None for source in sources)

    def learn(valued: Valued, came: int, event: Event) -> None:
        insort(valued, (came, [sameness(source(event)) for source in sources]), key=_when)
        del valued[:-MOST_LOOKED_AT]

    def join(valued: Valued, others: Valued) -> None:
        valued[:] = sorted([*valued, *others], key=_when)[-MOST_LOOKED_AT:]

    def instants(moment: Moment) -> list[int]:
        wanted = [sameness(moment.entry.get(path)) for path in paths.values()]
        valued = moment.user.values.get(id_, ())
        # What is missing was never kept.
        return [came for came, value in valued if value == wanted]

    predicate = Predicate(id_, kind, name, matches, MOST_LOOKED_AT, learn, join)
    return Facts(predicate, instants, frozenset(paths.values()))


def _property_test(path: str, wanted: object, zone: tzinfo) -> Callable[[Event], bool]:
    value = property_at(path)
    if isinstance(wanted, EventComparison) and (timed := compile_dated(wanted, zone)) is not None:
        return lambda event: timed.test(value(event), event.at)
    comparison = wanted if isinstance(wanted, Comparison) else Comparison(equals=wanted)
    test: Test = compile_comparison(comparison)
    names = path.split(".")
    if names[0] == "context" and len(names) > 1:
        return lambda event: test(value(event))

    def passes(event: Event) -> bool:
        # Asked of each event of the name: one call less than by way of `value`.
        found = event.properties.get(path, MISSING)
        return test(found if found is not MISSING else at_path(event.properties, names))

    return passes
