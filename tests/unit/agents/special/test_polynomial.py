"""Polynomials against mpmath, and Gauss rules against the integrals they are exact for."""

import math

import numpy as np
import pytest
from mpmath import mp, mpf
from scipy import special

from agents.special.families import FAMILIES
from sciagents.accuracy.case import answer

mp.dps = 40
_PARAMETERS = {
    "generalized_laguerre": {"alpha": 0.75}, "jacobi": {"alpha": 0.5, "beta": -0.25}, "gegenbauer": {"alpha": 1.75},
}  # fmt: skip
_ZERO = {"zeroprec": 400}
_TRUTH = {
    "legendre": lambda n, x: mp.legendre(n, x, **_ZERO), "chebyshev_t": mp.chebyt, "chebyshev_u": mp.chebyu,
    "hermite": mp.hermite, "hermite_e": lambda n, x: mp.hermite(n, x / mp.sqrt(2)) / mp.sqrt(2) ** n,
    "laguerre": lambda n, x: mp.laguerre(n, 0, x, **_ZERO),
    "generalized_laguerre": lambda n, x: mp.laguerre(n, 0.75, x, **_ZERO),
    "jacobi": lambda n, x: mp.jacobi(n, 0.5, -0.25, x, **_ZERO),
    "gegenbauer": lambda n, x: mp.gegenbauer(n, 1.75, x, **_ZERO),
}  # fmt: skip
_SPANS = {"hermite": (-6, 6), "hermite_e": (-6, 6), "laguerre": (0, 30), "generalized_laguerre": (0, 30)}


def ask(operation, family="legendre", **inputs):
    given = {"operation": operation, "family": family, **_PARAMETERS.get(family, {}), **inputs}
    return answer("special", "polynomial", given, {})


def _points(family, count=7):
    low, high = _SPANS.get(family, (-1, 1))
    return np.random.default_rng(len(family)).uniform(low, high, count)


@pytest.mark.parametrize("degree", [0, 1, 2, 5, 30, 120])
@pytest.mark.parametrize("family", list(FAMILIES))
def test_values_are_those_of_mpmath_within_the_bound(family, degree):
    x = _points(family)
    outcome = ask("evaluate", family, degree=degree, points=x.tolist())
    truth = [_TRUTH[family](degree, mpf(one)) for one in x]
    error = max(abs(mpf(made) - one) for made, one in zip(outcome.outputs["values"].tolist(), truth, strict=True))
    assert error <= outcome.diagnostics.error_estimate
    assert outcome.diagnostics.error_estimate <= 1e-9 * max(1.0, float(max(abs(one) for one in truth)))


@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("family", list(FAMILIES))
def test_derivatives_are_those_of_mpmath_within_the_bound(family, order):
    x = _points(family, 3)
    for degree in (0, 3, 20):
        outcome = ask("derivative", family, degree=degree, order=order, points=x.tolist())
        truth = [mp.diff(lambda t, n=degree: _TRUTH[family](n, t), mpf(one), order) for one in x]
        error = max(abs(mpf(made) - one) for made, one in zip(outcome.outputs["values"].tolist(), truth, strict=True))
        assert error <= outcome.diagnostics.error_estimate + 1e-25


@pytest.mark.parametrize("family", list(FAMILIES))
def test_gauss_rules_are_exact_for_polynomials(family):
    made = ask("quadrature", family, degree=12).outputs
    parameters = tuple(_PARAMETERS.get(family, {}).values())
    mass = FAMILIES[family].mass(*parameters)
    assert made["weights"].sum() == pytest.approx(mass, rel=1e-13)
    for k in (1, 5, 11):
        with np.errstate(all="ignore"):
            values = np.array([float(_TRUTH[family](k, mpf(one))) for one in made["nodes"]])
        scale = np.abs(values * made["weights"]).sum()
        assert abs((values * made["weights"]).sum()) <= 1e-12 * scale, "orthogonal to constants"


