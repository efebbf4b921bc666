"""Dense systems: the answer, how far it can be trusted, and what is no system."""

import msgspec
import numpy as np
import pytest

from agents import catalogue
from agents.outcome import Problem

SOLVE = catalogue.find("linalg", "solve")


def _watch(fraction, stage):
    pass


def _compute(*systems):
    plans = [SOLVE.prepare({"a": a, "b": b}, {}, 0) for a, b in systems]
    return SOLVE.compute(plans, _watch)


def _hilbert(n):
    return [[1 / (i + j + 1) for j in range(n)] for i in range(n)]


def _random(n, seed):
    drawn = np.random.default_rng(seed)
    return drawn.normal(size=(n, n)), drawn.normal(size=n)


@pytest.mark.parametrize("n", [1, 2, 3, 16, 17, 100])
def test_the_error_estimate_bounds_the_true_error(n):
    """The right side is made from the solution in higher precision than doubles have."""
    for seed in range(20):
        a, x = _random(n, 100 * n + seed)
        b = (a.astype(np.longdouble) @ x.astype(np.longdouble)).astype(float)
        (outcome,) = _compute((a.tolist(), b.tolist()))
        error = np.abs(np.array(outcome.outputs["x"]) - x).max()
        assert error <= outcome.diagnostics.error_estimate + np.linalg.cond(a, np.inf) * 2.3e-16 * np.abs(x).max()
        assert outcome.diagnostics.residual == pytest.approx(
            np.abs(b - a @ np.array(outcome.outputs["x"])).max(), abs=1e-12
        )


@pytest.mark.parametrize("n", [3, 8, 30])
def test_the_condition_is_that_of_the_matrix(n):
    a, b = _random(n, n)
    (outcome,) = _compute((a.tolist(), b.tolist()))
    true = np.linalg.cond(a, 1)
    assert true / 10 <= outcome.outputs["condition_estimate"] <= true * 1.0001


def test_an_answer_does_not_depend_on_its_neighbours():
    systems = [tuple(part.tolist() for part in _random(4, seed)) for seed in range(7)]
    together = _compute(*systems)
    for system, outcome in zip(systems, together, strict=True):
        (alone,) = _compute(system)
        assert alone.outputs["x"].tobytes() == outcome.outputs["x"].tobytes()
        assert alone.diagnostics == outcome.diagnostics


@pytest.mark.parametrize(
    "a",
    [
        pytest.param([[1, 2], [2, 4]], id="a row twice"),
        pytest.param([[0, 0], [0, 0]], id="zero"),
        pytest.param(_hilbert(14), id="Hilbert's matrix where doubles end"),
        pytest.param(np.outer(np.arange(1, 41), np.arange(1, 41)).tolist(), id="rank one, by LAPACK"),
    ],
)
def test_a_singular_matrix_is_told_so(a):
    (outcome,) = _compute((a, [1.0] * len(a)))
    assert outcome.outputs is None
    assert (outcome.problem.code, outcome.problem.field) == ("singular", "inputs.a")


def test_an_ill_conditioned_one_is_solved_with_a_warning():
    (outcome,) = _compute((_hilbert(9), [1.0] * 9))
    assert outcome.warnings[0].startswith("ill-conditioned")


def test_an_overflow_is_not_a_solution():
    (outcome,) = _compute(([[1e-300, 0], [0, 1e-300]], [1e300, 1]))
    assert outcome.problem.code == "non_finite"


def test_several_right_sides():
    (outcome,) = _compute(([[2, 0], [0, 4]], [[2, 4], [4, 8]]))
    assert outcome.outputs["x"].tolist() == [[1, 2], [1, 2]]


@pytest.mark.parametrize(
    ("a", "b", "field"),
    [
        pytest.param([[1, 2]], [1], "inputs.a", id="not square"),
        pytest.param([[1]], [1, 2], "inputs.b", id="too many right sides"),
        pytest.param([[1, 2], [3]], [1, 2], "inputs.a", id="rows of different lengths"),
        pytest.param(7, [1], "inputs.a", id="a number"),
    ],
)
def test_what_is_no_system_is_rejected(a, b, field):
    with pytest.raises(Problem) as caught:
        SOLVE.prepare({"a": a, "b": b}, {}, 0)
    assert (caught.value.code, caught.value.field) == ("invalid_input", field)


def _structured(name, n, seed, complex_=False):
    drawn = np.random.default_rng(seed)
    g = drawn.normal(size=(n, n)) + (1j * drawn.normal(size=(n, n)) if complex_ else 0)
    return {
        "diagonal": lambda: np.diag(np.diag(g)),
        "lower_triangular": lambda: np.tril(g) + 4 * np.eye(n),
        "upper_triangular": lambda: np.triu(g) + 4 * np.eye(n),
        "tridiagonal": lambda: np.triu(np.tril(g, 1), -1) + 3 * np.eye(n),
        "banded": lambda: np.triu(np.tril(g, 2), -1) + 3 * np.eye(n),
        "symmetric_positive_definite": lambda: (g @ g.conj().T + np.conj(g @ g.conj().T).T) + np.eye(n),
        "symmetric_indefinite": lambda: g + g.conj().T,
        "general": lambda: g,
    }[name]()


def _given(array):
    return {"re": array.real.tolist(), "im": array.imag.tolist()} if array.dtype.kind == "c" else array.tolist()


