"""Whom a command is about: named where it is typed, or one a line in a file.

A line is a user's id, or a JSON object with a `userId`. Law: nothing is guessed; a line that is
neither is told with its place.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from journeystream.agents.decode import LONGEST_ID
from journeystream.commands.json_lines import JsonLines
from journeystream.errors import UserError

_USER, _PROPERTIES = "userId", "properties"

Users = Annotated[
    list[str] | None,
    typer.Argument(metavar="USER", show_default=False, help="Ids of users."),
]
File = Annotated[
    Path | None,
    typer.Option(
        "--file",
        "-f",
        metavar="FILE",
        allow_dash=True,
        help='Users from a file: an id a line, or {"userId": …}; .gz is unpacked, - is stdin.',
    ),
]


@dataclass(frozen=True, slots=True)
class Named:
    """A user who was named; `properties` are what was said beside."""

    user_id: str
    properties: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class People:
    """Those who were named; `lines` is the file, if they are in one."""

    users: Sequence[str]
    lines: JsonLines | None
    properties: bool

    async def named(self) -> AsyncIterator[Named]:
        """Yield them in order; UserError at one that is none."""
        for number, user in enumerate(self.users, 1):
            yield Named(checked_id(user, f"USER {number}"))
        if self.lines is not None:
            async for line in self.lines.lines():
                yield self._of_line(line, self.lines)

    def _of_line(self, line: bytes, lines: JsonLines) -> Named:
        if not line.lstrip().startswith(b"{"):
            try:
                return Named(checked_id(line.decode().strip(), lines.place))
            except UnicodeDecodeError:
                raise UserError(f"{lines.place}: this is no text in UTF-8; write it anew") from None
        said = lines.parsed(line)
        user, properties = said.pop(_USER, None), said.pop(_PROPERTIES, {})
        if not isinstance(user, str):
            raise UserError(f"{lines.place}: {_USER} is {user!r}; write the user's id, a text")
        if not isinstance(properties, dict):
            raise UserError(f"{lines.place}: {_PROPERTIES} is {properties!r}; write an object")
        if properties and not self.properties:
            said[_PROPERTIES] = properties
        if said:
            fields = f"{_USER} and {_PROPERTIES}" if self.properties else _USER
            raise UserError(
                f"{lines.place}: {', '.join(sorted(said))} means nothing here; write {fields} only"
            )
        return Named(checked_id(user, lines.place), properties)


@contextmanager
def people(
    users: list[str] | None, file: Path | None, *, properties: bool = False
) -> Iterator[People]:
    """Give those who are named; UserError unless it is in one of the two ways."""
    if bool(users) == (file is not None):
        raise UserError("name users either here or with --file FILE (- is stdin)")
    if file is None:
        yield People(users or (), None, properties)
        return
    with JsonLines(file) as lines:
        yield People((), lines, properties)


def checked_id(user: str, place: str) -> str:
    """Return a user's id; UserError, which names the place, when it can be none."""
    if not user or len(user) > LONGEST_ID or "\0" in user:
        raise UserError(
            f"{place}: {user[:40]!r} is no user's id; write 1 to {LONGEST_ID} characters"
        )
    return user
