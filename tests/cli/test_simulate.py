"""`simulate` with files alone: a journey tried on events, with no Kafka anywhere."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
from importlib import resources
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import Result

from journeystream.simulated import Simulated
from tests.cli.typing_commands import AUDIENCE, COMMAND, event, json_lines, run, written

ROOT = Path(__file__).parents[2]
DEMO = Path(str(resources.files("journeystream") / "demo"))
REMIND = """\
id: remind
name: Remind
entry: {condition: {event: Viewed}}
exits: [{name: bought, condition: {event: Bought, since: entry}}]
steps:
  - {id: hour, type: wait_for_duration, duration: 1 hour, next: sent}
  - {id: sent, type: send_to_destinations, destinations: [email]}
"""
DAY = "2024-03-01T"


@pytest.fixture(autouse=True)
def _no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work where there is no project file."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def journey(tmp_path: Path) -> Path:
    """Write a journey."""
    return written(tmp_path / "remind.yaml", REMIND)


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """Write events: u1 is reminded, u2 buys in time, and u3 comes late."""
    return json_lines(
        tmp_path / "events.jsonl",
        event("u1", 1, timestamp=f"{DAY}10:00:00Z"),
        event("u2", 2, timestamp=f"{DAY}10:30:00Z"),
        event("u2", 3, timestamp=f"{DAY}10:45:00Z", event="Bought"),
        event("u3", 4, timestamp=f"{DAY}12:00:00Z"),
    )


def simulated(*arguments: object) -> Any:  # noqa: ANN401 -- JSON
    """Return what `simulate --json` prints."""
    result = run("simulate", *arguments, "--json")
    assert result.exit_code == 0, result.output
    return orjson.loads(result.stdout)


def test_a_file_of_events_says_what_becomes_of_everybody(journey: Path, events: Path) -> None:
    """Counts, places, exits, messages and each user's way are told, without any project."""
    told = simulated(journey, "--events", events)
    assert told["read"] == {
        "events": 4,
        "leftOut": 0,
        "late": 0,
        "refused": [],
        "first": f"{DAY}10:00:00.000Z",
        "last": f"{DAY}12:00:00.000Z",
    }
    found = told["simulated"]
    assert (found["entered"], found["inside"]) == (3, 2)
    assert found["standing"] == {"hour": 1, "sent": 1}
    assert found["exits"] == {"exit_condition: bought": 1}
    assert found["messages"] == [{"destination": "email", "entered": 1, "exited": 0}]
    assert [each["user"] for each in found["timelines"]] == ["u1", "u2", "u3"]
    assert told["against"] is None


def test_people_are_told_the_same(journey: Path, events: Path) -> None:
    """Without --json come lines of figures, and what happened to users in words."""
    lines = run("simulate", journey, "--events", events, "--user", "u2").stdout.splitlines()
    assert lines[0].startswith(f"remind ({journey}): 4 events from {DAY}10:00")
    assert "exited\texit_condition: bought\t1" in lines
    assert lines[-3:] == [
        f"u2\t{DAY}10:30:00.000Z\tenters",
        f"u2\t{DAY}10:30:00.000Z\tcomes to hour",
        f"u2\t{DAY}10:45:00.000Z\tleaves: exit_condition: bought",
    ]


def test_a_user_who_does_not_enter_is_told(journey: Path, events: Path) -> None:
    """Who is asked for and never came has no way to be shown, and that is said."""
    result = run("simulate", journey, "--events", events, "--user", "u9")
    assert result.stderr == "user 'u9' does not enter\n"


def test_time_passes_until_it_is_told(journey: Path, events: Path) -> None:
    """What comes due after the last event happens if time is let pass."""
    told = simulated(journey, "--events", events, "--until", f"{DAY}13:00")
    assert told["simulated"]["standing"] == {"sent": 2}
    assert told["simulated"]["until"] == f"{DAY}13:00:00.000Z"


def test_a_clock_mark_lets_time_pass(journey: Path, events: Path) -> None:
    """A file may hold what a replay's topic may."""
    with events.open("ab") as file:
        file.write(orjson.dumps({"type": "clock", "timestamp": f"{DAY}13:00:00Z"}) + b"\n")
    assert simulated(journey, "--events", events)["simulated"]["standing"] == {"sent": 2}


def test_bad_events_are_counted_and_told(journey: Path, events: Path) -> None:
    """What is no event stops nothing; the first of each kind is shown with its place."""
    bad = [b"junk", b'{"type": "x", "userId": "u"}', orjson.dumps(event("u9", 9)), b"", b"[]"]
    events.write_bytes(b"\n".join(bad) + b"\n" + events.read_bytes())
    result = run("simulate", journey, "--events", events)
    assert result.exit_code == 0
    assert f"1 record (not_json), the first is {events}:1: " in result.stderr
    told = simulated(journey, "--events", events)
    assert {each["code"]: each["records"] for each in told["read"]["refused"]} == {
        "no_time": 1,
        "not_an_object": 1,
        "not_json": 1,
        "unknown_type": 1,
    }
    assert told["simulated"]["entered"] == 3


def test_a_packed_file_says_the_same(journey: Path, events: Path, tmp_path: Path) -> None:
    """.gz is unpacked."""
    packed = tmp_path / "events.jsonl.gz"
    packed.write_bytes(gzip.compress(events.read_bytes()))
    assert simulated(journey, "--events", packed) == simulated(journey, "--events", events)


def test_events_of_other_times_are_left_out(journey: Path, events: Path) -> None:
    """--from includes its time, --to does not."""
    told = simulated(journey, "--events", events, "--from", f"{DAY}10:30", "--to", f"{DAY}12:00")
    assert (told["read"]["events"], told["read"]["leftOut"]) == (2, 2)
    assert told["simulated"]["entered"] == 1


