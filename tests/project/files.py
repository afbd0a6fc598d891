"""What the tests of the project file share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from journeystream.errors import ProjectFileError
from journeystream.project import (
    load_project,
)

SOURCE = "sources: [{topic: events}]\n"
DAY = 86_400_000_000
Write = Callable[[str], Path]


def problems() -> list[str]:
    """Load the project file of the working directory and return what is wrong with it."""
    with pytest.raises(ProjectFileError) as caught:
        load_project()
    return str(caught.value).splitlines()
