"""The graph of a program: nodes in topological order, each operation on the same operands only once."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from native.kernels import formula as kernel

OPCODES: dict[str, int] = {
    name: code
    for code, name in enumerate((
        "add", "sub", "mul", "div", "neg", "mod", "pow", "lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not",
        "where", "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "exp", "expm1", "log",
        "log1p", "log2", "log10", "sqrt", "cbrt", "abs", "sign", "floor", "ceil", "min", "max", "erf", "erfc", "gamma",
        "lgamma", "digamma", "trigamma",
    ))
}  # fmt: skip
"""What the kernel `_vm.execute` knows, by number."""
_PRODUCTS = 4
_CAPACITY = 500_000


class Node(NamedTuple):
    """`op` of operands (indices of earlier nodes); for `const` and `input` the value or the place is in `value`."""

    op: str
    operands: tuple[int, ...] = ()
    value: float = 0.0


class TooLargeError(ValueError):
    """The program has more nodes than are allowed."""


class Graph:
    """Builds nodes; equal ones are the same, and what is constant is computed at once."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._known: dict[object, int] = {}

    def constant(self, value: float) -> int:
        """A number; the sign of zero and NaN are kept apart."""
        return self._intern(("const", value, math.copysign(1.0, value)), Node("const", (), value))

    def place(self, index: int) -> int:
        """The input of this index."""
        return self._intern(("input", index), Node("input", (), index))

    def value(self, node: int) -> float | None:
        """The number of a constant node."""
        return self.nodes[node].value if self.nodes[node].op == "const" else None

    def apply(self, op: str, *operands: int) -> int:
        """An operation; folded when all operands are constant, rewritten where a cheaper form gives the same."""
        known = [self.value(operand) for operand in operands]
        numbers = [number for number in known if number is not None]
        if len(numbers) == len(known):
            return self.constant(compute(op, numbers))
        simpler = self._simplify(op, operands, known)
        return self._intern((op, operands), Node(op, operands)) if simpler is None else simpler

    def _simplify(self, op: str, operands: tuple[int, ...], known: Sequence[float | None]) -> int | None:
        if op in {"add", "mul"}:
            neutral = 0.0 if op == "add" else 1.0
            if known[0] == neutral:
                return operands[1]
            if known[1] == neutral:
                return operands[0]
            if operands[0] > operands[1]:  # one order, so that x*y and y*x are one node
                return self.apply(op, operands[1], operands[0])
        if (op == "sub" and known[1] == 0.0) or (op in {"div", "pow"} and known[1] == 1.0):
            return operands[0]
        if op == "pow" and known[1] is not None:
            return self._power(operands[0], known[1])
        return self._simplify_signs(op, operands)

    def _simplify_signs(self, op: str, operands: tuple[int, ...]) -> int | None:
        """Signs are exact: - -a is a, a - -b is a + b, a + -b is a - b."""
        inner = [self._negated(operand) for operand in operands]
        if op == "neg":
            return inner[0]
        if op in {"add", "sub"} and inner[1] is not None:
            return self.apply("sub" if op == "add" else "add", operands[0], inner[1])
        if op == "add" and inner[0] is not None:
            return self.apply("sub", operands[1], inner[0])
        return None

    def _negated(self, node: int) -> int | None:
        """The operand of a negation."""
        op, operands, _ = self.nodes[node]
        return operands[0] if op == "neg" else None

    def _power(self, base: int, exponent: float) -> int | None:
        if exponent == 0.0:
            return self.constant(1.0)
        if exponent == 0.5:
            return self.apply("sqrt", base)
        if not abs(exponent) <= _PRODUCTS or exponent != int(exponent):
            return None
        product = base
        for _ in range(int(abs(exponent)) - 1):
            product = self.apply("mul", product, base)
        return product if exponent > 0 else self.apply("div", self.constant(1.0), product)

    def _intern(self, key: object, node: Node) -> int:
        found = self._known.get(key)
        if found is None:
            if len(self.nodes) >= _CAPACITY:
                raise TooLargeError(f"the program needs more than {_CAPACITY} operations")
            found = self._known[key] = len(self.nodes)
            self.nodes.append(node)
        return found


_NOTHING = np.empty(0)
_ONE_VALUE = np.array([3], dtype=np.int64)


def compute(op: str, operands: Sequence[float]) -> float:
    """Compute one operation by the kernel, so that a folded constant is what would have been computed."""
    inputs = np.zeros((3, 8))
    inputs[: len(operands)] = np.array(operands)[:, None]
    code = np.array([[OPCODES[op], 3, 0, 1, 2]], dtype=np.int32)
    with np.errstate(all="ignore"):
        made = kernel.evaluate(code, _NOTHING, 4, _ONE_VALUE, inputs, 8)  # type: ignore[no-untyped-call]
    return float(made[0, 0])
