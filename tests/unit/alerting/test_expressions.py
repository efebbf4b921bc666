"""The language of rules: three-valued, and every mistake has a column."""

import itertools
import math
import operator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting import expressions
from alerting.expressions import Arithmetic, Compare, ExpressionError, Logic, Not, Number, Signal

VALUES = {"a": 1.0, "b": 2.0, "nan": float("nan")}


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("a > 0", True), ("a >= 1", True), ("a < 1", False), ("a <= 1", True), ("a == 1", True), ("a != 1", False),
        ("a + b * 2 == 5", True), ("(a + b) * 2 == 6", True), ("-a < 0", True), ("b / a - 1 == a", True),
        ("a > 0 and b > 5", False), ("a > 5 or b > 1", True), ("not a > 5", True), ("a > 0 and not b > 5", True),
        ("none > 0", None), ("a > 0 and none > 0", None), ("a > 5 and none > 0", False), ("a > 0 or none > 0", True),
        ("not none > 0", None), ("a / 0 > 1", None), ("nan > 0", None), ("none + 1 > 0", None),
    ],
)  # fmt: skip
def test_truth(text, truth):
    assert expressions.parse(text).evaluate(lambda signal: VALUES.get(signal.name)).truth is truth


def test_the_value_is_the_left_side_that_decided():
    verdict = expressions.parse("a > 5 or b > 1").evaluate(lambda signal: VALUES.get(signal.name))
    assert verdict.value == 2.0


def test_a_signal_may_be_narrowed():
    (signal,) = expressions.parse('error_rate{agent="ode",code!=""} > 0.1').signals
    assert [str(matcher) for matcher in signal.matchers] == ['agent="ode"', 'code!=""']


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("a", 1), ("a >", 4), ("a > 1 > 0", 7), ("(a > 1", 7), ("a > 1 and", 10), ("a and b > 1", 1),
        ("a > 1; b", 6), ("a{x} > 1", 2), ("", 1), ("__import__('os') > 1", 12), ("a > (b > 1)", 5),
    ],
)  # fmt: skip
def test_a_mistake_has_its_column(text, column):
    with pytest.raises(ExpressionError) as error:
        expressions.parse(text)
    assert error.value.column == column


@pytest.mark.parametrize("text", ["(" * 10_000 + "a > 1", "not " * 10_000 + "a > 1", "a + " * 10_000 + "a > 1"])
def test_what_is_too_deep_or_long_is_refused(text):
    with pytest.raises(ExpressionError):
        expressions.parse(text)


OPERATORS = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "==": operator.eq, "!=": operator.ne,
    "+": operator.add, "-": operator.sub, "*": operator.mul,
    "/": lambda a, b: None if b == 0 else a / b,
}  # fmt: skip
QUANTITIES = st.recursive(
    st.sampled_from([Signal("a"), Signal("b"), Number(0.0), Number(2.0)]),
    lambda inner: st.builds(Arithmetic, st.sampled_from("+-*/"), inner, inner),
    max_leaves=4,
)
TRUTHS = st.recursive(
    st.builds(Compare, st.sampled_from([">", ">=", "<", "<=", "==", "!="]), QUANTITIES, QUANTITIES),
    lambda inner: st.builds(Not, inner) | st.builds(Logic, st.sampled_from(["and", "or"]), inner, inner),
    max_leaves=4,
)


def number(node, values):
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Signal):
        return values[node.name]
    sides = number(node.left, values), number(node.right, values)
    return None if None in sides else OPERATORS[node.op](*sides)


def truth(node, values):
    if isinstance(node, Compare):
        return number(node, values)
    if isinstance(node, Not):
        inner = truth(node.operand, values)
        return None if inner is None else not inner
    sides = truth(node.left, values), truth(node.right, values)
    decisive = node.op == "or"
    return decisive if decisive in sides else None if None in sides else not decisive


def decided(node, values):
    """The comparisons in order, each with its left side and whether it holds."""
    if isinstance(node, Compare):
        return [(truth(node, values), number(node.left, values))]
    if isinstance(node, Not):
        return decided(node.operand, values)
    return decided(node.left, values) + decided(node.right, values)


@settings(max_examples=300)
@given(TRUTHS)
def test_columns_are_judged_as_each_label_set_by_itself(root):
    """Truth in three values, and the number that decided, are those of every single pair of values."""
    pairs = list(itertools.product([None, 0.0, 1.0, 2.0, -3.0], repeat=2))
    columns = (np.array([math.nan if value is None else value for value in side]) for side in zip(*pairs, strict=True))
    expression = expressions.Expression("", root)
    found = expression.judge(dict(zip((Signal("a"), Signal("b")), columns, strict=True)), len(pairs))
    for at, (a, b) in enumerate(pairs):
        values = {"a": a, "b": b}
        wanted = truth(root, values)
        compared = decided(root, values)
        value = next((left for holds, left in compared if holds), compared[0][1])
        assert (bool(found.true[at]), bool(found.false[at])) == (wanted is True, wanted is False)
        assert found.values[at] == value if value is not None else math.isnan(found.values[at])
