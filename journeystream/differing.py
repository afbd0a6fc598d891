"""Two versions of a journey over the same events: who fares differently.

Law: what is compared is whether and how often a user enters, the steps and branches in the order
in which each pass comes to them, and how it ends. When that is makes no difference. The first
of these that differs is the one that counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from journeystream.simulated import Difference, Differs, UserDifference
from journeystream.simulating import LEFT, Simulation, Stage

_Ways = Mapping[str, Sequence[Stage]]
_NONE: _Ways = {}


def differ(this: Simulation, against: Simulation) -> Difference:
    """Compare two simulations that have played the same events, once both have ended."""
    found: Counter[Differs] = Counter()
    users = {}
    for user in sorted(this.ways.keys() | against.ways.keys()):
        ways = this.ways.get(user, _NONE), against.ways.get(user, _NONE)
        kind = _kind(*ways)
        if kind is not None:
            found[kind] += 1
            users[user] = kind
    return Difference(
        entry=found["entry"],
        path=found["path"],
        end=found["end"],
        users=tuple(
            UserDifference(
                user=user,
                differs=users[user],
                this=_told(this.ways.get(user, _NONE)),
                against=_told(against.ways.get(user, _NONE)),
            )
            for user in this.subject.shown(list(users))
        ),
    )


def _kind(this: _Ways, against: _Ways) -> Differs | None:
    """Return in what two users' ways differ first; None if in nothing."""
    if len(this) != len(against):
        return "entry"
    pairs = list(zip(this.values(), against.values(), strict=True))
    if any(_path(one) != _path(other) for one, other in pairs):
        return "path"
    return "end" if any(one != other for one, other in pairs) else None


def _path(way: Sequence[Stage]) -> list[Stage]:
    return [stage for stage in way if stage[0] != LEFT]


def _told(ways: _Ways) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(_stage(*stage) for stage in way) for way in ways.values())


def _stage(name: str, detail: str) -> str:
    if name == LEFT:
        return f"{name}: {detail}"
    return f"{name} ({detail})" if detail else name
