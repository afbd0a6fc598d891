r"""The tokens of a condition in one string: texts, numbers, paths and signs.

Texts stand in quotes, and paths with other signs than letters, digits and dots in backquotes. A
backslash takes the next sign as it is; \n, \t and \r are a new line, a tab and a return.

Law: any text is cut in linear time, or refused with the column of what can not be read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    | (?P<number>-?[0-9]{1,400}(?:\.[0-9]{1,400})?(?:[eE][+-]?[0-9]{1,5})?(?![\w.]))
    | (?P<quoted>`(?:[^`\\]|\\.)*`)
    | (?P<path>[^\W\d]\w*(?:\.\w+)*)
    | (?P<sign>==|!=|<=|>=|[<>=(){}\[\],.])
    | (?P<end>\Z)
    )""",
    re.VERBOSE | re.DOTALL,
)


class NotACondition(ValueError):
    """The text can not be read; the message names the column and what to write."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text; `kind` is text, number, quoted, path, sign or end."""

    kind: str
    value: str
    column: int


def tokens_of(text: str) -> list[Token]:
    """Cut a text into its tokens; the last one is its end."""
    tokens: list[Token] = []
    place = 0
    while not tokens or tokens[-1].kind != "end":
        found = _TOKEN.match(text, place)
        if found is None or found.lastgroup is None:
            rest = text[place:].lstrip()
            column = len(text) - len(rest) + 1
            advice = "close the quote" if rest[0] in "'\"`" else "put texts in quotes"
            raise NotACondition(f"column {column}: {rest[:12]!r} can not be read here; {advice}")
        kind = found.lastgroup
        tokens.append(Token(kind, found[kind], found.start(kind) + 1))
        place = found.end()
    return tokens


def unescaped(quoted: str) -> str:
    """Return what stands between the quotes."""
    return re.sub(
        r"\\(.)", lambda found: _ESCAPED.get(found[1], found[1]), quoted[1:-1], flags=re.DOTALL
    )
