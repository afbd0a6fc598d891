"""From the bytes of a request to the JSON object that they are.

Law: however small a packed body is, unpacking it takes no more memory than the limit; whatever
the bytes are, the answer is an object or RequestRefused.
"""

from __future__ import annotations

import zlib

import orjson

from journeystream.errors import RequestRefused

_GZIP = b"\x1f\x8b"  # no JSON begins so
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


def object_in(body: bytes, limit: int) -> dict[str, object]:
    """Return the object in a body, packed by gzip or not, of at most `limit` bytes.

    What the body is tells itself: a web server may have unpacked it and left the header as it was.
    """
    text = _unpacked(body, limit) if body.startswith(_GZIP) else body
    if len(text) > limit:
        raise too_large(limit)
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise RequestRefused(400, "not_json", f"the body is no JSON: {error}") from None
    if not isinstance(found, dict):
        kind = type(found).__name__
        raise RequestRefused(400, "not_an_object", f"the body is a JSON {kind}; send an object")
    return found


def too_large(limit: int) -> RequestRefused:
    """Return the refusal of a body beyond the limit."""
    return RequestRefused(
        413, "too_large", f"the body is more than ingest.batch_bytes = {limit}; send less at once"
    )


def _unpacked(body: bytes, limit: int) -> bytes:
    unpacking = zlib.decompressobj(_GZIP_WINDOW)
    try:
        text = unpacking.decompress(body, limit + 1)
    except zlib.error as error:
        raise RequestRefused(400, "not_gzip", f"the body is no gzip: {error}") from None
    if len(text) <= limit and (not unpacking.eof or unpacking.unused_data):
        raise RequestRefused(
            400, "not_gzip", "the body is no gzip: it does not end where it should"
        )
    return text
