r"""A condition in one string, read: the same tree as in YAML, in fewer words.

    condition = all { "or" all }
    all       = no { "and" no }
    no        = "not" no | one
    one       = "(" condition ")" | ("all" | "any") "(" condition { "," condition } ")"
              | events [ count ] | known | test { ("within" | "since" | "for") text }
    events    = ("event" | "page" | "screen") "(" text { "," (test | setting) } ")"
    count     = compare number | "between" list
    known     = ("audience" | "segment" | "list") "(" text ")"
              | "journey" "(" text ")" "." word [ "(" [ text ] { setting } ")" ]
              | "inaction" "(" step "," step { "," setting } ")"
              | "sequence" "(" step "," step { "," (step | setting) } ")"
    step      = events | text
    test      = path [ operator | "{" operator { "," operator } "}" ]
    operator  = compare value | word [ value ]      a word alone means true, as in `plan exists`
    value     = literal | compare literal | "{" operator { "," operator } "}"
    setting   = word "=" literal
    compare   = "==" | "!=" | "<" | "<=" | ">" | ">="
    literal   = text | number | "true" | "false" | "[" [ literal { "," literal } ] "]"
    path      = name { "." name } | "`" anything "`"
    text      = "'" anything "'" | '"' anything '"'

Names are traits; inside of `event(…)` they are properties. A path alone means that it is true.
Words are the operators' names in YAML. A backslash takes the next sign as it is, but in \n and \t.

Law: reading is linear in the text, one token at a time and never back. What can not be read is
a `NotACondition` that names the column and says what could stand there. The parser is written by
hand for the sake of these messages; the grammar is small.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from journeystream.condition_tokens import NotACondition, Token, tokens_of, unescaped

Tree = dict[str, Any]
Check = Callable[[Mapping[str, object]], None]

LONGEST_TEXT = 20_000
DEEPEST = 50
COMPARES = {
    "==": "equals",
    "!=": "not_equals",
    "<": "less_than",
    "<=": "at_most",
    ">": "greater_than",
    ">=": "at_least",
}
RESERVED = frozenset(("and", "or", "not", "true", "false"))
_CALLS = ("event", "page", "screen")
_NAMED = ("audience", "segment", "list")
_MODIFIERS = ("within", "since", "for")
# How a count is written, and what it means in whole numbers.
_COUNTS = {
    ">=": ("at_least", 0),
    ">": ("at_least", 1),
    "<=": ("at_most", 0),
    "<": ("at_most", -1),
    "==": ("exactly", 0),
}
# What a place is called: the word after the dot, and the field that its first argument fills.
PLACES = {
    "is_in": ("in", None),
    "has_completed": ("has_completed", None),
    "has_exited": ("has_exited", "reason"),
    "reached_goal": ("reached_goal", "goal"),
    "at_step": ("at_step", "step"),
}


def parse_condition(text: str, check: Check = lambda _leaf: None) -> Tree:
    """Return the tree that the text stands for, as YAML would give it.

    `check` is asked about each leaf, and its ValueError is reported with the leaf's column.
    """
    if len(text) > LONGEST_TEXT:
        raise NotACondition(f"longer than {LONGEST_TEXT:,} characters; write it as a tree")
    reader = _Reader(tokens_of(text), check)
    tree = reader.condition()
    reader.expect_end()
    return tree


class _Reader:
    """Reads tokens from left to right; each method reads what its name says."""

    def __init__(self, tokens: Sequence[Token], check: Check) -> None:
        self._tokens = tokens
        self._place = 0
        self._depth = 0
        self._check = check

    # ── tokens ───────────────────────────────────────────────────────────────────────────

    @property
    def _next(self) -> Token:
        return self._tokens[self._place]

    def _take(self) -> Token:
        token = self._next
        self._place += 1
        return token

    def _sees(self, sign: str) -> bool:
        return self._next.kind == "sign" and self._next.value == sign

    def _takes(self, sign: str) -> bool:
        seen = self._sees(sign)
        self._place += seen
        return seen

    def _word(self) -> str | None:
        token = self._next
        return token.value if token.kind == "path" and "." not in token.value else None

    def _takes_word(self, word: str) -> bool:
        seen = self._word() == word
        self._place += seen
        return seen

    def _calls(self, names: Sequence[str]) -> bool:
        """Tell whether one of the names follows, with a parenthesis behind it."""
        if self._word() not in names:
            return False
        after = self._tokens[self._place + 1]
        return after.kind == "sign" and after.value == "("

    def _expect(self, sign: str) -> None:
        if not self._takes(sign):
            raise self._wrong(f"write {sign!r}")

    def expect_end(self) -> None:
        """Refuse what stands behind the condition."""
        if self._sees("="):
            raise self._wrong("write == to compare")
        if self._next.kind != "end":
            raise self._wrong("write `and` or `or` before it, or remove it")

    def _wrong(self, advice: str, token: Token | None = None) -> NotACondition:
        token = token or self._next
        found = "the text ends" if token.kind == "end" else f"{token.value!r} does not belong"
        return NotACondition(f"column {token.column}: {found} here; {advice}")

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._wrong(f"nest at most {DEEPEST} deep")

    # ── groups ───────────────────────────────────────────────────────────────────────────

    def condition(self) -> Tree:
        """Read conditions with `or` between them."""
        self._deeper()
        parts = [self._all()]
        while self._takes_word("or"):
            parts.append(self._all())
        self._depth -= 1
        return {"any": parts} if len(parts) > 1 else parts[0]

    def _all(self) -> Tree:
        parts = [self._no()]
        while self._takes_word("and"):
            parts.append(self._no())
        return {"all": parts} if len(parts) > 1 else parts[0]

    def _no(self) -> Tree:
        if not self._takes_word("not"):
            return self._one()
        self._deeper()
        tree = {"not": self._no()}
        self._depth -= 1
        return tree

    def _one(self) -> Tree:
        if self._takes("("):
            tree = self.condition()
            self._expect(")")
            return tree
        if self._calls(("all", "any")):
            word = self._take().value
            self._take()
            parts = [self.condition()]
            while self._takes(","):
                parts.append(self.condition())
            self._expect(")")
            return {word: parts}
        begin = self._next
        leaf = self._leaf()
        try:
            self._check(leaf)
        except ValueError as error:
            raise NotACondition(f"column {begin.column}: {error}") from None
        return leaf

    # ── leaves ───────────────────────────────────────────────────────────────────────────

    def _leaf(self) -> Tree:
        if self._calls(_CALLS):
            return self._counted(self._events())
        if self._calls(_NAMED):
            word = self._take().value
            self._take()
            name = self._text()
            self._expect(")")
            return {"audience" if word == "segment" else word: name}
        if self._calls(("journey",)):
            return self._journey()
        if self._calls(("inaction",)):
            (did, without), settings = self._steps(most=2)
            return {"inaction": {"did": did, "without": without, **settings}}
        if self._calls(("sequence",)):
            steps, settings = self._steps()
            return {"sequence": steps, **settings}
        return self._trait()

    def _trait(self) -> Tree:
        path, wanted = self._test()
        operators = wanted if isinstance(wanted, dict) else {"equals": wanted}
        leaf: Tree = {"trait": path, **operators}
        while (word := self._word()) in _MODIFIERS:
            if word in leaf:
                raise self._wrong("write it once")
            self._take()
            leaf[word] = self._literal()
        return leaf

    def _events(self) -> Tree:
        kind = self._take().value
        self._take()
        leaf: Tree = {kind: self._text()}
        where: Tree = {}
        while self._takes(","):
            if self._is_setting():
                self._setting(leaf)
                continue
            begin = self._next
            path, wanted = self._test()
            if path in where:
                raise self._wrong("write one test of it, as in total {>= 1, <= 5}", begin)
            where[path] = wanted
        self._expect(")")
        return {**leaf, "where": where} if where else leaf

    def _counted(self, leaf: Tree) -> Tree:
        token = self._next
        if self._takes_word("between"):
            return {**leaf, "between": self._literal()}
        if token.kind != "sign" or token.value not in COMPARES:
            return leaf
        self._take()
        number = self._literal()
        if isinstance(number, bool) or not isinstance(number, int):
            raise self._wrong("compare with a whole number of events", token)
        if token.value not in _COUNTS:
            raise self._wrong("write `not` before the event and `==` here", token)
        name, more = _COUNTS[token.value]
        return {**leaf, name: number + more}

    def _journey(self) -> Tree:
        self._take()
        self._take()
        leaf: Tree = {"journey": self._text()}
        self._expect(")")
        self._expect(".")
        place = self._word()
        if place not in PLACES:
            raise self._wrong(f"write one of {', '.join(PLACES)}")
        self._take()
        leaf["is"], field = PLACES[place]
        if self._takes("("):
            if field is not None and self._next.kind == "text":
                leaf[field] = self._text()
                self._takes(",")
            while self._is_setting():
                self._setting(leaf)
                if not self._takes(","):
                    break
            self._expect(")")
        return leaf

    def _steps(self, most: int | None = None) -> tuple[list[Any], Tree]:
        """Read the events of an inaction or a sequence, and the settings behind them."""
        self._take()
        self._take()
        steps: list[Any] = []
        settings: Tree = {}
        while True:
            if self._is_setting():
                self._setting(settings)
            elif self._calls(_CALLS):
                steps.append(self._events())
            else:
                steps.append(self._text())
            if not self._takes(","):
                break
        if most is not None and len(steps) != most:
            raise self._wrong(f"write {most} events, as in inaction(event('A'), event('B'), …)")
        self._expect(")")
        return steps, settings

    # ── parts of leaves ──────────────────────────────────────────────────────────────────

    def _test(self) -> tuple[str, Any]:
        """Read a path and what is wanted of it: a value to be equal to, or operators."""
        token = self._take()
        if token.kind == "quoted":
            path = unescaped(token.value)
        elif token.kind == "path" and token.value not in RESERVED:
            path = token.value
        else:
            self._place -= 1
            raise self._wrong("write a trait, event('…'), audience('…'), journey('…') or `not`")
        if self._takes("=="):
            return path, self._literal()
        if self._sees("{"):
            return path, self._block()
        name, value = self._operator(alone="equals")
        return path, value if name == "" else {name: value}

    def _operator(self, alone: str = "") -> tuple[str, Any]:
        """Read an operator and its value; nothing (if `alone`) is the value true."""
        token = self._next
        if token.kind == "sign" and token.value in COMPARES:
            self._take()
            return COMPARES[token.value], self._literal()
        word = self._word()
        if word is not None and word not in RESERVED and not (alone and word in _MODIFIERS):
            self._take()
            return word, self._value()
        if alone:
            return "", True
        raise self._wrong("write an operator, as in >= 5 or contains 'x'")

    def _block(self) -> Tree:
        self._expect("{")
        self._deeper()
        operators: Tree = {}
        while True:
            begin = self._next
            name, value = self._operator()
            if name in operators:
                raise self._wrong("write it once", begin)
            operators[name] = value
            if not self._takes(","):
                break
        self._expect("}")
        self._depth -= 1
        return operators

    def _value(self) -> Any:  # noqa: ANN401  JSON
        """Read what an operator compares with; nothing is true."""
        token = self._next
        if self._sees("{"):
            return self._block()
        if token.kind == "sign" and token.value in COMPARES:
            self._take()
            return {COMPARES[token.value]: self._literal()}
        literal = token.kind in ("text", "number") or self._sees("[")
        return self._literal() if literal or token.value in ("true", "false") else True

    def _is_setting(self) -> bool:
        after = self._tokens[min(self._place + 1, len(self._tokens) - 1)]
        return self._word() is not None and after.kind == "sign" and after.value == "="

    def _setting(self, into: Tree) -> None:
        name = self._take()
        self._take()
        if name.value in into:
            raise self._wrong("write it once", name)
        into[name.value] = self._literal()

    def _text(self) -> str:
        if self._next.kind != "text":
            raise self._wrong("write a text in quotes")
        return unescaped(self._take().value)

    def _literal(self) -> Any:  # noqa: ANN401  JSON
        token = self._next
        if token.kind == "text":
            return self._text()
        if token.kind == "number":
            self._take()
            whole = not any(sign in token.value for sign in ".eE")
            return int(token.value) if whole else float(token.value)
        if token.kind == "path" and token.value in ("true", "false"):
            return self._take().value == "true"
        if not self._takes("["):
            raise self._wrong("write a number, a text in quotes, true, false or [a list]")
        items: list[Any] = []
        while not self._sees("]"):
            if self._sees("["):
                raise self._wrong("write a list of texts and numbers")
            items.append(self._literal())
            if not self._takes(","):
                break
        self._expect("]")
        return items
