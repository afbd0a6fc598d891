"""The settings of HTTP ingest.

Law: no message about them shows a write key, not even of one that can not be used.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    model_validator,
)

from journeystream.durations import parse_duration
from journeystream.setting_groups import Settings
from journeystream.setting_types import Count, DurationText, TopicName

# A record of this size, with its key, fits into what a broker takes unless told otherwise.
_LARGEST_EVENT = 900_000
_LARGEST_BATCH = 16_777_216
_LONGEST_KEY = 200
_ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://[^/\sA-Z]+")  # browsers write them small


def _write_key(value: object) -> object:
    """Refuse what can be no user name of basic authentication, without showing it."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    usable = isinstance(text, str) and text.isascii() and text.isprintable()
    if not usable or not 0 < len(str(text)) <= _LONGEST_KEY or set(str(text)) & {":", " "}:
        raise ValueError(
            f"a write key can not be used; write 1 to {_LONGEST_KEY} ASCII characters in quotes, "
            "without spaces and colons"
        )
    return value


def _origin(text: str) -> str:
    """Refuse what no browser sends as an origin: nothing would match it."""
    if _ORIGIN.fullmatch(text) is None:
        raise ValueError(f"{text!r} is no origin; write one as in https://shop.example, or '*'")
    return text


WriteKey = Annotated[SecretStr, BeforeValidator(_write_key)]


class IngestSettings(Settings):
    """Events by HTTP, as the SDKs of Segment and RudderStack send them."""

    write_keys: list[WriteKey] = Field(default_factory=list)
    """Whoever sends events names one of these; better in JOURNEYSTREAM_INGEST__WRITE_KEYS."""
    open: bool = False
    """true lets anybody send events, without a key; for trials, and on loopback only."""
    topic: TopicName | None = None
    """The source that events go to; without it the first one."""
    origins: list[Annotated[str, AfterValidator(_origin)]] = Field(default_factory=list)
    """Web sites whose pages may send events (CORS), as in https://shop.example; "*" is any."""
    event_bytes: Annotated[int, Field(ge=1, le=_LARGEST_EVENT)] = 32_768
    """Bytes of JSON in an event."""
    batch_bytes: Annotated[int, Field(ge=1, le=_LARGEST_BATCH)] = 512_000
    """Bytes in a request's body, unpacked."""
    events_per_second: Count = 10_000
    """What a write key may send in the long run; a second's worth at once, and one batch more."""
    requests_in_flight: Count = 100
    """Requests that wait for Kafka at one time; more are asked to come again."""
    acknowledge_within: DurationText = "8 seconds"
    """How long Kafka may take before a request is asked to come again; SDKs wait for ten."""

    @cached_property
    def acknowledge_seconds(self) -> float:
        """The time to acknowledge within, in seconds."""
        return parse_duration(self.acknowledge_within).micros / 1_000_000

    @model_validator(mode="after")
    def _either_keys_or_open(self) -> Self:
        if self.open and self.write_keys:
            raise ValueError("open is for projects without write_keys; remove one of the two")
        return self
