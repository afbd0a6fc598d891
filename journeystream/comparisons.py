"""How one value of an event or a profile is compared: the operators of `where` and of traits.

Laws: a comparison is total, it never raises, whatever the value is. A value that is not
there fulfils only `exists: false`, `empty: true`, `not_equals` and `includes_none`. Values of
unlike kinds are unequal and in no order: `true` is not 1, and "10" is not 10. Patterns run
in linear time (RE2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Annotated, Self

import re2
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    StrictInt,
    Tag,
    WithJsonSchema,
    field_validator,
    model_validator,
)

Test = Callable[[object], bool]
_SMALLEST, _GREATEST = -(1 << 63), (1 << 63) - 1


def _a_scalar(value: object) -> object:
    if isinstance(value, bool | int | float | str):
        return _json_number(value)
    raise ValueError("is no text, number, true or false (dates go in quotes)")


def _in_order(value: object) -> object:
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        return _json_number(value)
    raise ValueError("has no order: write a number or a text")


def _json_number(value: object) -> object:
    if isinstance(value, float) and not isfinite(value):
        raise ValueError(f"{value} is no number of JSON")
    if isinstance(value, int) and not _SMALLEST <= value <= _GREATEST:
        raise ValueError(f"{value} has more than 64 bits")
    return value


def value_or_comparison(value: object) -> str:
    """Return the tag of what was written: a comparison, or just a value to be equal to."""
    return COMPARISON_TAG if isinstance(value, Mapping | Comparison) else VALUE_TAG


# As they are written: "10" stays a text and 1 is not true. Tags are no field's name, so that
# they can be left out of the paths of problems.
VALUE_TAG, COMPARISON_TAG = "<value>", "<comparison>"
Scalar = Annotated[
    bool | int | float | str,
    PlainValidator(_a_scalar),
    WithJsonSchema({"type": ["boolean", "number", "string"]}),
]
Ordered = Annotated[
    int | float | str,
    PlainValidator(_in_order),
    WithJsonSchema({"type": ["number", "string"]}),
]


class Missing:
    """The type of MISSING: what a path that leads nowhere yields."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = Missing()


class Comparison(BaseModel):
    """What a value must be; several operators in one comparison must all hold."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    equals: Scalar | None = Field(None, description="the same value, of the same kind")
    not_equals: Scalar | None = Field(None, description="another value, or none at all")
    less_than: Ordered | None = Field(None, description="smaller (numbers, or texts)")
    at_most: Ordered | None = Field(None, description="smaller or equal")
    greater_than: Ordered | None = Field(None, description="greater (numbers, or texts)")
    at_least: Ordered | None = Field(None, description="greater or equal")
    between: tuple[Ordered, Ordered] | None = Field(
        None, description="from the first to the second, both included"
    )
    in_: list[Scalar] | None = Field(None, alias="in", min_length=1, description="one of these")
    contains: str | None = Field(None, description="a text with this text inside")
    starts_with: str | None = Field(None, description="a text that begins so")
    ends_with: str | None = Field(None, description="a text that ends so")
    matches: str | None = Field(None, description="a text in which this RE2 pattern is found")
    exists: bool | None = Field(None, description="whether there is a value")
    empty: bool | None = Field(None, description='whether it is missing, null, "", [] or {}')
    includes_any: list[Scalar] | None = Field(
        None, min_length=1, description="a list with at least one of these"
    )
    includes_all: list[Scalar] | None = Field(
        None, min_length=1, description="a list with all of these"
    )
    includes_none: list[Scalar] | None = Field(
        None, min_length=1, description="a list with none of these, or no list"
    )
    length: (
        Annotated[
            Annotated[StrictInt, Tag(VALUE_TAG)] | Annotated[Comparison, Tag(COMPARISON_TAG)],
            Discriminator(value_or_comparison),
        ]
        | None
    ) = Field(None, description="the length of a list or text: a number, or a comparison of it")

    @field_validator("matches")
    @classmethod
    def _pattern_is_good(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            _compile_pattern(pattern)
        return pattern

    @field_validator("between")
    @classmethod
    def _bounds_are_alike(
        cls, bounds: tuple[Ordered, Ordered] | None
    ) -> tuple[Ordered, Ordered] | None:
        if bounds is not None and isinstance(bounds[0], str) != isinstance(bounds[1], str):
            raise ValueError(f"{list(bounds)} mixes a number and a text; write two of a kind")
        return bounds

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.says_something():
            raise ValueError(
                f"no operator: write one of {', '.join(self.known_operators())}, as in 'equals: 5'"
            )
        return self

    def says_something(self) -> bool:
        """Tell whether any operator was written."""
        return bool(self.operators())

    @classmethod
    def known_operators(cls) -> tuple[str, ...]:
        """Return the operators' names as definitions write them."""
        return comparison_operators()

    def operators(self) -> dict[str, object]:
        """Return the operators that were written, by their names in a definition."""
        return {
            name: value
            for name in OPERATORS
            if (value := getattr(self, "in_" if name == "in" else name)) is not None
        }


