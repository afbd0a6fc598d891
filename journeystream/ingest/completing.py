"""What a server adds to a call before it is an event, as Segment's and RudderStack's do.

`context` and `integrations` of a batch count for each call in it that does not say otherwise, and
so does its `sentAt`. RudderStack's SDKs tell an identify's traits in its `context`: they go where
the others have them. `messageId` is made where there is none. `receivedAt` is when the request
came. `timestamp` is the client's time by our clock, time + (receivedAt - sentAt), or when the
request came if the client told no time; `originalTimestamp` is what it told. Who sends both has
corrected the time already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from journeystream.agents.fields import instant_of, object_of
from journeystream.durations import FIRST_INSTANT, LAST_INSTANT, exact_iso, iso

Call = dict[str, object]
_MERGED = ("context", "integrations")


def merged(call: Mapping[str, object], batch: Mapping[str, object]) -> Call:
    """Return a call with what the batch around it says; RejectedEvent where that is no object."""
    whole = {name: value for name, value in call.items() if name != "writeKey"}
    for name in _MERGED:
        if around := object_of(batch, name):
            whole[name] = {**around, **object_of(whole, name)}
    if whole.get("sentAt") is None and batch.get("sentAt") is not None:
        whole["sentAt"] = batch["sentAt"]
    if whole.get("type") == "identify" and whole.get("traits") is None:
        context = dict(object_of(whole, "context"))
        if "traits" in context:
            whole.update(traits=context.pop("traits"), context=context)
    return whole


def complete(call: Call, received: int, new_id: Callable[[], str]) -> None:
    """Add what the server knows; RejectedEvent where a time is none."""
    if call.get("messageId") in (None, ""):
        call["messageId"] = new_id()
    call["receivedAt"] = iso(received)
    told, original = call.get("timestamp"), call.get("originalTimestamp")
    if told is not None and original is not None:
        return
    clients = original if told is None else told
    at = received
    if clients is not None:
        at = instant_of({"timestamp": clients}, "timestamp", None)
        at += received - instant_of(call, "sentAt", received)
    call["timestamp"] = exact_iso(min(max(at, FIRST_INSTANT), LAST_INSTANT))
    # Always: without it a worker would take `timestamp` for a client's, and correct it once more.
    call["originalTimestamp"] = call["timestamp"] if clients is None else clients
