"""Small valid journeys: of any steps, with branches that meet again, one or two together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from hypothesis import strategies as st

from journeystream.compiler import Workshop, compile_journey
from journeystream.condition_language import Condition, EventLeaf, TraitLeaf
from journeystream.definitions import JourneyDefinition, parse_definition
from journeystream.engine import Rules
from journeystream.journeys import Journeys
from journeystream.keys import keys_of
from journeystream.project import Limits
from journeystream.validation import Known, validate_journey
from tests.strategies.small_world import DESTINATIONS, EVENT_NAMES
from tests.strategies.written_conditions import easy_conditions, trait_leaves

Project = tuple[JourneyDefinition, ...]

_STEP_TYPES = (
    "send_to_destinations",
    "send_to_destinations",
    "send_to_destinations",
    "wait_for_condition",
    "wait_for_duration",
    "true_false_split",
    "every_match",
    "first_match",
    "exit",
    "first_to_happen",
    "percent_split",
    "merge",
    "wait_until",
    "decide",
    "update_profile",
)
AUDIENCES: dict[str, Condition] = {
    "pros": TraitLeaf(trait="plan", equals="pro"),
    "busy": EventLeaf(event="a", at_least=2, within="1 day"),
    "quiet": EventLeaf(event="b", exactly=0, within="5 hours"),
}
_SENDING: tuple[dict[str, Any] | None, ...] = (
    None,
    None,
    {"quiet_hours": [{"from": "11:00", "to": "16:00"}]},
    {"windows": [{"from": "13:00", "to": "01:00"}], "at_other_times": "discard"},
    {"caps": [{"at_most": 1, "within": "5 hours", "across": "all"}]},
    {"caps": [{"at_most": 2, "within": "1 day"}], "over_cap": "hold"},
)
_SCHEDULES: tuple[dict[str, Any], ...] = (
    {"every": "3 hours"},
    {"every": "daily", "at": ["11:10"]},
    {"every": "weekly", "weekdays": ["sat", "mon"]},
    {"every": "monthly", "days": [2, -1], "at": ["06:30", "18:00"]},
    {"every": "dates", "dates": ["2024-03-02", "2024-03-04"]},
)
_CHANGES = ({"increment": "score"}, {"set": "plan", "value": "pro"}, {"unset": "plan"})
_DURATIONS = ("10 minutes", "1 hour", "5 hours", "1 day")
_MOST_STEPS = 6
_MOST_FORKS = 2  # every-match splits double positions; two keep an instance small


@dataclass(frozen=True, slots=True)
class _Builder:
    """Draws the steps of one journey; all ways lead forward, or back over a long wait."""

    draw: st.DrawFn
    count: int

    def next(self, place: int) -> str | None:
        later = [f"s{index}" for index in range(place + 1, self.count)]
        return self.draw(st.sampled_from((*later[:1], *later[:1], *later[:3], None)))

    def condition(self) -> dict[str, Any]:
        return self.draw(easy_conditions(("entry", "step")))

    def timeout(self, place: int) -> dict[str, Any]:
        after = self.draw(st.sampled_from(_DURATIONS))
        return {"timeout": {"after": after, "next": self.next(place)}}

    def branches(self, place: int) -> list[dict[str, Any]]:
        return [
            {"name": f"branch {index}", "condition": self.condition(), "next": self.next(place)}
            for index in range(self.draw(st.integers(1, 3)))
        ]

    def pause(self, place: int, *, loops: bool) -> dict[str, Any]:
        """Draw a wait of fixed length, which may lead back to the first step."""
        if loops and self.draw(st.integers(0, 3)) == 0:
            return {"duration": "1 day", "next": "s0"}
        return {"duration": self.draw(st.sampled_from(_DURATIONS)), "next": self.next(place)}

    def step(self, place: int, kind: str, *, loops: bool) -> dict[str, Any]:
        step: dict[str, Any] = {"id": f"s{place}", "type": kind}
        match kind:
            case "send_to_destinations":
                number = self.draw(st.integers(1, 2))
                step["destinations"] = list(DESTINATIONS[:number])
                step["next"] = self.next(place)
                if sending := self.draw(st.sampled_from(_SENDING)):
                    step["sending"] = sending
            case "wait_for_condition":
                step |= {"condition": self.condition(), "next": self.next(place)}
                if self.draw(st.booleans()):
                    step |= self.timeout(place)
            case "wait_for_duration":
                step |= self.pause(place, loops=loops)
            case "true_false_split":
                step["condition"] = self.condition()
                step |= {way: {"next": self.next(place)} for way in ("if_true", "if_false")}
            case _:
                step |= self.newer(place, kind)
        return step

    def newer(self, place: int, kind: str) -> dict[str, Any]:
        """Draw a step of one of the other types."""
        if kind.endswith(("_match", "_split", "_happen")):
            return self.split(place, kind)
        step: dict[str, Any] = {} if kind == "exit" else {"next": self.next(place)}
        match kind:
            case "merge":
                step["next"] = f"s{place + 1}"  # the last step is none
            case "wait_until" if self.draw(st.booleans()):
                step["time"] = self.draw(st.sampled_from(("00:00", "13:30")))
            case "wait_until":
                step["windows"] = [{"days": ["tue"], "from": "10:00"}, {"from": "20:00"}]
            case "decide":
                scored = {"offer_id": "b", "score": "traits.score + 1"}
                step["offers"] = [{"offer_id": "a", "condition": self.condition()}, scored]
            case "update_profile":
                step["changes"] = [self.draw(st.sampled_from(_CHANGES))]
        return step

    def split(self, place: int, kind: str) -> dict[str, Any]:
        """Draw a split of a kind or mode."""
        if kind == "percent_split":
            ways = [{"name": "some", "share": 12.5}, {"name": "others", "share": 87.5}]
            return {"paths": [{**way, "next": self.next(place)} for way in ways]}
        step: dict[str, Any] = {"type": "multi_branch_split", "mode": kind}
        step |= {"branches": self.branches(place)}
        waits = kind != "first_match"
        if kind == "first_to_happen" or self.draw(st.booleans()):
            step |= self.timeout(place) if waits else {"everyone_else": {"next": self.next(place)}}
        return step


@st.composite
def journeys(
    draw: st.DrawFn, id_: str = "j", *, entries: st.SearchStrategy[dict[str, Any]] | None = None
) -> JourneyDefinition:
    """Draw a valid journey of up to six steps of any type."""
    count = draw(st.integers(2, _MOST_STEPS))
    kinds = [draw(st.sampled_from(_STEP_TYPES)) for _ in range(count)]
    kinds[draw(st.integers(0, 1))] = "send_to_destinations"  # or nothing can be seen
    if kinds[0] == "merge":
        kinds[0] = "percent_split"
    if kinds[-1] == "merge":
        kinds[-1] = "percent_split"
    forks = [index for index, kind in enumerate(kinds) if kind == "every_match"]
    for index in forks[_MOST_FORKS:]:
        kinds[index] = "first_match"
    builder = _Builder(draw, count)
    steps = [
        builder.step(place, kind, loops=not forks and kinds[0] != "exit")
        for place, kind in enumerate(kinds)
    ]
    written: dict[str, Any] = {
        "id": id_,
        "name": f"Journey {id_}",
        "entry": draw(_entries()) if entries is None else _entry(draw(entries), draw),
        "at_end": draw(st.sampled_from(("rest", "exit"))),
        "steps": _reachable(steps),
    }
    if draw(st.booleans()):
        out = st.builds(lambda n: {"event": n, "since": "entry"}, st.sampled_from(EVENT_NAMES))
        condition = draw(st.one_of(out, easy_conditions(("entry",))))
        written["exits"] = [{"name": "out", "condition": condition}]
    written["leave_when_not_in_audience"] = draw(st.integers(0, 4)) == 0
    if draw(st.integers(0, 2)) == 0:
        written["goals"] = draw(_goals())
    if draw(st.integers(0, 2)) == 0:
        written["max_duration"] = draw(st.sampled_from(("2 hours", "2 days", "1 month")))
    return journey_of(written)


def _entry(condition: dict[str, Any], draw: st.DrawFn) -> dict[str, Any]:
    return {"condition": condition, "reentry": draw(st.sampled_from(("never", "after_exit")))}


@st.composite
def _entries(draw: st.DrawFn) -> dict[str, Any]:
    """Draw who enters: mostly by a condition, some by audiences, and any policy of re-entry."""
    entry: dict[str, Any] = {"reentry": draw(reentries())}
    kind = draw(st.sampled_from(("condition",) * 4 + ("audience", "include")))
    if kind == "condition":
        entry["condition"] = draw(easy_conditions(()))
    elif kind == "audience":
        entry["audience"] = draw(st.sampled_from(sorted(AUDIENCES)))
    else:
        entry["include"] = draw(st.lists(st.sampled_from(sorted(AUDIENCES)), min_size=1))
    if draw(st.integers(0, 4)) == 0:
        entry["exclude"] = [draw(st.sampled_from(sorted(AUDIENCES)))]
    entry["already_in"] = draw(st.integers(0, 4)) == 0
    if "every_time" not in entry["reentry"] and draw(st.integers(0, 3)) == 0:
        entry["schedule"] = draw(schedules())
    return entry


def schedules() -> st.SearchStrategy[dict[str, Any]]:
    """Draw a schedule; if it takes everyone it soon ends, or there would be runs for ever."""
    some = st.sampled_from(_SCHEDULES)
    ends = {"ends": "2024-03-05", "everyone": True}
    return st.one_of(some, some.map(lambda written: {**written, **ends}))


def reentries() -> st.SearchStrategy[Any]:
    """Draw a policy of re-entry; instances beside each other are told apart by property n."""
    keyed = st.builds(
        lambda most, repeat: {"every_time": {"key": "n", "most": most, "on_repeat": repeat}},
        st.integers(1, 3),
        st.sampled_from(("ignore", "restart")),
    )
    rest = st.builds(lambda text: {"after_exit": {"cool_down": text}}, st.sampled_from(_DURATIONS))
    return st.one_of(st.sampled_from(("never", "after_exit")), rest, keyed, keyed)


def _goals() -> st.SearchStrategy[list[dict[str, Any]]]:
    goal = st.builds(
        lambda id_, condition, exits: {"id": id_, "condition": condition, "exits": exits},
        st.sampled_from(("first", "second")),
        easy_conditions(("entry",)),
        st.booleans(),
    )
    return st.lists(goal, min_size=1, max_size=2, unique_by=lambda goal: goal["id"])


def _reachable(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    by_id = {step["id"]: step for step in steps}
    reached, todo = set(), [steps[0]["id"]]
    while todo:
        id_ = todo.pop()
        if id_ not in reached:
            reached.add(id_)
            todo += _targets(by_id[id_])
    return [step for step in steps if step["id"] in reached]


def _targets(written: object) -> list[str]:
    if isinstance(written, list):
        return [target for part in written for target in _targets(part)]
    if not isinstance(written, dict):
        return []
    here = [written["next"]] if written.get("next") else []
    return here + [target for part in written.values() for target in _targets(part)]


def journey_of(written: Mapping[str, Any]) -> JourneyDefinition:
    """Read a journey and make sure that it is valid."""
    journey = parse_definition(written, "drawn")
    assert isinstance(journey, JourneyDefinition)
    problems = validate_journey(journey, Known(DESTINATIONS, AUDIENCES, Limits()))
    assert not problems, problems
    return journey


def rules_of(*definitions: JourneyDefinition, archived: Iterable[str] = ()) -> Rules:
    """Publish journeys as version 1 of themselves, in UTC."""
    workshop = Workshop(UTC, AUDIENCES, lambda _: {"plan": "traits.plan", "n": "entry.n"})
    compiled = [
        compile_journey(definition, 1, keys_of(definition, {}, 255), workshop)
        for definition in definitions
    ]
    return Rules(
        Journeys(
            versions={(journey.id, 1): journey for journey in compiled},
            heads={journey.id: journey for journey in compiled},
            admitting=frozenset(journey.id for journey in compiled) - frozenset(archived),
            archived=frozenset(archived),
        )
    )


@st.composite
def meeting_journeys(draw: st.DrawFn, id_: str = "j") -> JourneyDefinition:
    """Draw a journey whose branches meet again in one send step, so that a user is in it twice."""
    names = draw(st.lists(st.sampled_from(EVENT_NAMES), min_size=2, max_size=3))
    onward = st.sampled_from(("sent", "sent", "wait", None))
    split: dict[str, Any] = {
        "id": "split",
        "type": "multi_branch_split",
        "branches": [
            {"name": f"{index}", "condition": {"event": name}, "next": draw(onward)}
            for index, name in enumerate(names)
        ],
        "timeout": {"after": "5 hours", "next": "wait"},
    }
    sent = {"id": "sent", "type": "send_to_destinations", "destinations": list(DESTINATIONS)}
    split["branches"][0]["next"] = "sent"
    wait = {"id": "wait", "type": "wait_for_duration", "next": "sent"}
    steps: list[dict[str, Any]] = [
        split,
        {**wait, "duration": draw(st.sampled_from(_DURATIONS))},
        {**sent, "next": draw(st.sampled_from((None, "after")))},
        {"id": "after", "type": "wait_for_condition", "condition": draw(trait_leaves())},
    ]
    out = {"event": draw(st.sampled_from(EVENT_NAMES)), "since": "entry", "at_least": 2}
    entry = draw(st.sampled_from(({"event": "*"}, {"event": "a"}, {"page": "home"})))
    return journey_of(
        {
            "id": id_,
            "name": f"Journey {id_}",
            "entry": {"condition": entry, "reentry": "after_exit"},
            "exits": [{"name": "out", "condition": out}],
            "at_end": draw(st.sampled_from(("rest", "exit"))),
            "steps": _reachable(steps),
        }
    )


@st.composite
def projects(draw: st.DrawFn, *, linked: bool = True) -> Project:
    """Draw one journey, or two beside each other; if `linked`, one may trigger the other."""
    first = draw(st.one_of(journeys("j1"), journeys("j1"), meeting_journeys("j1")))
    if not draw(st.booleans()):
        return (first,)
    second = draw(journeys("j2"))
    if linked and draw(st.integers(0, 2)) == 0:
        step = draw(st.sampled_from([step.id for step in first.steps]))
        trigger = {"journey": "j1", "step": step}
        written = second.model_dump(mode="json", by_alias=True, exclude_none=True)
        written["entry"] = {"trigger": trigger, "reentry": draw(reentries())}
        written["leave_when_not_in_audience"] = False
        second = journey_of(written)
    return (first, second)
