"""The exceptions of journeystream, split by who must act.

::

    JourneystreamError
    ├── UserError              whoever ran the command: exit code 2, one line, what to do
    │   ├── ProjectFileError   … must mend journeystream.yaml or an environment variable
    │   ├── DefinitionError    … must mend a journey or audience file; lists every problem
    │   └── CommandRefused     … asked for something the journey's state does not allow
    ├── RejectedEvent          the producer of the event: it goes to the dead-letter topic
    ├── RequestRefused         whoever sent an HTTP request: it is answered with status and code
    ├── EngineError            us: a bug; its user stays as they were, the others go on
    └── OperatorError          whoever runs the workers: the worker stops, loudly
        ├── BrokerUnreachable  … must look after Kafka
        ├── OutputRefused      … must look after a topic that is written to
        ├── StateError         … must look after the state directory or the changelog
        └── TooManyDeadLetters … must look after the producers, or raise the bound
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import get_close_matches


class JourneystreamError(Exception):
    """Every error that journeystream raises on purpose."""


class UserError(JourneystreamError):
    """Whoever ran the command must change something; the message says what."""


class ProjectFileError(UserError):
    """The project file (or an environment variable over it) is wrong."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a definition.

    `path` leads to the field (`steps[2].next`), `advice` says what to write instead.
    A `warning` does not stop publishing.
    """

    path: str
    message: str
    advice: str
    warning: bool = False

    def __str__(self) -> str:
        kind = "warning: " if self.warning else ""
        return f"{self.path}: {kind}{self.message}; {self.advice}"


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return what to write instead of an unknown name."""
    close = get_close_matches(name, list(known), 1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known are: {', '.join(sorted(known)) or 'none'}"


class DefinitionError(UserError):
    """A journey or audience definition is wrong; `problems` holds all of them."""

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        self.source = source
        self.problems = tuple(problems)
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"{source}: {len(self.problems)} problem(s)\n{lines}")


class CommandRefused(UserError):
    """The journey's state does not allow the command."""


class RejectedEvent(JourneystreamError):
    """A record that can not be an event; `code` is stable, for programs."""

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        self.text = text
        super().__init__(f"{code}: {text}")


class RequestRefused(JourneystreamError):
    """An HTTP request that is not done; `code` is stable, for programs.

    `status` is that of the answer; with `retry_after`, in seconds, the same request may be done
    later.
    """

    def __init__(self, status: int, code: str, text: str, retry_after: int | None = None) -> None:
        self.status = status
        self.code = code
        self.text = text
        self.retry_after = retry_after
        super().__init__(f"{code}: {text}")


class EngineError(JourneystreamError):
    """The engine failed on a happening; the cause is chained, `journey` was at work."""

    def __init__(self, journey: str) -> None:
        self.journey = journey
        super().__init__(f"the engine failed in journey {journey!r}")


class OperatorError(JourneystreamError):
    """The worker can not go on; whoever runs it must act."""


class BrokerUnreachable(OperatorError):
    """Kafka did not answer."""


class OutputRefused(OperatorError):
    """A topic does not take what is written to it; `reason` is stable, for programs."""

    def __init__(self, reason: str, text: str) -> None:
        self.reason = reason
        super().__init__(text)


class StateError(OperatorError):
    """The state directory or the changelog can not be used as it is."""


class TooManyDeadLetters(OperatorError):
    """So many records are no events that going on would throw a topic away."""
