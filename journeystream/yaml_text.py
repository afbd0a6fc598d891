"""YAML as people write it becomes plain values, or one line that says why not.

Law: whatever the text is, reading it ends soon and in little memory. Aliases may repeat a
part, but not unfold to more than `MOST_VALUES` values; nor may a part contain itself.
"""

from __future__ import annotations

import warnings
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import ReusedAnchorWarning, YAMLError
from ruamel.yaml.nodes import MappingNode, SequenceNode

MOST_VALUES = 100_000


_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class NotYaml(ValueError):
    """The text can not be read as YAML."""


class _Plain(SafeConstructor):
    """Makes what JSON has too: a date stays the text that was written."""


_Plain.add_constructor(_TIMESTAMP, lambda made, node: made.construct_scalar(node))


def documents(text: str) -> list[object]:
    """Return every document of the text."""
    # Not the C parser: its errors do not know their line in every case.
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _Plain
    try:
        with warnings.catch_warnings():
            # An anchor may be used twice: an alias means the one before it.
            warnings.simplefilter("ignore", ReusedAnchorWarning)
            if "*" in text:
                for node in yaml.compose_all(text):
                    check_size(node)
            return list(yaml.load_all(text))
    except YAMLError as error:
        raise NotYaml(" ".join(str(error).split())) from None
    except RecursionError:
        raise NotYaml("it is nested too deeply") from None
    # What YAML's types make of their texts: `!!int x`, `!!bool x`.
    except Exception as error:  # noqa: BLE001 -- whatever ruamel's constructors make of a text
        raise NotYaml(f"it holds a value that is none of its type ({error})") from None


def check_size(root: Any) -> None:  # noqa: ANN401 -- ruamel's nodes are untyped
    """Refuse a graph that unfolds to too many values."""
    sizes: dict[int, float] = {}

    def size(node: Any) -> float:  # noqa: ANN401
        if id(node) not in sizes:
            sizes[id(node)] = float("inf")  # until it is known: a part that contains itself
            parts: list[Any] = []
            if isinstance(node, MappingNode):
                parts = [part for pair in node.value for part in pair]
            elif isinstance(node, SequenceNode):
                parts = node.value
            sizes[id(node)] = 1 + sum(size(part) for part in parts)
        return sizes[id(node)]

    if size(root) > MOST_VALUES:
        raise NotYaml(f"its aliases unfold to more than {MOST_VALUES:,} values, or into themselves")
