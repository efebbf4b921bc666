"""The exponential of a matrix: its bound against forty digits, and what has none."""

import mpmath
import numpy as np
import pytest

from agents import catalogue
from agents.outcome import Problem

TASK = catalogue.find("linalg", "expm")


def _answer(inputs):
    return TASK.compute([TASK.prepare(inputs, {}, 0)], lambda fraction, stage: None)[0]


def _exact(a):
    with mpmath.workdps(60):
        return np.array(mpmath.expm(mpmath.matrix(np.asarray(a).tolist()), method="taylor").tolist(), dtype=complex)


def _matrices():
    drawn = np.random.default_rng(1)
    yield pytest.param(drawn.normal(size=(5, 5)), id="random")
    yield pytest.param(30 * drawn.normal(size=(3, 3)), id="large")
    yield pytest.param(np.triu(drawn.normal(size=(4, 4)) * 100, 1) - np.eye(4), id="far from normal")
    yield pytest.param(drawn.normal(size=(3, 3)) + 1j * drawn.normal(size=(3, 3)), id="complex")
    yield pytest.param(np.zeros((2, 2)), id="zero")
    yield pytest.param(np.diag([-1e3, 1.0, -1e-12]), id="many scales")
    yield pytest.param(np.array([[-49.0, 24], [-64, 31]]), id="Moler and Van Loan")


@pytest.mark.parametrize("a", list(_matrices()))
def test_the_error_estimate_bounds_the_true_error(a):
    given = {"re": a.real.tolist(), "im": a.imag.tolist()} if a.dtype.kind == "c" else a.tolist()
    outcome = _answer({"a": given})
    assert np.abs(outcome.outputs["expm"] - _exact(a)).max() <= outcome.diagnostics.error_estimate


@pytest.mark.parametrize("n", [30, 60])
def test_the_inverse_is_the_exponential_of_the_negative(n):
    a = np.random.default_rng(n).normal(size=(n, n)) / 8
    one, other = _answer({"a": a.tolist()}), _answer({"a": a.tolist(), "t": -1})
    product = one.outputs["expm"] @ other.outputs["expm"]
    assert np.abs(product - np.eye(n)).max() < 1e-11
    assert one.diagnostics.error_estimate < 1e-8


def test_time_scales_the_matrix():
    outcome = _answer({"a": [[0, 1], [-1, 0]], "t": np.pi / 2})
    np.testing.assert_allclose(outcome.outputs["expm"], [[0, 1], [-1, 0]], atol=1e-15)


def test_an_overflow_is_no_answer():
    problem = _answer({"a": [[1000.0]]}).problem
    assert (problem.code, problem.field) == ("non_finite", "inputs.a")


@pytest.mark.parametrize(
    ("rule", "inputs", "code"),
    [
        ("square", {"a": [[1, 2]]}, "invalid_input"),
        ("not empty", {"a": []}, "invalid_input"),
        ("finite products", {"a": [[1e308]], "t": 1e308}, "invalid_input"),
        ("not too large", {"a": {"format": "coo", "row": [], "col": [], "data": [], "shape": [2000, 2000]}},
         "budget_exceeded"),
    ],
)  # fmt: skip
def test_what_has_no_exponential_is_rejected(rule, inputs, code):
    with pytest.raises(Problem) as caught:
        TASK.prepare(inputs, {}, 0)
    assert (caught.value.code, caught.value.field) == (code, "inputs.a"), rule
