"""The language of rules: three-valued, and every mistake has a column."""

import pytest

from alerting import expressions
from alerting.expressions import ExpressionError

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
