"""Which sink an effect leaves by: the destinations of the project file, by name.

Changes of profiles, and stages that users come to, leave by topics of their own, where the project
names them. Requests of decide steps have to have theirs: a user waits for the answer. What goes
from one user to another (`HandedOver`) does not leave: it comes back by the re-keying topic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from journeystream.effects import (
    DecisionRequest,
    Effect,
    HandedOver,
    ProfileChange,
    StepMembership,
    Travel,
)
from journeystream.errors import OperatorError
from journeystream.events import Message
from journeystream.project import Decisions, EventDestination, ListDestination
from journeystream.sinks.decision_requests import RequestSink
from journeystream.sinks.event_destination import EventSink
from journeystream.sinks.list_destination import ListSink
from journeystream.sinks.profile_changes import ProfileSink
from journeystream.sinks.records import OutRecord
from journeystream.sinks.travel_log import TravelSink


class Routing:
    """Turns effects into records; `travels` says whether anybody wants to know of stages."""

    def __init__(
        self,
        destinations: Iterable[EventDestination | ListDestination],
        profile_changes: str | None = None,
        decisions: Decisions | None = None,
        travel_log: str | None = None,
        hand_over: Callable[[Message], OutRecord] | None = None,
    ) -> None:
        self._hand_over = hand_over
        self._profiles = ProfileSink(profile_changes) if profile_changes else None
        self._requests = RequestSink(decisions.requests, decisions.replies) if decisions else None
        self._travels = TravelSink(travel_log) if travel_log else None
        self._sinks: dict[str, EventSink | ListSink] = {
            each.name: ListSink(each.topic)
            if isinstance(each, ListDestination)
            else EventSink(each.topic, each.call)
            for each in destinations
        }

    @property
    def travels(self) -> bool:
        """Whether there is a travel log."""
        return self._travels is not None

    def records(
        self, effects: Iterable[Effect], travels: Iterable[Travel] = ()
    ) -> Iterator[OutRecord]:
        """Yield the records of the effects, then those of the travel log, each in order."""
        for effect in effects:
            match effect:
                case StepMembership():
                    yield from self._sink_of(effect).records(effect)
                case ProfileChange():
                    if self._profiles is not None:
                        yield from self._profiles.records(effect)
                case DecisionRequest():
                    yield from self._sink_of_requests(effect).records(effect)
                case HandedOver():
                    if self._hand_over is not None:
                        yield self._hand_over(effect.message)
        if self._travels is not None:
            yield from (self._travels.record(at) for at in travels)

    def _sink_of(self, effect: StepMembership) -> EventSink | ListSink:
        sink = self._sinks.get(effect.destination)
        if sink is None:
            raise OperatorError(
                f"user {effect.user_id!r} {effect.change} step {effect.step!r} of "
                f"{effect.journey!r} at destination {effect.destination!r}, which "
                f"journeystream.yaml no longer names; put it back"
            )
        return sink

    def _sink_of_requests(self, effect: DecisionRequest) -> RequestSink:
        if self._requests is None:
            raise OperatorError(
                f"user {effect.user_id!r} came to step {effect.step!r} of {effect.journey!r}, "
                f"which asks decision flow {effect.flow!r}, but journeystream.yaml no longer "
                f"names topics for `decisions`; put them back"
            )
        return self._requests
