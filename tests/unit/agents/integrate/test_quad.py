"""The task `integrate.quad`: bounds of every kind, and no number where there is no integral."""

import math

import pytest

from agents.integrate import quad
from agents.outcome import Problem

SPLIT = 2 * (3**-0.5 + (2 / 3) ** 0.5)


def no_watch(fraction, stage):
    pass


def solve(integrand, bounds, **rest):
    options = rest.pop("options", {})
    inputs = {"integrand": integrand, "variable": "x", "bounds": bounds, **rest}
    return quad.compute_quad([quad.prepare_quad(inputs, options, 0)], no_watch)[0]


@pytest.mark.parametrize(
    ("integrand", "bounds", "rest", "expected", "rule"),
    [
        ("x**2", [0, 3], {}, 9.0, "finite bounds"),
        ("x**2", [3, 0], {}, -9.0, "reversed bounds give the negative"),
        ("x**2", [3, 3], {}, 0.0, "equal bounds give 0"),
        ("exp(-x)", [0, "Infinity"], {}, 1.0, "upper bound infinite"),
        ("exp(x)", ["-Infinity", 0], {}, 1.0, "lower bound infinite"),
        ("exp(-x**2)", ["-Infinity", "Infinity"], {}, math.sqrt(math.pi), "both infinite"),
        ("exp(-x**2)", ["Infinity", "-Infinity"], {}, -math.sqrt(math.pi), "both infinite, reversed"),
        ("exp(-x**2)", ["Infinity", "Infinity"], {}, 0.0, "equal infinite bounds"),
        ("exp(-x)", [0, None], {}, 1.0, "an open upper end"),
        ("exp(-x**2)", [None, None], {}, math.sqrt(math.pi), "both ends open"),
        ("a*x**n", [0, 1], {"parameters": {"a": 3, "n": 2}}, 1.0, "parameters"),
        ("abs(x - 1/3)**-0.5", [0, 1], {"breakpoints": [1 / 3], "options": {"epsrel": 1e-7}}, SPLIT, "a breakpoint"),
        ("1", [1, 3], {}, 2.0, "a constant"),
        ("exp(-(x - 1e5)**2)", ["-Infinity", "Infinity"], {"breakpoints": [1e5]}, math.sqrt(math.pi), "a far peak"),
    ],
)  # fmt: skip
def test_integrals_are_within_their_error_estimate(integrand, bounds, rest, expected, rule):
    outcome = solve(integrand, bounds, **rest)
    assert outcome.problem is None, rule
    assert abs(outcome.outputs["value"] - expected) <= outcome.outputs["error_estimate"] + 1e-15, rule
    assert outcome.outputs["error_estimate"] <= 3e-7, rule
    assert outcome.diagnostics.error_estimate == outcome.outputs["error_estimate"]
    assert (outcome.kernel, outcome.compiled) == ("native.quadrature.gauss_kronrod_21", True)


@pytest.mark.parametrize(
    ("integrand", "bounds"),
    [("1/x", [0, 1]), ("1/x", [-1, 1]), ("1/(x - 0.3)", [0, 1]), ("x", ["-Infinity", "Infinity"]),
     ("1/x", [1, "Infinity"]), ("sqrt(x)", [-1, 1]), ("exp(x)", [0, "Infinity"])],
)  # fmt: skip
def test_a_diverging_integral_fails_and_is_never_a_number(integrand, bounds):
    outcome = solve(integrand, bounds)
    assert outcome.outputs is None
    assert outcome.problem.code == "not_converged"
    assert outcome.problem.hint


def test_an_integrand_that_is_seen_as_zero_everywhere_is_warned_of():
    outcome = solve("exp(-(x - 1000)**2)", ["-Infinity", "Infinity"])
    assert "breakpoints" in outcome.warnings[0]
    assert solve("x**2", [0, 1]).warnings == []


@pytest.mark.parametrize(
    ("change", "options", "code", "field", "rule"),
    [
        ({"integrand": "x +"}, {}, "invalid_formula", "inputs.integrand", "a formula breaks off"),
        ({"integrand": "y"}, {}, "invalid_formula", "inputs.integrand", "an unknown name"),
        ({"variable": "pi"}, {}, "invalid_input", "inputs.variable", "pi is a constant"),
        ({"variable": "2x"}, {}, "invalid_input", "inputs.variable", "no name"),
        ({"parameters": {"x": 1}}, {}, "invalid_input", "inputs.parameters.x", "a parameter named like the variable"),
        ({"parameters": {"sin": 1}}, {}, "invalid_input", "inputs.parameters.sin", "a parameter named like a function"),
        ({"bounds": [0]}, {}, "invalid_input", "inputs.bounds", "one bound"),
        ({"bounds": [0, "NaN"]}, {}, "invalid_input", "inputs.bounds[1]", "no number"),
        ({"bounds": [-1e308, 1e308]}, {}, "invalid_input", "inputs.bounds", "a range that overflows"),
        ({"breakpoints": [2]}, {}, "invalid_input", "inputs.breakpoints[0]", "a breakpoint outside"),
        ({"breakpoints": [0.5] * 1001}, {}, "invalid_input", "inputs.breakpoints", "too many breakpoints"),
        ({"bound": [0, 1]}, {}, "invalid_input", "inputs.bound", "an unknown key"),
        ({}, {"epsrel": 1e-15, "epsabs": 0}, "invalid_input", "options.epsrel", "more accurate than numbers are"),
        ({}, {"limit": 10**7}, "invalid_input", "options.limit", "too many panels"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(change, options, code, field, rule):
    with pytest.raises(Problem) as caught:
        quad.prepare_quad({"integrand": "x", "variable": "x", "bounds": [0, 1], **change}, options, 0)
    assert (caught.value.code, caught.value.field) == (code, field), rule


def test_the_watch_is_heard_between_chunks():
    def stop(fraction, stage):
        raise Problem("cancelled", "stop")

    plan = quad.prepare_quad(
        {"integrand": "sin(1/x)/x", "bounds": [0, 1]}, {"epsabs": 0, "epsrel": 1e-13}, 0
    )  # fmt: skip
    with pytest.raises(Problem) as caught:
        quad.compute_quad([plan], stop)
    assert caught.value.code == "cancelled"


@pytest.mark.parametrize(
    ("integrand", "bounds", "breakpoints", "expected"),
    [
        ("1/sqrt(abs(x - 0.5))", [0, 1], [0.5], 2 * math.sqrt(2)),
        ("1/sqrt(1 - x*x)", [1, -1], [], -math.pi),
    ],
)
def test_a_singular_breakpoint_or_end_converges_at_the_ordinary_tolerance(integrand, bounds, breakpoints, expected):
    outcome = solve(integrand, bounds, breakpoints=breakpoints)
    assert abs(outcome.outputs["value"] - expected) <= outcome.outputs["error_estimate"] <= 1e-7
    assert outcome.diagnostics.method == "gauss_kronrod, extrapolated"
