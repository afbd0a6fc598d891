"""Lines, most of them JSON, from a file, a gzip file or stdin, as they become readable.

Law: waiting for a slow pipe never blocks the event loop, so that what was read before goes on
its way; and Ctrl-C ends the wait.
"""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator
from contextlib import ExitStack
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from journeystream.errors import UserError

STDIN = "-"
_CHUNK = 256 * 1024
_USER_FIELDS = ("userId", "anonymousId")


class JsonLines:
    """The lines of one file, with how far they are read; open as long as its `with` block."""

    def __init__(self, file: Path) -> None:
        self.name = "stdin" if str(file) == STDIN else str(file)
        self.bytes_read = 0
        self.total_bytes: int | None = None
        self._file = file
        self._number = 0
        self._open_files = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._raw: FileIO = self._open_files.enter_context(self._opened())
        except OSError as error:
            raise self._unreadable(error) from None
        self._stream: FileIO | gzip.GzipFile = self._raw
        if self._file.suffix == ".gz":
            self._stream = self._open_files.enter_context(gzip.GzipFile(fileobj=self._raw))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open_files.close()

    @property
    def place(self) -> str:
        """The line that was given last, as `FILE:LINE`."""
        return f"{self.name}:{self._number}"

    async def events(self) -> AsyncIterator[tuple[bytes | None, bytes]]:
        """Yield (key, line): the key is the user. UserError at a line that is no JSON object.

        Blank lines are passed over. What else may be wrong in an event is for the worker to
        say, in a dead letter.
        """
        async for line in self.lines():
            event = self.parsed(line)
            if not isinstance(event, dict):
                raise UserError(f"{self.place}: this is no JSON object; write one event a line")
            yield _key(event), line

    async def lines(self) -> AsyncIterator[bytes]:
        """Yield all lines but blank ones, as they stand."""
        async for line in self._lines():
            self._number += 1
            if line and not line.isspace():
                yield line

    def parsed(self, line: bytes) -> Any:  # noqa: ANN401 -- any JSON
        """Read a line as JSON; UserError where it is none."""
        try:
            return orjson.loads(line)
        except orjson.JSONDecodeError as error:
            where = f"column {error.colno}: {error.msg}"
            raise UserError(f"{self.place}: this is no JSON ({where}); mend the line") from None

    async def _lines(self) -> AsyncIterator[bytes]:
        rest = b""
        async for chunk in self._chunks():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield line
        if rest:
            yield rest

    async def _chunks(self) -> AsyncIterator[bytes]:
        while chunk := await self._chunk():
            self.bytes_read = self._raw.tell() if self.total_bytes else self.bytes_read + len(chunk)
            yield chunk

    async def _chunk(self) -> bytes:
        await _readable(self._raw.fileno())
        try:
            return self._stream.read(_CHUNK)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise UserError(f"{self.name}: is no whole gzip file ({error}); pack it anew") from None
        except OSError as error:
            raise self._unreadable(error) from None

    def _opened(self) -> FileIO:
        # Unbuffered: a read gives what a pipe holds, and does not wait for more.
        if str(self._file) == STDIN:
            return FileIO(0, closefd=False)
        if self._file.is_file():
            self.total_bytes = self._file.stat().st_size
        return FileIO(self._file)

    def _unreadable(self, error: OSError) -> UserError:
        return UserError(f"{self.name}: can not be read ({error.strerror}); check the path")


def _key(event: dict[str, object]) -> bytes | None:
    """Return the user's id; None where the event names none, which the worker will refuse."""
    users = (event.get(name) for name in _USER_FIELDS)
    user = next((user for user in users if user), None)
    return user.encode() if isinstance(user, str) else None


async def _readable(descriptor: int) -> None:
    """Wait until there is something to read; a file on disk always has."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        loop.add_reader(descriptor, ready.set)
    except PermissionError:
        # As epoll says that it is a file. Others run even while we never wait.
        await asyncio.sleep(0)
        return
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
