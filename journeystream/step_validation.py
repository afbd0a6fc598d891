"""What is wrong with single steps, seen in their journey: merges, sends, results, goals.

The form of each step was checked when it was read. This looks at what it needs from others.
"""

from __future__ import annotations

from collections.abc import Iterator

from journeystream.calendars.hours import WEEKDAYS
from journeystream.calendars.wall_clock import DAY, micros_of_day
from journeystream.definitions import JourneyDefinition
from journeystream.errors import Problem
from journeystream.known import Known
from journeystream.sending import DISCARD, Sending
from journeystream.sources import SOURCES
from journeystream.steps.decide import Decide
from journeystream.steps.enter_journey import EnterJourney
from journeystream.steps.merge import Merge, closing_merges
from journeystream.steps.percent_split import PercentSplit
from journeystream.steps.send_to_destinations import SendToDestinations
from journeystream.steps.wait_until import WaitUntil


def step_problems(journey: JourneyDefinition, known: Known) -> Iterator[Problem]:
    """Yield every problem of a step that its journey, or the project, shows."""
    yield from _merge_problems(journey)
    yield from _sending_problems(journey)
    yield from _result_problems(journey)
    yield from _goal_problems(journey)
    for index, step in enumerate(journey.steps):
        if isinstance(step, EnterJourney) and step.journey == journey.id:
            yield Problem(
                f"steps[{index}].journey", "is this journey, where the user is", "name another"
            )
        if isinstance(step, Decide) and step.ask is not None and not known.services:
            yield Problem(
                f"steps[{index}].ask",
                "the project file has no topics to ask a service by",
                "add to it `decisions: {requests: TOPIC, replies: TOPIC}`, run `journeystream "
                "topics`, and stop and start all workers",
            )


def _merge_problems(journey: JourneyDefinition) -> Iterator[Problem]:
    closing = closing_merges(journey.steps)
    for index, step in enumerate(journey.steps):
        if isinstance(step, Merge) and step.id == journey.first_step:
            yield Problem(
                f"steps[{index}]", "the first step is a merge: no paths lead to it", "remove it"
            )
        elif step.id in closing:
            yield Problem(
                f"steps[{index}]",
                "nothing follows the merge, so it does nothing and is left out",
                "give it a `next`, or remove it",
                warning=True,
            )


def _sending_problems(journey: JourneyDefinition) -> Iterator[Problem]:
    """Find sends that are never allowed, or discarded because a wait leads to a quiet time."""
    never = "its windows and quiet hours leave no time to send at"
    if not journey.sending.hours.intervals:
        yield Problem("sending", never, "leave some")
        return
    rules: dict[str, Sending] = {}
    for index, step in enumerate(journey.steps):
        if isinstance(step, SendToDestinations):
            rules[step.id] = (step.sending or Sending()).over(journey.sending)
            if not rules[step.id].hours.intervals:
                yield Problem(f"steps[{index}].sending", never, "leave some")
    for index, step in enumerate(journey.steps):
        if isinstance(step, WaitUntil) and step.time is not None:
            sending = rules.get(step.next or "")
            if sending and sending.at_other_times == DISCARD and _is_never(step.time, sending):
                yield Problem(
                    f"steps[{index}].time",
                    f"{step.time} is a time at which step {step.next!r} never sends",
                    "choose another time, or change the quiet hours or windows",
                )


def _goal_problems(journey: JourneyDefinition) -> Iterator[Problem]:
    """Find paths of a measured split that end before their users can do what is measured."""
    for index, step in enumerate(journey.steps):
        if not isinstance(step, PercentSplit) or not step.goals:
            continue
        for place, path in enumerate(step.paths):
            if path.next is None:
                yield Problem(
                    f"steps[{index}].paths[{place}]",
                    f"{path.name!r} leads to no step: unless a send step holds the user, the pass "
                    f"ends here and reaches no goal any more",
                    "give it a `next`: a wait as long as the others' way",
                    warning=True,
                )


def _is_never(time: str, sending: Sending) -> bool:
    return not any(
        sending.hours.contain_place(day * DAY + micros_of_day(time)) for day in range(len(WEEKDAYS))
    )


def _result_problems(journey: JourneyDefinition) -> Iterator[Problem]:
    stored = {step.stores for step in journey.steps if isinstance(step, Decide)}
    written = (
        (f"steps[{index}].{path}", source)
        for index, step in enumerate(journey.steps)
        for path, source in step.sources()
    )
    for path, source in written:
        if not source.startswith(SOURCES):
            yield Problem(
                path,
                f"{source!r} is no source",
                "write `traits.PATH`, `entry.PATH`, `results.PATH` or `text.ANYTHING`",
            )
        elif source.startswith("results.") and source.split(".")[1] not in stored:
            known = ", ".join(sorted(stored)) or "none"
            yield Problem(
                path, f"no decide step stores {source.split('.')[1]!r}", f"stored are: {known}"
            )
