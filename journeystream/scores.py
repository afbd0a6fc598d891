"""Score expressions: arithmetic over traits and the entry event, as in `traits.ltv * 0.1 + 5`.

Law: a score is total. What is no number (or not there) counts as 0, true as 1; what divides by
0 or grows beyond all numbers scores 0. Nothing but numbers, sources, `+ - * /`, parentheses,
`min(…)` and `max(…)` can be written, so that a score can do nothing but count.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from math import isfinite

from journeystream.sources import SOURCES, look_up
from journeystream.user import Instance, User

Score = Callable[[User, Instance | None], float]
_LONGEST = 500
_CHOICES: dict[str, Callable[[Iterator[float]], float]] = {"min": min, "max": max}


def compile_score(text: str) -> Score:
    """Compile an expression; ValueError says what is wrong with it."""
    count = _compiled(_parsed(text))

    def score(user: User, instance: Instance | None) -> float:
        try:
            value = count(user, instance)
        except (ZeroDivisionError, OverflowError):
            return 0.0
        return value if isfinite(value) else 0.0

    return score


def sources_of(text: str) -> list[str]:
    """Return the sources that an expression reads."""
    return sorted(_sources(_parsed(text)))


def _sources(node: ast.AST) -> set[str]:
    source = _source(node) if isinstance(node, ast.Attribute) else None
    if source:
        return {source}
    return {each for child in ast.iter_child_nodes(node) for each in _sources(child)}


def _parsed(text: str) -> ast.expr:
    if len(text) > _LONGEST:
        raise ValueError(f"the score is longer than {_LONGEST} characters; shorten it")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"{text!r} is no score: write one like 'traits.ltv * 0.1 + 5'") from None


def _compiled(node: ast.expr) -> Score:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            constant = float(number)
            return lambda _user, _instance: constant
        case ast.Attribute() if source := _source(node):
            return lambda user, instance: _number(look_up(source, user, instance))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _compiled(operand)
            return lambda user, instance: -inner(user, instance)
        case ast.BinOp(left=left, op=op, right=right):
            return _joined(_compiled(left), op, _compiled(right))
        case ast.Call(func=ast.Name(id=name), args=[_, _, *_] as written, keywords=[]) if (
            name in _CHOICES
        ):
            choose, parts = _CHOICES[name], [_compiled(part) for part in written]
            return lambda user, instance: choose(part(user, instance) for part in parts)
    raise ValueError(
        f"{ast.unparse(node)!r} can not be in a score: write numbers, traits.PATH, entry.PATH, "
        f"+ - * /, min(…), max(…)"
    )


def _joined(left: Score, op: ast.operator, right: Score) -> Score:
    match op:
        case ast.Add():
            return lambda user, instance: left(user, instance) + right(user, instance)
        case ast.Sub():
            return lambda user, instance: left(user, instance) - right(user, instance)
        case ast.Mult():
            return lambda user, instance: left(user, instance) * right(user, instance)
        case ast.Div():
            return lambda user, instance: left(user, instance) / right(user, instance)
    raise ValueError("a score joins by + - * / only")


def _source(node: ast.Attribute) -> str | None:
    """Return `traits.a.b` for what is written so."""
    path = ast.unparse(node)
    plain = all(part.isidentifier() for part in path.split("."))
    return path if plain and path.startswith(SOURCES[:3]) else None


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
