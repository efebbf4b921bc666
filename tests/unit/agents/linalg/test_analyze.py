"""What is said of a matrix is so: against NumPy and rational numbers."""

from fractions import Fraction

import numpy as np
import pytest
from scipy import sparse

from agents import catalogue

TASK = catalogue.find("linalg", "analyze")


def _answer(a):
    return TASK.compute([TASK.prepare({"a": a}, {}, 0)], lambda fraction, stage: None)[0]


def _determinant(a):
    rows, found = [[Fraction(x) for x in row] for row in a], Fraction(1)
    for i in range(len(rows)):
        pivot = next((k for k in range(i, len(rows)) if rows[k][i]), None)
        if pivot is None:
            return 0.0
        if pivot != i:
            rows[i], rows[pivot], found = rows[pivot], rows[i], -found
        found *= rows[i][i]
        for k in range(i + 1, len(rows)):
            factor = rows[k][i] / rows[i][i]
            rows[k] = [x - factor * y for x, y in zip(rows[k], rows[i], strict=True)]
    return found


@pytest.mark.parametrize("n", [1, 2, 5, 9])
def test_the_determinant_is_within_its_bound_of_the_rational_one(n):
    for seed in range(5):
        a = np.random.default_rng(seed).normal(size=(n, n))
        outputs = _answer(a.tolist()).outputs
        exact = _determinant(a.tolist())
        assert abs(Fraction(outputs["determinant"]) - exact) <= outputs["determinant_error"]
        assert outputs["determinant_sign"] == (1 if exact > 0 else -1)
        assert outputs["determinant_log"] == pytest.approx(np.log(abs(float(exact))))


def test_the_figures_are_those_of_numpy():
    a = np.random.default_rng(2).normal(size=(8, 8))
    outcome = _answer(a.tolist())
    outputs = outcome.outputs
    for name, order in {"1": 1, "2": 2, "inf": np.inf, "frobenius": "fro"}.items():
        assert abs(outputs["norms"][name] - np.linalg.norm(a, order)) <= outcome.diagnostics.error_estimate
    assert outputs["norms"]["max"] == np.abs(a).max()
    assert outputs["condition"] == pytest.approx(np.linalg.cond(a))
    assert outputs["condition_1"] == pytest.approx(np.linalg.cond(a, 1))
    assert (outputs["rank"], outputs["symmetric"]) == (8, False)
    assert (outputs["definite"], outputs["definiteness"]) == (False, None)


@pytest.mark.parametrize(
    ("a", "definite", "name"),
    [
        ([[2, 1], [1, 2]], True, "positive_definite"), ([[-2, 1], [1, -2]], False, "negative_definite"),
        ([[1, 1], [1, 1]], False, "positive_semidefinite"), ([[-1, 1], [1, -1]], False, "negative_semidefinite"),
        ([[0, 1], [1, 0]], False, "indefinite"), ([[1, 2], [3, 4]], False, None),
    ],
)  # fmt: skip
def test_definiteness(a, definite, name):
    outputs = _answer(a).outputs
    assert (outputs["definite"], outputs["definiteness"]) == (definite, name)


@pytest.mark.parametrize(
    ("a", "structure", "method"),
    [
        (np.eye(3).tolist(), "diagonal", "auto"), (np.tril(np.ones((4, 4))).tolist(), "lower_triangular", "auto"),
        (np.triu(np.ones((4, 4))).tolist(), "upper_triangular", "auto"), ([[4, 2], [2, 3]], "symmetric", "cholesky"),
        ([[0, 2], [2, 3]], "symmetric", "ldl"), ([[1, 2], [3, 4]], "general", "lu"),
        ((2 * np.eye(9) - np.eye(9, k=1) - np.eye(9, k=-1)).tolist(), "tridiagonal", "banded"),
        ([[1, 2, 3], [4, 5, 6]], "rectangular", "qr"), ([[1, 2], [2, 4]], "symmetric", "svd"),
    ],
)  # fmt: skip
def test_the_structure_says_what_to_use(a, structure, method):
    outputs = _answer(a).outputs
    assert (outputs["structure"], outputs["recommended"]["method"]) == (structure, method)


def test_toeplitz_and_circulant_matrices_are_seen():
    circulant, toeplitz = [[1, 2, 3], [3, 1, 2], [2, 3, 1]], [[1, 2, 3], [4, 1, 2], [5, 4, 1]]
    assert [_answer(a).outputs["toeplitz"] for a in (circulant, toeplitz, [[1, 2], [3, 4]])] == [True, True, False]
    assert [_answer(a).outputs["circulant"] for a in (circulant, toeplitz)] == [True, False]


def test_a_singular_matrix_is_told_so():
    outcome = _answer([[0, 0], [0, 1]])
    assert (outcome.outputs["determinant"], outcome.outputs["rank"]) == (0, 1)
    assert outcome.outputs["condition"] == outcome.outputs["condition_1"] == np.inf
    assert outcome.outputs["determinant_log"] == -np.inf
    assert "the rank is 1 of 2" in outcome.warnings[0]


def test_a_determinant_that_no_double_holds_has_its_sign_and_logarithm():
    outcome = _answer((-1e10 * np.eye(33)).tolist())
    assert outcome.outputs["determinant"] is None
    assert outcome.outputs["determinant_sign"] == -1
    assert outcome.outputs["determinant_log"] == pytest.approx(330 * np.log(10))
    assert "too large or too small" in outcome.warnings[0]


def test_norms_that_overflow_are_no_answer():
    outcome = _answer([[1e308, 1e308], [1e308, -1e308]])
    assert (outcome.problem.code, outcome.problem.field) == ("non_finite", "inputs.a")


def test_a_complex_determinant_has_two_parts():
    outputs = _answer({"re": [[0, 1], [1, 0]], "im": [[1, 0], [0, 1]]}).outputs
    assert outputs["determinant"] == {"re": pytest.approx(-2), "im": pytest.approx(0)}
    assert not outputs["symmetric"]


def test_a_large_sparse_matrix_has_what_its_factors_say():
    n = 1100
    a = sparse.csr_array(sparse.diags_array([-1.0, 2.5, -1.0], offsets=[-1, 0, 1], shape=(n, n)))
    given = {name: getattr(a, name).tolist() for name in ("indptr", "indices", "data")}
    outputs = _answer({"format": "csr", "shape": [n, n], **given}).outputs
    assert outputs["definite"]
    assert outputs["structure"] == "tridiagonal"
    sign, log = np.linalg.slogdet(a.toarray())
    assert (outputs["determinant_sign"], outputs["determinant_log"]) == (sign, pytest.approx(log))
    assert outputs["condition"] == pytest.approx(np.linalg.cond(a.toarray(), 1), rel=0.5)
