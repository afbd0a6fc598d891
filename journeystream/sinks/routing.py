"""Which sink an effect leaves by: the destinations of the project file, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from journeystream.effects import Effect
from journeystream.errors import OperatorError
from journeystream.project import EventDestination, ListDestination
from journeystream.sinks.event_destination import EventSink
from journeystream.sinks.list_destination import ListSink
from journeystream.sinks.records import OutRecord


class Routing:
    """Turns effects into records."""

    def __init__(self, destinations: Iterable[EventDestination | ListDestination]) -> None:
        self._sinks: dict[str, EventSink | ListSink] = {
            each.name: ListSink(each.topic)
            if isinstance(each, ListDestination)
            else EventSink(each.topic, each.call)
            for each in destinations
        }

    def records(self, effects: Iterable[Effect]) -> Iterator[OutRecord]:
        """Yield the records of the effects, in order."""
        for effect in effects:
            sink = self._sinks.get(effect.destination)
            if sink is None:
                raise OperatorError(
                    f"user {effect.user_id!r} {effect.change} step {effect.step!r} of "
                    f"{effect.journey!r} at destination {effect.destination!r}, which "
                    f"journeystream.yaml no longer names; put it back"
                )
            yield from sink.records(effect)
