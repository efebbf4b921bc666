"""The task `optimize.curve_fit`: certified answers, honest errors, and no fit where there is none."""

import math

import numpy as np
import pytest
from scipy import optimize

from agents.outcome import Problem
from native.formula import compile_program
from sciagents.accuracy import strd

T = [0.0, 1.0, 2.0, 3.0, 4.0]
Y = [2.05, 1.2, 0.75, 0.44, 0.28]
DECAY = {"model": "a*exp(-b*t)", "parameters": {"a": 1, "b": 1}, "data": {"t": T, "y": Y}, "observed": "y"}


def digits(found, wanted):
    return min(-math.log10(max(abs(found[name] / wanted[name] - 1), 1e-16)) for name in wanted)


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("name", strd.names())
def test_certified_values_are_reached_from_both_starts(solve, name, start):
    data_set = strd.load(name)
    outputs = solve("curve_fit", strd.request(data_set, start)).outputs
    certified = data_set["certified"]
    assert digits(outputs["parameters"], certified["parameters"]) > 10
    # the residuals of Lanczos1 are of the size that its data are rounded by when they become binary
    enough = 2.5 if name == "Lanczos1" else 9.5
    assert digits(outputs["standard_errors"], certified["standard_errors"]) > enough
    assert outputs["residual_sum_of_squares"] == pytest.approx(
        certified["residual_sum_of_squares"], rel=10**-enough, abs=0
    )


def test_it_agrees_with_scipy_where_observations_have_their_own_sigma(solve):
    sigma = [0.1, 0.05, 0.05, 0.02, 0.02]
    t = np.array(T)
    for absolute in (True, False):
        outputs = solve("curve_fit", {**DECAY, "sigma": sigma}, {"absolute_sigma": absolute}).outputs
        p, covariance = optimize.curve_fit(
            lambda t, a, b: a * np.exp(-b * t), t, Y, [1, 1], sigma, absolute_sigma=absolute
        )
        assert list(outputs["parameters"].values()) == pytest.approx(p, rel=1e-6)
        assert outputs["covariance"] == pytest.approx(covariance, rel=1e-5)
        assert list(outputs["standard_errors"].values()) == pytest.approx(np.sqrt(np.diag(covariance)), rel=1e-5)


def test_sigma_may_be_a_number_a_list_or_a_column(solve):
    lists = solve("curve_fit", {**DECAY, "sigma": [0.1] * 5}).outputs
    number = solve("curve_fit", {**DECAY, "sigma": 0.1}).outputs
    column = {"data": {**DECAY["data"], "s": [0.1] * 5}, "sigma": "s", "variables": ["t"]}
    named = solve("curve_fit", {**DECAY, **column}).outputs
    assert lists["parameters"] == number["parameters"] == named["parameters"]


def test_a_bound_holds_a_parameter(solve):
    outcome = solve("curve_fit", {**DECAY, "bounds": {"b": [None, 0.4]}})
    outputs = outcome.outputs
    a = sum(y * math.exp(-0.4 * t) for t, y in zip(T, Y, strict=True)) / sum(math.exp(-0.8 * t) for t in T)
    assert outputs["parameters"]["b"] == 0.4
    assert abs(outputs["parameters"]["a"] - a) <= outcome.diagnostics.error_estimate
    assert outputs["active"] == {"b": "high"}
    assert outputs["standard_errors"]["b"] is None


def test_as_many_parameters_as_rows_leave_no_errors(solve):
    outcome = solve("curve_fit", {**DECAY, "data": {"t": [0, 1], "y": [2, 1]}})
    assert outcome.outputs["parameters"]["b"] == pytest.approx(math.log(2))
    assert outcome.outputs["standard_errors"] == {"a": None, "b": None}
    assert outcome.warnings


def test_a_step_in_the_fit_is_told_of_rounding(solve):
    outcome = solve("curve_fit", strd.request(strd.load("Lanczos1"), 1))
    assert "rounding" in outcome.warnings[0]