def _answer(inputs, options=None):
    return SOLVE.compute([SOLVE.prepare(inputs, options or {}, 0)], _watch)[0]


METHODS = {
    "diagonal": "diagonal", "lower_triangular": "substitution", "upper_triangular": "substitution",
    "tridiagonal": "banded_lu", "banded": "banded_lu", "symmetric_positive_definite": "cholesky",
    "symmetric_indefinite": "ldl", "general": "lu",
}  # fmt: skip


@pytest.mark.parametrize("complex_", [False, True], ids=["real", "complex"])
@pytest.mark.parametrize("n", [20, 90])
@pytest.mark.parametrize("structure", METHODS)
def test_the_structure_is_found_and_used(structure, n, complex_):
    a = _structured(structure, n, n, complex_)
    x = np.random.default_rng(n).normal(size=(n, 2)) + (1j if complex_ else 0)
    b = a.astype(np.clongdouble) @ x.astype(np.clongdouble)
    b = b.astype(complex) if complex_ else b.real.astype(float)
    outcome = _answer({"a": _given(a), "b": _given(b)})
    assert (outcome.outputs["structure"], outcome.diagnostics.method) == (structure, METHODS[structure])
    assert np.abs(outcome.outputs["x"] - x).max() <= outcome.diagnostics.error_estimate < 1e-7
    true = np.linalg.cond(a, 1)
    assert true / 5 <= outcome.outputs["condition_estimate"] <= true * 1.01


@pytest.mark.parametrize("n", range(2, 13))
def test_hilberts_matrices_are_solved_and_how_ill_they_are_is_told(n):
    outcome = _answer({"a": _hilbert(n), "b": [sum(row) for row in _hilbert(n)]})
    assert np.abs(np.array(outcome.outputs["x"]) - 1).max() <= outcome.diagnostics.error_estimate
    assert bool(outcome.warnings) == (n >= 8)
    if n >= 12:
        assert "no digit is certain" in outcome.warnings[0]


@pytest.mark.parametrize("n", range(13, 26))
def test_where_doubles_end_hilberts_matrix_is_singular(n):
    outcome = _answer({"a": _hilbert(n), "b": [1.0] * n})
    assert outcome.problem.code == "singular"
    assert "least_squares" in outcome.problem.hint


def test_a_diagonal_of_many_scales_is_solved_however_large_its_condition():
    outcome = _answer({"a": [[1, 0], [0, 1e-20]], "b": [1, 1e-20]})
    assert outcome.outputs["x"].tolist() == [1, 1]
    assert outcome.warnings


def test_cholesky_names_the_minor_that_is_not_positive():
    outcome = _answer({"a": [[1, 2, 0], [2, 1, 0], [0, 0, 1]], "b": [1, 1, 1]}, {"method": "cholesky"})
    assert outcome.problem.code == "singular"
    assert "order 2" in outcome.problem.message


@pytest.mark.parametrize("method", ["cholesky", "ldl", "cg", "minres"])
def test_methods_for_symmetric_matrices_take_no_other(method):
    with pytest.raises(Problem) as caught:
        SOLVE.prepare({"a": [[1, 2], [3, 4]], "b": [1, 1]}, {"method": method}, 0)
    assert (caught.value.code, caught.value.field) == ("invalid_input", "options.method")


@pytest.mark.parametrize("n", [3, 16, 20])
def test_a_batch_is_solved_as_its_systems_are(n):
    systems = [_random(n, seed) for seed in range(40)]
    a, b = (np.array(part) for part in zip(*systems, strict=True))
    outcome = _answer({"a": a.tolist(), "b": b.tolist()})
    for k, (one, right) in enumerate(systems):
        alone = _answer({"a": one.tolist(), "b": right.tolist()}, {"method": "lu"})
        assert alone.outputs["x"].tobytes() == outcome.outputs["x"][k].tobytes()
        assert alone.outputs["condition_estimate"] == outcome.outputs["condition_estimate"][k]
        assert alone.diagnostics.error_estimate <= outcome.diagnostics.error_estimate


def test_a_singular_system_of_a_batch_is_named():
    outcome = _answer({"a": [[[1, 0], [0, 1]], [[1, 1], [1, 1]]], "b": [[1, 1], [1, 1]]})
    assert (outcome.problem.code, outcome.problem.field) == ("singular", "inputs.a[1]")


def test_the_short_way_gives_the_same_answer():
    drawn = np.random.default_rng(5)
    for n in (16, 17, 60):
        inputs = {"a": drawn.normal(size=(n, n)).tolist(), "b": drawn.normal(size=n).tolist()}
        quick = SOLVE.quick
        short = quick.plan(quick.decoder.decode(msgspec.json.encode(inputs)))
        assert short is not None
        ways = [SOLVE.compute([plan], _watch)[0] for plan in (short, SOLVE.prepare(inputs, {}, 1))]
        first, second = (msgspec.structs.replace(way, outputs=None) for way in ways)
        assert first == second
        assert np.array_equal(ways[0].outputs["x"], ways[1].outputs["x"])


def test_the_short_way_is_for_square_systems_of_moderate_size():
    quick = SOLVE.quick
    for inputs in ({"a": [[1.0]] * 300, "b": [1.0] * 300}, {"a": [[1.0]] * 20, "b": [1.0] * 20}, {"a": [], "b": []}):
        assert quick.plan(quick.decoder.decode(msgspec.json.encode(inputs))) is None
