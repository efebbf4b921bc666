"""Reads a formula (contracts, section 4): an operator-precedence parser that writes into a graph as it goes."""

import math
import re
from collections.abc import Mapping
from difflib import get_close_matches

from native.formula.graph import Graph

NODE_LIMIT = 10_000
LEVEL_LIMIT = 200
NAME_LIMIT = 100

_ONE = ("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "exp", "expm1", "log", "log1p", "log2",
        "log10", "sqrt", "cbrt", "abs", "sign", "floor", "ceil", "erf", "erfc", "gamma", "lgamma")  # fmt: skip
FUNCTIONS: Mapping[str, int | None] = {**dict.fromkeys(_ONE, 1), "atan2": 2, "where": 3, "min": None, "max": None}
"""Functions by their number of arguments; None: two or more."""
_CONSTANTS = {"pi": math.pi, "e": math.e}
_RESERVED = {"and", "or", "not", "if", "else", "lambda", "for", "in", "is"}
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)|(?P<name>[^\W\d]\w*)"
    r"|(?P<op>\*\*|//|<=|>=|==|!=|[-+*/%(),<>]))"
)
_BINARY: dict[str, tuple[int, str]] = {
    "or": (1, "or"), "and": (2, "and"),
    "<": (4, "lt"), "<=": (4, "le"), ">": (4, "gt"), ">=": (4, "ge"), "==": (4, "eq"), "!=": (4, "ne"),
    "+": (5, "add"), "-": (5, "sub"), "*": (6, "mul"), "/": (6, "div"), "%": (6, "mod"), "**": (8, "pow"),
}  # fmt: skip
_NOT, _COMPARE, _MINUS, _POWER = 3, 4, 7, 8
_INSTEAD = {
    "//": "floor(a / b)", "if": "where(condition, a, b)", "else": "where(condition, a, b)", "=": "== compares",
    "^": "** is the power", "&": "and", "|": "or", "!": "not",
}  # fmt: skip


class FormulaError(ValueError):
    """A formula cannot be read: where (`column`, from 1), in which (`name`), and what would do (`hint`)."""

    def __init__(self, message: str, column: int, hint: str | None = None, name: str = "") -> None:
        super().__init__(f"column {column}: {message}")
        self.column = column
        self.hint = hint
        self.name = name


def is_name(text: str) -> bool:
    """Whether a variable can have this name."""
    reserved = text in FUNCTIONS or text in _CONSTANTS or text in _RESERVED
    return len(text) <= NAME_LIMIT and text.isidentifier() and not reserved


def parse(text: str, names: Mapping[str, int], graph: Graph) -> int:
    """Read `text` into `graph` and return its node; `names` maps each variable to its input.

    Raises:
        FormulaError: it is no formula, uses an unknown name, or is larger than the limits.

    """
    return _Parser(text, names, graph).whole()


