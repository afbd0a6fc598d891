"""Any text as the project file.

Law: it loads, or ProjectFileError says in lines that can be printed what to do. What loads is
whole: every setting can be read, and the topics that it asks for have names.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from journeystream.errors import ProjectFileError
from journeystream.project import load_project
from journeystream.project_template import TEMPLATE
from journeystream.publishing import workshop_of
from journeystream.topics import wanted_topics
from tests.fuzz.own_file import own_file
from tests.fuzz.published import project
from tests.fuzz.target import Target
from tests.fuzz.telling import says_what_to_do
from tests.shipped import PROJECT_FILE


def holds(data: bytes) -> None:
    """Load the file, and read what follows from its settings."""
    with own_file(data) as file:
        try:
            loaded = load_project(file)
        except ProjectFileError as error:
            says_what_to_do(error)
            return
    limits = loaded.limits
    assert limits.oldest_event_instant is not None
    assert limits.clock_skew_micros > 0
    assert limits.dedup_window_micros > 0
    assert limits.stop_seconds > 0
    assert loaded.kafka.session_timeout_micros > 0
    assert all(topic.name for topic in wanted_topics(loaded))
    workshop_of(loaded)


def seeds() -> Sequence[bytes]:
    """Return the example, what `init` writes, and every setting as JSON."""
    example = PROJECT_FILE.read_bytes()
    everything = project().model_dump(mode="json", by_alias=True)
    few = {"sources": [{"topic": "events"}], "limits": {"clock_skew": "1 day"}}
    return [example, TEMPLATE.encode(), orjson.dumps(everything), orjson.dumps(few)]


TARGET = Target("project_file", "a project file loads or is refused", holds, seeds, b"\0\n\0")
