"""A condition in one string, written: the opposite of `condition_text.py`.

Law: what is printed reads as the same tree, whatever the tree is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from journeystream.condition_text import COMPARES, PLACES, RESERVED

_SIGNS = {name: sign for sign, name in COMPARES.items()}
_CALLS = ("event", "page", "screen")
_COUNTS = {"at_least": ">=", "at_most": "<=", "exactly": "=="}
_MODIFIERS = ("within", "since", "for")
_ALONE = ("exists", "empty", "changed")
_WORDS = {is_: (word, field) for word, (is_, field) in PLACES.items()}
_PATH = re.compile(r"[^\W\d]\w*(?:\.\w+)*")


def print_condition(tree: Mapping[str, Any]) -> str:
    """Write a tree, as YAML would give it, as one string."""
    for word in ("all", "any"):
        if word in tree:
            parts = tree[word]
            if len(parts) == 1:
                return f"{word}({print_condition(parts[0])})"
            joined = " and " if word == "all" else " or "
            return joined.join(_inside(part, word) for part in parts)
    if "not" in tree:
        return f"not {_inside(tree['not'], 'not')}"
    return _leaf(tree)


def _inside(part: Mapping[str, Any], outer: str) -> str:
    text = print_condition(part)
    looser = ("any",) if outer == "any" else ("any", "all")
    if any(word in part and len(part[word]) > 1 for word in looser):
        return f"({text})"
    return text


def _leaf(leaf: Mapping[str, Any]) -> str:
    if "trait" in leaf:
        return _trait(leaf)
    if "journey" in leaf:
        return _journey(leaf)
    if "inaction" in leaf:
        asked = leaf["inaction"]
        steps = [_events(asked["did"]), _events(asked["without"])]
        return f"inaction({', '.join([*steps, *_settings(asked, _MODIFIERS)])})"
    if "sequence" in leaf:
        steps = [_events(step) for step in leaf["sequence"]]
        return f"sequence({', '.join([*steps, *_settings(leaf, _MODIFIERS)])})"
    for word in ("audience", "list"):
        if word in leaf:
            return f"{word}({_literal(leaf[word])})"
    return _events(leaf) + _count(leaf)


def _trait(leaf: Mapping[str, Any]) -> str:
    operators = {name: value for name, value in leaf.items() if name not in ("trait", *_MODIFIERS)}
    modifiers = [f" {name} {_literal(leaf[name])}" for name in _MODIFIERS if name in leaf]
    if operators.keys() == {"equals"}:
        return _equal(leaf["trait"], operators["equals"])
    return _tested(leaf["trait"], operators) + "".join(modifiers)


def _journey(leaf: Mapping[str, Any]) -> str:
    word, field = _WORDS[leaf["is"]]
    arguments = [_literal(leaf[field])] if field is not None and field in leaf else []
    arguments += _settings(leaf, ("within",))
    inside = f"({', '.join(arguments)})" if arguments else ""
    return f"journey({_literal(leaf['journey'])}).{word}{inside}"


def _events(leaf: Mapping[str, Any]) -> str:
    kind = next(kind for kind in _CALLS if kind in leaf)
    tests = [
        _tested(path, wanted) if isinstance(wanted, Mapping) else _equal(path, wanted)
        for path, wanted in leaf.get("where", {}).items()
    ]
    settings = _settings(leaf, ("within", "since", "after", "before"))
    return f"{kind}({', '.join([_literal(leaf[kind]), *tests, *settings])})"


def _count(leaf: Mapping[str, Any]) -> str:
    if "between" in leaf:
        return f" between {_literal(leaf['between'])}"
    for name, sign in _COUNTS.items():
        if name in leaf:
            return f" {sign} {leaf[name]}"
    return ""


def _settings(leaf: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[str]:
    return (f"{name}={_literal(leaf[name])}" for name in names if name in leaf)


def _equal(path: str, wanted: object) -> str:
    return f"{_path(path)} == {_literal(wanted)}"


def _tested(path: str, operators: Mapping[str, Any]) -> str:
    if len(operators) == 1:
        [(name, value)] = operators.items()
        return f"{_path(path)} {_operator(name, value)}"
    return f"{_path(path)} {_block(operators)}"


def _block(operators: Mapping[str, Any]) -> str:
    return f"{{{', '.join(_operator(name, value) for name, value in operators.items())}}}"


def _operator(name: str, value: object) -> str:
    if isinstance(value, Mapping):
        return f"{name} {_block(value)}"
    if value is True and name in _ALONE:
        return name
    # `==` alone stands for a mere value, so that this operator keeps its name.
    sign = name if name == "equals" else _SIGNS.get(name, name)
    return f"{sign} {_literal(value)}"


def _path(path: str) -> str:
    if _PATH.fullmatch(path) and path not in RESERVED:
        return path
    return "`" + path.replace("\\", "\\\\").replace("`", "\\`") + "`"


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = value.replace("\\", "\\\\").replace("'", "\\'")
        for sign, letter in (("\n", "n"), ("\t", "t"), ("\r", "r")):
            text = text.replace(sign, f"\\{letter}")
        return f"'{text}'"
    if isinstance(value, list):
        return f"[{', '.join(_literal(item) for item in value)}]"
    return repr(value)
