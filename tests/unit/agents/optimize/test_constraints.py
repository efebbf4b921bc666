"""Constraints as text: one comparison each, and columns that stay those of the text."""

import pytest

from agents.optimize import constraints
from agents.outcome import Problem


@pytest.mark.parametrize(
    ("text", "formula", "equality", "sign"),
    [
        ("x*y >= 25", "x*y -( 25)", False, 1.0),
        ("x + y == 1", "x + y -( 1)", True, 1.0),
        ("x<=2*y", "x-(2*y)", False, -1.0),
        ("where(x > 0, x, 1) >= y", "where(x > 0, x, 1) -( y)", False, 1.0),
    ],
)
def test_a_constraint_is_left_minus_right(text, formula, equality, sign):
    assert constraints.read([text], "f") == [constraints.Constraint(formula, equality, sign)]


@pytest.mark.parametrize(
    "text", ["x", "0 <= x <= 1", "x > 1", "x < 1", "x != 1", "x >= 1 and y >= 2", "not x >= 1", ">= 1", "x >=", "", "("]
)
def test_what_is_not_one_comparison_is_refused(text):
    with pytest.raises(Problem) as caught:
        constraints.read(["x >= 0", text], "inputs.constraints")
    assert (caught.value.code, caught.value.field) == ("invalid_formula", "inputs.constraints[1]")
    assert caught.value.hint


def test_an_equation_may_have_a_sign_of_equality():
    assert constraints.equation("x**2 - 1", "f") == "x**2 - 1"
    assert constraints.equation("x**2 == 1", "f") == "x**2 -( 1)"
    with pytest.raises(Problem):
        constraints.equation("x >= 1", "f")
