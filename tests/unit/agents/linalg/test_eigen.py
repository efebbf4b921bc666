"""Eigenvalues and singular values: bounds that bound, order, signs, and sparse matrices next to their dense forms."""

import mpmath
import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import linear_sum_assignment

from agents import catalogue
from agents.outcome import Problem


def _answer(task, inputs, options=None, seed=0):
    found = catalogue.find("linalg", task)
    return found.compute([found.prepare(inputs, options or {}, seed)], lambda fraction, stage: None)[0]


def _given(array):
    return {"re": array.real.tolist(), "im": array.imag.tolist()} if array.dtype.kind == "c" else array.tolist()


def _csr(matrix):
    names = ("indptr", "indices", "data")
    parts = {name: getattr(matrix, name).tolist() for name in names}
    return {"format": "csr", "shape": list(matrix.shape), **parts}


def _apart(found, true):
    """How far two spectra are apart when they are paired as well as can be."""
    distance = np.abs(np.asarray(found)[:, None] - np.asarray(true)[None])
    rows, columns = linear_sum_assignment(distance**4)
    return distance[rows, columns].max()


def _exact(a):
    with mpmath.workdps(50):
        return [complex(value) for value in mpmath.eig(mpmath.matrix(a.tolist()), left=False, right=False)]


def _matrix(kind, n, seed):
    drawn = np.random.default_rng(seed)
    g = drawn.normal(size=(n, n))
    jordan = np.diag(drawn.integers(-2, 3, n).astype(float)) + np.diag(np.ones(n - 1), 1)
    return {"symmetric": g + g.T, "general": g, "defective": np.round(g * 8) @ jordan, "triangular": np.triu(g)}[kind]


@pytest.mark.parametrize("vectors", [True, False])
@pytest.mark.parametrize("kind", ["symmetric", "general", "defective", "triangular"])
@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_the_bound_bounds_the_error_against_fifty_digits(kind, n, vectors):
    for seed in range(2):
        a = _matrix(kind, n, seed)
        outcome = _answer("eigen", {"a": a.tolist()}, {"vectors": vectors})
        assert _apart(outcome.outputs["eigenvalues"], _exact(a)) <= outcome.diagnostics.error_estimate
        assert ("eigenvectors" in outcome.outputs) == vectors


@pytest.mark.parametrize("complex_", [False, True], ids=["real", "Hermitian"])
def test_a_symmetric_matrix_has_ascending_real_eigenvalues_and_orthonormal_vectors(complex_):
    drawn = np.random.default_rng(4)
    a = drawn.normal(size=(20, 20)) + (1j * drawn.normal(size=(20, 20)) if complex_ else 0)
    a = a + a.conj().T
    outputs = _answer("eigen", {"a": _given(a)}).outputs
    values, vectors = outputs["eigenvalues"], outputs["eigenvectors"]
    assert values.dtype == float
    assert (np.diff(values) >= 0).all()
    np.testing.assert_allclose(a @ vectors, vectors * values, atol=1e-12)
    np.testing.assert_allclose(vectors.conj().T @ vectors, np.eye(20), atol=1e-12)
    largest = vectors[np.abs(vectors).argmax(axis=0), range(20)]
    assert (largest.real > 0).all()
    assert np.abs(largest.imag).max() < 1e-15


def test_complex_pairs_come_by_real_part_then_imaginary_part():
    outputs = _answer("eigen", {"a": [[0, 1, 0], [-1, 0, 0], [0, 0, -3]]}).outputs
    assert outputs["eigenvalues"] == pytest.approx([-3, -1j, 1j])
    assert outputs["structure"] == "general"


