"""`journeystream init`: a project file and a first journey, in a directory without them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from journeystream.commands import output
from journeystream.errors import UserError
from journeystream.project import DEFAULT_FILE
from journeystream.project_template import TEMPLATE

FIRST_JOURNEY = Path("journeys") / "welcome.yaml"
# It uses the destinations of TEMPLATE; a test validates the two together.
WELCOME = """\
# A first journey: greet whoever signs up, and show ads a day later to those who have not
# ordered by then. `journeystream validate journeys/welcome.yaml` runs the examples below.
id: welcome                    # stays, whatever the journey is called
name: Welcome
description: From sign-up to the first order.
entry:
  condition: {event: Signed Up}
exits:                         # whoever orders leaves at once, wherever they are
  - name: ordered
    condition: {event: Order Completed, since: entry}
steps:                         # they begin with the first one
  - id: greet
    name: Greeting
    type: send_to_destinations
    destinations: [email]      # names from journeystream.yaml
    next: one_day
  - id: one_day
    type: wait_for_duration
    duration: 1 day
    next: remind
  - id: remind
    name: Reminder
    type: send_to_destinations
    destinations: [ads]
max_duration: 30 days
examples:                      # events in, and every Entered and Exited that follows
  - name: orders after two days
    events:
      - event: Signed Up
      - {at: 2 days, event: Order Completed}
    expect:
      - enters: greet
      - {at: 1 day, exits: greet}
      - {at: 1 day, enters: remind}
      - {at: 2 days, exits: remind, reason: exit_condition}
  - name: orders at once, and sees no ad
    events:
      - event: Signed Up
      - {at: 1 hour, event: Order Completed}
    until: 3 days
    expect:
      - enters: greet
      - {at: 1 hour, exits: greet, reason: exit_condition}
"""


def init(
    directory: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="Where to write; made if it is missing."),
    ] = Path(),
) -> None:
    """Write a project file and a first journey.

    Nothing that is there already is overwritten.

    Example: journeystream init shop
    """
    files = {directory / DEFAULT_FILE: TEMPLATE, directory / FIRST_JOURNEY: WELCOME}
    for file in files:
        if file.exists():
            raise UserError(f"{file} is there already; choose another directory, or remove it")
    try:
        for file, text in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            # Exclusively: what came between the look above and now is kept too.
            with file.open("x", encoding="utf-8") as new:
                new.write(text)
            output.say(f"wrote {file}")
    except OSError as error:
        raise UserError(f"{error.filename}: can not be written ({error.strerror})") from None
    output.say("\nnext:")
    if directory.resolve() != Path.cwd():
        output.say(f"  cd {directory}")
    for command in ("topics", f"publish {FIRST_JOURNEY.as_posix()}", "run"):
        output.say(f"  journeystream {command}")
    output.say(
        f"\nkafka.bootstrap in {DEFAULT_FILE} says where Kafka is; without one at hand, "
        "set it to: embedded"
    )
