"""One question for all who ask at the same time."""

from __future__ import annotations

import asyncio

import pytest

from journeystream.agents.together import Together

PATIENCE = 20.0


class Kafka:
    """Answers with the number of the question, when it is let."""

    def __init__(self) -> None:
        self.questions = 0
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()

    async def put(self) -> int:
        """Take a question."""
        self.questions += 1
        number = self.questions
        self.asked.set()
        await self.answer.wait()
        return number


def test_who_asks_at_once_shares_a_question_and_who_comes_later_has_another() -> None:
    """Everyone's answer is to a question that was put after they asked; there are no more than that
    takes."""  # noqa: D205, D209  one sentence

    async def asking() -> list[int]:
        kafka = Kafka()
        together = Together(kafka.put)
        first = [asyncio.ensure_future(together()) for _ in range(3)]
        await kafka.asked.wait()
        later = [asyncio.ensure_future(together()) for _ in range(2)]
        kafka.answer.set()
        return await asyncio.wait_for(asyncio.gather(*first, *later), PATIENCE)

    assert asyncio.run(asking()) == [1, 1, 1, 2, 2]


def test_who_is_cancelled_leaves_the_others_their_answer() -> None:
    """A question is that of all who share it."""

    async def asking() -> int:
        kafka = Kafka()
        together = Together(kafka.put)
        one, other = asyncio.ensure_future(together()), asyncio.ensure_future(together())
        await kafka.asked.wait()
        one.cancel()
        kafka.answer.set()
        return await asyncio.wait_for(other, PATIENCE)

    assert asyncio.run(asking()) == 1


def test_a_refusal_is_everyones() -> None:
    """What the question raises is raised to all who asked, and not to those who ask again."""

    async def asking() -> None:
        answers = iter((ValueError("not now"), 7))

        async def put() -> int:
            answer = next(answers)
            if isinstance(answer, Exception):
                raise answer
            return answer

        together = Together(put)
        told = await asyncio.gather(together(), together(), return_exceptions=True)
        assert [str(each) for each in told] == ["not now", "not now"]
        assert await together() == 7

    asyncio.run(asking())


@pytest.mark.parametrize("partitions", [1, 4])
def test_each_round_is_one_question(partitions: int) -> None:
    """Partitions that ask again and again together ask as often as one would alone."""

    async def rounds() -> int:
        kafka = Kafka()
        kafka.answer.set()
        together = Together(kafka.put)
        for _ in range(5):
            await asyncio.gather(*(together() for _ in range(partitions)))
        return kafka.questions

    assert asyncio.run(rounds()) == 5
