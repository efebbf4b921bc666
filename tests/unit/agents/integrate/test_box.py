"""Boxes as images of the unit cube: every kind of bounds, and the change of volume."""

import math

import numpy as np
import pytest

from agents.integrate.box import read_box
from agents.outcome import Problem

U = np.array([[0.001, 0.2, 0.5, 0.7, 0.999]])


@pytest.mark.parametrize(
    "bounds", [[-2, 3], [1, None], [None, 4], [None, None], ["-Infinity", "Infinity"], [3, -2], [None, -4]]
)
def test_the_change_of_volume_is_the_derivative_and_the_way_back_is_its_inverse(bounds):
    box = read_box({"x": bounds}, 5)
    points, change = box.place(U)
    step = 1e-6
    ahead, _ = box.place(U + step * U * (1 - U))
    behind, _ = box.place(U - step * U * (1 - U))
    assert np.allclose((ahead - behind)[0] / (2 * step * U[0] * (1 - U[0])), change, rtol=1e-4)
    assert (np.diff(points[0]) > 0).all()
    assert np.allclose([box.unplace(0, float(x)) for x in points[0]], U[0], rtol=1e-9)


def test_reversed_bounds_have_a_negative_sign_and_equal_ones_none():
    assert read_box({"x": [1, 0], "y": [0, 1]}, 5).sign == -1.0
    assert read_box({"x": [1, 0], "y": [1, 0]}, 5).sign == 1.0
    assert read_box({"x": [1, 0], "y": [1, 1]}, 5).sign == 0.0
    assert read_box({"x": ["Infinity", None]}, 5).sign == 0.0


@pytest.mark.parametrize(
    ("bounds", "field", "rule"),
    [
        ({}, "inputs.bounds", "no variable"),
        ({f"x{i}": [0, 1] for i in range(6)}, "inputs.bounds", "too many variables"),
        ({"x": [0]}, "inputs.bounds.x", "one bound"),
        ({"x": 3}, "inputs.bounds.x", "a number"),
        ({"x": [0, "one"]}, "inputs.bounds.x[1]", "a word"),
        ({"x": [0, True]}, "inputs.bounds.x[1]", "a boolean"),
        ({"x": [-1e308, 1e308]}, "inputs.bounds.x", "a range that overflows"),
        ({"exp": [0, 1]}, "inputs.bounds.exp", "a function's name"),
    ],
)
def test_wrong_bounds_are_refused_with_their_place(bounds, field, rule):
    with pytest.raises(Problem) as caught:
        read_box(bounds, 5)
    assert (caught.value.code, caught.value.field) == ("invalid_input", field), rule
    assert caught.value.hint, rule


def test_the_middle_of_the_line_is_zero():
    assert read_box({"x": [None, None]}, 5).unplace(0, 0.0) == 0.5
    assert math.isclose(read_box({"x": [None, None]}, 5).unplace(0, -1e9), 5e-10, rel_tol=1e-6)
