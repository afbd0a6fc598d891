"""What a single setting of a project or definition may be: the checks, and how they answer."""

from __future__ import annotations

import re
from datetime import date
from difflib import get_close_matches
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from journeystream.durations import parse_duration

EMBEDDED = "embedded"
_BROKER = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5})")
_LAST_PORT = 65_535
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _matching(pattern: str, advice: str) -> AfterValidator:
    """Make a check that says in words what a pattern asks for."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if compiled.fullmatch(text) is None:
            raise ValueError(f"{text!r} can not be used here; write {advice}")
        return text

    return AfterValidator(check)


def _duration(text: str) -> str:
    if parse_duration(text).months:
        raise ValueError(f"{text!r} has no fixed length; write it in days or weeks")
    return text


def _span(text: str) -> str:
    parse_duration(text)
    return text


def _date_text(value: object) -> object:
    """Take an unquoted YAML date too: YAML reads it as a date, not as text."""
    return value.isoformat() if isinstance(value, date) else value


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError(f"{text!r} is no date; write one as in 1980-01-01") from None


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    # The name of a folder of zones ("Europe") is an OSError.
    except (KeyError, ValueError, OSError):
        near = get_close_matches(name, available_timezones(), n=1)
        advice = f"did you mean {near[0]!r}?" if near else "write one as in 'Europe/Berlin'"
        raise ValueError(f"{name!r} is no time zone; {advice}") from None
    return name


def _bootstrap(text: str) -> str:
    if text == EMBEDDED:
        return text
    brokers = [broker.strip() for broker in text.split(",")]
    for broker in brokers:
        match = _BROKER.fullmatch(broker)
        if match is None or not 0 < int(match[1]) <= _LAST_PORT:
            raise ValueError(
                f"{broker!r} is no broker; write host:port (several with commas between), "
                f"or {EMBEDDED!r} for a broker inside the project directory"
            )
    return ",".join(brokers)


def _secret(value: object) -> object:
    """Refuse what is no text without showing it."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if not isinstance(text, str) or not text:
        raise ValueError("it is empty or no text; write text, in quotes if it looks like a number")
    return value


def _token_url(text: str) -> str:
    try:
        url = urlsplit(text)
        host, _ = url.hostname, url.port
    except ValueError:
        host = None
    if not host or url.username is not None or url.password is not None:
        # It may hold a password, so it is not shown.
        raise ValueError("this is no address; write one as in https://idp.example.com/token")
    if url.scheme != "https" and not (url.scheme == "http" and host in _LOOPBACK):
        raise ValueError(f"{text!r} would send the secret in the clear; write an https address")
    return text


_TOPIC = r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}"
_APP = r"[a-z0-9][a-z0-9._-]{0,60}"
_ATTRIBUTE = r"(traits|entry)(\.[^.]+)+"
TopicName = Annotated[
    str,
    _matching(_TOPIC, "at most 249 letters, digits, '.', '_' and '-'"),
    Field(json_schema_extra={"pattern": f"^{_TOPIC}$"}),
]
AppName = Annotated[
    str,
    _matching(_APP, "at most 61 small letters, digits, '.', '_' and '-', a letter or digit first"),
    Field(json_schema_extra={"pattern": f"^{_APP}$"}),
]
AttributePath = Annotated[
    str,
    _matching(_ATTRIBUTE, "a path that starts with 'traits.' or 'entry.'"),
    Field(json_schema_extra={"pattern": f"^{_ATTRIBUTE}$"}),
]
DurationText = Annotated[str, AfterValidator(_duration)]
"""A duration of fixed length."""
SpanText = Annotated[str, AfterValidator(_span)]
"""A duration, of calendar months too."""
DateText = Annotated[
    str,
    BeforeValidator(_date_text),
    AfterValidator(_date),
    Field(json_schema_extra={"format": "date"}),
]
BootstrapText = Annotated[str, AfterValidator(_bootstrap)]
TokenUrl = Annotated[str, AfterValidator(_token_url)]
Secret = Annotated[SecretStr, BeforeValidator(_secret)]
"""Never shown, neither by us nor in an error, and never in the project file (project_file.py)."""
_CLIENT = r"[^:\x00-\x1f]{1,255}"
ClientId = Annotated[
    str,
    _matching(_CLIENT, "at most 255 characters without ':'"),
    Field(json_schema_extra={"pattern": f"^{_CLIENT}$"}),
]
TimeZoneName = Annotated[str, AfterValidator(_time_zone)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, le=1)]
