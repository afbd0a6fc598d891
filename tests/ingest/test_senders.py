"""Who may send, from where, and how much."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from journeystream.buckets import Bucket
from journeystream.errors import RequestRefused, UserError
from journeystream.ingest.write_keys import WriteKeys, refuse_strangers
from journeystream.ingest_settings import IngestSettings
from tests.ingest.in_process import basic
from tests.law_settings import laws

SECOND = 1_000_000
ASKED = st.tuples(st.integers(0, 3 * SECOND), st.integers(0, 40))


@laws
@given(rate=st.integers(1, 20), asked=st.lists(ASKED, max_size=60))
def test_a_sender_gets_what_the_rate_allows(rate: int, asked: list[tuple[int, int]]) -> None:
    """Between any two requests that are let in, no more was let in than the rate gives for that
    time, a second's worth, and the last request; who waits as told is let in."""  # noqa: D205, D209
    bucket, now = Bucket(rate), 0
    let_in: list[tuple[int, int]] = []
    for pause, tokens in asked:
        now += pause
        if wait := bucket.wait(now):
            assert Bucket.wait(bucket, now + wait * SECOND) == 0
            bucket = _replayed(rate, let_in, now)
        else:
            bucket.take(tokens, now)
            let_in.append((now, tokens))
    for first, (since, _) in enumerate(let_in):
        for last in range(first, len(let_in)):
            until = let_in[last][0]
            before = sum(tokens for _, tokens in let_in[first:last])
            assert before * SECOND <= (until - since) * rate + rate * SECOND


def _replayed(rate: int, let_in: list[tuple[int, int]], now: int) -> Bucket:
    """Return a bucket as it is after what was let in: looking ahead has moved the other's time."""
    bucket = Bucket(rate)
    for at, tokens in let_in:
        bucket.take(tokens, at)
    bucket.wait(now)
    return bucket


def test_each_key_has_its_place() -> None:
    """A key is known by its place in the settings, by header and by body."""
    keys = WriteKeys([SecretStr("one"), SecretStr("two")])
    assert [keys.by_header(basic(key)) for key in ("one", "two")] == [0, 1]
    assert [keys.by_body({"writeKey": key}) for key in ("one", "two")] == [0, 1]
    assert keys.by_header(None) is None
    for body in ({}, {"writeKey": 1}, {"writeKey": ""}, {"writeKey": "three"}):
        with pytest.raises(RequestRefused):
            keys.by_body(body)


@pytest.mark.parametrize(
    ("settings", "host", "problem"),
    [
        ({}, "127.0.0.1", "ingest.write_keys: without keys anybody could send events"),
        ({"open": True}, "0.0.0.0", "ingest.open: at 0.0.0.0 everybody could send events"),  # noqa: S104
        ({"open": True}, "shop.example", "ingest.open: at shop.example everybody"),
        ({"open": True}, "127.0.0.1", None),
        ({"open": True}, "::1", None),
        ({"open": True}, "localhost", None),
        ({"write_keys": ["k"]}, "0.0.0.0", None),  # noqa: S104
    ],
)
def test_the_door_is_open_to_everybody_on_loopback_only(
    settings: dict[str, object], host: str, problem: str | None
) -> None:
    """Without write keys ingest listens nowhere but on loopback, and there when it was told so."""
    told = IngestSettings.model_validate(settings)
    if problem is None:
        refuse_strangers(told, host)
        return
    with pytest.raises(UserError, match=problem):
        refuse_strangers(told, host)


def test_a_key_is_not_shown() -> None:
    """Whoever prints the settings does not print a key."""
    settings = IngestSettings.model_validate({"write_keys": ["hidden-key"]})
    assert "hidden-key" not in f"{settings!r} {settings} {settings.model_dump_json()}"
