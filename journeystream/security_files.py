"""Reading the files that settings of `kafka.security` name.

Law: all that is wrong with them is told at once, each with its setting and what to do; what is
in them is not told.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pydantic import SecretStr

from journeystream.errors import ProjectFileError

_Read = TypeVar("_Read")


def text_in(file: Path) -> str:
    """Return the one line of text in a file; ValueError if it is empty or no such text."""
    try:
        text = file.read_text(encoding="utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    if not text or not text.isprintable():
        raise ValueError("it does not hold one line of text")
    return text


class SecurityFiles:
    """Reads files, and remembers what is wrong; relative paths start at `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._problems: list[str] = []

    def raise_problems(self) -> None:
        """Raise ProjectFileError if anything was wrong."""
        if self._problems:
            raise ProjectFileError("\n".join(self._problems))

    def path(self, file: Path) -> Path:
        """Return where a file is."""
        return self._directory / file

    def read(self, setting: str, file: Path, how: Callable[[Path], _Read]) -> _Read | None:
        """Return what `how` makes of a file; None if that can not be had."""
        try:
            return how(self.path(file))
        except (OSError, ValueError) as error:
            # An SSLError is an OSError, whose strerror may be OpenSSL's or Python's words.
            said = (error.strerror if isinstance(error, OSError) else None) or str(error)
            said = " ".join(said.split())
            self._problems.append(
                f"kafka.security.{setting}: {self.path(file)} can not be used ({said}); "
                f"name a file that is right and that this process may read"
            )
            return None

    def secret(self, setting: str, file: Path | None, written: SecretStr | None) -> str:
        """Return a secret, from the environment or a file; empty if it can not be had."""
        if written is not None:
            return written.get_secret_value()
        return (self.read(setting, file, text_in) if file is not None else None) or ""

    def trusting(self, setting: str, authority: Path | None) -> ssl.SSLContext:
        """Return a context that trusts an authority alone; without one, those of the system."""
        if authority is None:
            return ssl.create_default_context()
        context = self.read(setting, authority, lambda at: ssl.create_default_context(cafile=at))
        return context or ssl.create_default_context()
