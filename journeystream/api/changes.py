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
    key = stable_id(call.who, call.key) if call.key is not None else None
    said = stable_id(call.method, call.url, call.raw.decode(errors="replace"))

    def once(current: Published) -> tuple[Sequence[Record], Reply]:
        if key is None:
            return decide(current)
        before = current.answers.get(key)
        if before is not None:
            return [], _again(before, said)
        records, reply = decide(current)
        body = None if reply.body is None else reply.body.model_dump(mode="json", by_alias=True)
        answer = Answer(now, said, reply.status, body)
        return [*records, answer_record(key, answer)], reply

    async with desk.writing:
        return await change(desk.project, desk.bootstrap, request, once, now)


def _again(before: Answer, said: str) -> Reply:
    if before.request != said:
        raise Refused(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "Idempotency-Key: it was used for another request; choose a new one",
        )
    return Reply(raw=before.body, status=HTTPStatus(before.status))


def etag_of(*parts: Any) -> str:  # noqa: ANN401  any JSON
    """Return the ETag of a state."""
    return f'"{stable_id(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS).decode())}"'


def demand_match(call: Call, etag: str) -> None:
    """Refuse a change that was meant for another state."""
    if call.match is not None and call.match not in ("*", etag):
        raise Refused(
            HTTPStatus.PRECONDITION_FAILED,
            f"If-Match: it is {etag} now; look at it again, then decide",
        )
