"""What is wrong with a journey as a whole: every problem at once, each with its place.

Form (types, unknown fields) was checked when the file was read. This looks at what hangs
together: references, reachability, loops, names, limits. Warnings do not stop publishing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from journeystream.condition_language import AudienceLeaf
from journeystream.condition_problems import (
    Place,
    audiences_in,
    condition_problems,
)
from journeystream.definitions import AudienceDefinition, JourneyDefinition
from journeystream.entry_language import Entry
from journeystream.entry_validation import entry_problems
from journeystream.errors import Problem, did_you_mean
from journeystream.keys import keys_of
from journeystream.known import Known
from journeystream.outputs import journey_id
from journeystream.project import Limits
from journeystream.step_validation import step_problems
from journeystream.steps.multi_branch_split import MultiBranchSplit
from journeystream.steps.send_to_destinations import SendToDestinations

__all__ = ["Known", "validate_audience", "validate_journey"]
_LONGEST_ID = 80
_MOST_POSITIONS = 100  # of one instance: a user's record and each turn's effects grow with them


def validate_journey(journey: JourneyDefinition, known: Known) -> list[Problem]:
    """Return every problem of the journey, in the order of the file."""
    too_much = list(_limit_problems(journey, known.limits))
    if len(journey.steps) > known.limits.steps:
        # What hangs together is looked at step by step, and way by way: not of any number.
        return too_much
    return [
        *too_much,
        *_name_problems(journey),
        *_reference_problems(journey),
        *_reachability_problems(journey),
        *_loop_problems(journey),
        *_breadth_problems(journey),
        *entry_problems(journey, known),
        *_condition_problems(journey, known),
        *_send_problems(journey, known),
        *step_problems(journey, known),
        *_example_problems(journey),
    ]


def validate_audience(audience: AudienceDefinition, known: Known) -> list[Problem]:
    """Return every problem of the audience."""
    problems = list(condition_problems("condition", audience.condition, known, "outside"))
    reached, todo = {audience.id}, list(audiences_in(audience.condition))
    while todo:
        id_ = todo.pop()
        if id_ == audience.id:
            problems.append(
                Problem("condition", f"audience {id_} is defined by itself", "break the circle")
            )
        if id_ not in reached and id_ in known.audiences:
            reached.add(id_)
            todo += audiences_in(known.audiences[id_])
    for index, name in enumerate(audience.destinations):
        path = f"destinations[{index}]"
        if known.destinations is not None and name not in known.destinations:
            problems.append(_unknown_destination(path, name, known.destinations))
        if name in audience.destinations[:index]:
            problems.append(Problem(path, f"{name!r} is named twice", "name it once"))
    if audience.destinations and len(journey_id(audience.id)) > _LONGEST_ID:
        problems.append(
            Problem("id", "is too long for an audience with destinations", "shorten it")
        )
    return problems


def _unknown_destination(path: str, name: str, known: Collection[str]) -> Problem:
    said = f"there is no destination {name!r} in the project file"
    return Problem(path, said, did_you_mean(name, known))


def _limit_problems(journey: JourneyDefinition, limits: Limits) -> Iterator[Problem]:
    for path, length, limit in (
        ("steps", len(journey.steps), limits.steps),
        ("exits", len(journey.exits), limits.exits),
    ):
        if length > limit:
            yield Problem(path, f"{length} are more than limits.{path} = {limit}", "use fewer")
    if len(journey.name) > limits.journey_name:
        yield Problem("name", f"longer than {limits.journey_name} characters", "shorten it")
    for index, step in enumerate(journey.steps):
        if len(step.title) > limits.step_name:
            yield Problem(
                f"steps[{index}].name", f"longer than {limits.step_name} characters", "shorten it"
            )
        if isinstance(step, SendToDestinations) and len(step.key or "") > limits.key:
            yield Problem(
                f"steps[{index}].key", f"longer than {limits.key} characters", "shorten it"
            )


def _name_problems(journey: JourneyDefinition) -> Iterator[Problem]:
    keys = keys_of(journey, {}, longest=255)
    by_place = {
        "id": [step.id for step in journey.steps],
        "name": [step.title for step in journey.steps],
        "key": [keys.get(step.id, f"\0{index}") for index, step in enumerate(journey.steps)],
    }
    for field, values in by_place.items():
        counts = Counter(values)
        for index, value in enumerate(values):
            if counts[value] > 1 and value in values[:index]:
                yield Problem(f"steps[{index}].{field}", f"{value!r} is used twice", "rename one")
    exits = [rule.name for rule in journey.exits]
    for index, name in enumerate(exits):
        if name in exits[:index]:
            yield Problem(f"exits[{index}].name", f"{name!r} is used twice", "rename one")


def _reference_problems(journey: JourneyDefinition) -> Iterator[Problem]:
    ids = [step.id for step in journey.steps]
    references = [("entry.next", journey.entry.next)]
    references += [
        (f"steps[{index}].{path}", target)
        for index, step in enumerate(journey.steps)
        for path, target in step.targets()
    ]
    for path, target in references:
        if target is not None and target not in ids:
            yield Problem(path, f"there is no step {target!r}", did_you_mean(target, ids))


def _ways(journey: JourneyDefinition) -> dict[str, set[str]]:
    return {
        step.id: {target for _, target in step.targets() if target is not None}
        for step in journey.steps
    }


def _reachability_problems(journey: JourneyDefinition) -> Iterator[Problem]:
    ways = _ways(journey)
    reached: set[str] = set()
    todo = [journey.first_step]
    while todo:
        step = todo.pop()
        if step not in reached:
            reached.add(step)
            todo += ways.get(step, ())
    for index, step_ in enumerate(journey.steps):
        if step_.id not in reached:
            yield Problem(
                f"steps[{index}]",
                f"nothing leads to step {step_.id!r}",
                "name it in the `next` of a step before it, or remove it",
            )


def _loop_problems(journey: JourneyDefinition) -> Iterator[Problem]:
    """Find loops that take no time: those that stay when steps that take time are cut out."""
    instant = {step.id for step in journey.steps if not step.takes_time}
    ways = {id_: out & instant for id_, out in _ways(journey).items() if id_ in instant}
    while leaves := [id_ for id_, out in ways.items() if not out & ways.keys()]:
        for id_ in leaves:
            del ways[id_]
    in_loop = {id_ for id_ in ways if _reaches(ways, id_, id_)}
    all_ways = _ways(journey)
    for index, step in enumerate(journey.steps):
        untimed = isinstance(step, MultiBranchSplit) and step.waits_forever
        if untimed and _reaches(all_ways, step.id, step.id):
            yield Problem(
                f"steps[{index}].timeout",
                "in a loop, every round would leave another position waiting here",
                "add a timeout",
            )
        if isinstance(step, MultiBranchSplit) and step.mode == "every_match":
            back = [way for way in step.branches if _leads_to(all_ways, way.next, step.id)]
            if len(back) > 1:
                yield Problem(
                    f"steps[{index}]",
                    f"{len(back)} branches lead back here: a user's places double in every round",
                    "let one branch lead back, or use mode first_match",
                )
        if step.id in in_loop:
            yield Problem(
                f"steps[{index}]",
                f"step {step.id!r} is in a loop that takes no time",
                "put a wait_for_duration into the loop",
            )


def _breadth_problems(journey: JourneyDefinition) -> Iterator[Problem]:
    """Find splits that multiply: every match sends one user down many paths at once."""
    steps = {step.id: step for step in journey.steps}
    widths: dict[str, int] = {}

    def width(id_: str) -> int:
        if id_ not in widths:
            widths[id_] = 0  # a loop comes back here; it is counted once
            step = steps[id_]
            ways = [width(target) for _, target in step.targets() if target in steps]
            forks = isinstance(step, MultiBranchSplit) and step.mode == "every_match"
            widths[id_] = 1 + sum(ways) if forks else max((1, *ways))
        return widths[id_]

    for index, step in enumerate(journey.steps):
        if width(step.id) > _MOST_POSITIONS:
            yield Problem(
                f"steps[{index}]",
                f"one user can stand at {width(step.id)} places at once from here on, more than "
                f"{_MOST_POSITIONS}",
                "use mode first_match in some of the splits",
            )
            return


def _leads_to(ways: Mapping[str, set[str]], step: str | None, goal: str) -> bool:
    return step is not None and (step == goal or (step in ways and _reaches(ways, step, goal)))


def _reaches(ways: Mapping[str, set[str]], start: str, goal: str) -> bool:
    seen: set[str] = set()
    todo = list(ways[start])
    while todo:
        step = todo.pop()
        if step == goal:
            return True
        if step not in seen:
            seen.add(step)
            todo += ways.get(step, set())
    return False


def _condition_problems(journey: JourneyDefinition, known: Known) -> Iterator[Problem]:
    yield from _entry_condition_problems(journey.entry, known)
    for path, condition in journey.conditions():
        if not path.startswith("entry"):
            place: Place = "step" if path.startswith("steps[") else "journey"
            yield from condition_problems(path, condition, known, place)


def _entry_condition_problems(entry: Entry, known: Known) -> Iterator[Problem]:
    if entry.condition is not None:
        yield from condition_problems("entry.condition", entry.condition, known, "outside")
    named = [("entry.audience", entry.audience)] if entry.audience else []
    for word, ids in (("include", entry.include), ("exclude", entry.exclude)):
        named += [(f"entry.{word}[{index}]", id_) for index, id_ in enumerate(ids)]
    for path, id_ in named:
        for problem in condition_problems(path, AudienceLeaf(audience=id_), known, "outside"):
            yield replace(problem, path=path)


def _send_problems(journey: JourneyDefinition, known: Known) -> Iterator[Problem]:
    for index, step in enumerate(journey.steps):
        if not isinstance(step, SendToDestinations):
            continue
        names = [sent.name for sent in step.sends]
        for place, sent in enumerate(step.sends):
            path = f"steps[{index}].destinations[{place}]"
            if known.destinations is not None and sent.name not in known.destinations:
                yield _unknown_destination(path, sent.name, known.destinations)
            if sent.name in names[:place]:
                yield Problem(path, f"{sent.name!r} is named twice", "name it once")


def _example_problems(journey: JourneyDefinition) -> Iterator[Problem]:
    sends = [step.id for step in journey.steps if isinstance(step, SendToDestinations)]
    for index, example in enumerate(journey.examples):
        for place, event in enumerate(example.events):
            if sum(name is not None for name in (event.event, event.page, event.screen)) > 1:
                yield Problem(
                    f"examples[{index}].events[{place}]", "has two names", "name one call"
                )
        for place, expected in enumerate(example.expect):
            path = f"examples[{index}].expect[{place}]"
            step = expected.enters or expected.exits
            if step is None or (expected.enters and expected.exits):
                yield Problem(path, "says not what is expected", "write `enters` or `exits`")
            elif step not in sends:
                yield Problem(path, f"there is no send step {step!r}", did_you_mean(step, sends))
