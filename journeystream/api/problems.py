"""Errors as `application/problem+json` (RFC 9457).

Law: what a caller did wrong is told with what to do, as on the command line. What is wrong with us
is told without its inside: that goes to the log, with the same `instance`.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from uuid import uuid4

from aiohttp import web
from aiokafka.errors import KafkaError
from pydantic import BaseModel, ConfigDict, ValidationError

from journeystream.errors import (
    BrokerUnreachable,
    CommandRefused,
    DefinitionError,
    JourneystreamError,
    UserError,
)

_log = logging.getLogger(__name__)
MEDIA = "application/problem+json"
_KAFKA = "Kafka does not answer; try again later"
_OURS = "the worker can not do this now; whoever runs it finds why in its log"
_BUG = "this is a bug; the worker's log has it"


class Flaw(BaseModel):
    """One thing that is wrong with what was sent."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    path: str
    """Where, as in `steps[2].next`."""
    message: str
    """What is wrong."""
    advice: str
    """What to write instead."""
    warning: bool = False
    """Whether it stops nothing."""


class Problem(BaseModel):
    """Why a request was not done."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    type: str = "about:blank"
    """Always `about:blank`: the status says the kind."""
    title: str
    """The status in words."""
    status: int
    """The HTTP status."""
    detail: str
    """What is wrong, and what to do."""
    instance: str
    """This one request, as the worker's log calls it."""
    problems: list[Flaw] = []
    """All that is wrong with a definition, or with the request."""


class Refused(UserError):
    """A request that is answered with a status of its own; `headers` go with the answer."""

    def __init__(
        self, status: HTTPStatus, text: str, headers: dict[str, str] | None = None
    ) -> None:
        self.status = status
        self.headers = headers or {}
        super().__init__(text)


class Unfit(Refused):
    """A request whose parts are wrong; `flaws` are all of them."""

    def __init__(self, text: str, flaws: list[Flaw]) -> None:
        self.flaws = flaws
        super().__init__(HTTPStatus.UNPROCESSABLE_ENTITY, text)


def unfit(what: str, error: ValidationError) -> Unfit:
    """Return the refusal of what a model does not take."""
    flaws = [
        Flaw(
            path=".".join(map(str, each["loc"])) or what,
            message=each["msg"],
            advice="see /api/v1/openapi.json",
        )
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    return Unfit(f"{what}: {len(flaws)} problem(s)", flaws)


def told(error: Exception) -> web.Response:
    """Return the answer to a request that failed."""
    instance = f"urn:uuid:{uuid4()}"
    status, detail, headers = _meaning(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("%s failed", instance, exc_info=error)
    problem = Problem(
        title=status.phrase,
        status=status,
        detail=detail,
        instance=instance,
        problems=_flaws(error),
    )
    return web.Response(
        status=status, text=problem.model_dump_json(), content_type=MEDIA, headers=headers
    )


def _meaning(error: Exception) -> tuple[HTTPStatus, str, dict[str, str]]:
    status, detail, headers = HTTPStatus.INTERNAL_SERVER_ERROR, _BUG, dict[str, str]()
    match error:
        case Refused():
            status, detail, headers = error.status, str(error), error.headers
        case CommandRefused():
            status, detail = HTTPStatus.CONFLICT, str(error)
        case UserError():
            status, detail = HTTPStatus.UNPROCESSABLE_ENTITY, str(error)
        case JourneystreamError() | KafkaError():
            status, headers = HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "5"}
            detail = _KAFKA if isinstance(error, BrokerUnreachable | KafkaError) else _OURS
        case web.HTTPException():
            status, detail, headers = HTTPStatus(error.status), error.reason, _allowed(error)
    return status, detail, headers


def _allowed(error: web.HTTPException) -> dict[str, str]:
    """Return what a refusal of the web server says in headers that clients need."""
    return {name: error.headers[name] for name in ("Allow", "Location") if name in error.headers}


def _flaws(error: Exception) -> list[Flaw]:
    if isinstance(error, Unfit):
        return error.flaws
    if isinstance(error, DefinitionError):
        return [
            Flaw(path=each.path, message=each.message, advice=each.advice, warning=each.warning)
            for each in error.problems
        ]
    return []
