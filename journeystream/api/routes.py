"""What a route is: one row from which it is served, guarded and told of.

Law: a route's row says all of it. Its handler gets what its models have accepted, and returns what
its answer's model can hold; the OpenAPI document is made of the same rows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from http import HTTPStatus
from typing import Any, Generic, TypeVar

from aiohttp.web import StreamResponse
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from journeystream.answers import Answer

T = TypeVar("T")
PREFIX = "/api/v1"
LONGEST_KEY = 200
"""Characters of an idempotency key."""


class Role(IntEnum):
    """What a token allows; each one allows what those before it do."""

    READ = 1
    WRITE = 2
    ADMIN = 3


class Asked(BaseModel):
    """What is sent: names as in answers, and nothing that means nothing."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        use_attribute_docstrings=True,
        extra="forbid",
    )


class Paging(Asked):
    """Which part of a long list."""

    limit: int = Field(default=100, ge=1, le=1000)
    """How many at most."""
    after: str = Field(default="", max_length=600)
    """Go on behind this one: `next` of the page before."""


class Page(Answer, Generic[T]):
    """A part of a long list."""

    items: list[T]
    """In order of id."""
    next: str | None = None
    """What `after` has to be for the next page; null: that is all."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, as far as a route may know it.

    `path` are the words of the path; `query` and `body` are of the models that the route names,
    or None. `who` asks, by the name of their token, with `role`; `authorization` goes along where
    a question goes on to another worker. `key` is the idempotency key, `match` the ETag that the
    caller knows; `is_forwarded` says that another worker asks.
    """

    path: Mapping[str, str]
    query: Any
    body: Any
    who: str
    role: Role
    authorization: str | None = None
    key: str | None = None
    match: str | None = None
    is_forwarded: bool = False
    method: str = "GET"
    url: str = ""
    raw: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered; `etag` names this state of what is shown.

    `raw` is JSON that is told as it is, in place of a `body` of the route's model.
    """

    body: Any = None
    status: HTTPStatus = HTTPStatus.OK
    etag: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: Any = None


Handler = Callable[[Any, Call], Awaitable[Reply | StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One thing that can be asked.

    `answers` is the model of what is told, `creates` the status if it is not 200. `query` and
    `body` are the models of what is sent. `takes_any` bodies are objects of any form (definitions).
    """

    method: str
    path: str
    handler: Handler
    role: Role
    summary: str
    tag: str
    answers: Any = None
    status: HTTPStatus = HTTPStatus.OK
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    takes_any: bool = False
    refusals: tuple[HTTPStatus, ...] = ()

    @property
    def id(self) -> str:
        """The operation's id: the handler's name."""
        return self.handler.__name__
