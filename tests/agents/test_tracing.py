"""A traced record is followed through its turn to what the turn made for its user."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from aiokafka.structs import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode, format_span_id, format_trace_id

from journeystream.agents.decode import DecodeLimits
from journeystream.agents.intake import Sorter
from journeystream.agents.tracing import Tracing
from journeystream.effects import HandedOver, StepMembership, Travelled
from journeystream.events import ClockMark, Entry, Erased, Event
from journeystream.project import EventDestination, ListDestination
from journeystream.sinks.records import OutRecord
from journeystream.sinks.routing import Routing
from tests.batches import batch_of
from tests.cli.typing_commands import run

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
SAMPLED = f"00-{TRACE}-{CALLER}-01".encode()
UNSAMPLED = f"00-{TRACE}-{CALLER}-00".encode()
ROUTING = Routing(
    [
        EventDestination(type="event", name="email", topic="email"),
        ListDestination(type="list", name="ads", topic="ads"),
    ],
    travel_log="travels",
    hand_over=lambda message: OutRecord("rekeyed", message.user_id.encode(), b"{}"),
)


def record(offset: int, *headers: tuple[str, bytes | None], value: bytes = b"{}") -> ConsumerRecord:
    """Return a record of the source, as a consumer reads it."""
    return ConsumerRecord("events", 3, offset, 0, 0, b"k", value, None, 1, 2, headers)


def entered(user_id: str, destination: str = "email") -> StepMembership:
    """Return what a turn makes of a user."""
    return StepMembership(
        *("entered", user_id, False, 1, destination, "j", 1, "i", "s", "key"),
        visit=1,
    )


def event(user_id: str) -> Event:
    """Return an event of a user."""
    return Event(user_id, "track", "Seen", 1)


class Collector:
    """A tracer, and the spans that have ended."""

    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._spans))
        self.tracing = Tracing(provider.get_tracer("test"), ROUTING)

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        """The spans that have ended, in order."""
        return self._spans.get_finished_spans()

    def turn(
        self,
        records: Sequence[ConsumerRecord],
        entries: Sequence[Entry],
        effects: Sequence[StepMembership | HandedOver],
        travels: Sequence[Travelled] = (),
    ) -> list[OutRecord]:
        """Take a turn of which these effects come; return what it writes."""
        with self.tracing.following(batch_of(*records), entries) as traced:
            routed = ROUTING.records if traced is None else traced.records
            return list(routed(effects, travels))


def parent_of(out: OutRecord) -> str | None:
    """Return the traceparent of an output."""
    found = dict(out.headers).get("traceparent")
    return None if found is None else found.decode()


def test_a_sampled_record_gets_a_span_that_continues_its_trace() -> None:
    """Its span is the caller's child; turn and commit are its children; outputs continue it."""
    collector = Collector()
    travelled = Travelled("u1", 1, "j", "J", 1, "i", "s", "s", "wait")
    outputs = collector.turn(
        [record(7, ("traceparent", SAMPLED), ("tracestate", b"shop=1"))],
        [event("u1")],
        [entered("u1"), entered("u1", "ads")],
        [travelled],
    )
    turn, commit, span = collector.spans
    assert span.parent is not None
    assert format_span_id(span.parent.span_id) == CALLER
    assert [part.name for part in (turn, commit)] == ["turn", "commit"]
    assert all(part.parent == span.context for part in (turn, commit))
    assert span.attributes is not None
    assert span.attributes["messaging.destination.name"] == "events"
    assert span.attributes["messaging.kafka.offset"] == 7
    assert "u1" not in str(span.attributes)
    assert format_trace_id(span.context.trace_id) == TRACE
    continued = f"00-{TRACE}-{format_span_id(span.context.span_id)}-01"
    assert [out.topic for out in outputs] == ["email", "ads", "travels"]
    assert [parent_of(out) for out in outputs] == [continued] * 3
    assert [dict(out.headers)["tracestate"] for out in outputs] == [b"shop=1"] * 3
    assert all(any(name == "messageId" for name, _ in out.headers) for out in outputs[1:])


@given(
    st.lists(
        st.sampled_from(
            [
                (),
                (("traceparent", UNSAMPLED),),
                (("traceparent", b"\xff"),),
                (("traceparent", b""),),
                (("tracestate", b"a=1"),),
                (("other", SAMPLED),),
            ]
        ),
        max_size=4,
    )
)
def test_what_is_not_sampled_is_not_traced(headers: list[tuple[tuple[str, bytes], ...]]) -> None:
    """Without a sampled header there is no span, and outputs are as they would be without."""
    collector = Collector()
    records = [record(n, *each) for n, each in enumerate(headers)]
    effects = [entered("u1"), entered("u2", "ads")]
    outputs = collector.turn(records, [event("u1") for _ in records], effects)
    assert collector.spans == ()
    assert outputs == list(ROUTING.records(effects))


def test_only_outputs_for_the_user_of_a_traced_record_carry_its_trace() -> None:
    """Another user's outputs do not; of two traced records of a user the later one's is carried."""
    collector = Collector()
    records = [record(n, ("traceparent", SAMPLED)) for n in range(4)]
    entries: list[Entry] = [event("u1"), event("u1"), None, ClockMark(1)]
    moved = HandedOver(Erased("u1", 1))
    outputs = collector.turn(records, entries, [entered("u2"), entered("u1"), moved])
    spans = {
        span.attributes["messaging.kafka.offset"]: span
        for span in collector.spans
        if span.attributes
    }
    assert spans.keys() == {0, 1}
    last = format_span_id(spans[1].context.span_id)
    assert [parent_of(out) for out in outputs] == [None, f"00-{TRACE}-{last}-01", None]


def test_a_turn_that_fails_says_so() -> None:
    """The span of a record whose turn is not committed ends as an error, without its text."""
    collector = Collector()
    batch, entries = batch_of(record(7, ("traceparent", SAMPLED))), [event("u1")]
    with pytest.raises(ValueError, match="u1"), collector.tracing.following(batch, entries):
        raise ValueError("about u1")
    assert [span.status.status_code for span in collector.spans] == [StatusCode.ERROR] * 2
    assert "u1" not in "".join(span.to_json() for span in collector.spans)


def test_the_trace_goes_along_when_a_record_is_rekeyed() -> None:
    """A record on its way to its user's partition keeps the headers of its trace, and no others."""
    limits = DecodeLimits(message_bytes=1_000, clock_skew=0, oldest_event=0, replay=False)
    value = b'{"type": "track", "event": "Seen", "userId": "u1"}'
    read = record(7, ("traceparent", SAMPLED), ("secret", b"1"), ("tracestate", None), value=value)
    [moved] = Sorter(limits, "letters", "rekeyed", 4).sort(batch_of(read)).rekeyed
    assert list(moved.headers) == [("traceparent", SAMPLED)]


def test_what_is_missing_for_traces_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the extra is not installed, --trace says how to install it."""
    monkeypatch.setitem(sys.modules, "journeystream.agents.tracing", None)
    project = tmp_path / "journeystream.yaml"
    project.write_text("sources: [{topic: events}]")
    done = run("run", "--trace", file=project)
    assert done.exit_code == 2
    assert "pip install 'journeystream[tracing]'" in done.stderr


def test_whoever_does_not_trace_does_not_import_it() -> None:
    """A worker without --trace has nothing of OpenTelemetry in memory."""
    said = (
        "import sys, journeystream.cli, journeystream.worker; "
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", said], timeout=60, check=False)
    assert done.returncode == 0
