"""Real purchases: 69,659 of 23,570 customers, counted by the journey and by hand.

The journey: enter with the first purchase, leave with the second, and be reminded after 30
days without one. The figures to compare with come from the file by plain counting.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from tests.integration.conftest import MakeWorld

PURCHASES = Path(__file__).parents[1] / "data" / "cdnow_purchases.csv.gz"
MONTH = timedelta(days=30)
END = date(1998, 7, 1)
JOURNEY = """\
id: second_purchase
name: Second purchase
entry:
  name: First purchase
  condition: {event: Purchase}
exits:
  - {name: bought again, condition: {event: Purchase, since: entry}}
steps:
  - {id: thirty_days, type: wait_for_duration, duration: 30 days, next: remind}
  - {id: remind, name: Reminder, type: send_to_destinations, destinations: [email, ads]}
"""


def test_counts_equal_plain_counting(make_world: MakeWorld) -> None:
    """Reminded, returned after the reminder, and still on the list: each as counted by hand."""
    bought: dict[str, list[date]] = defaultdict(list)
    rows = list(_rows())
    for _, customer, day in rows:
        bought[customer].append(day)
    assert (len(rows), len(bought)) == (69_659, 23_570)
    reminded, returned = _count(bought)

    world = make_world()
    file = world.directory / "second_purchase.yaml"
    file.write_text(JOURNEY, encoding="utf-8")
    world.cli("publish", file)
    with world.worker():
        world.produce(
            {
                "type": "track",
                "event": "Purchase",
                "userId": customer,
                "messageId": f"row-{number}",
                "timestamp": f"{day}T00:00:00Z",
            }
            for number, customer, day in sorted(rows, key=lambda row: (row[2], row[0]))
        )
        world.mark_clock(f"{END}T00:00:00Z")
        world.settle()

    seen: Counter[tuple[str, str, str]] = Counter()
    for record in world.received("email"):
        assert record.value is not None
        seen[record.key, record.value["event"], record.value["timestamp"][:10]] += 1
    assert seen == Counter(
        [(customer, "Audience Entered", str(day)) for customer, day in reminded.items()]
        + [(customer, "Audience Exited", str(day)) for customer, day in returned.items()]
    )
    members: dict[str, bool] = {}
    for record in world.received("ads"):
        members[record.key.split("/")[1]] = record.value is not None
    on_list = {customer for customer, inside in members.items() if inside}
    assert on_list == reminded.keys() - returned.keys()


def _count(bought: dict[str, list[date]]) -> tuple[dict[str, date], dict[str, date]]:
    """Count by hand: customer -> day of the reminder, and -> day of a return after it."""
    reminded, returned = {}, {}
    for customer, days in bought.items():
        first, *later = sorted(days)
        due = first + MONTH
        if due <= END and not (later and later[0] < due):
            reminded[customer] = due
            if later:
                returned[customer] = later[0]
    return reminded, returned


def _rows() -> Iterator[tuple[int, str, date]]:
    with gzip.open(PURCHASES, "rb") as file:
        reader = csv.DictReader(io.TextIOWrapper(file, encoding="utf-8"))
        for number, row in enumerate(reader):
            yield number, row["customer"], date.fromisoformat(row["date"])
