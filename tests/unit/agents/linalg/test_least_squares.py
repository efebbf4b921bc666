"""Least squares: the answer and its bound at full rank, without it, and for sparse matrices."""

import numpy as np
import pytest
from scipy import sparse

from agents import catalogue
from agents.outcome import Problem

TASK = catalogue.find("linalg", "least_squares")


def _answer(inputs, options=None):
    return TASK.compute([TASK.prepare(inputs, options or {}, 0)], lambda fraction, stage: None)[0]


def _given(array):
    return {"re": array.real.tolist(), "im": array.imag.tolist()} if array.dtype.kind == "c" else array.tolist()


@pytest.mark.parametrize("method", ["auto", "qr", "svd"])
@pytest.mark.parametrize("complex_", [False, True], ids=["real", "complex"])
@pytest.mark.parametrize("columns", [None, 3])
def test_the_answer_is_that_of_lapack(method, complex_, columns):
    drawn = np.random.default_rng(1)
    a = drawn.normal(size=(30, 6)) + (1j * drawn.normal(size=(30, 6)) if complex_ else 0)
    b = drawn.normal(size=30 if columns is None else (30, columns))
    outcome = _answer({"a": _given(a), "b": _given(b)}, {"method": method})
    expected, *_ = np.linalg.lstsq(a, b, rcond=None)
    assert outcome.outputs["x"].shape == expected.shape
    assert np.abs(outcome.outputs["x"] - expected).max() <= outcome.diagnostics.error_estimate + 1e-14 < 1e-11
    residual = np.linalg.norm(a @ expected - b, axis=0)
    assert outcome.outputs["residual_norm"] == pytest.approx(residual)
    assert outcome.outputs["rank"] == 6
    assert outcome.outputs["condition_estimate"] == pytest.approx(np.linalg.cond(a))
    assert all(check.passed for check in outcome.diagnostics.checks)


@pytest.mark.parametrize("shape", [(9, 6), (6, 9)])
def test_without_full_rank_the_shortest_solution_is_given_and_told(shape):
    drawn = np.random.default_rng(2)
    a = drawn.integers(-9, 9, (shape[0], 2)) @ drawn.integers(-9, 9, (2, shape[1]))
    b = drawn.normal(size=shape[0])
    outcome = _answer({"a": a.tolist(), "b": b.tolist()})
    expected = np.linalg.pinv(a) @ b
    assert np.abs(outcome.outputs["x"] - expected).max() <= outcome.diagnostics.error_estimate < 1e-10
    assert outcome.outputs["rank"] == 2
    assert "the rank is 2 of 6" in outcome.warnings[0]


def test_badly_scaled_columns_are_not_dependent_ones():
    outcome = _answer({"a": [[1, 1e-20], [1, 2e-20], [1, 3e-20]], "b": [1, 2, 3]})
    assert outcome.outputs["rank"] == 2
    assert outcome.outputs["x"] == pytest.approx([0, 1e20], rel=1e-14, abs=1e-10)


def test_qr_asks_for_independent_columns():
    outcome = _answer({"a": [[1, 1], [1, 1], [1, 1]], "b": [1, 2, 3]}, {"method": "qr"})
    assert (outcome.problem.code, outcome.problem.field) == ("singular", "inputs.a")


def test_a_large_sparse_problem_is_factorized_sparse():
    drawn = np.random.default_rng(3)
    a = sparse.csr_array(sparse.random_array((2500, 120), density=0.02, rng=drawn) + sparse.eye_array(2500, 120))
    b = drawn.normal(size=2500)
    inputs = {"format": "csr", "shape": [2500, 120], "data": a.data.tolist()}
    inputs |= {"indptr": a.indptr.tolist(), "indices": a.indices.tolist()}
    outcome = _answer({"a": inputs, "b": b.tolist()})
    expected, *_ = np.linalg.lstsq(a.toarray(), b, rcond=None)
    assert outcome.diagnostics.method == "sparse_augmented"
    assert np.abs(outcome.outputs["x"] - expected).max() <= outcome.diagnostics.error_estimate < 1e-10
    assert np.linalg.cond(a.toarray()) <= 30 * outcome.outputs["condition_estimate"]


def test_a_sparse_problem_without_full_rank_is_solved_as_a_dense_one():
    a = {"format": "coo", "row": [*range(600)], "col": [i % 499 for i in range(600)], "data": [1.0] * 600,
         "shape": [600, 500]}  # fmt: skip
    outcome = _answer({"a": a, "b": [1.0] * 600})
    assert (outcome.outputs["rank"], outcome.diagnostics.method) == (499, "svd")
    assert np.abs(outcome.outputs["x"] - np.r_[np.ones(499), 0]).max() <= outcome.diagnostics.error_estimate


@pytest.mark.parametrize(
    ("rule", "inputs", "options", "field"),
    [
        ("as many right sides as rows", {"a": [[1, 2]], "b": [1, 2]}, {}, "inputs.b"),
        ("a matrix that is not empty", {"a": [[]], "b": [1]}, {}, "inputs.a"),
        ("right sides that are not empty", {"a": [[1]], "b": [[]]}, {}, "inputs.b"),
        ("rcond below 1", {"a": [[1]], "b": [1]}, {"rcond": 1.0}, "options.rcond"),
        ("no other key", {"a": [[1]], "b": [1], "c": 1}, {}, "inputs.c"),
    ],
)
def test_what_is_no_problem_is_rejected(rule, inputs, options, field):
    with pytest.raises(Problem) as caught:
        TASK.prepare(inputs, options, 0)
    assert (caught.value.code, caught.value.field) == ("invalid_input", field), rule