class _Parser:
    def __init__(self, text: str, names: Mapping[str, int], graph: Graph) -> None:
        self._text = text
        self._names = names
        self._graph = graph
        self._nodes = 0
        self._levels = 0
        self._position = 0
        self._advance()

    def whole(self) -> int:
        node = self._expression(0)
        if self._kind != "end":
            raise self._unexpected()
        return node

    def _at(self, sign: str) -> bool:
        return self._kind == "op" and self._token == sign

    def _advance(self) -> None:
        found = _TOKEN.match(self._text, self._position)
        if found is not None and found.lastgroup is not None:
            self._kind, self._token = found.lastgroup, found[found.lastgroup]
            self._column = found.start(found.lastgroup) + 1
            self._position = found.end()
            return
        rest = self._text[self._position :]
        self._column = len(self._text) - len(rest.lstrip()) + 1
        if rest.strip():
            sign = rest.strip()[0]
            what = "a string" if sign in "\"'" else repr(sign)
            raise FormulaError(f"{what} cannot stand in a formula", self._column, _INSTEAD.get(sign))
        self._kind, self._token = "end", "the end"

    def _unexpected(self) -> FormulaError:
        what = self._token if self._kind == "end" else repr(self._token[:NAME_LIMIT])
        return FormulaError(f"{what} is not expected here", self._column, _INSTEAD.get(self._token))

    def _count(self) -> None:
        self._nodes += 1
        if self._nodes > NODE_LIMIT:
            raise FormulaError(f"more than {NODE_LIMIT} nodes", self._column, "split the formula")

    def _expression(self, floor: int) -> int:
        """Read operators that bind tighter than `floor`; a chain of them is a loop, only nesting recurses."""
        self._levels += 1
        if self._levels > LEVEL_LIMIT:
            raise FormulaError(f"nested more than {LEVEL_LIMIT} levels deep", self._column, "split the formula")
        node = self._prefix(floor)
        while self._kind in {"op", "name"} and (entry := _BINARY.get(self._token)) is not None:
            power, op = entry
            if power <= floor:
                break
            if power == _COMPARE:
                node = self._comparisons(node)
                continue
            self._advance()
            self._count()
            # ** is right-associative, and its right side may begin with a minus
            node = self._graph.apply(op, node, self._expression(_MINUS - 1 if power == _POWER else power))
        self._levels -= 1
        return node

    def _comparisons(self, left: int) -> int:
        """`a < b < c` means what it means in Python."""
        whole: int | None = None
        while self._kind == "op" and _BINARY.get(self._token, (0, ""))[0] == _COMPARE:
            op = _BINARY[self._token][1]
            self._advance()
            self._count()
            right = self._expression(_COMPARE)
            one = self._graph.apply(op, left, right)
            whole = one if whole is None else self._graph.apply("and", whole, one)
            left = right
        return left if whole is None else whole

    def _prefix(self, floor: int) -> int:
        self._count()
        if self._kind == "number":
            node = self._graph.constant(float(self._token))
            self._advance()
            return node
        if self._at("-"):
            self._advance()
            return self._graph.apply("neg", self._expression(_MINUS - 1))
        if self._at("("):
            self._advance()
            node = self._expression(0)
            self._close()
            return node
        name, column = self._token, self._column
        if self._kind != "name" or (name == "not" and floor > _NOT):
            raise self._unexpected()
        self._advance()
        if name == "not":
            return self._graph.apply("not", self._expression(_NOT))
        return self._call(name, column) if self._at("(") else self._name(name, column)

    def _name(self, name: str, column: int) -> int:
        if name in self._names:
            return self._graph.place(self._names[name])
        if name in _CONSTANTS:
            return self._graph.constant(_CONSTANTS[name])
        if name in FUNCTIONS:
            raise FormulaError(f"{name!r} is a function", column, f"write {name}(…)")
        if name in _RESERVED:
            raise FormulaError(f"{name!r} is not expected here", column, _INSTEAD.get(name))
        raise FormulaError(f"{name[:NAME_LIMIT]!r} is not known", column, _nearest(name, self._names))

    def _call(self, name: str, column: int) -> int:
        if name not in FUNCTIONS:
            known = name in self._names or name in _CONSTANTS
            hint = f"write {name[:NAME_LIMIT]}*(…)" if known else _nearest(name, FUNCTIONS)
            raise FormulaError(f"{name[:NAME_LIMIT]!r} is no function", column, hint)
        self._advance()
        arguments = []
        if not self._at(")"):
            arguments.append(self._expression(0))
            while self._at(","):
                self._advance()
                arguments.append(self._expression(0))
        self._close()
        wanted = FUNCTIONS[name]
        if len(arguments) != wanted if wanted is not None else len(arguments) < 2:
            takes = "at least 2" if wanted is None else str(wanted)
            raise FormulaError(f"{name} takes {takes} arguments, not {len(arguments)}", column)
        node = arguments[0]
        if wanted is None:
            for argument in arguments[1:]:
                node = self._graph.apply(name, node, argument)
            return node
        return self._graph.apply(name, *arguments)

    def _close(self) -> None:
        if not self._at(")"):
            if self._kind == "end":
                raise FormulaError("a closing parenthesis is missing", self._column)
            raise self._unexpected()
        self._advance()


def _nearest(name: str, valid: Mapping[str, object]) -> str:
    near = get_close_matches(name[:NAME_LIMIT], list(valid)[:500], n=1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(list(valid)[:50])}"
