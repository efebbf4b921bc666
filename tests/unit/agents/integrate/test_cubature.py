"""The task `integrate.cubature`: integrals over boxes of every kind, and no number where there is no integral."""

import math

import pytest

from agents.integrate import cubature
from agents.outcome import Problem

SQUARE = {"x": [0, 1], "y": [0, 1]}


def solve(integrand, bounds, options=None, watch=lambda fraction, stage: None, **rest):
    task = cubature.TASK
    inputs = {"integrand": integrand, "bounds": bounds, **rest}
    return task.compute([task.prepare(inputs, options or {}, 0)], watch)[0]


@pytest.mark.parametrize(
    ("integrand", "bounds", "rest", "expected", "rule"),
    [
        ("x*y**2", {"x": [0, 2], "y": [0, 3]}, {}, 18.0, "a polynomial"),
        ("x*y**2", {"x": [2, 0], "y": [0, 3]}, {}, -18.0, "reversed bounds give the negative"),
        ("x*y**2", {"x": [2, 0], "y": [3, 0]}, {}, 18.0, "reversed twice"),
        ("exp(x)", {"x": [0, 1]}, {}, math.e - 1, "one dimension"),
        ("a*x*y", SQUARE, {"parameters": {"a": 8}}, 2.0, "parameters"),
        ("exp(-x*x - y)", {"x": [None, None], "y": [0, "Infinity"]}, {}, math.sqrt(math.pi), "infinite bounds"),
        ("exp(x + y)", {"x": [None, 0], "y": [None, 1]}, {}, math.e, "lower ends open"),
        ("where(x < 0.3, 1, 2)*y", SQUARE, {"breakpoints": {"x": [0.3]}}, 0.85, "a jump at a breakpoint"),
        ("exp(-abs(x - 2) - y*y)", {"x": [None, None], "y": [None, None]}, {"breakpoints": {"x": [2]}},
         2 * math.sqrt(math.pi), "a breakpoint on the line"),
        ("cos(x + y + z + u + v + w)", {n: [0, 1] for n in "xyzuvw"}, {},
         (complex(math.sin(1), 1 - math.cos(1)) ** 6).real, "six dimensions"),
    ],
)  # fmt: skip
def test_integrals_are_within_their_error_estimate(integrand, bounds, rest, expected, rule):
    outcome = solve(integrand, bounds, **rest)
    assert outcome.problem is None, rule
    error = outcome.diagnostics.error_estimate
    assert abs(outcome.outputs["value"] - expected) <= error <= 1e-6 * abs(expected) + 1e-10, rule
    assert outcome.diagnostics.converged
    assert outcome.outputs["error_estimate"] == error


@pytest.mark.parametrize(
    ("bounds", "code"), [({"x": [1, 1], "y": [0, 1]}, 0.0), ({"x": ["Infinity", None], "y": [0, 1]}, 0.0)]
)
def test_equal_bounds_give_zero(bounds, code):
    assert solve("x + y", bounds).outputs == {"value": 0.0, "error_estimate": 0.0}


@pytest.mark.parametrize(
    ("integrand", "bounds"),
    [
        ("1/(x*y)", SQUARE), ("1/(x + y)**2", SQUARE), ("1/(x - y)", SQUARE), ("1", {"x": [0, None], "y": [0, 1]}),
        ("x*y", {"x": [None, None], "y": [None, None]}), ("sqrt(-x)", SQUARE), ("1/(1 + x*x + y*y)",
         {"x": [None, None], "y": [None, None]}), ("exp(x)", {"x": [0, None]}), ("1/x", {"x": [-1, 1]}),
    ],
)  # fmt: skip
def test_a_diverging_integral_fails_and_is_never_a_number(integrand, bounds):
    outcome = solve(integrand, bounds, {"max_evaluations": 200_000})
    assert outcome.outputs is None
    assert (outcome.problem.code, outcome.problem.field) == ("not_converged", "inputs.integrand")
    assert "no convergence near (" in outcome.problem.message
    assert outcome.problem.hint


def test_a_spent_budget_is_told_with_the_error():
    outcome = solve("where(x*x + y*y < 1, 1, 0)", SQUARE, {"max_evaluations": 3000})
    assert outcome.problem.code == "not_converged"
    assert "the error is" in outcome.problem.message


@pytest.mark.parametrize("method", ["gauss_kronrod", "genz_malik"])
def test_a_method_that_is_asked_for_is_used(method):
    outcome = solve("exp(x + y)", SQUARE, {"method": method})
    assert outcome.diagnostics.method == method
    assert abs(outcome.outputs["value"] - (math.e - 1) ** 2) <= outcome.diagnostics.error_estimate


def test_an_integrand_that_is_seen_as_zero_everywhere_is_warned_of():
    assert "breakpoints" in solve("exp(-1e6*((x - 0.123)**2 + (y - 0.456)**2))", SQUARE).warnings[0]
    assert solve("x*y", SQUARE).warnings == []


def test_the_work_can_be_stopped():
    def stop(fraction, stage):
        raise Problem("cancelled", "stop")

    with pytest.raises(Problem) as caught:
        solve("x*y", SQUARE, watch=stop)
    assert caught.value.code == "cancelled"


@pytest.mark.parametrize(
    ("change", "options", "code", "field", "rule"),
    [
        ({"integrand": "x +"}, {}, "invalid_formula", "inputs.integrand", "a formula breaks off"),
        ({"integrand": "z"}, {}, "invalid_formula", "inputs.integrand", "an unknown name"),
        ({"bounds": {}}, {}, "invalid_input", "inputs.bounds", "no variable"),
        ({"bounds": {f"x{i}": [0, 1] for i in range(11)}}, {}, "invalid_input", "inputs.bounds", "too many"),
        ({"parameters": {"x": 1}}, {}, "invalid_input", "inputs.parameters.x", "a name twice"),
        ({"breakpoints": {"z": [1]}}, {}, "invalid_input", "inputs.breakpoints.z", "an unknown variable"),
        ({"breakpoints": {"x": [2]}}, {}, "invalid_input", "inputs.breakpoints.x[0]", "outside"),
        ({"breakpoints": {"x": [None]}}, {}, "invalid_input", "inputs.breakpoints.x[0]", "no number"),
        ({"breakpoints": {"x": [0.5] * 5000}}, {}, "invalid_input", "inputs.breakpoints.x", "too many"),
        ({"breakpoints": {n: [i / 100 for i in range(100)] for n in "xy"}}, {}, "invalid_input",
         "inputs.breakpoints", "too many pieces"),
        ({}, {"method": "simpson"}, "invalid_input", "options.method", "an unknown method"),
        ({"bounds": {"x": [0, 1]}, "integrand": "x"}, {"method": "genz_malik"}, "invalid_input", "options.method",
         "no rule for one variable"),
        ({"bounds": {n: [0, 1] for n in "uvwxyz"}}, {"method": "gauss_kronrod"}, "invalid_input", "options.method",
         "no rule for six variables"),
        ({}, {"epsabs": 0, "epsrel": 1e-15}, "invalid_input", "options.epsrel", "more accurate than numbers are"),
        ({}, {"max_evaluations": 10**10}, "invalid_input", "options.max_evaluations", "too many"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_place(change, options, code, field, rule):
    with pytest.raises(Problem) as caught:
        cubature.TASK.prepare({"integrand": "x", "bounds": SQUARE, **change}, options, 0)
    assert (caught.value.code, caught.value.field) == (code, field), rule
    assert caught.value.hint, rule
