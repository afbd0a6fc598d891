"""Dead letters from the command line: what waits, and each record produced again exactly once.

The letters are written here as workers write them; what comes back is read with librdkafka.
A kill is an exception in the middle of a transaction that is left open, as a killed process
leaves it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import Message, Producer

# Not from `admin`, which has them too but does not export them for type checkers.
from typer.testing import CliRunner, Result

from journeystream.cli import app_for
from journeystream.commands.letters import read_letter
from journeystream.sinks.dead_letters import Origin, dead_letter
from tests.brokers.clients import SECONDS, client, read
from tests.integration.waiting import wait_until

app = app_for(())
PARTITIONS = 2
AT = 1_704_067_200_000
STEPS = ("send", "offsets", "commit", "unheard")


class KillError(Exception):
    """The process ends here."""


@dataclass
class Post:
    """A project on the session's broker, and the letters in it."""

    file: Path
    app: str
    bootstrap: str

    @property
    def source(self) -> str:
        """The source topic that the letters come from."""
        return f"{self.app}-web"

    @property
    def letters(self) -> str:
        """The dead-letter topic."""
        return f"{self.app}.dead-letters"

    def run(self, *arguments: str) -> Result:
        """Run `journeystream dead-letters …` in this process."""
        return CliRunner().invoke(app, ["--project", str(self.file), "dead-letters", *arguments])

    def replay(self, *codes: str) -> str:
        """Replay letters of these codes, or all; return what was told."""
        result = self.run("replay", *(word for code in codes for word in ("--code", code)))
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *arguments: str) -> Any:  # noqa: ANN401  any JSON
        """Return what a command answers to programs."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return orjson.loads(result.stdout)

    def waiting(self) -> dict[str, int]:
        """Return how many letters of each code are listed."""
        counts: Counter[str] = Counter()
        for kind in self.json("list"):
            counts[kind["code"]] += kind["letters"]
        return dict(counts)

    def write(
        self,
        *codes: str,
        value: bytes | None = b"",
        first: int = 0,
        topic: str = "",
        since: int = AT,
    ) -> None:
        """Write letters; a value that is not given says which of them it is."""
        producer = Producer(client(self.bootstrap))
        for number, code in enumerate(codes, first):
            origin = Origin(topic or self.source, number % PARTITIONS, number, since + number)
            raw = f"{number} {code}".encode() if value == b"" else value
            key = None if number % 3 == 0 else b"\xff%d" % number
            letter = dead_letter(self.letters, origin, key, raw, code=code, text="a\ttext\nof 2")
            producer.produce(self.letters, letter.value, letter.key, number % PARTITIONS)
        assert producer.flush(SECONDS) == 0

    def came_back(self, expected: int) -> list[Message]:
        """Return what was produced again, by number.

        A commit that has returned may not be readable yet: so many records are waited for.
        """
        messages = read(self.bootstrap, self.source, expected=expected)
        return sorted(messages, key=_number)

    def expect_back(self, *numbers: int) -> None:
        """Expect these records in the source topic, and no others."""
        assert [_number(each) for each in self.came_back(len(numbers))] == list(numbers)

    def expect_waiting(self, **counts: int) -> None:
        """Expect so many letters of each code to be listed, as soon as commits can be read."""
        wait_until(lambda: self.waiting() == counts, f"{counts} to be what waits")


def _number(record: Message) -> int:
    return int((record.value() or b"").split()[0])


def new_post(directory: Path, kafka: str, clocks: str = "replay") -> Post:
    """Make a project with topics of its own; only in live time do they delete by time."""
    name = f"post-{uuid4().hex[:12]}"
    file = directory / f"{name}.yaml"
    file.write_text(
        f"app: {name}\ntime: {clocks}\nsources: [{{topic: {name}-web}}]\n"
        f"kafka: {{bootstrap: '{kafka}', partitions: {PARTITIONS}}}\n"
    )
    result = CliRunner().invoke(app, ["--project", str(file), "topics"])
    assert result.exit_code == 0, result.output
    return Post(file, name, kafka)


def kill_in(step: str, patch: pytest.MonkeyPatch, *, after: int = 1) -> None:
    """Let the replay end in a step of a transaction, after some that went well."""
    real: dict[str, Callable[..., Any]] = {
        name: getattr(AIOKafkaProducer, name)
        for name in ("send", "send_offsets_to_transaction", "commit_transaction")
    }
    committed = 0

    async def send(*arguments: Any, **more: Any) -> Any:  # noqa: ANN401  aiokafka's
        sent = await real["send"](*arguments, **more)
        end("send")
        return sent

    async def send_offsets(*arguments: Any) -> None:  # noqa: ANN401  aiokafka's
        end("offsets")
        await real["send_offsets_to_transaction"](*arguments)

    async def commit(*arguments: Any) -> None:  # noqa: ANN401  aiokafka's
        nonlocal committed
        end("commit")
        await real["commit_transaction"](*arguments)
        end("unheard")
        committed += 1

    async def abort(_: AIOKafkaProducer) -> None:
        """Do nothing: who is killed aborts nothing."""

    def end(here: str) -> None:
        if here == step and committed == after:
            raise KillError

    patch.setattr(AIOKafkaProducer, "send", send)
    patch.setattr(AIOKafkaProducer, "send_offsets_to_transaction", send_offsets)
    patch.setattr(AIOKafkaProducer, "commit_transaction", commit)
    patch.setattr(AIOKafkaProducer, "abort_transaction", abort)


def identity(record: Message) -> tuple[object, ...]:
    """Return what must be kept of a record that is passed over."""
    return record.partition(), record.key(), record.value(), record.timestamp()


def is_letter(record: Message) -> bool:
    """Tell a letter from a mark."""
    return read_letter(record.value()) is not None