def test_eigenvalues_that_a_breath_moves_are_warned_of():
    hidden = np.array([[3.0, 1, 4], [1, 5, 9], [2, 6, 5]])
    a = hidden @ (np.eye(3) + np.diag([1.0, 1], 1)) @ np.linalg.inv(hidden)
    assert "ill-conditioned" in _answer("eigen", {"a": a.tolist()}).warnings[0]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"k": 2}, [-5, 4]), ({"k": 2, "which": "SM"}, [-1, 2]), ({"k": 2, "which": "LA"}, [2, 4]),
        ({"k": 2, "which": "SA"}, [-5, -1]), ({"k": 1, "sigma": 2.4}, [2]), ({"k": 4}, [-5, -1, 2, 4]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_some_eigenvalues_are_chosen(options, expected, form):
    a = np.diag([-5.0, 2, 4, -1])
    given = a.tolist() if form == "dense" else _csr(sparse.csr_array(a))
    assert _answer("eigen", {"a": given}, options).outputs["eigenvalues"].tolist() == expected


def _large(kind):
    drawn = np.random.default_rng(5)
    n = 450
    noise = sparse.random_array((n, n), density=0.01, rng=drawn)
    a = sparse.csr_array(noise + sparse.diags_array(np.linspace(1, 20, n)))
    return {
        "symmetric": sparse.csr_array(a + a.T), "general": a,
        "Hermitian": sparse.csr_array(a + a.T + 1j * (noise - noise.T)),
    }[kind]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        *(("symmetric", options) for options in ({}, {"which": "SM"}, {"which": "SA"}, {"which": "LA", "k": 3})),
        ("symmetric", {"sigma": 17.0, "k": 4}), ("symmetric", {"vectors": False}),
        *(("general", options) for options in ({}, {"which": "SM"}, {"which": "LR", "k": 2}, {"sigma": 9.0})),
        ("Hermitian", {"which": "LA", "k": 2}),
    ],
)  # fmt: skip
def test_some_eigenvalues_of_a_large_sparse_matrix_are_those_of_the_dense_one(kind, options):
    a = _large(kind)
    given = _csr(a)
    if kind == "Hermitian":
        given["data"] = {"re": a.data.real.tolist(), "im": a.data.imag.tolist()}
    outcome = _answer("eigen", {"a": given}, options)
    assert outcome.diagnostics.method.startswith("arpack")
    every = (np.linalg.eigvals if kind == "general" else np.linalg.eigvalsh)(a.toarray())
    found = outcome.outputs["eigenvalues"]
    assert _apart(found, every) <= outcome.diagnostics.error_estimate + 1e-12 < 1e-9
    which = options.get("which", "LM")
    keys = {"LM": -np.abs(every), "SM": np.abs(every), "SA": every.real, "LA": -every.real, "LR": -every.real}
    key = keys[which] if "sigma" not in options else np.abs(every - options["sigma"])
    wanted = every[np.argsort(key)[: len(found)]]
    assert _apart(found, wanted) < 1e-9
    again = _answer("eigen", {"a": given}, options).outputs["eigenvalues"]
    assert again.tobytes() == found.tobytes()


@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (7, 3), (3, 7)])
@pytest.mark.parametrize("options", [{}, {"vectors": False}, {"full_matrices": True}])
@pytest.mark.parametrize("complex_", [False, True], ids=["real", "complex"])
def test_singular_values_are_within_their_bound(shape, options, complex_):
    drawn = np.random.default_rng(6)
    a = drawn.normal(size=shape) + (1j * drawn.normal(size=shape) if complex_ else 0)
    outcome = _answer("svd", {"a": _given(a)}, options)
    gram = a @ a.conj().T if shape[0] <= shape[1] else a.conj().T @ a
    expected = np.sqrt(np.linalg.eigvalsh(gram))[::-1]
    assert np.abs(outcome.outputs["s"] - expected).max() <= outcome.diagnostics.error_estimate + 1e-13
    if options.get("vectors", True):
        u, s, vt = (outcome.outputs[name] for name in ("u", "s", "vt"))
        few = min(shape)
        np.testing.assert_allclose((u[:, :few] * s) @ vt[:few], a, atol=1e-13)
        full = options.get("full_matrices", False)
        assert (u.shape[1], vt.shape[0]) == (shape if full else (few, few))


@pytest.mark.parametrize("options", [{}, {"k": 3, "which": "SM"}, {"k": 2, "vectors": False}])
def test_some_singular_values_of_a_large_sparse_matrix(options):
    a = _large("general")
    outcome = _answer("svd", {"a": _csr(a)}, options)
    every = np.linalg.svd(a.toarray(), compute_uv=False)
    k = options.get("k", 6)
    expected = every[:k] if options.get("which", "LM") == "LM" else every[-k:]
    assert np.abs(outcome.outputs["s"] - expected).max() <= outcome.diagnostics.error_estimate + 1e-12


@pytest.mark.parametrize(
    ("rule", "task", "inputs", "options", "code", "field"),
    [
        ("a square matrix", "eigen", {"a": [[1, 2]]}, {}, "invalid_input", "inputs.a"),
        ("not more than there are", "eigen", {"a": [[1]]}, {"k": 2}, "invalid_input", "options.k"),
        ("LA is for symmetric ones", "eigen", {"a": [[1, 2], [3, 4]]}, {"which": "LA"}, "invalid_input",
         "options.which"),
        ("LR is not for symmetric ones", "eigen", {"a": [[1]]}, {"which": "LR"}, "invalid_input", "options.which"),
        ("a result that can be sent", "eigen", {"a": np.eye(900).tolist()}, {}, "budget_exceeded", "inputs.a"),
        ("not empty", "svd", {"a": [[]]}, {}, "invalid_input", "inputs.a"),
        ("not more than there are", "svd", {"a": [[1, 2]]}, {"k": 2}, "invalid_input", "options.k"),
        ("full matrices of all", "svd", {"a": [[1, 2], [3, 4]]}, {"k": 1, "full_matrices": True}, "invalid_input",
         "options.full_matrices"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_rejected(rule, task, inputs, options, code, field):
    with pytest.raises(Problem) as caught:
        catalogue.find("linalg", task).prepare(inputs, options, 0)
    assert (caught.value.code, caught.value.field) == (code, field), rule
    assert caught.value.hint


def test_a_shift_that_is_an_eigenvalue_is_told():
    a = sparse.csr_array(sparse.diags_array(np.arange(1.0, 501.0)))
    outcome = _answer("eigen", {"a": _csr(a)}, {"sigma": 7.0, "k": 2})
    assert (outcome.problem.code, outcome.problem.field) == ("singular", "options.sigma")
