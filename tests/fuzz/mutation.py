"""Small changes of valid inputs, made where they are likely to be noticed.

An input consists of pieces, most of which are JSON (or end in JSON: a version byte, or a key
and a tab, may stand before it). Such a piece is changed as a document: a value is replaced by
an odd one, a part by another document's part, a field is dropped, renamed or nested. Any other
piece is changed as bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import orjson

Place = tuple[Any, Any]

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 1.5, -0.0, 1e308, 5e-324, 1001),
    *((1 << 53) + 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, -(1 << 63), 4_102_444_800_000_000),
    *("", " ", "*", "\0", "a\0b", "\u2028", "🙂", "İ", "\ufffe", "x" * 600, "9" * 400, "[" * 400),
    *("entry", "step", "a.b.c", "..", "context.", "traits.", "entry.", "__proto__", "true", "null"),
    *("(a+)+$", "(", "\\pN", "(?i)ß", ".{0,1000}", "\\C", "(?P<x>", "a{1001}"),
    *("1 day", "1 month", "1200 months", "36525 days", "999999 weeks", "0 days", "1 day 1 month"),
    *("2024-02-29", "2024-02-29T10:00:00Z", "9999-12-31T23:59:59.999999Z", "2024-W01-1"),
    *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "1969-12-31T23:59:59.999Z"),
    *("Europe/Paris", "Pacific/Apia", "Europe", "../../etc", "UTC", "audience", "journey"),
    *([], {}, [[]], [{}], {"": ""}, [None], ["a", "a"], [0, 1], [1, 0]),
)
# What means something between the words of a YAML file.
SCRAPS = (
    *(b"\n", b": ", b"- ", b"&a ", b"*a", b"<<: *a", b"? ", b"| ", b"---\n", b"# ", b"%YAML 1.1\n"),
    *(b"!!int ", b"!!float ", b"!!bool ", b"!!timestamp ", b"!!binary ", b"!!set ", b"!!str "),
    *(b"2024-13-45", b"0x_", b"1:99", b".inf", b"~", b"[" * 90, b"{a: " * 90, b"\xff", b"\t"),
)
_MOST_CHANGES = 3
_LARGEST = 50_000


def mutated(data: bytes, seeds: Sequence[bytes], separator: bytes, random: Random) -> bytes:
    """Return the input with a few changes to one of its pieces, or to their order."""
    pieces = data.split(separator)
    place = random.randrange(len(pieces))
    match random.randrange(8):
        case 0:
            pieces.insert(place, random.choice(random.choice(seeds).split(separator)))
        case 1:
            pieces.insert(random.randrange(len(pieces)), pieces[place])
        case 2 if len(pieces) > 1:
            del pieces[place]
        case _:
            pieces[place] = _mutated_piece(pieces[place], seeds, separator, random)
    return separator.join(pieces)[:_LARGEST]


def _mutated_piece(piece: bytes, seeds: Sequence[bytes], separator: bytes, random: Random) -> bytes:
    head, document = _as_json(piece)
    if document is None or random.randrange(10) == 0:
        return _mutated_bytes(piece, random)
    _, other = _as_json(random.choice(random.choice(seeds).split(separator)))
    for _ in range(random.randint(1, _MOST_CHANGES)):
        document = _mutated_document(document, other, random)
    return head + orjson.dumps(document)


def _as_json(piece: bytes) -> tuple[bytes, Any]:
    """Split a piece into what stands before its JSON, and the document; None if it has none."""
    for start in (0, piece.find(b"\t") + 1, 1):
        try:
            return piece[:start], orjson.loads(piece[start:])
        except orjson.JSONDecodeError:
            continue
    return b"", None


def _mutated_document(document: Any, other: Any, random: Random) -> Any:  # noqa: ANN401  JSON
    root = [document]
    container, key = random.choice(list(_places(root)))
    value = container[key]
    match random.randrange(8):
        case 0 if isinstance(container, dict):
            container[_name(other, random)] = container.pop(key)
        case 1 if container is not root:
            del container[key]
        case 2 if isinstance(container, list) and container is not root:
            container.insert(key, value)
        case 3:
            donor, part = random.choice(list(_places([other])))
            container[key] = donor[part]
        case 4:
            container[key] = random.choice(([value], {_name(other, random): value}))
        case 5 if isinstance(value, dict):
            value[_name(other, random)] = random.choice(ODD)
        case 6 if isinstance(value, str):
            container[key] = _mutated_text(value, random)
        case 7 if isinstance(value, int):
            container[key] = (value + random.choice((-1, 1, 1 << 40))) % (1 << 63)
        case _:
            container[key] = random.choice(ODD)
    # Parts are shared now: written and read, each stands for itself.
    return orjson.loads(orjson.dumps(root[0]))


def _places(root: list[Any]) -> Iterator[Place]:
    """Yield every place of a document: the list or object that holds a value, and its key."""
    todo: list[Any] = [root]
    while todo:
        container = todo.pop()
        for key, value in _items(container):
            yield container, key
            if isinstance(value, dict | list):
                todo.append(value)


def _items(container: Any) -> list[tuple[Any, Any]]:  # noqa: ANN401  JSON
    pairs = container.items() if isinstance(container, dict) else enumerate(container)
    return list(pairs)


def _name(other: Any, random: Random) -> str:  # noqa: ANN401  JSON
    """Return a name that means something in another document, or anything."""
    names = [key for _, key in _places([other]) if isinstance(key, str)]
    odd = [value for value in ODD if isinstance(value, str)]
    return random.choice(names if names and random.randrange(4) else odd)


def _mutated_text(text: str, random: Random) -> str:
    place = random.randint(0, len(text))
    insert = random.choice([value for value in ODD if isinstance(value, str)])
    return text[:place] + insert + text[place + random.randrange(3) :]


def _mutated_bytes(data: bytes, random: Random) -> bytes:
    start = random.randint(0, len(data))
    end = min(len(data), start + random.choice((0, 1, 2, 8, 64)))
    inserts = (b"", data[start:end] * 2, random.randbytes(2), random.choice(SCRAPS))
    insert = random.choice((*inserts, orjson.dumps(random.choice(ODD))))
    return data[:start] + insert + data[end:]
