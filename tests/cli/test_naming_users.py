"""What commands say of users, as workers read it: enrolments, moves, lists, erasures."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from journeystream.commands.init import WELCOME
from journeystream.project import load_project
from tests.cli.typing_commands import COMMAND, Shop, run, tailed, written

AT = ("--at", "2024-03-01T10:00")
TIME = "2024-03-01T10:00:00.000Z"


def said(shop: Shop) -> list[dict[str, Any]]:
    """Return what is on its way to users, with its key, user by user."""
    found = [{"key": each["key"], **each["value"]} for each in tailed(shop, "rekeyed")]
    return sorted(found, key=lambda each: str(each["key"]))


def test_users_are_enrolled(shop: Shop, tmp_path: Path) -> None:
    """A note for each, keyed by the user; the same again has the same id, unless told otherwise."""
    assert shop("publish", written(tmp_path / "welcome.yaml", WELCOME)).exit_code == 0
    file = written(tmp_path / "u.jsonl", 'u1\n{"userId": "u2", "properties": {"n": 1, "m": 2}}\n')
    told = shop("enroll", "welcome", "--file", file, *AT).stdout
    assert told == "welcome: 2 users enrolled; the same again within 7 days counts once\n"
    first = said(shop)
    assert [(each["key"], each["userId"], each["properties"]) for each in first] == [
        ("u1", "u1", {}),
        ("u2", "u2", {"n": 1, "m": 2}),
    ]
    assert {(each["type"], each["journey"], each["timestamp"]) for each in first} == {
        ("enroll", "welcome", TIME)
    }
    same = written(tmp_path / "v.jsonl", '{"userId": "u2", "properties": {"m": 2, "n": 1}}\n')
    shop("enroll", "welcome", "--file", same, *AT)
    shop("enroll", "welcome", "u2", *AT)
    shop("enroll", "welcome", "u1", "--id", "spring", *AT)
    again = said(shop)
    ids = {user: [e["messageId"] for e in again if e["key"] == user] for user in ("u1", "u2")}
    assert [len(set(ids["u1"])), len(set(ids["u2"]))] == [2, 2]
    assert ids["u2"][0] == ids["u2"][1]


def test_a_journey_that_lets_nobody_in_is_refused(shop: Shop, tmp_path: Path) -> None:
    """The error says what to do: another id, or another command first; and nothing is sent."""
    assert shop("publish", written(tmp_path / "welcome.yaml", WELCOME)).exit_code == 0
    for done, asked, advice in (
        ("list", "welcom", "no journey 'welcom' is published; did you mean 'welcome'?"),
        ("pause", "welcome", "is paused: nobody enters; let users in again: journeystream resume"),
        ("stop", "welcome", "is stopped: nobody enters; that is for good; begin another one: "),
        ("archive", "welcome", "is archived: nobody enters; bring it back: "),
    ):
        shop(done, *(["welcome"] if done != "list" else []))
        refused = shop("enroll", asked, "u1", *AT)
        assert (refused.exit_code, refused.stdout) == (2, "")
        assert advice in refused.stderr
    assert said(shop) == []


def test_users_are_taken_out_and_moved(shop: Shop, tmp_path: Path) -> None:
    """A note for each, with an id that stays the same for the same command; a key is said."""
    assert shop("publish", written(tmp_path / "welcome.yaml", WELCOME)).exit_code == 0
    told = shop("exit", "welcome", "u1", *AT).stdout
    assert told == "welcome: 1 user to leave; the same again within 7 days counts once\n"
    told = shop("move", "welcome", "remind", "u2", *AT).stdout
    assert told == "welcome: 1 user to go to remind; the same again within 7 days counts once\n"
    shop("exit", "welcome", "u1", *AT)
    shop("exit", "welcome", "u1", "--key", "u3", *AT)
    shop("exit", "welcome", "u1", "--id", "again", *AT)
    first, second, again, moved, keyed = said(shop)
    assert first == second
    assert len({each.pop("messageId") for each in (first, again, moved, keyed)}) == 4
    note = {"key": "u1", "userId": "u1", "timestamp": TIME, "journey": "welcome"}
    assert first == again == {**note, "type": "exit"}
    assert keyed == {**note, "type": "exit", "key": "u3"}
    assert moved == {**note, "key": "u2", "userId": "u2", "type": "move", "step": "remind"}


def test_what_can_move_nobody_is_refused(shop: Shop, tmp_path: Path) -> None:
    """A journey or a step that is not there, a journey at its end: told before anything is sent."""
    assert shop("publish", written(tmp_path / "welcome.yaml", WELCOME)).exit_code == 0
    for done, asked, advice in (
        ("list", ["exit", "welcom"], "no journey 'welcom' is published; did you mean 'welcome'?"),
        ("list", ["move", "welcome", "remid"], "no step 'remid'; did you mean 'remind'?"),
        ("stop", ["move", "welcome", "remind"], "is stopped: nobody moves in it any more; take"),
        ("archive", ["move", "welcome", "remind"], "is archived: everyone has left it"),
        ("list", ["exit", "welcome"], "is archived: everyone has left it"),
    ):
        shop(done, *(["welcome"] if done != "list" else []))
        refused = shop(*asked, "u1", *AT)
        assert (refused.exit_code, refused.stdout) == (2, "")
        assert advice in refused.stderr
    assert said(shop) == []


def test_users_join_and_leave_lists_and_are_erased(shop: Shop) -> None:
    """Each is a note of its user, without an id: to say it again changes nothing."""
    assert shop("lists", "add", "vip", "u1", *AT).stdout == "vip: 1 user put on it\n"
    assert shop("lists", "remove", "vip", "u1", *AT).stdout == "vip: 1 user taken off it\n"
    erased = shop("erase", "u1", *AT).stdout
    assert erased == "1 user to be erased, as soon as workers have read it\n"
    note = {"key": "u1", "userId": "u1", "timestamp": TIME}
    assert said(shop) == [
        {**note, "type": "list", "list": "vip", "member": True},
        {**note, "type": "list", "list": "vip", "member": False},
        {**note, "type": "delete"},
    ]
    members = shop("lists", "show", "vip", "--json")
    assert (members.exit_code, members.stdout) == (0, "[]\n"), "no worker has applied it"
    assert shop("lists", "replace", "vip", "--file", "/dev/null", *AT).exit_code == 2


def test_a_replay_has_to_be_told_when(shop: Shop) -> None:
    """Its clocks follow events: now would be years later."""
    refused = shop("erase", "u1")
    assert (refused.exit_code, "--at 2024-03-01T10:00" in refused.stderr) == (2, True)


def test_what_was_read_before_a_bad_line_is_sent(shop_file: Path, shop: Shop) -> None:
    """It is told how many users that were, and which line to mend."""
    done = subprocess.run(
        [*COMMAND, "--project", shop_file, "lists", "add", "vip", "--file", "-", *AT],
        input=b"u1\nu2\n{}\nu3\n",
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, b"vip: 2 users put on it\n")
    assert done.stderr.startswith(b"stdin:3: userId is None; ")
    assert {each["key"] for each in said(shop)} == {"u1", "u2"}


@pytest.mark.parametrize(
    "command",
    [
        ["enroll", "j", "u1"],
        ["exit", "j", "u1"],
        ["move", "j", "s", "u1"],
        ["lists", "add", "vip", "u1"],
    ],
)
def test_with_at_least_once_only_the_source_says_what_happens(
    shop_file: Path, shop: Shop, command: list[str]
) -> None:
    """There is one order; an erasure goes into it, and other notes are refused."""
    text = shop_file.read_text().replace("kafka: {", "kafka: {guarantee: at_least_once, ")
    written(shop_file, text)
    refused = run(*command, *AT, file=shop_file)
    assert (refused.exit_code, "use exactly_once" in refused.stderr) == (2, True)
    assert shop("erase", "u1", *AT).exit_code == 0
    [record] = tailed(shop, load_project(shop_file).sources[0].topic)
    assert (record["key"], record["value"]["type"]) == ("u1", "delete")
