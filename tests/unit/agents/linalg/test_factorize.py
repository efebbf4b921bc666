"""Factors: their product is the matrix within the bound, and they have the form that their names say."""

from fractions import Fraction

import numpy as np
import pytest

from agents import catalogue
from agents.outcome import Problem

TASK = catalogue.find("linalg", "factorize")


def _answer(inputs, options=None):
    return TASK.compute([TASK.prepare(inputs, options or {}, 0)], lambda fraction, stage: None)[0]


def _given(array):
    return {"re": array.real.tolist(), "im": array.imag.tolist()} if array.dtype.kind == "c" else array.tolist()


def _matrix(method, n, complex_):
    drawn = np.random.default_rng(n)
    a = drawn.normal(size=(n, n)) + (1j * drawn.normal(size=(n, n)) if complex_ else 0)
    if method == "ldl":
        return a + a.conj().T
    return np.conj(a @ a.conj().T).T + a @ a.conj().T + np.eye(n) if method == "cholesky" else a


def _product(method, outputs):
    if method == "lu":
        return outputs["p"] @ outputs["l"] @ outputs["u"]
    if method == "qr":
        return outputs["q"] @ outputs["r"]
    if method == "cholesky":
        return outputs["l"] @ outputs["l"].conj().T
    if method == "ldl":
        return outputs["l"] @ outputs["d"] @ outputs["l"].conj().T
    return outputs["z"] @ outputs["t"] @ outputs["z"].conj().T


@pytest.mark.parametrize("complex_", [False, True], ids=["real", "complex"])
@pytest.mark.parametrize("n", [1, 3, 20])
@pytest.mark.parametrize("method", ["lu", "qr", "cholesky", "ldl", "schur"])
def test_the_product_of_the_factors_is_the_matrix(method, n, complex_):
    a = _matrix(method, n, complex_)
    outcome = _answer({"a": _given(a)}, {"method": method})
    assert outcome.diagnostics.method == method
    assert np.abs(_product(method, outcome.outputs) - a).max() <= outcome.diagnostics.error_estimate < 1e-10
    assert all(check.passed for check in outcome.diagnostics.checks)


def test_the_bound_holds_in_rational_numbers():
    a = np.random.default_rng(5).normal(size=(6, 6))
    outcome = _answer({"a": a.tolist(), "method": "lu"})
    p, l, u = (outcome.outputs[name].tolist() for name in ("p", "l", "u"))  # noqa: E741
    order = [row.index(1.0) for row in p]
    product = [[sum(Fraction(l[i][k]) * Fraction(u[k][j]) for k in range(6)) for j in range(6)] for i in order]
    apart = max(abs(Fraction(a[i, j]) - product[i][j]) for i in range(6) for j in range(6))
    assert apart <= outcome.diagnostics.error_estimate


def test_each_factor_has_its_form():
    a = _matrix("lu", 7, False)
    lu, qr, schur = (_answer({"a": a.tolist()}, {"method": method}).outputs for method in ("lu", "qr", "schur"))
    assert (np.tril(lu["l"]) == lu["l"]).all()
    assert (np.triu(lu["u"]) == lu["u"]).all()
    assert np.abs(lu["l"]).max() <= 1
    np.testing.assert_allclose(qr["q"].T @ qr["q"], np.eye(7), atol=1e-13)
    assert (np.triu(schur["t"], -1) == schur["t"]).all()
    s = a + a.T
    ldl = _answer({"a": s.tolist()}, {"method": "ldl"}).outputs
    assert (np.tril(ldl["l"][ldl["permutation"]]) == ldl["l"][ldl["permutation"]]).all()
    assert (np.triu(np.tril(ldl["d"], 1), -1) == ldl["d"]).all()


@pytest.mark.parametrize(("full", "shape"), [(False, (5, 2)), (True, (5, 5))])
def test_a_rectangular_matrix_has_a_reduced_or_a_full_q(full, shape):
    a = np.random.default_rng(1).normal(size=(5, 2))
    outcome = _answer({"a": a.tolist(), "method": "qr"}, {"full_matrices": full})
    assert outcome.outputs["q"].shape == shape
    assert np.abs(_product("qr", outcome.outputs) - a).max() <= outcome.diagnostics.error_estimate


def test_a_sparse_matrix_is_factorized_as_a_dense_one():
    a = {"format": "coo", "row": [0, 1, 1], "col": [0, 0, 1], "data": [4, 2, 3], "shape": [2, 2]}
    assert _answer({"a": a}).outputs["u"].tolist() == [[4, 0], [0, 3]]


def test_what_is_not_positive_definite_has_no_cholesky_factor():
    outcome = _answer({"a": [[4, 2, 0], [2, 1, 0], [0, 0, 1]], "method": "cholesky"})
    assert (outcome.problem.code, outcome.problem.field) == ("singular", "inputs.a")
    assert "order 2" in outcome.problem.message
    assert "ldl" in outcome.problem.hint


@pytest.mark.parametrize(
    ("rule", "inputs", "options", "field"),
    [
        ("one method", {"a": [[1]], "method": "lu"}, {"method": "qr"}, "options.method"),
        ("a known method", {"a": [[1]], "method": "svd"}, {}, "inputs.method"),
        ("square for schur", {"a": [[1, 2]]}, {"method": "schur"}, "inputs.a"),
        ("symmetric for cholesky", {"a": [[1, 2], [3, 4]]}, {"method": "cholesky"}, "inputs.a"),
        ("symmetric for ldl", {"a": [[1, 2], [3, 4]]}, {"method": "ldl"}, "inputs.a"),
        ("Hermitian, not symmetric", {"a": {"re": [[1, 0], [0, 1]], "im": [[0, 1], [1, 0]]}}, {"method": "ldl"},
         "inputs.a"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_rejected(rule, inputs, options, field):
    with pytest.raises(Problem) as caught:
        TASK.prepare(inputs, options, 0)
    assert (caught.value.code, caught.value.field) == ("invalid_input", field), rule


def test_one_method_may_be_named_twice():
    assert _answer({"a": [[2]], "method": "qr"}, {"method": "qr"}).diagnostics.method == "qr"
