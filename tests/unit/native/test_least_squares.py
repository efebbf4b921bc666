"""Least squares in doubles, where they do: the bound beside sixty digits, and what is left to refinement."""

import mpmath
import numpy as np
import pytest

from native import least_squares


def _exact(a, b):
    with mpmath.workdps(60):
        wide = mpmath.matrix(a.tolist())
        columns = [mpmath.lu_solve(wide.T * wide, wide.T * mpmath.matrix(column.tolist())) for column in b.T]
        return np.array([list(column) for column in columns]).T


@pytest.mark.parametrize("shape", [(1, 1), (6, 2), (12, 5), (5, 5)])
def test_the_bound_holds(shape):
    drawn = np.random.default_rng(shape[0])
    a, b = drawn.normal(size=shape), drawn.normal(size=(shape[0], 2))
    found = least_squares._tame(a, b, 1e-14)
    reached = np.abs(found.x - _exact(a, b)).max()
    assert reached <= found.bound
    refined = least_squares._by_qr(a, b, *np.linalg.qr(a), found.condition, found.values)
    np.testing.assert_allclose(found.x, refined.x, rtol=0, atol=found.bound)
    np.testing.assert_allclose(found.residuals, refined.residuals, rtol=1e-9, atol=1e-13)


def test_complex_equations_are_solved_alike():
    drawn = np.random.default_rng(3)
    a, b = (drawn.normal(size=(9, k)) + 1j * drawn.normal(size=(9, k)) for k in (4, 1))
    found = least_squares._tame(a, b, 1e-14)
    refined = least_squares._by_qr(a, b, *np.linalg.qr(a), found.condition, found.values)
    assert np.abs(found.x - refined.x).max() <= found.bound


@pytest.mark.parametrize(
    ("rule", "a", "b"),
    [
        ("dependent columns", np.ones((5, 2)), np.ones((5, 1))),
        ("nearly dependent columns", np.vander(np.linspace(1, 2, 12), 10), np.ones((12, 1))),
        ("nothing but zeros", np.zeros((3, 2)), np.ones((3, 1))),
        ("no solution's size to compare with", np.eye(3), np.zeros((3, 1))),
        ("squares that overflow", 1e200 * np.eye(3), np.ones((3, 1))),
    ],
)
def test_what_is_not_tame_is_left_to_others(rule, a, b):
    with np.errstate(all="ignore"):
        assert least_squares._tame(a, b, 1e-14) is None, rule
