"""Tokens of OAUTHBEARER: from an endpoint, renewed before they end, or from a file.

Laws: a token is shared by all connections of a process; it is renewed when four fifths of its life
are over, and if that fails it is used up to its end. Neither a token nor a secret is in any
error.

aiokafka asks for a token at each connection, in whichever event loop that is. So what blocks is
done in a thread, one at a time.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson
from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaConnectionError

from journeystream.clock import Clock

_PATIENCE_SECONDS = 10.0
_LONGEST_CODE = 60  # of an error that an endpoint names


class TokenRefused(KafkaConnectionError):  # type: ignore[misc]  # aiokafka has no types
    """There is no token. To aiokafka that is a connection that failed, to be tried again."""

    def __str__(self) -> str:
        return str(self.args[0])  # aiokafka would put the class before it


@dataclass(frozen=True, slots=True)
class Token:
    """A token, when to ask for another, and when it ends (instants)."""

    text: str = field(repr=False)
    renewed_at: int
    ends_at: int


def token_of(answer: object, now: int) -> Token:
    """Read an endpoint's answer; one without a lifetime is good for one connection.

    ValueError if it holds no token.
    """
    told = answer if isinstance(answer, Mapping) else {}
    text, seconds = told.get("access_token"), told.get("expires_in")
    if not isinstance(text, str) or not text or not text.isascii() or not text.isprintable():
        raise ValueError("its answer holds no access_token")
    life = int(seconds * 1_000_000) if isinstance(seconds, int | float) and seconds > 0 else 0
    return Token(text, now + life * 4 // 5, now + life)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where tokens are given, and to whom. `context` is how its certificate is judged."""

    url: str
    client_id: str
    secret: str = field(repr=False)
    scope: str | None
    context: ssl.SSLContext

    async def ask(self) -> object:
        """Ask for a token by client credentials, and return the answer's JSON.

        OSError, aiohttp's errors and TimeoutError say that nobody answered, ValueError that the
        answer is a refusal or none at all.
        """
        import aiohttp  # noqa: PLC0415  which takes a while, and few need

        form = {"grant_type": "client_credentials"} | ({"scope": self.scope} if self.scope else {})
        shown = b64encode(f"{self.client_id}:{self.secret}".encode()).decode()
        patience = aiohttp.ClientTimeout(total=_PATIENCE_SECONDS)
        async with (
            aiohttp.ClientSession(timeout=patience, trust_env=True) as session,
            session.post(
                self.url,
                data=form,
                headers={"Authorization": f"Basic {shown}", "Accept": "application/json"},
                ssl=self.context,
                # The secret goes to whom it was meant for, and to nobody whom they name.
                allow_redirects=False,
            ) as response,
        ):
            body = await response.read()
            if response.status != 200:  # noqa: PLR2004  HTTP's word for yes
                raise ValueError(f"HTTP {response.status}{_code_of(body)}")
            return orjson.loads(body)


class EndpointTokens(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka has no types
    """Gives the token that an endpoint gave, and asks for the next one in time."""

    def __init__(self, endpoint: Endpoint, clock: Clock) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._one_at_a_time = threading.Lock()
        self._held: Token | None = None

    async def token(self) -> str:
        """Return a token that is good now, or raise TokenRefused."""
        return await asyncio.to_thread(self._current)

    def _current(self) -> str:
        with self._one_at_a_time:
            held, now = self._held, self._clock.now()
            if held is not None and now < held.renewed_at:
                return held.text
            try:
                self._held = token_of(asyncio.run(self._endpoint.ask()), now)
            # aiohttp's errors are of many kinds, and all of them say that nobody answered.
            except Exception as error:  # noqa: BLE001  a token that is held may do
                if held is not None and now < held.ends_at:
                    return held.text
                raise self._refused(error) from None
            return self._held.text

    def _refused(self, error: Exception) -> TokenRefused:
        said = str(error) or type(error).__name__
        return TokenRefused(
            f"kafka.security.oauth.token_endpoint: {self._endpoint.url} gives no token to "
            f"{self._endpoint.client_id!r} ({said}); correct client_id, secret or address"
        )


class FileTokens(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka has no types
    """Gives what stands in a file now: others keep it fresh."""

    def __init__(self, file: Path, read: Callable[[Path], str]) -> None:
        self._file = file
        self._read = read

    async def token(self) -> str:
        """Return the file's token, or raise TokenRefused."""
        try:
            return await asyncio.to_thread(self._read, self._file)
        except (OSError, ValueError) as error:
            said = getattr(error, "strerror", None) or str(error)
            raise TokenRefused(
                f"kafka.security.oauth.token_file: {self._file} can not be read ({said}); "
                f"let whoever renews it write it"
            ) from None


def _code_of(body: bytes) -> str:
    """Return the code of an endpoint's error (RFC 6749, 5.2); nothing else that it says."""
    try:
        code = orjson.loads(body).get("error")
    except (ValueError, AttributeError):
        return ""
    return f", {code[:_LONGEST_CODE]}" if isinstance(code, str) and code.isascii() else ""
