"""Sparse systems: factorized or iterated, the answer is that of the dense one, and the bound bounds."""

import numpy as np
import pytest
from scipy import sparse

from agents import catalogue
from agents.outcome import Problem
from native import sparse as native_sparse

SOLVE = catalogue.find("linalg", "solve")


def _watch(fraction, stage):
    pass


def _answer(inputs, options=None, watch=_watch):
    return SOLVE.compute([SOLVE.prepare(inputs, options or {}, 0)], watch)[0]


def _given(matrix, form="csr"):
    found = matrix.tocsr() if form == "csr" else matrix.tocoo()
    names = {"indptr": "indptr", "indices": "indices"} if form == "csr" else {"row": "row", "col": "col"}
    shape = list(found.shape)
    rest = {key: getattr(found, name).tolist() for key, name in names.items()}
    data = {"re": found.data.real.tolist(), "im": found.data.imag.tolist()} if matrix.dtype.kind == "c" else None
    return {"format": form, "data": data or found.data.tolist(), "shape": shape, **rest}


def _poisson(n):
    one = sparse.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(n, n))
    eye = sparse.eye_array(n)
    return sparse.csr_array(sparse.kron(one, eye) + sparse.kron(eye, one))


def _system(matrix, seed=1):
    x = np.random.default_rng(seed).normal(size=matrix.shape[0])
    return x, matrix @ x


FLOWING = _poisson(12) + sparse.diags_array([0.4, -0.4], offsets=[1, -1], shape=(144, 144))
INDEFINITE = _poisson(12) - 1.5 * sparse.eye_array(144)


@pytest.mark.parametrize("form", ["coo", "csr"])
@pytest.mark.parametrize(
    ("matrix", "method", "structure"),
    [
        pytest.param(_poisson(12), "sparse_lu", "sparse_symmetric", id="Poisson"),
        pytest.param(FLOWING, "sparse_lu", "sparse", id="convection"),
        pytest.param(_poisson(12).astype(complex), "sparse_lu", "sparse_symmetric", id="complex numbers"),
        pytest.param(_poisson(12) + 1j * sparse.eye_array(144), "sparse_lu", "sparse", id="damped"),
        pytest.param(2.0 * sparse.eye_array(9), "diagonal", "diagonal", id="diagonal"),
        pytest.param(sparse.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(99, 99)), "banded_cholesky",
                     "tridiagonal", id="tridiagonal"),
        pytest.param(sparse.diags_array([1.0, 3.0, -1.0], offsets=[-1, 0, 1], shape=(99, 99)), "banded_lu",
                     "tridiagonal", id="not symmetric"),
        pytest.param(sparse.diags_array([1.0, -3.0, 1.0], offsets=[-1, 0, 1], shape=(99, 99)), "banded_lu",
                     "tridiagonal", id="negative definite"),
    ],
)  # fmt: skip
def test_a_sparse_system_is_factorized_by_its_structure(matrix, method, structure, form):
    x, b = _system(matrix)
    right = {"re": b.real.tolist(), "im": b.imag.tolist()} if b.dtype.kind == "c" else b.tolist()
    outcome = _answer({"a": _given(sparse.csr_array(matrix), form), "b": right})
    assert (outcome.diagnostics.method, outcome.outputs["structure"]) == (method, structure)
    assert np.abs(outcome.outputs["x"] - x).max() <= outcome.diagnostics.error_estimate < 1e-9


