"""The task `integrate.monte_carlo`: integrals by sampling, with errors that bound the error as often as they say."""

import math

import pytest

from agents.integrate import monte_carlo
from agents.outcome import Problem
from sciagents.accuracy import genz

SQUARE = {"x": [0, 1], "y": [0, 1]}
SAMPLERS = ["sobol", "halton", "random"]


def solve(integrand, bounds, seed=1, options=None, **rest):
    task = monte_carlo.TASK
    inputs = {"integrand": integrand, "bounds": bounds, **rest}
    return task.compute([task.prepare(inputs, options or {}, seed)], lambda fraction, stage: None)[0]


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("family", list(genz.families(3)), ids=lambda one: one.name)
def test_the_error_estimate_bounds_the_error_as_often_as_it_says(family, sampler):
    missed = 0
    for seed in range(25):
        outcome = solve(family.formula, family.bounds, seed, sampler=sampler, n_samples=4096)
        missed += abs(outcome.outputs["value"] - family.exact) > outcome.diagnostics.error_estimate
        assert outcome.outputs["error_estimate"] == outcome.diagnostics.error_estimate
    assert missed <= 1


@pytest.mark.parametrize(
    ("integrand", "bounds", "expected", "rule"),
    [
        ("exp(-x*x - y)", {"x": [None, None], "y": [0, "Infinity"]}, math.sqrt(math.pi), "infinite bounds"),
        ("x", {"x": [2, 0]}, -2.0, "reversed bounds"),
        ("1/(1 + x*x)", {"x": [None, None]}, math.pi, "a slow decay"),
        ("1/sqrt(x)", {"x": [0, 1]}, 2.0, "no variance"),
        ("k*x*y", SQUARE, 1.0, "a parameter"),
    ],
)
def test_boxes_of_every_kind(integrand, bounds, expected, rule):
    outcome = solve(integrand, bounds, parameters={"k": 4.0})
    assert abs(outcome.outputs["value"] - expected) <= outcome.diagnostics.error_estimate <= 0.3, rule


def test_equal_bounds_give_zero():
    assert solve("x*y", {"x": [0, 0], "y": [0, 1]}).outputs["value"] == 0.0


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize(
    ("integrand", "bounds"),
    [("1/x", {"x": [0, 1]}), ("1", {"x": [0, None]}), ("1/x", {"x": [1, None]}), ("1/x**2", {"x": [-1, 1]})],
)
def test_a_diverging_integral_fails_and_is_never_a_number(integrand, bounds, sampler):
    problem = solve(integrand, bounds, sampler=sampler).problem
    assert (problem.code, problem.field) == ("not_converged", "inputs.integrand")
    assert problem.hint


def test_where_the_integrand_is_not_finite_is_told():
    problem = solve("log(x)", {"x": [-1, 1]}).problem
    assert (problem.code, problem.field) == ("non_finite", "inputs.integrand")
    assert "first at x = -" in problem.message


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_seed_gives_the_same_bytes_again(sampler):
    one, same, other = (solve("x*y", SQUARE, seed, sampler=sampler).outputs["value"] for seed in (4, 4, 5))
    assert one == same != other


def test_samples_that_cannot_be_balanced_are_warned_of():
    assert solve("x*y", SQUARE, n_samples=4096).warnings == []
    outcome = solve("x*y", SQUARE, n_samples=5000)
    assert "power of two" in outcome.warnings[0]
    assert outcome.outputs["n_samples"] == 5008


def test_an_integrand_that_is_seen_as_zero_everywhere_is_warned_of():
    assert "narrower bounds" in solve("exp(-1e9*((x - 0.123)**2 + (y - 0.456)**2))", SQUARE).warnings[0]


@pytest.mark.parametrize(
    ("change", "options", "code", "field", "rule"),
    [
        ({"integrand": "x +"}, {}, "invalid_formula", "inputs.integrand", "a formula breaks off"),
        ({"bounds": {f"x{i}": [0, 1] for i in range(101)}}, {}, "invalid_input", "inputs.bounds", "too many variables"),
        ({"sampler": "lhs"}, {}, "invalid_input", "inputs.sampler", "an unknown sampler"),
        ({"n_samples": 10}, {}, "invalid_input", "inputs.n_samples", "too few"),
        ({"n_samples": 10**9}, {}, "invalid_input", "inputs.n_samples", "too many"),
        ({"n_samples": 1000.5}, {}, "invalid_input", "inputs.n_samples", "no whole number"),
        ({"sampler": "random"}, {"method": "sobol"}, "invalid_input", "options.method", "chosen twice"),
        ({"parameters": {f"p{i}": 1 for i in range(1001)}}, {}, "invalid_input", "inputs.parameters", "too many"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(change, options, code, field, rule):
    with pytest.raises(Problem) as caught:
        monte_carlo.TASK.prepare({"integrand": "x", "bounds": SQUARE, **change}, options, 0)
    assert (caught.value.code, caught.value.field) == (code, field), rule
    assert caught.value.hint, rule