ValueOrComparison = Annotated[
    Annotated[Scalar, Tag(VALUE_TAG)] | Annotated[Comparison, Tag(COMPARISON_TAG)],
    Discriminator(value_or_comparison),
]


def compile_comparison(comparison: Comparison) -> Test:
    """Return the test that a value passes when every operator of `comparison` holds."""
    tests = [OPERATORS[name](wanted) for name, wanted in comparison.operators().items()]
    if len(tests) == 1:
        return tests[0]
    return lambda value: all(test(value) for test in tests)


def comparison_operators() -> tuple[str, ...]:
    """Return the operators' names as definitions write them."""
    return tuple(OPERATORS)


def at_path(document: object, path: Sequence[str]) -> object:
    """Follow `path` through nested objects; MISSING where it leads nowhere."""
    for name in path:
        if not isinstance(document, Mapping) or name not in document:
            return MISSING
        document = document[name]
    return document


def same(left: object, right: object) -> bool:
    """Tell whether two values are equal and of the same kind: true is not 1."""
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def _ordered(left: object, right: object) -> bool:
    if isinstance(left, str):
        return isinstance(right, str)
    return (
        isinstance(left, int | float)
        and isinstance(right, int | float)
        and not isinstance(left, bool)
        and not isinstance(right, bool)
    )


def _includes(value: object, wanted: object) -> bool:
    return isinstance(value, list) and any(same(item, wanted) for item in value)


def _compile_pattern(pattern: str) -> Callable[[str], object]:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options).search  # type: ignore[no-any-return]
    except re2.error as error:
        raise ValueError(f"{pattern!r} is no RE2 pattern: {error}") from None


def _less_than(wanted: object) -> Test:
    return lambda value: _ordered(value, wanted) and value < wanted  # type: ignore[operator]


def _at_most(wanted: object) -> Test:
    return lambda value: _ordered(value, wanted) and value <= wanted  # type: ignore[operator]


def _greater_than(wanted: object) -> Test:
    return lambda value: _ordered(value, wanted) and value > wanted  # type: ignore[operator]


def _at_least(wanted: object) -> Test:
    return lambda value: _ordered(value, wanted) and value >= wanted  # type: ignore[operator]


def _between(wanted: object) -> Test:
    lowest, highest = list(wanted)  # type: ignore[call-overload]
    low, high = _at_least(lowest), _at_most(highest)
    return lambda value: low(value) and high(value)


def _matches(wanted: object) -> Test:
    search = _compile_pattern(str(wanted))
    return lambda value: isinstance(value, str) and search(value) is not None


def _includes_all(wanted: object) -> Test:
    items = list(wanted)  # type: ignore[call-overload]
    return lambda value: all(_includes(value, item) for item in items)


def _includes_any(wanted: object) -> Test:
    items = list(wanted)  # type: ignore[call-overload]
    return lambda value: any(_includes(value, item) for item in items)


def _length(wanted: object) -> Test:
    test = (
        compile_comparison(wanted)
        if isinstance(wanted, Comparison)
        else lambda value: same(value, wanted)
    )
    return lambda value: isinstance(value, list | str) and test(len(value))


def _is_empty(value: object) -> bool:
    return value is MISSING or value is None or (isinstance(value, str | list | dict) and not value)


def _text(test: Callable[[str, str], bool]) -> Callable[[object], Test]:
    return lambda wanted: lambda value: isinstance(value, str) and test(value, str(wanted))


def _in(wanted: object) -> Test:
    items = list(wanted)  # type: ignore[call-overload]
    return lambda value: any(same(value, item) for item in items)


def _includes_none(wanted: object) -> Test:
    found = _includes_any(wanted)
    return lambda value: not found(value)


OPERATORS: dict[str, Callable[[object], Test]] = {
    "equals": lambda wanted: lambda value: same(value, wanted),
    "not_equals": lambda wanted: lambda value: not same(value, wanted),
    "less_than": _less_than,
    "at_most": _at_most,
    "greater_than": _greater_than,
    "at_least": _at_least,
    "between": _between,
    "in": _in,
    "contains": _text(lambda value, wanted: wanted in value),
    "starts_with": _text(str.startswith),
    "ends_with": _text(str.endswith),
    "matches": _matches,
    "exists": lambda wanted: lambda value: (value is not MISSING) is wanted,
    "empty": lambda wanted: lambda value: _is_empty(value) is wanted,
    "includes_any": _includes_any,
    "includes_all": _includes_all,
    "includes_none": _includes_none,
    "length": _length,
}
