"""The cart journey for one user and one event: what the Python rivals share.

Everybody's state is a dict of two fields, which each framework keeps with its own JSON. A
timer fires with the user's next event, whatever it is: none of the three can wake another
user's state when event time passes. Outputs bear the time at which they were due.

So every event has to look at its user's state. To let only the two events of the journey through
is faster (Quix: 14 instead of 19 CPU microseconds per event, one run), but then a reminder
waits until its user adds or orders again.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

HOUR = 3_600_000
DAY = 24 * HOUR

State = dict[str, int]
"""`entered`: since when the user is in the journey; `due`: what is waited for. Milliseconds.
`reminded`: 1 once Audience Entered is out."""


def step(state: State | None, event: dict[str, Any]) -> tuple[State | None, list[dict[str, Any]]]:
    """Return the user's state after an event (None: not in the journey), and what goes out.

    The same state object comes back where nothing has changed.
    """
    name = event["event"]
    if state is None:
        if name != "Product Added":
            return None, []
        now = millis(event["timestamp"])
        return {"entered": now, "due": now + HOUR, "reminded": 0}, []
    now = millis(event["timestamp"])
    out = []
    if not state["reminded"] and now >= state["due"]:
        out.append(_output(event["userId"], state, "Entered", state["due"]))
        state = {**state, "due": state["due"] + DAY, "reminded": 1}
    if state["reminded"] and (now >= state["due"] or name == "Order Completed"):
        out.append(_output(event["userId"], state, "Exited", min(now, state["due"])))
        if now >= state["due"] and name == "Product Added":
            return {"entered": now, "due": now + HOUR, "reminded": 0}, out
        return None, out
    return (None if name == "Order Completed" else state), out


def millis(timestamp: str) -> int:
    """Return an ISO 8601 timestamp as milliseconds since 1970."""
    return round(datetime.fromisoformat(timestamp).timestamp() * 1_000)


def _output(user: str, state: State, what: str, at: int) -> dict[str, Any]:
    whole = datetime.fromtimestamp(at // 1_000, UTC)
    return {
        "type": "track",
        "event": f"Audience {what}",
        "userId": user,
        "messageId": f"cart-{user}-{state['entered']}-{what}",
        "timestamp": f"{whole:%Y-%m-%dT%H:%M:%S}.{at % 1_000:03d}Z",
        "properties": {"cart": "true" if what == "Entered" else "false"},
    }
