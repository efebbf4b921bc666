"""The language of a rule's `expr` and `clear`: comparisons and arithmetic over signals, in three-valued logic.

`error_rate > 0.05 and not (queue_lag <= 100)`, `execution_time_p99{agent="ode"} / 60 > 2`. A signal without a value
is unknown; unknown goes through arithmetic and comparisons, and through `and`, `or`, `not` as Kleene has it. Rules are
judged for all their label sets at once, a column for each signal, NaN for unknown.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from alerting.index import Floats, Mask
from alerting.matchers import Matcher
from alerting.matchers import parse as parse_matchers

_MAX_TOKENS = 500
_MAX_DEPTH = 50
_TOKEN = re.compile(
    r"""\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_:.]*)"""
    r"""|(?P<braces>\{(?:[^{}"]|"(?:[^"\\]|\\.)*")*\})|(?P<op><=|>=|==|!=|[-+*/()<>]))"""
)
_COMPARISONS: dict[str, Callable[[Any, Any], Mask]] = {
    ">": np.greater,
    ">=": np.greater_equal,
    "<": np.less,
    "<=": np.less_equal,
    "==": np.equal,
    "!=": np.not_equal,
}
_ARITHMETIC: dict[str, Callable[[Any, Any], Floats]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": lambda a, b: np.divide(a, np.where(b == 0, np.nan, b)),
}


class ExpressionError(ValueError):
    """The text is no rule; `column` (from 1) says where."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(f"column {column}: {message}")
        self.column = column


@dataclass(frozen=True, slots=True)
class Number:
    """A constant."""

    value: float


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal by its name, narrowed to the label sets that match."""

    name: str
    matchers: tuple[Matcher, ...] = ()


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`left op right` over numbers."""

    op: str
    left: "Quantity"
    right: "Quantity"


@dataclass(frozen=True, slots=True)
class Compare:
    """`left op right`, a truth value."""

    op: str
    left: "Quantity"
    right: "Quantity"


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite; of unknown, unknown."""

    operand: "Truth"


@dataclass(frozen=True, slots=True)
class Logic:
    """`and` or `or`."""

    op: str
    left: "Truth"
    right: "Truth"


Quantity = Number | Signal | Arithmetic
Truth = Compare | Not | Logic
Lookup = Callable[[Signal], float | None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the rule holds, and the number that decided: the left side of the first comparison that is true."""

    truth: bool | None
    value: float | None


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The same for many label sets: where it holds, where it does not (neither: unknown), and the numbers."""

    true: Mask
    false: Mask
    values: Floats


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed rule."""

    text: str
    root: Truth

    @property
    def signals(self) -> tuple[Signal, ...]:
        """The signals it reads, each once, in order."""
        return tuple(dict.fromkeys(_signals(self.root)))

    def judge(self, values: Mapping[Signal, Floats], size: int) -> Verdicts:
        """Judge the rule for `size` label sets by the signals' columns."""
        with np.errstate(all="ignore"):
            true, false = _truth(self.root, values)
            compared = [(node, _number(node.left, values)) for node in _comparisons(self.root)]
            decided = compared[0][1]
            if len(compared) > 1:
                for node, left in reversed(compared):
                    decided = np.where(_compare(node, values)[0], left, decided)
        shape = (size,)
        return Verdicts(np.broadcast_to(true, shape), np.broadcast_to(false, shape), np.broadcast_to(decided, shape))

    def evaluate(self, lookup: Lookup) -> Verdict:
        """Judge the rule for one label set by the signals' values."""
        read = ((signal, lookup(signal)) for signal in self.signals)
        values = {signal: np.array([math.nan if value is None else value]) for signal, value in read}
        found = self.judge(values, 1)
        value = float(found.values[0])
        truth = True if found.true[0] else False if found.false[0] else None
        return Verdict(truth, None if math.isnan(value) else value)


def _signals(node: Truth | Quantity) -> Iterator[Signal]:
    match node:
        case Signal():
            yield node
        case Arithmetic() | Compare() | Logic():
            yield from _signals(node.left)
            yield from _signals(node.right)
        case Not():
            yield from _signals(node.operand)
        case Number():
            return


def _comparisons(node: Truth) -> Iterator[Compare]:
    match node:
        case Compare():
            yield node
        case Logic():
            yield from _comparisons(node.left)
            yield from _comparisons(node.right)
        case Not():
            yield from _comparisons(node.operand)


def _number(node: Quantity, values: Mapping[Signal, Floats]) -> Floats:
    if isinstance(node, Number):
        return np.array(node.value)
    if isinstance(node, Signal):
        return values[node]
    return _ARITHMETIC[node.op](_number(node.left, values), _number(node.right, values))


def _compare(node: Compare, values: Mapping[Signal, Floats]) -> tuple[Mask, Mask]:
    left, right = _number(node.left, values), _number(node.right, values)
    known = ~(np.isnan(left) | np.isnan(right))
    holds = _COMPARISONS[node.op](left, right)
    return holds & known, ~holds & known


def _truth(node: Truth, values: Mapping[Signal, Floats]) -> tuple[Mask, Mask]:
    if isinstance(node, Compare):
        return _compare(node, values)
    if isinstance(node, Not):
        true, false = _truth(node.operand, values)
        return false, true
    (true, false), (also_true, also_false) = _truth(node.left, values), _truth(node.right, values)
    if node.op == "or":
        return true | also_true, false & also_false
    return true & also_true, false | also_false


def parse(text: str) -> Expression:
    """Read a rule's expression.

    Raises:
        ExpressionError: it cannot be read, or it is a number and no comparison.

    """
    return Expression(text, _Parser(text).whole())


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str, int]] = []
        self._at = 0
        self._depth = 0
        position = 0
        end = len(text.rstrip())
        while position < end:
            found = _TOKEN.match(text, position)
            if found is None or found.lastgroup is None:
                column = position + len(text[position:]) - len(text[position:].lstrip()) + 1
                raise ExpressionError(f"{text[column - 1]!r} cannot stand here", column)
            start = found.start(found.lastgroup)
            self._tokens.append((found.lastgroup, found[found.lastgroup], start + 1))
            position = found.end()
        if len(self._tokens) > _MAX_TOKENS:
            raise ExpressionError(f"more than {_MAX_TOKENS} words and signs", 1)
        self._tokens.append(("end", "the end", end + 1))

    def whole(self) -> Truth:
        node = self._or()
        kind, word, column = self._tokens[self._at]
        if kind != "end":
            hint = " (comparisons do not chain: join them with 'and')" if word in _COMPARISONS else ""
            raise ExpressionError(f"{word!r} is not expected here{hint}", column)
        return self._is_truth(node, 1)

    def _next(self, *words: str) -> str | None:
        kind, word, _ = self._tokens[self._at]
        if kind in {"op", "name"} and word in words:
            self._at += 1
            return word
        return None

    @property
    def _column(self) -> int:
        return self._tokens[self._at][2]

    @staticmethod
    def _is_truth(node: Truth | Quantity, column: int) -> Truth:
        if isinstance(node, Number | Signal | Arithmetic):
            raise ExpressionError("a number stands where a comparison is needed, as in error_rate > 0.05", column)
        return node

    @staticmethod
    def _is_number(node: Truth | Quantity, column: int) -> Quantity:
        if isinstance(node, Compare | Not | Logic):
            raise ExpressionError("a comparison stands where a number is needed", column)
        return node

    def _or(self) -> Truth | Quantity:
        return self._logic("or", lambda: self._logic("and", self._not))

    def _logic(self, op: str, operand: Callable[[], Truth | Quantity]) -> Truth | Quantity:
        column = self._column
        node = operand()
        while self._next(op):
            left = self._is_truth(node, column)
            column = self._column
            node = Logic(op, left, self._is_truth(operand(), column))
        return node

    def _not(self) -> Truth | Quantity:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ExpressionError(f"nested more than {_MAX_DEPTH} deep", self._column)
        node: Truth | Quantity
        if self._next("not"):
            column = self._column
            node = Not(self._is_truth(self._not(), column))
        else:
            node = self._comparison()
        self._depth -= 1
        return node

    def _comparison(self) -> Truth | Quantity:
        column = self._column
        node = self._chain(("+", "-"), lambda: self._chain(("*", "/"), self._unary))
        if op := self._next(*_COMPARISONS):
            left = self._is_number(node, column)
            column = self._column
            right = self._chain(("+", "-"), lambda: self._chain(("*", "/"), self._unary))
            return Compare(op, left, self._is_number(right, column))
        return node

    def _chain(self, ops: tuple[str, ...], operand: Callable[[], Truth | Quantity]) -> Truth | Quantity:
        column = self._column
        node = operand()
        while op := self._next(*ops):
            left = self._is_number(node, column)
            column = self._column
            node = Arithmetic(op, left, self._is_number(operand(), column))
        return node

    def _unary(self) -> Truth | Quantity:
        signs = 0
        column = self._column
        while self._next("-"):
            signs += 1
        node = self._atom()
        return Arithmetic("*", Number(-1.0), self._is_number(node, column)) if signs % 2 else node

    def _atom(self) -> Truth | Quantity:
        kind, word, column = self._tokens[self._at]
        self._at += 1
        if kind == "number":
            return Number(float(word))
        if kind == "name" and word not in {"and", "or", "not"}:
            after, braces, where = self._tokens[self._at]
            if after != "braces":
                return Signal(word)
            self._at += 1
            try:
                return Signal(word, parse_matchers(braces))
            except ValueError as error:
                raise ExpressionError(str(error), where) from error
        if word == "(" and kind == "op":
            node = self._or()
            if not self._next(")"):
                raise ExpressionError("a closing parenthesis is missing", self._column)
            return node
        raise ExpressionError(f"{word!r} stands where a number, a signal or a parenthesis is needed", column)
