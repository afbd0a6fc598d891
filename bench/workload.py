"""The events that everybody has to get through: a function of count, users and seed.

Law: the same arguments give the same bytes. Times rise strictly, so that nobody's answer depends
on how it breaks a tie.

Users are Zipf-distributed (s = 1.05), names are drawn evenly from twenty, of which the use cases
read six. The events lie evenly in four weeks. Then, after a quiet gap that is longer than every
wait of the cart journey, each user who was seen orders once more: so every rival comes to the
same outputs, also those whose timers only fire with the next event of the same user.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from random import Random

USERS = 100_000
SEED = 2026
CART_NAMES = ("Product Added", "Order Completed")
USE_CASE_NAMES = (
    *CART_NAMES,
    "Page Viewed",
    "Trial Started",
    "Subscription Started",
    "Account Created",
)
NAMES = (
    *USE_CASE_NAMES,
    "Product Viewed",
    "Product Clicked",
    "Product List Viewed",
    "Products Searched",
    "Product Removed",
    "Product Shared",
    "Cart Viewed",
    "Checkout Started",
    "Coupon Entered",
    "Wishlist Opened",
    "Video Played",
    "Article Read",
    "Newsletter Opened",
    "Signed In",
)
_ZIPF = 1.05
_DAY = 24 * 3_600_000
_START = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp() * 1_000)
_SPAN = 28 * _DAY
_GAP = 2 * _DAY
_CAME_FROM = ("facebook", "google", "email", "newsletter", "direct")
_CONTEXT = '{"library":{"name":"shop.js","version":"2.14.1"},"locale":"en-GB"}'


@dataclass(frozen=True, slots=True)
class Event:
    """One event; `at` is its time in milliseconds since 1970, `value` the record's JSON."""

    user: str
    name: str
    at: int
    value: bytes


def events(count: int, users: int = USERS, seed: int = SEED) -> Iterator[Event]:
    """Yield `count` events, the oldest first."""
    rng = Random(seed)  # noqa: S311  a load, no secret
    drawn, seen = _draw_users(rng, count, users)
    step = _SPAN // len(drawn)
    for index, user in enumerate(drawn):
        at = _START + index * step + rng.randrange(step)
        yield _event(rng, index, user, rng.choice(NAMES), at)
    last = sorted(seen)
    rng.shuffle(last)
    for index, user in enumerate(last, len(drawn)):
        yield _event(rng, index, user, "Order Completed", _START + _GAP + index * step)


def plain(name: str, user: str, at: int) -> Event:
    """Return an event without properties; its messageId is the only one of this name and user."""
    text = (
        f'{{"type":"track","messageId":"{name}-{user}","userId":"{user}",'
        f'"timestamp":"{iso(at)}","event":"{name}","properties":{{}},"context":{_CONTEXT}}}'
    )
    return Event(user, name, at, text.encode())


def _draw_users(rng: Random, count: int, users: int) -> tuple[list[int], set[int]]:
    """Draw users for as many events as leave one more to each who was drawn."""
    weights = list(accumulate(1 / rank**_ZIPF for rank in range(1, users + 1)))
    drawn: list[int] = []
    seen: set[int] = set()
    for user in rng.choices(range(users), cum_weights=weights, k=count):
        if len(drawn) + 1 + len(seen) + (user not in seen) > count:
            continue  # one place is left, and a new user would need two
        drawn.append(user)
        seen.add(user)
        if len(drawn) + len(seen) == count:
            break
    return drawn, seen


def _event(rng: Random, index: int, user: int, name: str, at: int) -> Event:
    text = (
        f'{{"type":"track","messageId":"m{index:08d}","userId":"u{user:06d}",'
        f'"timestamp":"{iso(at)}","event":"{name}",'
        f'"properties":{_properties(rng, name)},"context":{_CONTEXT}}}'
    )
    return Event(f"u{user:06d}", name, at, text.encode())


def _properties(rng: Random, name: str) -> str:
    if name == "Page Viewed":
        return f'{{"path":"/p/{rng.randrange(9_999)}","utm_source":"{rng.choice(_CAME_FROM)}"}}'
    if name == "Subscription Started":
        return f'{{"Subscription Plan Type":"{rng.choice(("Free", "paid"))}"}}'
    price, quantity = rng.randrange(100, 9_999) / 100, rng.randrange(1, 5)
    return f'{{"product_id":"p{rng.randrange(9_999)}","price":{price},"quantity":{quantity}}}'


def iso(at: int) -> str:
    """Return milliseconds since 1970 as `2024-01-01T00:00:00.000Z`."""
    whole = datetime.fromtimestamp(at // 1_000, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{at % 1_000:03d}Z"
