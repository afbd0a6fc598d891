"""`journeystream schemas`: the JSON Schemas of all that goes in and out, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import orjson
import typer

from journeystream.commands import output
from journeystream.definitions import definition_schema
from journeystream.errors import UserError
from journeystream.project import project_schema
from journeystream.published_schemas import DIALECT, record_schemas


def schemas(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where to write; made if it is missing.")
    ] = Path("schemas"),
) -> None:
    """Write JSON Schemas of files, events and messages.

    For editors that complete journey files, and for whoever produces events or reads what
    destinations get.

    Example: journeystream schemas schemas
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in schema_files().items():
            (directory / name).write_bytes(text)
            output.say(f"wrote {directory / name}")
    except OSError as error:
        raise UserError(f"{error.filename}: can not be written ({error.strerror})") from None


def schema_files() -> dict[str, bytes]:
    """Return file name -> content; the same for the same version of journeystream."""
    schemas = {
        "definition.schema.json": {"$schema": DIALECT, **definition_schema()},
        "project.schema.json": project_schema(),
        **record_schemas(),
    }
    return {
        name: orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        for name, schema in schemas.items()
    }
