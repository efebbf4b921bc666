"""Dense systems: the answer, how far it can be trusted, and what is no system."""

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