def test_events_out_of_order_are_told(journey: Path, events: Path) -> None:
    """An event after newer ones counts as late, as for a worker, and is told."""
    events.write_bytes(b"\n".join(reversed(events.read_bytes().splitlines())))
    result = run("simulate", journey, "--events", events)
    assert "3 events later in the log than newer ones" in result.stderr


def test_audiences_and_other_journeys_come_in_further_files(tmp_path: Path, events: Path) -> None:
    """What a journey asks for may be in files after it; without it the problem is told."""
    asking = written(
        tmp_path / "asking.yaml", REMIND.replace("{event: Viewed}", "{audience: loyal}")
    )
    loyal = written(tmp_path / "loyal.yaml", AUDIENCE.replace("Order Completed", "Bought"))
    assert simulated(asking, loyal, "--events", events)["simulated"]["users"] == 1
    result = run("simulate", asking, "--events", events)
    assert (result.exit_code, "'loyal'" in result.stdout) == (2, True)


def test_a_computed_trait_comes_in_a_further_file(tmp_path: Path, events: Path) -> None:
    """What it is made of counts from the first event on."""
    computed = "kind: computed_trait\nid: views\nname: Views\nevent: Viewed\ncompute: count\n"
    views = written(tmp_path / "views.yaml", computed)
    condition = "{trait: computed.views, at_least: 1}"
    keen = written(tmp_path / "keen.yaml", REMIND.replace("{event: Viewed}", condition))
    assert simulated(keen, views, "--events", events)["simulated"]["users"] == 3


def test_a_journey_beside_it_is_followed(tmp_path: Path, journey: Path, events: Path) -> None:
    """A further file's journey runs too, so that what it triggers happens."""
    follows = REMIND.replace("id: remind", "id: follows").replace(
        "{condition: {event: Viewed}}", "{trigger: {journey: remind, step: sent}}"
    )
    following = written(tmp_path / "follows.yaml", follows)
    assert simulated(following, journey, "--events", events)["simulated"]["entered"] == 1
    assert simulated(following, "--events", events)["simulated"]["entered"] == 0


def test_two_files_are_compared(tmp_path: Path, journey: Path, events: Path) -> None:
    """Counts stand side by side, and who fares differently is listed."""
    shorter = written(tmp_path / "new.yaml", REMIND.replace("1 hour", "10 minutes"))
    result = run("simulate", journey, "--against", shorter, "--events", events)
    lines = result.stdout.splitlines()
    assert lines[1] == f"\t\t{journey}\t{shorter}"
    assert "messages\temail, entered\t1\t2" in lines
    assert lines[-1] == (
        "u2\tpath\thour → left: exit_condition: bought\thour → sent → left: exit_condition: bought"
    )
    told = simulated(journey, "--against", shorter, "--events", events)
    assert told["against"]["label"] == str(shorter)
    assert {name: told["difference"][name] for name in ("entry", "path", "end")} == {
        "entry": 0,
        "path": 1,
        "end": 0,
    }


def _refused(*arguments: object) -> str:
    result: Result = run("simulate", *arguments)
    assert result.exit_code == 2
    return result.stderr


def test_what_makes_no_sense_is_refused(tmp_path: Path, journey: Path, events: Path) -> None:
    """Each error names what was written, and what to write."""
    two = written(tmp_path / "two.yaml", f"{REMIND}---\n{REMIND.replace('remind', 'other')}")
    other = written(tmp_path / "other.yaml", REMIND.replace("id: remind", "id: other"))
    assert "either --events FILE or --topic TOPIC" in _refused(journey)
    assert "either" in _refused(journey, "--events", events, "--topic", "t")
    assert "holds 2 journeys" in _refused(two, "--events", events)
    assert "defines journey 'other', not 'remind'" in _refused(
        journey, "--events", events, "--against", other
    )
    assert "--until: 'soon' is no time" in _refused(journey, "--events", events, "--until", "soon")
    assert "can not be read" in _refused(journey, "--events", tmp_path / "none")


def test_the_page_shows_what_is_printed(tmp_path: Path, events: Path) -> None:
    """What docs/simulate.md shows of its journey comes out, and figures have the names there."""
    page = (ROOT / "docs" / "simulate.md").read_text(encoding="utf-8")
    [block] = re.findall(r"```yaml journey\n(.*?)```", page, re.DOTALL)
    assert block == REMIND
    [shown] = re.findall(r"```\n(fare differently.*?)```", page, re.DOTALL)
    now = written(tmp_path / "now.yaml", block)
    new = written(tmp_path / "new.yaml", block.replace("1 hour", "10 minutes"))
    printed = run("simulate", now, "--against", new, "--events", events).stdout
    assert [line.split("\t") for line in printed.splitlines()[-3:]] == [
        re.split(" {2,}", line) for line in shown.splitlines()
    ]
    named = re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", " ".join(named))) < Simulated.model_fields.keys()


def test_the_same_inputs_give_the_same_bytes() -> None:
    """Neither a run nor the order of hashes can be seen in the shop's half year."""
    told = []
    for seed in ("1", "2"):
        files = DEMO / "journeys" / "checkout_trouble.yaml", DEMO / "shop_events.jsonl.gz"
        done = subprocess.run(
            [*COMMAND, "simulate", files[0], "--events", files[1], "--users", "50", "--json"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        )
        told.append(done.stdout)
    assert told[0] == told[1]
    assert orjson.loads(told[0])["simulated"]["entered"] > 50
