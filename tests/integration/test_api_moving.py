"""Asking all the time while workers come, are killed and go: every answer is right or says why."""

from __future__ import annotations

import http.client
import json
import random
from collections import Counter
from threading import Event, Thread
from typing import Any

import pytest

from tests.integration.api_client import MORE, Answer, Api, path_of
from tests.integration.conftest import MakeWorld
from tests.integration.waiting import wait_until
from tests.integration.world import PARTITIONS, Worker

USERS = sorted(f"user {n:02}" for n in range(40))
RESTING: dict[str, Any] = {
    "id": "rest",
    "name": "Rest",
    "entry": {"by_name": True},
    "steps": [{"id": "greet", "type": "send_to_destinations", "destinations": ["email"]}],
}
_SEEN_BEFORE_GOING_ON = 20


class Asker(Thread):
    """Asks one worker for everything again and again, and notes what is wrong with an answer."""

    def __init__(self, api: Api) -> None:
        super().__init__(daemon=True)
        self.api = api
        self.wrong: list[str] = []
        self.seen = Counter[str]()
        self.ended = Event()

    def run(self) -> None:
        """Ask until told to end."""
        draw = random.Random(1)  # noqa: S311  which user is asked for next is no secret
        while not self.ended.is_set():
            for path in ("/journeys/rest/counts", "/journeys/rest/users?limit=1000", "/workers",
                         path_of("users", draw.choice(USERS)), "/journeys"):  # fmt: skip
                try:
                    self._look(path, self.api.get(path))
                except (OSError, http.client.HTTPException):
                    self.seen["nobody"] += 1  # it is not up yet, or was killed

    def _look(self, path: str, answer: Answer) -> None:
        self.seen[f"{answer.status}"] += 1
        if answer.status == 503:
            if "retry-after" not in answer.headers:
                self.wrong.append(f"{path}: no Retry-After: {answer}")
            return
        if answer.status != 200:
            self.wrong.append(f"{path}: {answer}")
            return
        body, missing = answer.body, answer.body.get("missing")
        self.seen["missing" if missing else "whole"] += 1
        if path.endswith("counts"):
            right = body["inside"] == len(USERS) or (missing and body["inside"] < len(USERS))
        elif path.startswith("/journeys/rest/users"):
            items = body["items"]
            right = items == USERS or (missing and items == sorted(set(items) & set(USERS)))
        elif path.startswith("/users/"):
            right = [each["steps"] for each in body["journeys"]] == [["greet"]]
        elif path == "/workers":
            had = [each["partition"] for worker in body["items"] for each in worker["partitions"]]
            right = len(set(had)) == len(had) and {*had, *missing} == set(range(PARTITIONS))
        else:
            right = [each["id"] for each in body["items"]] == ["rest"]
        if not right:
            self.wrong.append(f"{path}: {json.dumps(body)}")


@pytest.mark.usefixtures("moving_partitions")
def test_answers_are_right_while_partitions_move(make_world: MakeWorld) -> None:
    """Workers start, are killed and stop; whoever asks hears the truth, `missing`, or 503."""
    world = make_world(live=True, more=MORE)
    apis = [Api() for _ in range(3)]
    askers = [Asker(api) for api in apis]
    with world.worker("worker-1", *apis[0].options):
        wait_until(apis[0].is_ready, "the first worker")
        assert apis[0].post("/journeys", RESTING).status == 201
        assert apis[0].post("/journeys/rest/publish").status == 200
        users = [{"userId": user} for user in USERS]
        assert apis[0].post("/journeys/rest/users", {"users": users}).status == 202
        wait_until(
            lambda: apis[0].get("/journeys/rest/counts").body["inside"] == len(USERS), "the users"
        )
        for asker in askers:
            asker.start()
        second = Worker(world, "worker-2", *apis[1].options)
        wait_until(lambda: shares(apis[0]) == 2, "the second worker's share")
        wait_until(lambda: asked_on(askers[1]), "answers of the second worker")
        second.kill()
        with world.worker("worker-3", *apis[2].options):
            wait_until(lambda: shares(apis[0]) == 2 and shares(apis[2]) == 2, "the third's share")
            wait_until(lambda: asked_on(askers[2]), "answers of the third worker")
        wait_until(lambda: shares(apis[0]) == 1, "all to be back")
        for asker in askers:
            asker.ended.set()
            asker.join()
    assert [wrong for asker in askers for wrong in asker.wrong] == []
    assert all(asker.seen["whole"] for asker in askers), [asker.seen for asker in askers]


def shares(api: Api) -> int:
    """Return how many workers have partitions, when all of them do their work; else 0."""
    answer = api.get("/workers")
    if answer.status != 200 or answer.body["missing"]:
        return 0
    workers = [each["partitions"] for each in answer.body["items"] if each["partitions"]]
    running = all(each["standing"] == "running" for worker in workers for each in worker)
    return len(workers) if running else 0


def asked_on(asker: Asker) -> bool:
    """Tell whether a worker has given whole answers for a while."""
    return asker.seen["whole"] > _SEEN_BEFORE_GOING_ON
