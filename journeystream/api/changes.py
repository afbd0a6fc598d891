"""Changing what is published, for the API: done once, by somebody, in the state that they know.

Laws:

1. The same request under the same idempotency key is answered as it was, by any worker, for a
   day; another request under that key is refused.
2. `If-Match` names the state that the caller has seen; in another one nothing is done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

import orjson

from journeystream.api.desk import Desk
from journeystream.api.problems import Refused
from journeystream.api.routes import Call, Reply
from journeystream.audit import Request
from journeystream.control_client import change
from journeystream.control_log import Answer, Published, Record, answer_record
from journeystream.effects import stable_id

Decide = Callable[[Published], tuple[Sequence[Record], Reply]]


async def changed(
    desk: Desk, call: Call, action: str, subjects: Sequence[str], decide: Decide
) -> Reply:
    """Change what is published as `decide` says, and answer as it says."""
    now = desk.clock.now()
    request = Request(call.who, "api", action, tuple(subjects))
    async with desk.writing:
        return await change(desk.project, desk.bootstrap, request, once(call, decide, now), now)


def once(call: Call, decide: Decide, now: int) -> Decide:
    """Return a decision that is taken once under the call's key, and remembered."""
    if call.key is None:
        return decide
    key = stable_id(call.who, call.key)
    said = stable_id(call.method, call.url, call.raw.decode(errors="replace"))

    def decide_once(current: Published) -> tuple[Sequence[Record], Reply]:
        before = current.answers.get(key)
        if before is not None:
            return [], _again(before, said)
        records, reply = decide(current)
        body = None if reply.body is None else reply.body.model_dump(mode="json", by_alias=True)
        answer = Answer(now, said, reply.status, body, reply.etag)
        return [*records, answer_record(key, answer)], reply

    return decide_once


def _again(before: Answer, said: str) -> Reply:
    if before.request != said:
        raise Refused(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "Idempotency-Key: it was used for another request; choose a new one",
        )
    return Reply(raw=before.body, status=HTTPStatus(before.status), etag=before.etag)


def etag_of(*parts: Any) -> str:  # noqa: ANN401  any JSON
    """Return the ETag of a state."""
    return f'"{stable_id(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS).decode())}"'


def demand_match(call: Call, etag: str | None) -> None:
    """Refuse a change that was meant for another state; without an `etag` there is nothing yet."""
    if call.match is None:
        return
    known = {each.strip() for each in call.match.split(",")}
    if etag is None or not known & {"*", etag}:
        state = f"it is {etag} now" if etag else "there is no such thing now"
        raise Refused(
            HTTPStatus.PRECONDITION_FAILED, f"If-Match: {state}; look at it again, then decide"
        )