@pytest.mark.parametrize(
    ("change", "code", "field", "rule"),
    [
        ({"model": "a*exp(-b*t"}, "invalid_formula", "inputs.model", "a formula breaks off"),
        ({"model": "a*exp(-c*t)"}, "invalid_formula", "inputs.model", "an unknown name"),
        ({"observed": "z"}, "invalid_input", "inputs.observed", "no such column"),
        ({"variables": ["z"]}, "invalid_input", "inputs.variables[0]", "no such variable"),
        ({"variables": ["t", "t"]}, "invalid_input", "inputs.variables[1]", "a variable twice"),
        ({"parameters": {}}, "invalid_input", "inputs.parameters", "nothing to fit"),
        ({"parameters": {"t": 1, "b": 1}}, "invalid_input", "inputs.parameters.t", "a parameter named as a variable"),
        ({"parameters": {"a": "x", "b": 1}}, "invalid_input", "inputs.parameters.a", "no number"),
        ({"data": {"t": [1, 2], "y": [1]}}, "invalid_input", "inputs.data.t", "columns of different lengths"),
        ({"data": {"t": [], "y": []}}, "invalid_input", "inputs.data.t", "no rows"),
        ({"data": {"t": [1, "NaN"], "y": [1, 2]}}, "invalid_input", "inputs.data.t[1]", "not a number"),
        ({"sigma": 0}, "invalid_input", "inputs.sigma", "a standard deviation of 0"),
        ({"sigma": [1, 2]}, "invalid_input", "inputs.sigma", "too few standard deviations"),
        ({"sigma": "u"}, "invalid_input", "inputs.sigma", "no such column of standard deviations"),
        ({"bounds": {"c": [0, 1]}}, "invalid_input", "inputs.bounds.c", "a bound of no parameter"),
        ({"bounds": {"a": [2, 1]}}, "invalid_input", "inputs.bounds.a", "bounds crossed"),
        ({"sigmas": 1}, "invalid_input", "inputs.sigmas", "an unknown key"),
        ({"model": "a*b*t"}, "singular", "inputs.parameters", "only the product is determined"),
        ({"model": "a*t + 0*b"}, "singular", "inputs.parameters", "a parameter without effect"),
        ({"data": {"t": [1], "y": [1]}}, "singular", "inputs.data", "fewer rows than parameters"),
        ({"model": "a*log(b*t)"}, "non_finite", "inputs.parameters", "not finite at the start"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(refused, change, code, field, rule):
    assert refused("curve_fit", {**DECAY, **change}) == (code, field), rule


def test_a_model_without_a_best_parameter_does_not_converge(refused):
    rising = {"model": "exp(b)", "parameters": {"b": 0}, "data": {"y": [-1, -2]}, "observed": "y"}
    assert refused("curve_fit", rising)[0] in {"not_converged", "singular"}


def test_the_same_seed_gives_the_same_bytes(solve):
    request = strd.request(strd.load("MGH17"), 0)
    first, second = (solve("curve_fit", request, seed=3).outputs for _ in range(2))
    assert first["parameters"] == second["parameters"]
    assert first["covariance"].tobytes() == second["covariance"].tobytes()


def test_the_watch_is_heard(solve):
    def stop(fraction, stage):
        raise Problem("cancelled", "stop")

    rows = 200_000
    data = {"t": np.linspace(0, 4, rows).tolist(), "y": np.linspace(2, 0.2, rows).tolist()}
    with pytest.raises(Problem) as caught:
        solve("curve_fit", {**DECAY, "data": data}, watch=stop)
    assert caught.value.code == "cancelled"


@pytest.mark.parametrize("noise", [0.0, 1e-9, 1e-2])
@pytest.mark.parametrize(
    ("model", "parameters", "start"),
    [
        ("a*exp(-b*t) + c", {"a": 3.0, "b": 0.7, "c": 1.25}, {"a": 1, "b": 1, "c": 0}),
        ("a/(1 + b*exp(-c*t))", {"a": 10.0, "b": 20.0, "c": 1.5}, {"a": 8, "b": 10, "c": 1}),
        ("a + b*t", {"a": 1e6, "b": 1e-3}, {"a": 0, "b": 0}),
    ],
)
def test_the_one_call_and_minpack_find_the_same_minimum(solve, model, parameters, start, noise):
    t = np.linspace(0, 5, 23)
    points = np.array([*([value] * len(t) for value in parameters.values()), t])
    clean = compile_program([model], list(parameters), ["t"]).evaluate(points)[0]
    data = {"t": t.tolist(), "y": (clean * (1 + noise * np.cos(99 * t))).tolist()}
    given = {"model": model, "parameters": start, "data": data, "observed": "y"}
    quick, slow = (solve("curve_fit", given, {"method": method}) for method in ("lm", "variable_projection"))
    assert quick.kernel == "native.kernels.levmar.fit"
    assert slow.kernel != quick.kernel
    allowed = quick.diagnostics.error_estimate + slow.diagnostics.error_estimate
    for name, value in quick.outputs["parameters"].items():
        assert abs(value - slow.outputs["parameters"][name]) <= allowed
        if noise > 1e-3:
            wanted = slow.outputs["standard_errors"][name]
            assert quick.outputs["standard_errors"][name] == pytest.approx(wanted, rel=1e-6)


def test_with_few_rows_a_start_from_which_nothing_is_found_is_told_as_before(refused):
    given = {"model": "log(a - t)", "parameters": {"a": 1}, "data": {"t": [0, 1, 2], "y": [1, 2, 3]}, "observed": "y"}
    assert refused("curve_fit", given) == ("non_finite", "inputs.parameters")
