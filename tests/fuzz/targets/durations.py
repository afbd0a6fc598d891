"""Any text as a duration and as a time.

Law: it is read, or ValueError says what is allowed (for a time OverflowError too, which
`decode` knows). A duration leads from any instant of the calendar to a later one, in any zone.
A time that is written and read again is the same to the millisecond.
"""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from journeystream.durations import LAST_INSTANT, Duration, iso, parse_duration, parse_instant
from tests.fuzz.target import Target
from tests.strategies import DAY, START

ZONES = tuple(
    ZoneInfo(name)
    for name in ("UTC", "Europe/Paris", "Pacific/Apia", "America/St_Johns", "Pacific/Kiritimati")
)
INSTANTS = (
    *(0, 1, -1, START, START - 1, START + 30 * DAY, START + 31 * DAY),
    *(parse_instant("1980-01-01"), parse_instant("2011-12-30T09:59:59Z"), LAST_INSTANT),
    *(LAST_INSTANT - DAY, parse_instant("0001-01-01")),
)


def holds(data: bytes) -> None:
    """Read the text as a duration, then as a time."""
    text = data.decode(errors="replace")
    try:
        duration = parse_duration(text)
    except ValueError:
        pass
    else:
        _leads_on(duration)
    try:
        instant = parse_instant(text)
    except (ValueError, OverflowError):
        return
    written = iso(instant)
    if parse_instant("0001-01-01") <= instant <= LAST_INSTANT:
        assert parse_instant(written) == instant - instant % 1_000
    parse_instant(written)


def _leads_on(duration: Duration) -> None:
    assert duration.months or duration.micros
    for zone in ZONES:
        for instant in INSTANTS:
            assert duration.after(instant, zone) > instant


def seeds() -> Sequence[bytes]:
    """Return durations of every unit, and times in every form."""
    durations = (
        *("1 day", "90 minutes", "1 day 2 hours", "2weeks", " 1 month 1 second ", "1200 months"),
        *("36525 days", "999999 hours", "1 months", "12 months 3 days 4 seconds"),
    )
    times = (
        *("2024-03-01", "2024-03-01T10:00:00Z", "2024-03-01T10:00:00.123456+05:45", "20240301"),
        *("2024-W09-5", "2024-03-01 10:00", "0001-01-01T00:00:00+23:59", "2024-03-01T10,5"),
        *("9999-12-31T23:59:59.999999-23:59", "2024-02-29T23:59:59.999-00:00"),
    )
    return [text.encode() for text in (*durations, *times)]


TARGET = Target("durations", "a duration leads on, a time stays", holds, seeds)
