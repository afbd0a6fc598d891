"""What a shell completes beside commands and options: ids of journeys.

They come from the names of files, `journeys/ID.yaml` beside the project file, as
`journeystream init` names them: a key press must not wait for Kafka. An id that has no such file
is typed out.
"""

from __future__ import annotations

from pathlib import Path

import typer

from journeystream.project import DEFAULT_FILE

_FOLDER, _ENDINGS = "journeys", (".yaml", ".yml")


def journey_ids(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the ids that begin as what is typed."""
    # The option, or its variable; what it means is not worked out while a shell asks.
    project = Path(ctx.find_root().params.get("project") or DEFAULT_FILE)
    folder = project.parent / _FOLDER
    if not folder.is_dir():
        return []
    files = [file for file in folder.iterdir() if file.suffix in _ENDINGS]
    return sorted({file.stem for file in files if file.stem.startswith(incomplete)})
