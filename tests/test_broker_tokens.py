"""Tokens of OAUTHBEARER, from an endpoint and from a file."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from journeystream.broker_tokens import (
    Endpoint,
    EndpointTokens,
    FileTokens,
    TokenRefused,
    token_of,
)
from journeystream.security_files import text_in
from tests.token_endpoint import TokenEndpoint, token_endpoint

_SECOND = 1_000_000


class _Hand:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.at = 1_000 * _SECOND

    def now(self) -> int:
        """Return the instant that it shows."""
        return self.at

    def elapsed(self) -> float:
        """Return the same in seconds."""
        return self.at / _SECOND


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Return who signs the endpoint's certificate."""
    return trustme.CA()


@pytest.fixture
def served(authority: trustme.CA) -> Iterator[TokenEndpoint]:
    """Serve a token endpoint."""
    with token_endpoint(authority) as endpoint:
        yield endpoint


def asked(served: TokenEndpoint, authority: trustme.CA) -> Endpoint:
    """Return the endpoint as a client knows it."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return Endpoint(served.url, served.client_id, served.secret, "kafka write", context)


def test_a_token_is_renewed_before_it_ends(served: TokenEndpoint, authority: trustme.CA) -> None:
    """Connections share one token, until four fifths of its life are over."""
    clock = _Hand()
    tokens = EndpointTokens(asked(served, authority), clock)

    async def some() -> set[str]:
        return set(await asyncio.gather(*(tokens.token() for _ in range(5))))

    # In two event loops, as a worker has.
    first = asyncio.run(some()) | asyncio.run(some())
    assert first == {served.tokens[0]}
    clock.at += round(served.seconds * _SECOND * 0.79)
    assert asyncio.run(some()) == first
    clock.at += round(served.seconds * _SECOND * 0.02)
    assert asyncio.run(some()) == {served.tokens[1]}
    assert served.scopes == ["kafka write"] * 2


def test_a_token_is_used_up_where_no_other_can_be_had(
    served: TokenEndpoint, authority: trustme.CA
) -> None:
    """An endpoint that is down for a while costs nothing; one that stays so is told."""
    clock = _Hand()
    tokens = EndpointTokens(asked(served, authority), clock)
    first = asyncio.run(tokens.token())
    served.failing = True
    clock.at += round(served.seconds * _SECOND * 0.9)
    assert asyncio.run(tokens.token()) == first
    clock.at += round(served.seconds * _SECOND * 0.1)
    with pytest.raises(TokenRefused, match="gives no token to 'worker' \\(HTTP 503\\)"):
        asyncio.run(tokens.token())
    served.failing = False
    assert asyncio.run(tokens.token()) == served.tokens[-1]


def test_a_refusal_tells_why_and_no_secret(served: TokenEndpoint, authority: trustme.CA) -> None:
    """What the endpoint says of it is its code; its other words may repeat what it was shown."""
    wrong = replace(asked(served, authority), secret="another-secret")  # noqa: S106  nobody's
    with pytest.raises(TokenRefused) as refused:
        asyncio.run(EndpointTokens(wrong, _Hand()).token())
    assert f"{served.url} gives no token to 'worker' (HTTP 401, invalid_client)" in str(
        refused.value
    )
    assert "secret; another" not in str(refused.value)
    assert "another-secret" not in f"{refused.value!r} {wrong!r}"


def test_an_endpoint_that_is_not_trusted_gets_no_secret(served: TokenEndpoint) -> None:
    """A certificate of somebody else ends it before anything is sent."""
    with pytest.raises(TokenRefused, match="certificate verify failed"):
        asyncio.run(EndpointTokens(asked(served, trustme.CA()), _Hand()).token())
    assert served.tokens == []


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"access_token": ""}, {"access_token": 5}, {"access_token": "a\x01b"}]
)
def test_an_answer_without_a_token_is_refused(answer: object) -> None:
    """What can not be a token is not sent to Kafka."""
    with pytest.raises(ValueError, match="no access_token"):
        token_of(answer, 0)


@pytest.mark.parametrize("seconds", [None, 0, -5, "soon"])
def test_a_token_without_a_lifetime_is_good_for_one_connection(seconds: object) -> None:
    """Nobody knows how long it lives, so it is not kept."""
    token = token_of({"access_token": "t", "expires_in": seconds}, 7)
    assert (token.renewed_at, token.ends_at) == (7, 7)


def test_a_file_is_read_at_each_connection(tmp_path: Path) -> None:
    """Whoever renews the file renews the token; a file that is gone is told."""
    file = tmp_path / "token"
    tokens = FileTokens(file, text_in)
    for text in ("first", "second"):
        file.write_text(f"{text}\n")
        assert asyncio.run(tokens.token()) == text
    file.unlink()
    with pytest.raises(TokenRefused, match=f"oauth.token_file: {file} can not be read \\(No such"):
        asyncio.run(tokens.token())
