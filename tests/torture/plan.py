"""The plan: what befalls the workers and their broker, in which order.

Law: a function of the seed and of what is asked for. The number of workers goes 1, 3, 2; blows
of all kinds are shuffled over these phases, but those that need somebody to take over come
where there is more than one worker.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

_PHASES = (1, 3, 2)
_UNRIPE, _WIPED, _AWAY = 0.25, 0.3, 0.25
_LONGEST_AWAY = 9.0  # longer than a session: others take over
_FROZEN = (7.5, 11.0)  # longer than a session of 6 s

Kind = Literal["kill", "crash", "freeze", "join", "leave", "restart broker", "kill broker"]


@dataclass(frozen=True, slots=True)
class Commit:
    """A way to commit, and its `steps` in which doomed_worker.py can hit a worker.

    In those that are `open` the turn is neither made true nor undone for whoever comes next.
    `guarantee` is the project's setting.
    """

    guarantee: str
    steps: tuple[str, ...]
    open: tuple[str, ...]

    @property
    def repeats(self) -> bool:
        """Whether what a worker had told may be told again by the next one."""
        return self.guarantee == "at_least_once"


EXACTLY_ONCE = Commit(
    "exactly_once",
    ("1", "2", "3", "4", "5 before", "5 after", "6"),
    ("2", "3", "4", "5 before"),
)
AT_LEAST_ONCE = Commit(
    "at_least_once",
    ("1 begun", "1 done", "2 done", "3 done", "4 done"),
    ("1 begun", "1 done", "2 done", "3 done"),
)


@dataclass(frozen=True, slots=True)
class Action:
    """One blow. `worker` is its number; `pause` the seconds before it.

    `ripe` lets the worker own a partition first. A killed worker loses its state directory
    (`wiped`) and is started again after `away` seconds; a frozen one wakes after `away`.
    `step` is the step of the commit at which a worker crashes, or is frozen.
    """

    kind: Kind
    worker: int = 0
    pause: float = 0.0
    ripe: bool = True
    wiped: bool = False
    away: float = 0.0
    step: str = ""

    def __str__(self) -> str:
        about = f"worker-{self.worker}" if self.worker else ""
        more = [f"in step {self.step}"] if self.step else []
        more += ["its state deleted"] if self.wiped else []
        more += [f"away {self.away:.1f} s"] if self.away else []
        return " ".join((f"{self.pause:4.1f} s, then", self.kind, about, ", ".join(more))).strip()


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many blows of each kind; `most_workers` is 1 where partitions can not move.

    `longest_pause` is in seconds: before each blow some of it passes.
    """

    kills: int
    crashes: int
    zombies: int
    broker_restarts: int
    most_workers: int = 3
    longest_pause: float = 2.5
    commit: Commit = EXACTLY_ONCE


def long_form(kills: int, commit: Commit = EXACTLY_ONCE) -> Wanted:
    """Return what goes with so many kills."""
    return Wanted(
        kills,
        crashes=len(commit.steps) * max(1, kills // 25),
        zombies=max(1, kills // 12),
        broker_restarts=max(1, kills // 20),
        commit=commit,
    )


def plan(seed: int, wanted: Wanted) -> list[Action]:
    """Return the actions, in order."""
    rng = Random(seed)  # noqa: S311  a plan, no secret
    sizes = [min(size, wanted.most_workers) for size in _PHASES]
    several = [index for index, size in enumerate(sizes) if size > 1]
    phases: list[list[Action]] = [[] for _ in sizes]
    for blow in _blows(rng, wanted):
        choice = several if blow.kind == "freeze" else range(len(sizes))
        if choice:
            phases[rng.choice(choice)].append(blow)
    actions: list[Action] = []
    running = 0
    for size, phase in zip(sizes, phases, strict=True):
        actions += _resize(running, size)
        running = size
        rng.shuffle(phase)
        actions += [replace(blow, worker=_aim(rng, blow, size)) for blow in phase]
        if size > 1:
            # One more comes and goes, so that partitions move without anybody's death.
            actions += [Action("leave", size), Action("join", size)]
    return [
        replace(action, pause=round(rng.uniform(0, wanted.longest_pause), 2)) for action in actions
    ]


def _blows(rng: Random, wanted: Wanted) -> Iterator[Action]:
    """Yield the blows, without their victims."""
    for _ in range(wanted.kills):
        away = rng.uniform(0, _LONGEST_AWAY) if rng.random() < _AWAY else 0.0
        ripe, wiped = rng.random() >= _UNRIPE, rng.random() < _WIPED
        yield Action("kill", ripe=ripe, wiped=wiped, away=away)
    for number in range(wanted.crashes):
        step = wanted.commit.steps[number % len(wanted.commit.steps)]
        yield Action("crash", step=step, wiped=rng.random() < _WIPED)
    for number in range(wanted.zombies):
        step = "" if number % 2 else rng.choice(wanted.commit.open)
        yield Action("freeze", away=rng.uniform(*_FROZEN), step=step)
    for number in range(wanted.broker_restarts):
        yield Action("kill broker" if number % 2 else "restart broker")


def _resize(running: int, size: int) -> Iterator[Action]:
    for worker in range(running, size):
        yield Action("join", worker + 1)
    for worker in range(running, size, -1):
        yield Action("leave", worker)


def _aim(rng: Random, blow: Action, workers: int) -> int:
    """Return the victim of a blow; the broker's have none."""
    return 0 if blow.kind in {"restart broker", "kill broker"} else rng.randrange(workers) + 1


def counted(actions: Sequence[Action], kind: Kind) -> int:
    """Return how many actions are of a kind."""
    return sum(action.kind == kind for action in actions)
