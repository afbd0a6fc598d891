"""Who asked for what: the records of the audit topic.

Law: each change of the control topic, and each note on users that the API sends, has one record
here, in the same transaction. So nothing was changed of which nobody knows who asked for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import orjson

from journeystream.durations import iso


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asked for: `who` by a command or the API, which `action` on which subjects."""

    who: str
    via: Literal["command", "api"]
    action: str
    subjects: tuple[str, ...] = ()


def audit_record(request: Request, at: int, keys: Iterable[bytes]) -> bytes:
    """Return the record of a request that was done; `keys` are of the records that it wrote."""
    return orjson.dumps(
        {
            "at": iso(at),
            "who": request.who,
            "via": request.via,
            "action": request.action,
            "subjects": request.subjects,
            "records": [key.decode() for key in keys],
        }
    )
