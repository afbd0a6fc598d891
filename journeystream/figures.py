"""What is measured of journeys, as it is shown and returned (docs/measurement.md explains it).

Law: times are seconds, shares lie between 0 and 1, and what can not be told yet is null.
"""

from __future__ import annotations

from typing import Literal

from journeystream.answers import Answer


class Estimate(Answer):
    """A figure with its interval of 95 percent confidence."""

    value: float | None
    """The figure; null where it would be a division by nothing."""
    low: float
    """Where the interval begins."""
    high: float
    """Where the interval ends."""


class Milestone(Answer):
    """How often something was achieved by passes through the journey."""

    kind: Literal["goal", "exit", "exit_condition"]
    """exit: left before the end, for any reason; exit_condition: an exit condition held then."""
    name: str
    """The goal's id, the exit condition's name, or `exit`."""
    split: str = ""
    """The percent split whose goal it is."""
    path: str = ""
    """The path of that split."""
    all_time: int
    """How often in the whole log."""
    last_7_days: int
    """How often in the 7 days up to `as_of`."""
    last_30_days: int
    """How often in the 30 days up to `as_of`."""
    last_90_days: int
    """How often in the 90 days up to `as_of`."""
    median_seconds: float | None
    """The median time from entering the journey, over the whole log."""


class Conversion(Answer):
    """How a path did with one goal of its split; units are users."""

    goal: str
    """The goal's id."""
    conversions: int
    """How many users of the path have reached it."""
    rate: Estimate
    """The share of the path's users who have."""
    difference: Estimate | None
    """rate - rate of the control; null for the control, and where the control has no users."""
    lift: Estimate | None
    """rate / rate of the control - 1: 0.2 is a fifth more; null as `difference` is."""


class Path(Answer):
    """A path of a percent split."""

    path: str
    """Its name."""
    is_control: bool
    """Whether the others are measured against it."""
    entered: int
    """How many users were given the path."""
    goals: tuple[Conversion, ...]
    """Each goal that anyone of the split has reached."""


class Split(Answer):
    """A percent split that has goals."""

    split: str
    """Its step id."""
    paths: tuple[Path, ...]
    """The control first, then by name."""


class Stages(Answer):
    """How many passes through the journey came to the stages of its life."""

    start: int = 0
    """Began."""
    complete: int = 0
    """Came to the end of their way."""
    exit: int = 0
    """Left before it."""
    orphan: int = 0
    """Lost the journey: it was archived, changed, or the user was erased or became another."""


class Step(Answer):
    """How often users came to a step."""

    step: str
    """Its id."""
    name: str
    """Its name, as last told."""
    type: str
    """Its type, as last told."""
    arrivals: int
    """How often anybody came to it."""


class Edge(Answer):
    """How often users went from one step to another."""

    from_step: str
    """The id of the step before; `start` for the first one."""
    branch: str
    """The branch that was taken there, of a split by conditions."""
    path: str
    """The path that was taken there, of a percent split."""
    to_step: str
    """The id of the step that they came to."""
    passed: int
    """How often."""


class JourneyFigures(Answer):
    """What is measured of one journey, over all of its versions."""

    journey: str
    """Its id."""
    name: str
    """Its name, as last told; empty if the log tells none."""
    stages: Stages
    """How many began and ended."""
    milestones: tuple[Milestone, ...]
    """Goals reached and exits, by kind, split, name and path."""
    splits: tuple[Split, ...]
    """Percent splits with goals."""
    steps: tuple[Step, ...]
    """Steps by id."""
    edges: tuple[Edge, ...]
    """Ways between steps."""


class Measurement(Answer):
    """What a travel log says of journeys."""

    as_of: str
    """Up to when: what the log tells of later times is left out."""
    since: str | None
    """The first time that the log tells of; what came before it is not in the figures."""
    journeys: tuple[JourneyFigures, ...]
    """By id."""
