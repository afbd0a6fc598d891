"""`journeystream topics`: creates the topics that a project needs and Kafka lacks."""

from __future__ import annotations

import typer

from journeystream.commands import output
from journeystream.commands.broker import ask, broker
from journeystream.commands.context import project_of
from journeystream.topics import create_missing, wanted_topics


def topics(ctx: typer.Context) -> None:
    """Create the topics that are missing.

    What exists is left as it is. Run it again whenever the project file names a new topic.

    Example: journeystream topics
    """
    project = project_of(ctx)
    with broker(project) as bootstrap:
        done = ask(create_missing(bootstrap, wanted_topics(project)))
    output.say_table(
        ("topic", "partitions", "what happened", "why"),
        [(topic.name, str(topic.partitions), what, topic.why) for topic, what in done],
    )
