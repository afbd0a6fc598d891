"""What both ways to decode a record have to agree on."""

from __future__ import annotations

import json
from dataclasses import replace

from journeystream.agents.decode import DecodeLimits, decode
from journeystream.agents.quick_decode import EVERYTHING, quick_decoder
from journeystream.errors import RejectedEvent
from journeystream.events import ClockMark, Event, Message, Unread
from journeystream.journeys import Interest

Found = Message | Unread | ClockMark | int | tuple[str, str]


def decodes_alike(value: bytes | None, record_time: int, limits: DecodeLimits) -> None:
    """Check that the quick way makes of a record what the plain one makes, read or not."""
    plain = _plainly(value, record_time, limits)
    for read in (True, False):
        quick = _quickly(value, record_time, limits, EVERYTHING if read else Interest())
        if isinstance(quick, Unread):
            whole = quick.event()
            assert (quick.user_id, quick.at) == (whole.user_id, whole.at)
            at = _quickly(value, record_time, limits, Interest(strangers=False))
            assert at == quick.at
            quick = replace(whole, properties=dict(whole.properties), context=dict(whole.context))
        if not read and isinstance(quick, Event) and isinstance(plain, tuple):
            # Nobody has looked at a number that is too large, or how deep it is nested; Python's
            # own reader takes it.
            assert plain[0] in {"not_json", "too_deep"}
            json.loads(value or b"")
            continue
        assert quick == plain


def _plainly(value: bytes | None, record_time: int, limits: DecodeLimits) -> Found:
    try:
        return decode(value, record_time, limits)
    except RejectedEvent as error:
        return error.code, error.text


def _quickly(
    value: bytes | None, record_time: int, limits: DecodeLimits, interest: Interest
) -> Found:
    try:
        return quick_decoder(limits, interest)(value, record_time)
    except RejectedEvent as error:
        return error.code, error.text