@pytest.mark.parametrize("family", list(FAMILIES))
@pytest.mark.parametrize("degree", [1, 9, 40])
def test_nodes_are_roots_within_the_bound(family, degree):
    outcome = ask("quadrature", family, degree=degree)
    roots = ask("roots", family, degree=degree)
    np.testing.assert_array_equal(outcome.outputs["nodes"], roots.outputs["roots"])
    for node in outcome.outputs["nodes"][:: max(1, degree // 5)]:
        here = mpf(float(node))
        step = _TRUTH[family](degree, here) / mp.diff(lambda t: _TRUTH[family](degree, t), here)
        assert abs(step) <= outcome.diagnostics.error_estimate
    assert outcome.diagnostics.error_estimate <= 1e-11 * max(1.0, np.abs(outcome.outputs["nodes"]).max())


@pytest.mark.parametrize("family", list(FAMILIES))
def test_coefficients_are_rounded_once(family):
    outcome = ask("coefficients", family, degree=17)
    truth = mp.taylor(lambda t: _TRUTH[family](17, t), 0, 17)
    made = outcome.outputs["coefficients"]
    assert max(abs(mpf(a) - b) for a, b in zip(made.tolist(), truth, strict=True)) <= outcome.diagnostics.error_estimate


def test_a_number_gives_a_number():
    assert ask("evaluate", degree=2, points=0.5).outputs == {"values": special.eval_legendre(2, 0.5)}


def test_plain_polynomials_have_values_and_slopes():
    x = [[0.5, -2.0], [3.0, 0.0]]
    made = ask("evaluate", "power", coefficients=[1, -3, 0, 2], points=x)
    np.testing.assert_allclose(made.outputs["values"], 1 - 3 * np.array(x) + 2 * np.array(x) ** 3)
    slope = ask("derivative", "power", coefficients=[1, -3, 0, 2], points=x, order=2)
    np.testing.assert_allclose(slope.outputs["values"], 12 * np.array(x))
    assert ask("derivative", "power", coefficients=[1], points=[2.0]).outputs["values"].tolist() == [0]


@pytest.mark.parametrize("seed", range(5))
def test_roots_are_within_their_discs(seed):
    rng = np.random.default_rng(seed)
    given = rng.standard_normal(12).tolist()
    outcome = ask("roots", "power", coefficients=given)
    mp.dps = 60
    truth = mp.polyroots([mpf(c) for c in given], asc=True, maxsteps=500, extraprec=200)
    far = max(min(abs(complex(z) - complex(t)) for t in truth) for z in outcome.outputs["roots"])
    assert far <= outcome.diagnostics.error_estimate <= 1e-8


def test_a_double_root_has_no_bound():
    outcome = ask("roots", "power", coefficients=[1, -2, 1])
    assert outcome.diagnostics.error_estimate is None
    np.testing.assert_allclose(outcome.outputs["roots"], [1, 1], atol=1e-7)


def test_zeros_at_the_end_do_not_count():
    assert ask("roots", "power", coefficients=[-2, 1, 0, 0]).outputs["roots"].tolist() == [2]


def test_a_fit_finds_what_the_data_come_from():
    x = np.linspace(-2, 5, 40)
    made = ask("fit", "power", points=x.tolist(), values=(3 - x + 0.5 * x**3).tolist(), degree=3)
    np.testing.assert_allclose(made.outputs["coefficients"], [3, -1, 0, 0.5], atol=1e-11)
    assert made.outputs["residual_norm"] < 1e-11


@pytest.mark.parametrize(
    ("inputs", "code", "field", "rule"),
    [
        ({"points": [1]}, "invalid_input", "inputs.degree", "no degree"),
        ({"degree": -1, "points": [1]}, "invalid_input", "inputs.degree", "a negative one"),
        ({"degree": 10**9, "points": [1]}, "invalid_input", "inputs.degree", "a huge one"),
        ({"degree": 2}, "invalid_input", "inputs.points", "no points"),
        ({"degree": 2, "points": ["x"]}, "invalid_input", "inputs.points[0]", "no number"),
        ({"degree": 200_000, "points": [0.5] * 1000}, "budget_exceeded", "inputs.points", "too much work"),
        ({"family": "jacobi", "degree": 2, "points": [1], "alpha": 1}, "invalid_input", "inputs.beta", "no beta"),
        ({"family": "jacobi", "degree": 2, "points": [1], "alpha": -1, "beta": 1}, "invalid_input", "inputs.alpha",
         "outside of its range"),
        ({"family": "gegenbauer", "degree": 2, "points": [1], "alpha": 0}, "invalid_input", "inputs.alpha", "a zero"),
        ({"degree": 2, "points": [1], "alpha": 1}, "invalid_input", "inputs.alpha", "Legendre has no parameter"),
        ({"degree": 2, "points": [1], "coefficients": [1]}, "invalid_input", "inputs.coefficients", "of no use"),
        ({"operation": "quadrature", "degree": 0}, "invalid_input", "inputs.degree", "a constant has no roots"),
        ({"operation": "quadrature", "degree": 5, "points": [1]}, "invalid_input", "inputs.points", "of no use"),
        ({"operation": "coefficients", "degree": 500}, "invalid_input", "inputs.degree", "too many"),
        ({"operation": "derivative", "degree": 5, "points": [1], "order": -1}, "invalid_input", "inputs.order",
         "no order"),
        ({"operation": "fit", "degree": 5}, "invalid_input", "inputs.family", "a fit is of powers"),
        ({"family": "power", "operation": "roots"}, "invalid_input", "inputs.coefficients", "none"),
        ({"family": "power", "operation": "roots", "coefficients": []}, "invalid_input", "inputs.coefficients",
         "empty"),
        ({"family": "power", "operation": "roots", "coefficients": [0, 0]}, "invalid_input", "inputs.coefficients",
         "all zero"),
        ({"family": "power", "operation": "quadrature"}, "invalid_input", "inputs.operation", "no weight function"),
        ({"family": "power", "operation": "fit", "points": [1, 1], "values": [1, 2], "degree": 1}, "invalid_input",
         "inputs.points", "one place"),
        ({"family": "power", "operation": "fit", "points": [1, 2], "values": [1], "degree": 1}, "invalid_input",
         "inputs.values", "of different length"),
        ({"family": "power", "operation": "fit"}, "invalid_input", "inputs.degree", "no degree of a fit"),
        ({"family": "hermite", "degree": 1000, "points": [1]}, "non_finite", "inputs", "overflow"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(inputs, code, field, rule):
    problem = answer("special", "polynomial", inputs, {}).problem
    assert problem is not None, rule
    assert (problem.code, problem.field) == (code, field), rule


def test_a_high_degree_stays_exact_at_the_end():
    assert ask("evaluate", degree=5000, points=[1.0]).outputs["values"][0] == pytest.approx(1.0, abs=1e-9)
    assert math.isfinite(ask("evaluate", degree=5000, points=[1.0]).diagnostics.error_estimate)
