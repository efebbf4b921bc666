"""Exact derivatives of a graph: forward mode, node by node; at a kink the derivative of one side is taken."""

# ruff: noqa: ARG005 - the rules in the table have one signature

import math
from collections.abc import Callable

from native.formula.graph import Graph

_FLAT = frozenset({"const", "input", "lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not", "sign", "floor", "ceil"})


def derivatives(graph: Graph, outputs: list[int], places: int) -> list[dict[int, int]]:
    """Add the derivatives of `outputs` by the first inputs to `graph`: for each output {place: node}, where not 0."""
    last = max(outputs, default=-1)
    found: dict[int, dict[int, int]] = {}
    for index in range(last + 1):  # operands come before what uses them
        op, operands, value = graph.nodes[index]
        if op == "input" and int(value) < places:
            found[index] = {int(value): graph.constant(1.0)}
        elif op not in _FLAT:
            parts = [found.get(operand, {}) for operand in operands]
            whole: dict[int, int] = {}
            for place in dict.fromkeys(place for part in parts for place in part):
                made = _rule(graph, index, op, operands, [part.get(place) for part in parts])
                if made is not None:
                    whole[place] = made
            if whole:
                found[index] = whole
    return [found.get(output, {}) for output in outputs]


def _rule(g: Graph, whole: int, op: str, operands: tuple[int, ...], parts: list[int | None]) -> int | None:
    if len(operands) == 1:
        inner = parts[0]
        outer = _CHAIN[op](g, operands[0], whole)
        return None if inner is None else g.apply("mul", outer, inner)
    if op == "where":
        zero = g.constant(0.0)
        then, other = parts[1], parts[2]
        if then is None and other is None:
            return None
        return g.apply("where", operands[0], zero if then is None else then, zero if other is None else other)
    return _binary(g, whole, op, operands, parts)


def _binary(  # noqa: PLR0911 - one return a rule
    g: Graph, whole: int, op: str, operands: tuple[int, ...], parts: list[int | None]
) -> int | None:
    a, b = operands
    da, db = parts
    if op == "add":
        return _sum(g, da, db)
    if op == "sub":
        return _sum(g, da, _neg(g, db))
    if op == "mul":
        return _sum(g, _times(g, b, da), _times(g, a, db))
    if op == "div":
        left = None if da is None else g.apply("div", da, b)
        return _sum(g, left, _neg(g, None if db is None else g.apply("div", g.apply("mul", whole, db), b)))
    if op == "mod":
        return _sum(g, da, _neg(g, _times(g, g.apply("floor", g.apply("div", a, b)), db)))
    if op == "pow":
        left = None
        if da is not None:
            lower = g.apply("pow", a, g.apply("sub", b, g.constant(1.0)))
            left = g.apply("mul", g.apply("mul", b, lower), da)
        return _sum(g, left, _times(g, g.apply("mul", whole, g.apply("log", a)), db))
    if op == "atan2":
        square = g.apply("add", g.apply("mul", a, a), g.apply("mul", b, b))
        top = _sum(g, _times(g, b, da), _neg(g, _times(g, a, db)))
        return None if top is None else g.apply("div", top, square)
    zero = g.constant(0.0)  # min, max
    first = g.apply("le" if op == "min" else "ge", a, b)
    return g.apply("where", first, zero if da is None else da, zero if db is None else db)


def _sum(g: Graph, left: int | None, right: int | None) -> int | None:
    if left is None or right is None:
        return right if left is None else left
    return g.apply("add", left, right)


def _neg(g: Graph, node: int | None) -> int | None:
    return None if node is None else g.apply("neg", node)


def _times(g: Graph, factor: int, node: int | None) -> int | None:
    return None if node is None else g.apply("mul", factor, node)


def _over(g: Graph, node: int) -> int:
    return g.apply("div", g.constant(1.0), node)


def _square(g: Graph, node: int) -> int:
    return g.apply("mul", node, node)


def _scaled(g: Graph, factor: float, node: int) -> int:
    return g.apply("mul", g.constant(factor), node)


def _one_minus(g: Graph, node: int) -> int:
    return g.apply("sub", g.constant(1.0), node)


_BELL = 2.0 / math.sqrt(math.pi)
_CHAIN: dict[str, Callable[[Graph, int, int], int]] = {
    "neg": lambda g, x, y: g.constant(-1.0),
    "sin": lambda g, x, y: g.apply("cos", x),
    "cos": lambda g, x, y: g.apply("neg", g.apply("sin", x)),
    "tan": lambda g, x, y: g.apply("add", g.constant(1.0), _square(g, y)),
    "asin": lambda g, x, y: _over(g, g.apply("sqrt", _one_minus(g, _square(g, x)))),
    "acos": lambda g, x, y: g.apply("neg", _over(g, g.apply("sqrt", _one_minus(g, _square(g, x))))),
    "atan": lambda g, x, y: _over(g, g.apply("add", g.constant(1.0), _square(g, x))),
    "sinh": lambda g, x, y: g.apply("cosh", x),
    "cosh": lambda g, x, y: g.apply("sinh", x),
    "tanh": lambda g, x, y: _one_minus(g, _square(g, y)),
    "exp": lambda g, x, y: y,
    "expm1": lambda g, x, y: g.apply("add", y, g.constant(1.0)),
    "log": lambda g, x, y: _over(g, x),
    "log1p": lambda g, x, y: _over(g, g.apply("add", g.constant(1.0), x)),
    "log2": lambda g, x, y: _over(g, _scaled(g, math.log(2.0), x)),
    "log10": lambda g, x, y: _over(g, _scaled(g, math.log(10.0), x)),
    "sqrt": lambda g, x, y: _over(g, _scaled(g, 2.0, y)),
    "cbrt": lambda g, x, y: _over(g, _scaled(g, 3.0, _square(g, y))),
    "abs": lambda g, x, y: g.apply("sign", x),
    "erf": lambda g, x, y: _scaled(g, _BELL, g.apply("exp", g.apply("neg", _square(g, x)))),
    "erfc": lambda g, x, y: _scaled(g, -_BELL, g.apply("exp", g.apply("neg", _square(g, x)))),
    "gamma": lambda g, x, y: g.apply("mul", y, g.apply("digamma", x)),
    "lgamma": lambda g, x, y: g.apply("digamma", x),
}  # fmt: skip
