"""The task `inverse.ode_parameters`: exact data give exact parameters, noise their standard errors."""

import numpy as np
import pytest
from scipy import optimize

from agents import alone
from agents.inverse import ode_parameters
from agents.outcome import Problem
from native.formula.sensitivity import compile_sensitivity

T = np.linspace(0.0, 4.0, 9)


def no_watch(fraction, stage):
    assert 0.0 <= fraction <= 1.0


def solve(inputs, **options):
    return alone.run(ode_parameters.TASK.prepare(inputs, options, 0), no_watch, {})


def decay(**changes):
    return {
        "equations": {"x": "-k*x"}, "parameters": {"k": 1}, "initial": {"x": 2},
        "data": {"t": T.tolist(), "x": (2 * np.exp(-0.7 * T)).tolist()}, **changes,
    }  # fmt: skip


@pytest.mark.parametrize("method", ["auto", "dopri5", "rodas4"])
def test_exact_data_give_the_parameters_within_the_error(method):
    outcome = solve(decay(fit=["k", "x"], initial={"x": 1}), method=method)
    assert outcome.problem is None
    reached = outcome.outputs["parameters"]
    assert max(abs(reached["k"] - 0.7), abs(reached["x"] - 2.0)) <= outcome.diagnostics.error_estimate
    assert outcome.diagnostics.error_estimate < 1e-6
    assert outcome.diagnostics.converged


def test_noisy_data_give_what_fitting_the_solution_gives():
    x = 2 * np.exp(-0.7 * T) + 0.05 * np.random.default_rng(0).standard_normal(9)
    outputs = solve(decay(data={"t": T.tolist(), "x": x.tolist()}, fit=["k", "x"])).outputs
    p, covariance = optimize.curve_fit(lambda t, k, start: start * np.exp(-k * t), T, x, p0=[0.7, 2.0], xtol=1e-14)
    np.testing.assert_allclose(list(outputs["parameters"].values()), p, rtol=1e-6)
    np.testing.assert_allclose(outputs["covariance"], covariance, rtol=1e-4)
    given = solve(decay(data={"t": T.tolist(), "x": x.tolist()}, fit=["k", "x"], sigma=0.05)).outputs
    _, absolute = optimize.curve_fit(lambda t, k, start: start * np.exp(-k * t), T, x, p0=[0.7, 2.0], sigma=[0.05] * 9,
                                     absolute_sigma=True)  # fmt: skip
    np.testing.assert_allclose(given["covariance"], absolute, rtol=1e-4)
    low, high = given["confidence_intervals"]["k"]
    assert low < 0.7 < high


def test_sensitivities_are_the_derivatives_of_the_solution():
    program, jacobian = compile_sensitivity(("a*x*t + b", "x*y"), ("x", "y"), ("a", "b"), ("b", "y"))
    point = np.array([0.5, 2.0, 3.0, 0.1, 0.2, 0.3, 0.4, 1.5, 0.7])
    made = program.evaluate(point[:, None])[:, 0]
    t, x, y, xb, xy, yb, yy, a, b = point
    expected = [a * x * t + b, x * y, a * t * xb + 1, a * t * xy, xb * y + x * yb, xy * y + x * yy]
    np.testing.assert_allclose(made, expected, rtol=1e-14)
    slopes = jacobian.evaluate(point[:, None]).reshape(6, 7)
    for j in range(7):
        moved = np.stack([point + 1e-6 * np.eye(9)[j], point - 1e-6 * np.eye(9)[j]], axis=1)
        up, down = program.evaluate(moved).T
        np.testing.assert_allclose(slopes[:, j], (up - down) / 2e-6, atol=1e-8)


def test_bounds_hold_and_are_told():
    outcome = solve(decay(bounds={"k": [0.8, None]}))
    assert outcome.outputs["parameters"]["k"] == 0.8
    assert "at its bound" in outcome.warnings[0]


@pytest.mark.parametrize(
    ("change", "code", "field", "rule"),
    [
        ({"equations": {"x": "-k*m*x"}, "parameters": {"k": 1, "m": 1}}, "singular", "inputs.fit", "only a product"),
        ({"parameters": {"k": 1, "m": 1}}, "singular", "inputs.fit", "a parameter that does nothing"),
        ({"equations": {"x": "k*x*x"}, "parameters": {"k": 9}}, "non_finite", "inputs.parameters", "blows up"),
        ({"equations": {"x": "log(-k)"}}, "non_finite", "inputs.parameters", "not finite at the start"),
    ],
)
def test_bad_mathematics_is_an_error(change, code, field, rule):
    problem = solve(decay(**change)).problem
    assert (problem.code, problem.field) == (code, field), rule
    assert problem.hint


@pytest.mark.parametrize(
    ("change", "code", "field", "rule"),
    [
        ({"equations": {"x": "-k*z"}}, "invalid_formula", "inputs.equations.x", "an unknown name"),
        ({"equations": {}}, "invalid_input", "inputs.equations", "no equations"),
        ({"initial": {}}, "invalid_input", "inputs.initial.x", "no initial value"),
        ({"data": {"t": [0, 1]}}, "invalid_input", "inputs.data", "nothing observed"),
        ({"data": {"x": [0, 1]}}, "invalid_input", "inputs.data.t", "no times"),
        ({"data": {"t": [1, 0], "x": [0, 1]}}, "invalid_input", "inputs.data.t", "times out of order"),
        ({"data": {"t": [0, 1], "z": [0, 1]}}, "invalid_input", "inputs.data.z", "an unknown column"),
        ({"data": {"t": [0], "x": [0]}, "fit": ["k", "x"]}, "invalid_input", "inputs.data", "too few"),
        ({"fit": ["q"]}, "invalid_input", "inputs.fit[0]", "an unknown parameter"),
        ({"fit": ["k", "k"]}, "invalid_input", "inputs.fit[1]", "one twice"),
        ({"fit": []}, "invalid_input", "inputs.fit", "nothing to fit"),
        ({"sigma": 0}, "invalid_input", "inputs.sigma", "no noise"),
        ({"sigma": {"x": [1, 2]}}, "invalid_input", "inputs.sigma.x", "too few"),
        ({"bounds": {"x": [0, 1]}}, "invalid_input", "inputs.bounds.x", "bounds of what is not fitted"),
        ({"bounds": {"k": [2, 3]}}, "invalid_input", "inputs.bounds.k", "a start out of bounds"),
        ({"t_start": 1}, "invalid_input", "inputs.data.t", "data before the start"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(change, code, field, rule):
    with pytest.raises(Problem) as caught:
        ode_parameters.TASK.prepare(decay(**change), {}, 0)
    assert (caught.value.code, caught.value.field) == (code, field), rule
    assert caught.value.hint
