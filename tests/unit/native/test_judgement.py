"""Estimated norms are near the true ones, and from below; refinement and bounds hold for any factors."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from native import dense, judgement, krylov, structure


@pytest.mark.parametrize("complex_", [False, True], ids=["real", "complex"])
def test_an_estimated_norm_is_at_most_the_true_one_and_seldom_a_third_of_it(complex_):
    worst = 1.0
    for seed in range(40):
        drawn = np.random.default_rng(seed)
        a = drawn.normal(size=(30, 30)) + (1j * drawn.normal(size=(30, 30)) if complex_ else 0)
        found = judgement.norm_1(lambda v, a=a: a @ v, lambda v, a=a: a.conj().T @ v, 30, a.dtype)
        true = np.abs(a).sum(axis=0).max()
        assert found <= true * (1 + 1e-12)
        worst = min(worst, found / true)
    assert worst > 1 / 3


def test_refinement_mends_bad_factors():
    a = np.diag([1.0, 2, 4])
    rough = judgement.Factors("rough", "rough", *[lambda v: v / np.diag(a * 1.001)[:, None]] * 2)
    found = judgement.judge(a, np.ones((3, 1)), rough)
    assert np.abs(found.x[:, 0] - [1, 0.5, 0.25]).max() < 1e-9
    assert np.abs(found.x[:, 0] - [1, 0.5, 0.25]).max() <= 1.01 * found.bound  # by the inverse of the rough factors


def test_a_bound_of_the_inverse_by_comparison_is_one():
    drawn = np.random.default_rng(1)
    a = drawn.normal(size=(20, 20)) + 25 * np.eye(20)
    bound = krylov.inverse_norm(csr_array(a), "gmres", None, 100, lambda iteration, residual: None)
    true = np.linalg.norm(np.linalg.inv(a), np.inf)
    assert true <= bound <= 10 * true


@pytest.mark.parametrize(
    ("rule", "a", "expected"),
    [
        ("zeros count for nothing", np.zeros((3, 3)), ("diagonal", 0, 0, True)),
        ("two rows have no band", np.array([[1.0, 2], [3, 4]]), ("general", 1, 1, False)),
        ("one by one", np.array([[2.0]]), ("diagonal", 0, 0, True)),
        ("a narrow band", np.eye(30) + np.eye(30, k=2), ("upper_triangular", 0, 2, False)),
        ("a wide band", np.ones((4, 4)) - np.eye(4, k=3) - np.eye(4, k=-3), ("symmetric", 2, 2, True)),
        ("Hermitian", np.array([[1, 1j], [-1j, 1]]), ("symmetric", 1, 1, True)),
        ("complex and symmetric is not Hermitian", np.array([[1, 1j], [1j, 1]]), ("general", 1, 1, False)),
        ("a Hermitian diagonal is real", np.array([[1j, 1], [1, 1]]), ("general", 1, 1, False)),
    ],
)
def test_the_structure_of(rule, a, expected):
    assert structure.find(a) == expected, rule
    assert structure.find(csr_array(a)) == expected, rule


def test_a_batch_of_larger_systems_goes_by_lapack():
    drawn = np.random.default_rng(2)
    matrices, rights = drawn.normal(size=(3, 20, 20)), drawn.normal(size=(3, 20))
    matrices[1] = 1.0
    found = dense.solve_batch(matrices, rights)
    assert found.singular.tolist()[::2] == [False, False]
    assert found.singular[1] or found.condition[1] > 1e17
    np.testing.assert_allclose(matrices[0] @ found.x[0], rights[0], atol=1e-11)
