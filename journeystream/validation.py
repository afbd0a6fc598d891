"""What is wrong with a journey as a whole: every problem at once, each with its place.

Form (types, unknown fields) was checked when the file was read. This looks at what hangs
together: references, reachability, loops, names, limits. Warnings do not stop publishing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from journeystream.condition_language import AllOf, AnyOf, AudienceLeaf, Condition, EventLeaf, Not
from journeystream.definitions import AudienceDefinition, JourneyDefinition
from journeystream.errors import Problem
from journeystream.keys import keys_of
from journeystream.project import Limits
from journeystream.step_validation import step_problems
from journeystream.steps.multi_branch_split import MultiBranchSplit
from journeystream.steps.send_to_destinations import SendToDestinations

_MOST_POSITIONS = 100  # of one instance: a user's record and each turn's effects grow with them


@dataclass(frozen=True, slots=True)
class Known:
    """What a journey may refer to: destinations and audiences by name, and the limits.

    `destinations` is None where no project file is at hand: then any name will do.
    """

    destinations: Collection[str] | None
    audiences: Mapping[str, Condition]
    limits: Limits


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
        *_condition_problems(journey, known),
        *_send_problems(journey, known),
        *step_problems(journey, known.limits),
        *_example_problems(journey),
    ]


def validate_audience(audience: AudienceDefinition, known: Known) -> list[Problem]:
    """Return every problem of the audience."""
    problems = list(_leaf_problems("condition", audience.condition, known, in_journey=False))
    reached, todo = {audience.id}, list(_audiences_in(audience.condition))
    while todo:
        id_ = todo.pop()
        if id_ == audience.id:
            problems.append(
                Problem("condition", f"audience {id_} is defined by itself", "break the circle")
            )
        if id_ not in reached and id_ in known.audiences:
            reached.add(id_)
            todo += _audiences_in(known.audiences[id_])
    return problems


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
            yield Problem(path, f"there is no step {target!r}", _did_you_mean(target, ids))


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
    for path, condition in journey.conditions():
        for problem in _leaf_problems(path, condition, known, in_journey=path != "entry.condition"):
            since_step = problem.path.endswith(".since")
            if not (since_step and path.startswith("steps[")):
                yield problem


def _leaf_problems(
    path: str, condition: Condition, known: Known, *, in_journey: bool
) -> Iterator[Problem]:
    match condition:
        case AllOf() | AnyOf():
            word, parts = (
                ("all", condition.all) if isinstance(condition, AllOf) else ("any", condition.any)
            )
            for index, part in enumerate(parts):
                yield from _leaf_problems(
                    f"{path}.{word}[{index}]", part, known, in_journey=in_journey
                )
        case Not():
            yield from _leaf_problems(f"{path}.not", condition.not_, known, in_journey=in_journey)
        case AudienceLeaf() if condition.audience in known.audiences:
            yield from _inside_audience(path, condition.audience, known)
        case AudienceLeaf():
            yield Problem(
                f"{path}.audience",
                f"there is no audience {condition.audience!r}",
                _did_you_mean(condition.audience, known.audiences) + ", or publish it first",
            )
        case EventLeaf() if condition.since == "entry" and not in_journey:
            yield Problem(f"{path}.since", "nobody has entered yet", "write `within` instead")
        case EventLeaf() if condition.since == "step":
            advice = "write `since: entry`" if in_journey else "write `within` instead"
            yield Problem(f"{path}.since", "there is no step here", advice)


def _inside_audience(path: str, audience: str, known: Known) -> Iterator[Problem]:
    """Find audiences that an audience asks for and that are not there, or lead back to it."""
    seen: set[str] = set()

    def visit(id_: str, above: tuple[str, ...]) -> Iterator[Problem]:
        if id_ in above:
            text = f"audience {audience!r} leads to {id_!r}, which is defined by itself"
            yield Problem(f"{path}.audience", text, "break the circle")
        elif id_ not in known.audiences:
            text = f"audience {audience!r} asks for {id_!r}, which does not exist"
            yield Problem(f"{path}.audience", text, _did_you_mean(id_, known.audiences))
        elif id_ not in seen:
            seen.add(id_)
            for inner in _audiences_in(known.audiences[id_]):
                yield from visit(inner, (*above, id_))

    yield from visit(audience, ())


def _audiences_in(condition: Condition) -> Iterator[str]:
    match condition:
        case AllOf():
            for part in condition.all:
                yield from _audiences_in(part)
        case AnyOf():
            for part in condition.any:
                yield from _audiences_in(part)
        case Not():
            yield from _audiences_in(condition.not_)
        case AudienceLeaf():
            yield condition.audience


def _send_problems(journey: JourneyDefinition, known: Known) -> Iterator[Problem]:
    for index, step in enumerate(journey.steps):
        if not isinstance(step, SendToDestinations):
            continue
        names = [sent.name for sent in step.sends]
        for place, sent in enumerate(step.sends):
            path = f"steps[{index}].destinations[{place}]"
            if known.destinations is not None and sent.name not in known.destinations:
                yield Problem(
                    path,
                    f"there is no destination {sent.name!r} in the project file",
                    _did_you_mean(sent.name, known.destinations),
                )
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
                yield Problem(path, f"there is no send step {step!r}", _did_you_mean(step, sends))


def _did_you_mean(name: str, known: Collection[str]) -> str:
    close = get_close_matches(name, list(known), 1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known are: {', '.join(sorted(known)) or 'none'}"
