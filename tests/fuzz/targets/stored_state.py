"""Any bytes as a record of the changelog or of the local store.

Law: it is read, or StateError says what to do. What is read can be written again, and is then
read as the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from journeystream.durations import LAST_INSTANT
from journeystream.errors import StateError
from journeystream.state.codec import (
    PartitionState,
    decode_partition,
    decode_user,
    encode_partition,
    encode_user,
)
from journeystream.user import Hold, Instance, Passes, Position, User
from tests.fuzz.target import Target
from tests.fuzz.telling import says_what_to_do
from tests.strategies import START


def holds(data: bytes) -> None:
    """Read the bytes as a user and as a partition's position."""
    try:
        user = decode_user("u1", data)
    except StateError as error:
        says_what_to_do(error)
    else:
        assert decode_user("u1", encode_user(user)) == user
    try:
        partition = decode_partition(data)
    except StateError as error:
        says_what_to_do(error)
    else:
        assert decode_partition(encode_partition(partition)) == partition


def seeds() -> Sequence[bytes]:
    """Return a user of whom much is known, a newcomer, and where a partition stands."""
    walking = Instance(
        journey="j",
        version=2,
        number=1,
        entered_at=START,
        entry={"plan": "pro", "n": 1.5},
        positions=[
            Position("wait", START, Hold("sent", 1, ["email", "ads"])),
            Position(None, START, None, ["branch 1"]),
        ],
        visits={"sent": 1},
        wake=START + 1,
    )
    known = User(
        "u1",
        known_since=START,
        clock=START,
        traits={"plan": "pro", "tags": ["a", None, True]},
        facts={"f": [START, START + 1]},
        seen={"m": START},
        passes={"j": Passes(2, True, 1, {"completed": 1}, LAST_INSTANT), "k": Passes(1)},
        instances=[walking],
    )
    partition = PartitionState(START, {"web": 7}, {("j", 2): START}, {"web:0": START})
    return [encode_user(known), encode_user(User("u2")), encode_partition(partition)]


# Records are one piece each, whatever bytes they hold.
TARGET = Target("stored_state", "a stored record is read or refused", holds, seeds, b"\0\n\0")
