"""What goes the plain way is bounded as sharply as by LAPACK's expert drivers; what is not tame goes to them."""

import numpy as np
import pytest
from scipy.linalg import hilbert

from native import dense, tame


def drawn(n, complex_, seed=0):
    random = np.random.default_rng([n, seed])
    a = random.normal(size=(n, n)) + (1j * random.normal(size=(n, n)) if complex_ else 0)
    x = random.integers(-9, 10, size=(n, 2)).astype(a.dtype)
    return a, x


def whole(a):
    """Entries with so few digits that products with small whole numbers are exact."""
    return np.round(a * 1024) / 1024


@pytest.mark.parametrize("complex_", [False, True], ids=["real", "complex"])
@pytest.mark.parametrize("n", [1, 3, 17, 40, 41, 90, 150])
def test_the_bound_holds_and_is_that_of_the_expert_driver(n, complex_):
    a, x = drawn(n, complex_)
    general = whole(a)
    positive = whole(a @ a.conj().T + n * np.eye(n))
    for find, matrix, expert in [(tame.general, general, "gesvx"), (tame.positive, positive, "posvx")]:
        right = matrix @ x
        found = find(matrix, right)
        assert found is not None
        assert np.abs(found.x - x).max() <= found.bound
        *_, reciprocal, forward, _, _ = dense._routine(expert, matrix)(matrix, right)
        assert found.bound <= 20 * np.max(forward * np.abs(x).max(axis=0)) + 1e-14
        assert found.condition == pytest.approx(np.linalg.cond(matrix, 1), rel=0.7)
        assert found.condition <= 3 / reciprocal


@pytest.mark.parametrize(
    ("rule", "a", "b"),
    [
        ("ill-conditioned", hilbert(20), np.ones((20, 1))),
        ("singular", np.ones((3, 3)), np.ones((3, 1))),
        ("too large to be multiplied", 1e200 * np.eye(3), np.ones((3, 1))),
        ("too small", 1e-200 * np.eye(3), np.ones((3, 1))),
        ("no solution's size to compare with", np.eye(3), np.zeros((3, 1))),
        ("a right side next to underflow", np.eye(3), np.full((3, 1), 1e-300)),
        ("an overflow", np.full((2, 2), 1.7e308), np.ones((2, 1))),
    ],
)
def test_what_is_not_tame_is_left_to_others(rule, a, b):
    with np.errstate(all="ignore"):
        assert tame.general(a, b) is None, rule
        assert tame.positive(a, b) is None, rule


def test_rows_of_unlike_sizes_are_left_to_equilibration():
    a, x = drawn(12, False, 3)
    a[:, 0] = 1e-7 * np.abs(a[:, 0])
    a[0] *= 1e9  # the first pivot is that of a row whose other entries drown the rest
    right = a @ x
    assert tame.general(a, right) is None
    found = dense.solve(a, right)
    assert np.abs(found.x - x).max() <= found.bound < 1e-4
