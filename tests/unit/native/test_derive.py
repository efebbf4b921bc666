"""Derivatives of formulas are exact: they agree with finite differences of the formulas themselves."""

import numpy as np
import pytest

from native.formula import FUNCTIONS, compile_program

_FORMULAS = [
    *(f"{name}(0.3*x + 0.2*y)" for name, count in FUNCTIONS.items() if count == 1),
    "x*y - y", "x/y", "y**x", "x**3", "x**-2", "x**2.5", "x**0.5", "(x*y)**(x - y)", "x % y", "-x", "atan2(x, y)",
    "min(x, y*y)", "max(x, y*y, 1)", "where(x > y, x*x, sin(y))", "x*x*y/(x + y*y)", "exp(sin(x)*cos(y))", "2",
]  # fmt: skip


@pytest.mark.parametrize("text", _FORMULAS)
def test_derivatives_agree_with_finite_differences(text):
    points = np.random.default_rng(3).uniform(0.4, 1.6, (2, 64))
    program = compile_program([text], ["x", "y"], jacobian=True)
    made = program.evaluate(points)[1:]
    step = 1e-6
    for place in range(2):
        ahead, behind = points.copy(), points.copy()
        ahead[place] += step
        behind[place] -= step
        expected = (program.evaluate(ahead)[0] - program.evaluate(behind)[0]) / (2 * step)
        np.testing.assert_allclose(made[place], expected, rtol=1e-7, atol=1e-8)


def test_the_jacobian_comes_row_by_row():
    program = compile_program(["2*x + 3*y", "5*x"], ["x", "y"], jacobian=True)
    assert program.evaluate(np.array([[1.0], [1.0]]))[2:, 0].tolist() == [2, 3, 5, 0]


def test_parameters_are_not_derived_by():
    program = compile_program(["k*x"], ["x"], ["k"], jacobian=True)
    assert program.evaluate(np.array([[2.0], [7.0]]))[:, 0].tolist() == [14, 7]


def test_many_equations_of_few_neighbours_stay_small():
    names = [f"x{i}" for i in range(300)]
    ring = [f"{names[i - 1]} - 2*{names[i]} + sin({names[(i + 1) % 300]})" for i in range(300)]
    assert len(compile_program(ring, names, jacobian=True).code) < 2000
