"""Traces from a source record to what the turn made of it, by OpenTelemetry.

Laws:

1. A source record with a sampled W3C `traceparent` header gets a span, from the beginning of its
   turn to the commit, with the two parts of it as children. A record without one gets none: it is
   for whoever produces to choose what is traced.
2. The outputs that the turn makes for the record's user carry a `traceparent` that continues its
   span. Of several such records of one user in a turn, the last one's: which of them an output
   follows from is not known. What timers make for the user in the same turn carries it too; a
   message from one id of a user to another carries none.
3. A span is about a turn that is committed, or says by what it failed. A record that is taken
   again is traced again.
4. Nothing of this file is imported where tracing is off.

Spans say where a record stands and what was made of it, never who the user is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from journeystream.agents.batch import Batch, Record
from journeystream.effects import Effect, HandedOver, Travel
from journeystream.events import ClockMark, Entry
from journeystream.sinks.records import OutRecord
from journeystream.sinks.routing import Routing

_W3C = TraceContextTextMapPropagator()


def to_collector(worker: str) -> Tracer:
    """Return a tracer whose spans go to a collector, as OTEL_EXPORTER_OTLP_… variables say."""
    ours = Resource({"service.name": "journeystream", "service.instance.id": worker})
    # What is set by variables (OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES) wins.
    provider = TracerProvider(resource=ours.merge(OTELResourceDetector().detect()))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("journeystream")


class Tracing:
    """Follows the traced records of a worker's turns to what leaves by `routing`."""

    def __init__(self, tracer: Tracer, routing: Routing) -> None:
        self._tracer = tracer
        self._routing = routing

    @contextmanager
    def following(self, batch: Batch, entries: Sequence[Entry]) -> Iterator[Traced | None]:
        """Trace a turn in the block: what is traced of it, or None."""
        spans: dict[str, list[Span]] = {}
        for record, entry in zip(batch.records, entries, strict=True):
            if entry is None or isinstance(entry, ClockMark) or not record.headers:
                continue
            if (span := self._span(batch, record)) is not None:
                spans.setdefault(entry.user_id, []).append(span)
        if not spans:
            yield None
            return
        traced = Traced(self._tracer, self._routing, spans)
        try:
            yield traced
        except BaseException as error:
            traced.end(error)
            raise
        traced.end()

    def _span(self, batch: Batch, record: Record) -> Span | None:
        """Begin the span of a record, if its header says that it is sampled."""
        carrier = {
            name: value.decode(errors="replace")
            for name, value in record.headers
            if name in _W3C.fields and value is not None
        }
        parent = _W3C.extract(carrier)
        if not trace.get_current_span(parent).get_span_context().trace_flags.sampled:
            return None
        return self._tracer.start_span(
            f"process {batch.topic}",
            parent,
            SpanKind.CONSUMER,
            {
                "messaging.system": "kafka",
                "messaging.operation.type": "process",
                "messaging.destination.name": batch.topic,
                "messaging.destination.partition.id": str(batch.partition),
                "messaging.kafka.offset": record.offset,
            },
        )


class Traced:
    """The spans of one turn, by user."""

    def __init__(self, tracer: Tracer, routing: Routing, spans: Mapping[str, list[Span]]) -> None:
        self._tracer = tracer
        self._routing = routing
        self._spans = spans
        self._headers = {id_: _headers_of(each[-1]) for id_, each in spans.items()}
        self._part = self._begin("turn")

    def records(self, effects: Iterable[Effect], travels: Iterable[Travel]) -> list[OutRecord]:
        """Return the records of the turn, with their headers; from here on it is committed."""
        records: list[OutRecord] = []
        for effect in effects:
            about = None if isinstance(effect, HandedOver) else effect.user_id
            records += self._continued(about, self._routing.records((effect,)))
        for travel in travels:
            records += self._continued(travel.user_id, self._routing.records((), (travel,)))
        _end(self._part)
        self._part = self._begin("commit")
        return records

    def end(self, error: BaseException | None = None) -> None:
        """End all spans, by an error if there was one."""
        _end(self._part, error)
        _end([span for each in self._spans.values() for span in each], error)

    def _continued(self, user_id: str | None, records: Iterable[OutRecord]) -> Iterator[OutRecord]:
        headers = self._headers.get(user_id or "", ())
        for record in records:
            record.headers = (*record.headers, *headers)
            yield record

    def _begin(self, name: str) -> list[Span]:
        return [
            self._tracer.start_span(name, trace.set_span_in_context(span, Context()))
            for spans in self._spans.values()
            for span in spans
        ]


def _headers_of(span: Span) -> list[tuple[str, bytes]]:
    carrier: dict[str, str] = {}
    _W3C.inject(carrier, trace.set_span_in_context(span, Context()))
    return [(name, value.encode()) for name, value in carrier.items()]


def _end(spans: Iterable[Span], error: BaseException | None = None) -> None:
    for span in spans:
        if error is not None:
            # Not its text: that may name a user.
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
        span.end()
