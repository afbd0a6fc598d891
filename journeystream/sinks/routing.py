"""Which sink an effect leaves by: the destinations of the project file, by name.

Changes of profiles leave by a topic of their own, where the project names one. What goes from one
user to another (`HandedOver`) does not leave: it comes back by the re-keying topic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from journeystream.effects import Effect, HandedOver, ProfileChange, StepMembership
from journeystream.errors import OperatorError
from journeystream.events import Message
from journeystream.project import EventDestination, ListDestination
from journeystream.sinks.event_destination import EventSink
from journeystream.sinks.list_destination import ListSink
from journeystream.sinks.profile_changes import ProfileSink
from journeystream.sinks.records import OutRecord


class Routing:
    """Turns effects into records."""

    def __init__(
        self,
        destinations: Iterable[EventDestination | ListDestination],
        profile_changes: str | None = None,
        hand_over: Callable[[Message], OutRecord] | None = None,
    ) -> None:
        self._hand_over = hand_over
        self._profiles = ProfileSink(profile_changes) if profile_changes else None
        self._sinks: dict[str, EventSink | ListSink] = {
            each.name: ListSink(each.topic)
            if isinstance(each, ListDestination)
            else EventSink(each.topic, each.call)
            for each in destinations
        }

    def records(self, effects: Iterable[Effect]) -> Iterator[OutRecord]:
        """Yield the records of the effects, in order."""
        for effect in effects:
            if not isinstance(effect, StepMembership):
                if isinstance(effect, ProfileChange) and self._profiles is not None:
                    yield from self._profiles.records(effect)
                if isinstance(effect, HandedOver) and self._hand_over is not None:
                    yield self._hand_over(effect.message)
                continue
            sink = self._sinks.get(effect.destination)
            if sink is None:
                raise OperatorError(
                    f"user {effect.user_id!r} {effect.change} step {effect.step!r} of "
                    f"{effect.journey!r} at destination {effect.destination!r}, which "
                    f"journeystream.yaml no longer names; put it back"
                )
            yield from sink.records(effect)
