"""The task `uq.propagate`: moments and quantiles of models whose distribution is known."""

import math

import numpy as np
import pytest
from scipy import stats

from agents.outcome import Problem
from agents.uq import propagate

NORMAL = {"distribution": "norm"}


def no_watch(fraction, stage):
    pass


def solve(model="exp(x)", distributions=None, seed=1, options=None, **rest):
    inputs = {"model": model, "distributions": distributions or {"x": NORMAL}, **rest}
    task = propagate.TASK
    return task.compute([task.prepare(inputs, options or {}, seed)], no_watch)[0]


@pytest.mark.parametrize("sampler", ["random", "lhs", "sobol"])
def test_a_lognormal_has_its_moments_and_quantiles(sampler):
    outcome = solve(sampler=sampler, n_samples=65_536, quantiles=[0.1, 0.5, 0.9])
    outputs, exact = outcome.outputs, stats.lognorm(1.0)
    error = outcome.diagnostics.error_estimate
    assert abs(outputs["mean"] - exact.mean()) <= error <= 0.1
    low, high = outputs["mean_confidence_interval"]
    assert low < exact.mean() < high
    assert outputs["std"] == pytest.approx(exact.std(), rel=0.1)
    for level, value in outputs["quantiles"].items():
        assert value == pytest.approx(exact.ppf(float(level)), rel=0.02)
    assert outcome.kernel == "native.formula"
    assert outcome.diagnostics.evaluations == outputs["n_samples"] == 65_536
    assert outcome.diagnostics.converged is None


@pytest.mark.parametrize("sampler", ["random", "lhs", "sobol"])
def test_the_confidence_interval_covers_the_mean_as_often_as_it_says(sampler):
    inputs = {"distributions": {"x": NORMAL, "y": {"distribution": "uniform"}}, "sampler": sampler, "n_samples": 1024}
    exact = 1.5
    found = [solve("x**2 + y", seed=seed, **inputs) for seed in range(200)]
    inside = sum(one.outputs["mean_confidence_interval"][0] <= exact <= one.outputs["mean_confidence_interval"][1]
                 for one in found)  # fmt: skip
    assert 176 <= inside <= 200
    assert sum(abs(one.outputs["mean"] - exact) > one.diagnostics.error_estimate for one in found) <= 2


def test_low_discrepancy_and_strata_reduce_the_error():
    random, lhs, sobol = (
        solve("x**2", {"x": {"distribution": "uniform"}}, sampler=sampler, n_samples=4096).diagnostics.error_estimate
        for sampler in ("random", "lhs", "sobol")
    )
    assert lhs < random / 20
    assert sobol < random / 20


def test_the_histogram_counts_every_sample():
    outputs = solve(n_samples=5000, bins=7).outputs
    counts, edges = outputs["histogram"]["counts"], outputs["histogram"]["edges"]
    assert counts.sum() == outputs["n_samples"] == 5000
    assert len(edges) == len(counts) + 1 == 8
    assert (edges[0], edges[-1]) == (outputs["minimum"], outputs["maximum"])


def test_the_kept_samples_give_the_kept_values():
    inputs = {"x": NORMAL, "y": {"distribution": "gamma", "a": 2.0}}
    outputs = solve("x*y + k", inputs, parameters={"k": 3.0}, n_samples=40_000, n_kept=100).outputs
    samples = outputs["samples"]
    assert samples["x"].shape == samples["y"].shape == outputs["values"].shape == (100,)
    assert np.allclose(samples["x"] * samples["y"] + 3.0, outputs["values"])


def test_a_constant_has_no_spread():
    outputs = solve("3 + 0*x", n_samples=100).outputs
    assert (outputs["mean"], outputs["std"]) == (3.0, 0.0)
    assert outputs["histogram"]["counts"].tolist() == [100]


