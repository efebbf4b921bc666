"""Small dense systems agree with LAPACK, and their error bounds hold."""

import numpy as np
import pytest
from scipy.linalg import hilbert

from native import dense


@pytest.mark.parametrize("n", [1, 2, 3, 8, 16])
def test_random_systems_agree_with_lapack(n):
    rng = np.random.default_rng(n)
    matrices, rights = rng.standard_normal((50, n, n)), rng.standard_normal((50, n))
    made = dense.solve_small(matrices, rights)
    expected = np.linalg.solve(matrices, rights[..., None])[..., 0]
    assert not made.singular.any()
    assert (np.abs(made.x - expected).max(axis=1) <= 2 * made.error_bound + 1e-15).all()
    np.testing.assert_allclose(made.condition, np.linalg.cond(matrices, 1), rtol=1e-8)


def test_the_bound_holds_where_the_solution_is_known_exactly():
    matrix = np.rint(hilbert(8) * 360360)  # whole numbers: the right-hand side of ones is exact
    made = dense.solve_small(matrix[None], matrix.sum(axis=1)[None])
    assert 0 < np.abs(made.x - 1).max() <= made.error_bound[0]
    assert made.error_bound[0] < 1.0


def test_a_singular_matrix_is_told_and_leaves_the_others_alone():
    matrices = np.array([np.eye(2), [[1.0, 2.0], [2.0, 4.0]], 2 * np.eye(2)])
    made = dense.solve_small(matrices, np.ones((3, 2)))
    assert made.singular.tolist() == [False, True, False]
    assert made.x[[0, 2]].tolist() == [[1, 1], [0.5, 0.5]]


def test_a_row_exchange_is_undone():
    made = dense.solve_small(np.array([[[0.0, 1.0], [1.0, 0.0]]]), np.array([[3.0, 5.0]]))
    assert made.x[0].tolist() == [5, 3]


@pytest.mark.parametrize("n", [1, 3, 8, 16])
def test_systems_side_by_side_have_the_bytes_of_those_alone(n):
    rng = np.random.default_rng(n)
    matrices, rights = rng.standard_normal((19, n, n)), rng.standard_normal((19, n))
    matrices[[4, 17], :, 0] = 0.0
    together = dense.solve_small(matrices, rights)
    for k in range(19):
        alone = dense.solve_small(matrices[[k]], rights[[k]])
        for name in ("x", "condition", "residual", "error_bound", "singular"):
            assert getattr(alone, name)[0].tobytes() == getattr(together, name)[k].tobytes()
