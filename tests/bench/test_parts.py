"""The parts' own pieces: what is worked out from what was seen."""

from __future__ import annotations

from array import array
from datetime import datetime
from pathlib import Path

import pytest

from bench.deployment import sending
from bench.figures import Figures, share
from bench.growth import Plan as GrowthPlan
from bench.latency import delays
from bench.listen import Listening, Sighting
from bench.many_journeys import ASKED, ENTERS, UNTOUCHED, Plan, journeys_of
from bench.processes import RunFailed, finish
from bench.report import kept_in, page
from bench.results import Result, Results
from bench.state import compacted_size, last_taken_over, size_of
from bench.timers import due
from journeystream.definitions import JourneyDefinition, parse_definition
from journeystream.project import Limits
from journeystream.state.codec import PartitionState
from journeystream.state.rocksdb import RocksStore
from journeystream.state.store import change_of
from journeystream.user import NOBODY, User
from journeystream.validation import Known, validate_journey
from journeystream.yaml_text import documents

SECOND = 1_000_000


def test_a_share_is_a_figure_that_so_many_do_not_exceed() -> None:
    """Of a hundred in order, the hundredth is the most and the 51st the middle."""
    figures = list(range(1, 101))
    assert [share(figures, part) for part in (0.0, 0.5, 0.99, 1.0)] == [1, 51, 100, 100]
    assert share([7], 0.99) == 7


def test_what_was_sent_while_warming_up_is_not_measured() -> None:
    """Delays are those of events that were sent after the warm-up, least first."""
    sent = [0, SECOND, 2 * SECOND, 3 * SECOND]
    seen = [Sighting(at + 9 - at // SECOND, 0, 0, at) for at in sent]
    assert delays(seen, 2.0) == [6, 7]


def test_sightings_come_back_as_they_were_kept(tmp_path: Path) -> None:
    """A listener's file holds what it saw, in order."""
    file = tmp_path / "seen"
    file.write_bytes(array("q", [1, 2, 3, 4, 5, 6, 7, 8]).tobytes())
    listening = Listening("nowhere:1", "topic", 2, 1.0, str(file))
    assert listening.sightings() == [Sighting(1, 2, 3, 4), Sighting(5, 6, 7, 8)]


def test_a_timer_is_due_at_its_events_millisecond_plus_the_wait() -> None:
    """An event says its time in whole milliseconds, so microseconds of its sending are cut."""
    assert due(1_234_567, 2) == 1_234_000 + 2 * SECOND


@pytest.mark.parametrize("wait", [None, "40 seconds"])
def test_the_journeys_of_the_parts_are_valid(wait: str | None) -> None:
    """They may be published, with a wait and without one."""
    [document] = documents(sending("Signed Up", wait))
    journey = parse_definition(document, "sending")
    assert isinstance(journey, JourneyDefinition)
    assert validate_journey(journey, Known({"email"}, {}, Limits())) == []


def test_many_journeys_ask_for_the_event_or_do_not() -> None:
    """Only the kinds that the event touches read it, and each with a question of its own."""
    live = {kind: journeys_of(kind, 7) for kind in (UNTOUCHED, ASKED, ENTERS)}
    matters = {kind: journeys.matters("track", "Product Viewed") for kind, journeys in live.items()}
    assert matters == {UNTOUCHED: False, ASKED: True, ENTERS: True}
    assert len(live[ASKED].predicates) == 7
    assert Plan().events_for(ENTERS) < Plan().events_for(ASKED) < Plan().events


def test_each_load_of_growth_is_made_once_and_no_process_is_idle() -> None:
    """No load comes twice, and nobody runs more processes than there are partitions."""
    plan = GrowthPlan()
    loads = list(plan.loads())
    assert len(set(loads)) == len(loads) == 5
    assert {load: list(plan.runs(*load)) for load in loads} == {
        (1, 100_000): [1],
        (4, 100_000): [1, 2],
        (8, 100_000): [1, 2],
        (4, 10_000): [1],
        (4, 1_000_000): [1],
    }


def test_the_last_partition_counts_as_the_end_of_restoring() -> None:
    """Of the lines of a worker's log, the latest that a partition was taken over."""
    log = (
        "2026-01-01 10:00:00,250 INFO partition 0: taken over at {}\n"
        "2026-01-01 10:00:01,500 INFO partition 1: taken over at {}\n"
        "2026-01-01 10:00:09,000 INFO partition 1: let go at {}\n"
    )
    wanted = datetime(2026, 1, 1, 10, 0, 1, 500_000).astimezone()
    assert last_taken_over(log) == wanted.timestamp()


def test_a_compacted_copy_leaves_the_state_as_it_was(tmp_path: Path) -> None:
    """The size is that of tables with the users in them; a worker opens its own files again."""
    state = tmp_path / "state"
    store = RocksStore(state / "0")
    users = [User(f"user-{number:05d}", known_since=number) for number in range(2_000)]
    store.save([change_of(user, NOBODY) for user in users], PartitionState())
    store.close()
    before = size_of(state)
    assert compacted_size(state) > 2_000
    assert size_of(state) == before
    again = RocksStore(state / "0")
    assert again.set_aside is None
    assert len(list(again.users())) == 2_000
    again.close()


def test_a_page_is_its_prose_with_the_tables_filled_in(tmp_path: Path) -> None:
    """Prose stays; shared facts are told once; what was not measured is said so."""
    shared = {"CPU": "a fast one"}
    Figures(
        "State", {**shared, "workload": "few"}, ["users", "s"], [[1_000, 2.25], [5, None]]
    ).write(tmp_path / "state.json")
    run = Result("cart", "journeystream", "exactly once", 1, rate=10.0, finished=True)
    Results("Throughput", shared, [run]).write(tmp_path / "throughput.json")
    prose = (
        "Words.\n<!-- machine -->\nMore.\n<!-- state -->\n<!-- growth -->\n<!-- throughput -->\n"
    )
    text = page(prose, kept_in(tmp_path))
    assert text.startswith("Words.\n- CPU: a fast one\nMore.\n- workload: few\n")
    assert "| 1,000 | 2.2 |\n| 5 |  |" in text
    assert "(not measured)" in text
    assert "| journeystream | 10 |" in text
    assert text.count("a fast one") == 1


def test_a_step_that_fails_is_told_with_what_it_wrote() -> None:
    """So a contestant whose command fails is a failed run, and the others go on."""
    with pytest.raises(RunFailed, match="no such luck"):
        finish(["python3", "-c", "raise SystemExit('no such luck')"])
