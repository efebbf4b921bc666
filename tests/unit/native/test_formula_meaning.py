"""Random formulas mean what Python's own parser and mpmath make of the same text, and so do their derivatives."""

import ast
import operator
import random

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

from native.formula import FUNCTIONS, compile_program

_SIGNS = ["+", "-", "*", "/", "%", "**", "<", "<=", ">", ">=", "==", "!=", " and ", " or "]
_LEAVES = ["x", "y", "x", "y", "2", "0.5", "3", "1.25", "pi", "e"]
_FUNCTIONS = [name for name, count in FUNCTIONS.items() if count == 1]
_NEAR, _LARGE = mpf("1e-3"), mpf(200)
_X, _Y = 0.8125, 1.375
_BINARY = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}  # fmt: skip
_COMPARE = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}  # fmt: skip
_NAMES = {
    "lgamma": lambda x: mp.log(abs(mp.gamma(x))), "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)), "abs": abs,
    "log2": lambda x: mp.log(x) / mp.log(2),
}  # fmt: skip


_STEEP = {"sqrt": (0,), "cbrt": (0,), "asin": (-1, 1), "acos": (-1, 1)}
"""Where the slope is infinite: times an inner slope of 0 it is no number."""


class _UnfitError(Exception):
    """The formula is not defined here, or too near to where it is not smooth."""


def _apart(a, b):
    """A comparison counts only when both sides differ clearly, or are the same."""
    if a != b and abs(a - b) < _NEAR:
        raise _UnfitError
    return a, b


def _whole(a):
    if abs(a - mp.nint(a)) < _NEAR:
        raise _UnfitError
    return a


def _call(name, arguments):
    if name == "where":
        return arguments[1] if arguments[0] != 0 else arguments[2]
    if name in {"min", "max"}:
        for i, one in enumerate(arguments):
            for other in arguments[:i]:
                _apart(one, other)
        return (min if name == "min" else max)(arguments)
    if name in {"floor", "ceil"}:
        _whole(arguments[0])
    if name in {"sign", "abs"}:
        _apart(arguments[0], mpf(0))
    if name in _STEEP and any(abs(arguments[0] - end) < _NEAR for end in _STEEP[name]):
        raise _UnfitError
    if name == "atan2" and abs(arguments[0]) < _NEAR and arguments[1] < _NEAR:
        raise _UnfitError
    return (_NAMES.get(name) or getattr(mp, name))(*arguments)


def _whole_number(node):
    """An exponent for which a negative base has a slope."""
    return isinstance(node, ast.Constant) and node.value in {2, 3}


def _evaluate(node, names):
    """Evaluate as Python would; truth is 1 or 0."""
    made = _node(node, names)
    if isinstance(made, mp.mpc) or not mp.isfinite(made) or abs(made) > _LARGE:
        raise _UnfitError
    return mpf(made)


def _node(node, names):  # noqa: PLR0911
    match node:
        case ast.Expression():
            return _evaluate(node.body, names)
        case ast.Constant():
            return mpf(node.value)
        case ast.Name():
            return names[node.id]
        case ast.UnaryOp(op=ast.USub()):
            return -_evaluate(node.operand, names)
        case ast.UnaryOp(op=ast.Not()):
            return mpf(_evaluate(node.operand, names) == 0)
        case ast.BinOp(op=ast.Mod()):
            a, b = _evaluate(node.left, names), _evaluate(node.right, names)
            return a - b * mp.floor(_whole(a / b))
        case ast.BinOp(op=ast.Pow(), right=right) if _evaluate(node.left, names) < _NEAR and not _whole_number(right):
            raise _UnfitError
        case ast.BinOp():
            return _BINARY[type(node.op)](_evaluate(node.left, names), _evaluate(node.right, names))
        case ast.BoolOp():
            truths = [_evaluate(value, names) != 0 for value in node.values]
            return mpf((all if isinstance(node.op, ast.And) else any)(truths))
        case ast.Compare():
            values = [_evaluate(value, names) for value in (node.left, *node.comparators)]
            pairs = zip(node.ops, values[:-1], values[1:], strict=True)
            return mpf(all(tuple(_COMPARE[type(op)](*_apart(a, b)) for op, a, b in pairs)))
        case ast.Call():
            return _call(node.func.id, [_evaluate(argument, names) for argument in node.args])
    raise AssertionError(ast.dump(node))


def _formula(rng, depth):
    pick = rng.random()
    if depth == 0 or pick < 0.1:
        return rng.choice(_LEAVES)
    if pick < 0.55:
        return f"{_formula(rng, depth - 1)}{rng.choice(_SIGNS)}{_formula(rng, depth - 1)}"
    if pick < 0.7:
        return f"({_formula(rng, depth - 1)})"
    if pick < 0.75:
        return rng.choice(["-", "not "]) + rng.choice(_LEAVES)
    if pick < 0.92:
        return f"{rng.choice(_FUNCTIONS)}({_formula(rng, depth - 1)})"
    name, count = rng.choice([("where", 3), ("min", 2), ("max", 3), ("atan2", 2)])
    return f"{name}({', '.join(_formula(rng, depth - 1) for _ in range(count))})"


def _truth(text):
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError:
        assume(False)
    constants = {"pi": mp.pi, "e": mp.e}

    def f(x, y):
        return _evaluate(tree, {"x": x, "y": y, **constants})

    mp.dps = 60
    try:
        value = f(mpf(_X), mpf(_Y))
        slopes = [mp.diff(f, (mpf(_X), mpf(_Y)), order) for order in ((1, 0), (0, 1))]
        f(mpf(_X) * (1 + mpf("1e-9")), mpf(_Y))
    except (_UnfitError, ZeroDivisionError, ValueError, OverflowError, mp.NoConvergence):
        return None
    return value, slopes


_SETTINGS = settings(
    max_examples=1500, derandomize=True,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)  # fmt: skip
_SEEN = {"compared": 0}


@_SETTINGS
@given(st.integers(0, 2**40), st.integers(1, 4))
def test_values_and_derivatives_are_those_of_python_and_mpmath(seed, depth):
    text = _formula(random.Random(seed), depth)
    truth = _truth(text)
    if truth is None:
        return
    value, slopes = truth
    program = compile_program([text], ["x", "y"], derivatives="gradient")
    made = program.evaluate(np.array([[_X], [_Y]]))[:, 0]
    assert made[0] == pytest.approx(float(value), rel=1e-9, abs=1e-9), text
    steep = max(abs(float(slope)) for slope in slopes)
    if steep < 1e4:
        _SEEN["compared"] += 1
        np.testing.assert_allclose(made[1:], [float(slope) for slope in slopes], rtol=1e-8, atol=1e-8 * max(1, steep))


def test_most_of_them_could_be_compared():
    assert _SEEN["compared"] > 500