@pytest.mark.parametrize(
    ("matrix", "method", "preconditioner"),
    [
        *((_poisson(12), method, by) for method in ("cg", "minres") for by in ("none", "jacobi", "ssor")),
        *((_poisson(12), method, by) for method in ("gmres", "bicgstab") for by in ("none", "jacobi", "ssor", "ilu")),
        *((FLOWING, method, by) for method in ("gmres", "bicgstab", "auto") for by in ("none", "jacobi", "ilu")),
        (INDEFINITE, "minres", "jacobi"), (INDEFINITE, "auto", "jacobi"),
        (_poisson(12).astype(complex), "cg", "jacobi"),
        (_poisson(12) + 1j * sparse.eye_array(144), "gmres", "ilu"),
    ],
)  # fmt: skip
def test_an_iterative_method_converges_within_its_bound(matrix, method, preconditioner):
    x, b = _system(matrix)
    right = {"re": b.real.tolist(), "im": b.imag.tolist()} if b.dtype.kind == "c" else b.tolist()
    options = {"method": method, "preconditioner": preconditioner}
    outcome = _answer({"a": _given(sparse.csr_array(matrix)), "b": right}, options)
    assert outcome.problem is None, outcome.problem.message
    assert outcome.diagnostics.converged
    assert np.abs(outcome.outputs["x"] - x).max() <= outcome.diagnostics.error_estimate < 1e-4
    assert np.linalg.norm(b - matrix @ outcome.outputs["x"]) <= 1e-10 * np.linalg.norm(b)
    assert outcome.outputs["residual_history"][-1] <= 1e-10


def test_what_does_not_converge_tells_its_residuals():
    _, b = _system(_poisson(30))
    outcome = _answer({"a": _given(_poisson(30)), "b": b.tolist()}, {"method": "cg", "max_iterations": 5})
    assert outcome.problem.code == "not_converged"
    assert "residuals: " in outcome.problem.message


def test_the_watch_stops_an_iteration():
    seen = []

    def stop(fraction, stage):
        seen.append(fraction)
        if len(seen) > 10:
            raise Problem("cancelled", "stop")

    _, b = _system(_poisson(20))
    with pytest.raises(Problem):
        _answer({"a": _given(_poisson(20)), "b": b.tolist()}, {"method": "cg"}, stop)
    assert seen == sorted(seen)


def test_a_singular_sparse_matrix_is_told_so():
    ring = sparse.csr_array(_poisson(6) - sparse.diags_array(_poisson(6).sum(axis=1)))
    for a in (ring, sparse.csr_array((4, 4)), sparse.csr_array(np.diag([1.0, 0, 1]))):
        outcome = _answer({"a": _given(a), "b": [1.0] * a.shape[0]})
        assert outcome.problem.code == "singular"


def test_the_expected_fill_is_that_of_an_envelope():
    assert native_sparse.expected_fill(_poisson(20)) > native_sparse.decompose(_poisson(20)).nnz / 2
    assert native_sparse.expected_fill(sparse.csr_array((5, 5))) == 5


def test_factors_that_would_be_too_large_are_not_made(monkeypatch):
    monkeypatch.setattr(native_sparse, "FILL_LIMIT", 1000)
    _, b = _system(_poisson(20))
    inputs = {"a": _given(_poisson(20)), "b": b.tolist()}
    assert _answer(inputs).diagnostics.method == "cg with jacobi"
    assert _answer(inputs, {"method": "lu"}).problem.code == "budget_exceeded"


@pytest.mark.parametrize(
    ("rule", "a", "options", "field"),
    [
        ("no Cholesky of a sparse matrix", _poisson(3), {"method": "cholesky"}, "options.method"),
        ("cg is for symmetric ones", FLOWING, {"method": "cg"}, "options.method"),
        ("no preconditioner of a factorization", _poisson(3), {"method": "lu", "preconditioner": "ilu"},
         "options.preconditioner"),
        ("ilu is not symmetric", _poisson(3), {"method": "cg", "preconditioner": "ilu"}, "options.preconditioner"),
        ("ssor is for symmetric ones", FLOWING, {"method": "gmres", "preconditioner": "ssor"},
         "options.preconditioner"),
        ("jacobi divides by the diagonal", sparse.csr_array(np.ones((9, 9)) - np.eye(9)),
         {"method": "cg", "preconditioner": "jacobi"}, "options.preconditioner"),
        ("minres is real", _poisson(3).astype(complex), {"method": "minres"}, "options.method"),
        ("rtol in its range", _poisson(3), {"rtol": 0.0}, "options.rtol"),
        ("iterations in their range", _poisson(3), {"max_iterations": 0}, "options.max_iterations"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_rejected(rule, a, options, field):
    with pytest.raises(Problem) as caught:
        SOLVE.prepare({"a": _given(a), "b": [1.0] * a.shape[0]}, options, 0)
    assert (caught.value.code, caught.value.field) == ("invalid_input", field), rule
    assert caught.value.hint
