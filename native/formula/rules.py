"""The derivative of each operation by each of its operands, times a factor: all that forward and reverse mode need.

At a kink the derivative of one side is taken: 0 for `abs` at 0, the first operand's for `min` and `max` of equals.
"""

# ruff: noqa: ARG001, ARG005 - the rules in the table have one signature

import math
from collections.abc import Callable

from native.formula.graph import Graph

FLAT = frozenset({"const", "input", "lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not", "sign", "floor", "ceil"})
"""Operations without derivative, or whose derivative is 0 wherever it exists."""


class NoDerivativeError(ValueError):
    """An operation whose derivative no operation gives."""


CHOICES = frozenset({"where", "min", "max"})
"""Operations that take one of their operands: only the one taken has a derivative."""


def partial(g: Graph, whole: int, place: int, factor: int) -> int:
    """Add `factor` times the derivative of node `whole` by its operand at `place`; not for `FLAT` and `CHOICES`."""
    op, operands, _ = g.nodes[whole]
    if op == "neg":
        return g.apply("neg", factor)
    if len(operands) == 1:
        if op not in _CHAIN:
            raise NoDerivativeError(f"there is no derivative of {op}")
        return g.apply("mul", _CHAIN[op](g, operands[0], whole), factor)
    return _BINARY[op][place](g, operands[0], operands[1], whole, factor)


def taken(g: Graph, whole: int) -> tuple[int, int, int]:
    """For one of `CHOICES`: the condition, and the operands that are taken where it holds and where it does not."""
    op, operands, _ = g.nodes[whole]
    if op == "where":
        return operands[0], operands[1], operands[2]
    return g.apply("le" if op == "min" else "ge", *operands), operands[0], operands[1]


def _over(g: Graph, node: int) -> int:
    return g.apply("div", g.constant(1.0), node)


def _square(g: Graph, node: int) -> int:
    return g.apply("mul", node, node)


def _scaled(g: Graph, factor: float, node: int) -> int:
    return g.apply("mul", g.constant(factor), node)


def _arc(g: Graph, x: int) -> int:
    """1/sqrt(1 - x²), exact near 1 too."""
    one = g.constant(1.0)
    return _over(g, g.apply("sqrt", g.apply("mul", g.apply("sub", one, x), g.apply("add", one, x))))


def _bell(g: Graph, factor: float, x: int) -> int:
    return _scaled(g, factor * 2.0 / math.sqrt(math.pi), g.apply("exp", g.apply("neg", _square(g, x))))


_CHAIN: dict[str, Callable[[Graph, int, int], int]] = {
    "sin": lambda g, x, y: g.apply("cos", x),
    "cos": lambda g, x, y: g.apply("neg", g.apply("sin", x)),
    "tan": lambda g, x, y: g.apply("add", g.constant(1.0), _square(g, y)),
    "asin": lambda g, x, y: _arc(g, x),
    "acos": lambda g, x, y: g.apply("neg", _arc(g, x)),
    "atan": lambda g, x, y: _over(g, g.apply("add", g.constant(1.0), _square(g, x))),
    "sinh": lambda g, x, y: g.apply("cosh", x),
    "cosh": lambda g, x, y: g.apply("sinh", x),
    "tanh": lambda g, x, y: g.apply("sub", g.constant(1.0), _square(g, y)),
    "exp": lambda g, x, y: y,
    "expm1": lambda g, x, y: g.apply("exp", x),
    "log": lambda g, x, y: _over(g, x),
    "log1p": lambda g, x, y: _over(g, g.apply("add", g.constant(1.0), x)),
    "log2": lambda g, x, y: _over(g, _scaled(g, math.log(2.0), x)),
    "log10": lambda g, x, y: _over(g, _scaled(g, math.log(10.0), x)),
    "sqrt": lambda g, x, y: _over(g, _scaled(g, 2.0, y)),
    "cbrt": lambda g, x, y: _over(g, _scaled(g, 3.0, _square(g, y))),
    "abs": lambda g, x, y: g.apply("sign", x),
    "erf": lambda g, x, y: _bell(g, 1.0, x),
    "erfc": lambda g, x, y: _bell(g, -1.0, x),
    "gamma": lambda g, x, y: g.apply("mul", y, g.apply("digamma", x)),
    "lgamma": lambda g, x, y: g.apply("digamma", x),
    "digamma": lambda g, x, y: g.apply("trigamma", x),
}  # fmt: skip


def _power_base(g: Graph, a: int, b: int, whole: int, factor: int) -> int:
    """Slope by the base: b a^(b-1), which is 0 for b = 0 at every a."""
    slope = g.apply("mul", b, g.apply("pow", a, g.apply("sub", b, g.constant(1.0))))
    if g.value(b) is None:
        slope = g.apply("where", b, slope, g.constant(0.0))
    return g.apply("mul", slope, factor)


def _power_exponent(g: Graph, a: int, b: int, whole: int, factor: int) -> int:
    """Slope by the exponent: a^b log a, which is 0 at a = 0 for b > 0."""
    zero = g.constant(0.0)
    slope = g.apply("mul", whole, g.apply("log", a))
    if g.value(a) is None:
        vanishes = g.apply("and", g.apply("eq", a, zero), g.apply("gt", b, zero))
        slope = g.apply("where", vanishes, zero, slope)
    return g.apply("mul", slope, factor)


def _turn(g: Graph, side: int, a: int, b: int, factor: int) -> int:
    return g.apply("div", g.apply("mul", side, factor), g.apply("add", _square(g, a), _square(g, b)))


_Binary = Callable[[Graph, int, int, int, int], int]
_BINARY: dict[str, tuple[_Binary, _Binary]] = {
    "add": (lambda g, a, b, y, t: t, lambda g, a, b, y, t: t),
    "sub": (lambda g, a, b, y, t: t, lambda g, a, b, y, t: g.apply("neg", t)),
    "mul": (lambda g, a, b, y, t: g.apply("mul", b, t), lambda g, a, b, y, t: g.apply("mul", a, t)),
    "div": (
        lambda g, a, b, y, t: g.apply("div", t, b),
        lambda g, a, b, y, t: g.apply("neg", g.apply("div", g.apply("mul", y, t), b)),
    ),
    "mod": (
        lambda g, a, b, y, t: t,
        lambda g, a, b, y, t: g.apply("neg", g.apply("mul", g.apply("floor", g.apply("div", a, b)), t)),
    ),
    "pow": (_power_base, _power_exponent),
    "atan2": (
        lambda g, a, b, y, t: _turn(g, b, a, b, t),
        lambda g, a, b, y, t: g.apply("neg", _turn(g, a, a, b, t)),
    ),
}