@pytest.mark.parametrize(
    ("distribution", "model", "mean", "std"),
    [
        ({"distribution": "cauchy"}, "x", False, False),
        ({"distribution": "cauchy"}, "atan(x)", True, True),
        (NORMAL, "1/x", False, False),
        ({"distribution": "t", "df": 1.5}, "x", True, False),
    ],
)
def test_a_moment_that_does_not_exist_is_no_number(distribution, model, mean, std):
    outcome = solve(model, {"x": distribution}, n_samples=20_000)
    outputs = outcome.outputs
    assert (outputs["mean"] is not None, outputs["std"] is not None) == (mean, std)
    assert (outputs["mean_confidence_interval"] is not None) is mean
    assert (outcome.diagnostics.error_estimate is not None) is mean
    assert bool(outcome.warnings) is not std
    assert math.isfinite(outputs["quantiles"]["0.5"])


def test_where_the_model_is_not_finite_is_told():
    problem = solve("log(x)", seed=3, n_samples=1000).problem
    assert (problem.code, problem.field) == ("non_finite", "inputs.model")
    assert "of 1000 points, first at x = -" in problem.message
    assert problem.hint


def test_a_seed_gives_the_same_answer_again():
    one, same, other = (solve(seed=seed, n_samples=5000).outputs for seed in (4, 4, 5))
    assert one["mean"] == same["mean"] != other["mean"]
    assert np.array_equal(one["histogram"]["counts"], same["histogram"]["counts"])


def test_the_work_can_be_stopped():
    def stop(fraction, stage):
        raise Problem("timed_out", "stop")

    task = propagate.TASK
    with pytest.raises(Problem) as caught:
        task.compute([task.prepare(dict(task.example), {}, 1)], stop)
    assert caught.value.code == "timed_out"


def test_an_estimate_of_the_cost_grows_with_the_samples():
    small, large = (
        propagate.TASK.prepare({"model": "x", "distributions": {"x": NORMAL}, "n_samples": n}, {}, 1).cost
        for n in (1000, 1_000_000)
    )
    assert small < 2e8 < large


@pytest.mark.parametrize(
    ("change", "code", "field", "rule"),
    [
        ({"model": "x +"}, "invalid_formula", "inputs.model", "a formula breaks off"),
        ({"model": "x + z"}, "invalid_formula", "inputs.model", "an unknown name"),
        ({"model": 3}, "invalid_input", "inputs.model", "no formula"),
        ({"distributions": {}}, "invalid_input", "inputs.distributions", "no input"),
        ({"distributions": {"x": {"distribution": "nrm"}}}, "invalid_input", "inputs.distributions.x.distribution",
         "unknown"),
        ({"distributions": {"sin": NORMAL}}, "invalid_input", "inputs.distributions.sin", "a function's name"),
        ({"parameters": {"x": 1}}, "invalid_input", "inputs.parameters.x", "a name twice"),
        ({"parameters": {"a": "NaN"}}, "invalid_input", "inputs.parameters.a", "no number"),
        ({"parameters": {f"p{i}": 0 for i in range(1001)}}, "invalid_input", "inputs.parameters",
         "too many parameters"),
        ({"n_samples": 10}, "invalid_input", "inputs.n_samples", "too few samples"),
        ({"n_samples": 10**9}, "invalid_input", "inputs.n_samples", "too many samples"),
        ({"n_samples": True}, "invalid_input", "inputs.n_samples", "a boolean"),
        ({"sampler": "halton"}, "invalid_input", "inputs.sampler", "an unknown sampler"),
        ({"quantiles": [1.5]}, "invalid_input", "inputs.quantiles[0]", "no quantile"),
        ({"quantiles": [0.5] * 101}, "invalid_input", "inputs.quantiles", "too many quantiles"),
        ({"confidence_level": 1}, "invalid_input", "inputs.confidence_level", "certainty"),
        ({"bins": 0}, "invalid_input", "inputs.bins", "no bin"),
        ({"n_sample": 100}, "invalid_input", "inputs.n_sample", "an unknown key"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_place(change, code, field, rule):
    with pytest.raises(Problem) as caught:
        propagate.TASK.prepare({"model": "x", "distributions": {"x": NORMAL}, **change}, {}, 0)
    assert (caught.value.code, caught.value.field) == (code, field), rule
    assert caught.value.hint, rule


def test_a_sampler_that_is_chosen_twice_is_refused():
    with pytest.raises(Problem) as caught:
        solve(sampler="lhs", options={"method": "sobol"})
    assert caught.value.field == "options.method"
    assert solve(options={"method": "lhs"}, n_samples=64).diagnostics.method == "lhs"
