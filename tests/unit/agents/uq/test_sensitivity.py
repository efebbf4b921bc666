"""The task `uq.sensitivity`: indices of functions for which they are known."""

import math

import numpy as np
import pytest

from agents.outcome import Problem
from agents.uq import sensitivity
from sciagents.accuracy.uq import g_function, ishigami

ANGLE = {"distribution": "uniform", "loc": -math.pi, "scale": 2 * math.pi}
NORMAL = {"distribution": "norm"}
ISHIGAMI = {
    "model": "sin(x1) + a*sin(x2)**2 + b*x3**4*sin(x1)", "parameters": {"a": 7, "b": 0.1},
    "distributions": dict.fromkeys(("x1", "x2", "x3"), ANGLE),
}  # fmt: skip


def solve(inputs, options=None, seed=1):
    task = sensitivity.TASK
    return task.compute([task.prepare(inputs, options or {}, seed)], lambda fraction, stage: None)[0]


def rows(outcome, *keys):
    return np.concatenate([list(outcome.outputs[key].values()) for key in keys])


def test_ishigami_has_its_indices():
    outcome = solve({**ISHIGAMI, "n_samples": 8192})
    assert np.allclose(rows(outcome, "first_order", "total_order"), np.concatenate(ishigami(7.0, 0.1)), atol=5e-3)
    assert outcome.diagnostics.evaluations == 8192 * 5
    assert outcome.outputs["mean"] == pytest.approx(3.5, abs=0.01)
    assert outcome.outputs["variance"] == pytest.approx(13.8446, rel=0.01)


@pytest.mark.parametrize("count", [128, 1000])
def test_the_claimed_error_bounds_the_error_and_the_intervals_cover(count):
    exact = np.concatenate(ishigami(7.0, 0.1))
    covered = []
    for seed in range(60):
        outcome = solve({**ISHIGAMI, "n_samples": count}, seed=seed)
        found = rows(outcome, "first_order", "total_order")
        assert np.abs(found - exact).max() <= outcome.diagnostics.error_estimate
        low, high = rows(outcome, "first_order_confidence", "total_order_confidence").T
        covered.append((low <= exact) & (exact <= high))
    assert np.mean(covered) >= 0.93


def test_second_order_indices_are_the_interactions():
    outcome = solve({**ISHIGAMI, "n_samples": 8192, "second_order": True})
    pairs = outcome.outputs["second_order"]
    assert pairs["x1"]["x3"] == pytest.approx(ishigami(7.0, 0.1)[1][2], abs=0.02)
    assert abs(pairs["x1"]["x2"]) < 0.02
    assert abs(pairs["x2"]["x3"]) < 0.02
    low, high = outcome.outputs["second_order_confidence"]["x1"]["x3"]
    assert low < pairs["x1"]["x3"] < high
    assert outcome.diagnostics.evaluations == 8192 * 8


def test_the_g_function_has_its_indices():
    a = [0.0, 1.0, 4.5, 9.0]
    model = "*".join(f"(abs(4*x{i} - 2) + {one})/{1 + one}" for i, one in enumerate(a))
    unit = {f"x{i}": {"distribution": "uniform"} for i in range(4)}
    outcome = solve({"model": model, "distributions": unit, "n_samples": 16_384})
    assert np.allclose(rows(outcome, "first_order", "total_order"), np.concatenate(g_function(a)), atol=5e-3)


def test_an_input_that_does_not_matter_has_the_total_index_zero():
    outcome = solve({"model": "x + 0*y", "distributions": {"x": NORMAL, "y": NORMAL}})
    assert outcome.outputs["total_order"]["y"] == 0.0
    assert outcome.outputs["total_order"]["x"] == pytest.approx(1.0, abs=0.01)


def test_a_large_mean_does_not_spoil_the_indices():
    plain, shifted = (
        solve({"model": f"{shift} + x + 2*y", "distributions": {"x": NORMAL, "y": NORMAL}}) for shift in (0, 1e6)
    )
    assert np.allclose(rows(plain, "first_order"), rows(shifted, "first_order"), atol=1e-6)


def test_morris_finds_the_slopes_of_a_line():
    outcome = solve({"model": "3*x - 2*y", "distributions": {"x": ANGLE, "y": {"distribution": "uniform"}},
                     "method": "morris", "n_samples": 10})  # fmt: skip
    assert outcome.outputs["mu"] == pytest.approx({"x": 6 * math.pi, "y": -2.0})
    assert outcome.outputs["mu_star"] == pytest.approx({"x": 6 * math.pi, "y": 2.0})
    assert outcome.outputs["sigma"] == pytest.approx({"x": 0.0, "y": 0.0}, abs=1e-12)
    assert outcome.diagnostics.evaluations == 30


def test_morris_takes_the_effects_along_each_input_itself():
    unit = {"distribution": "uniform"}
    inputs = {"model": "x*y", "distributions": {"x": unit, "y": unit}, "n_samples": 4000}
    outcome = solve(inputs, {"method": "morris"})
    # y is 0, 1/3, 2/3 or 1 with equal probability
    assert outcome.outputs["mu"]["x"] == pytest.approx(0.5, abs=0.03)
    assert outcome.outputs["sigma"]["x"] == pytest.approx(math.sqrt(5) / 6, abs=0.03)
    assert abs(outcome.outputs["mu_star"]["x"] - 0.5) <= outcome.diagnostics.error_estimate
    assert outcome.diagnostics.method == "morris"


def test_morris_takes_unbounded_inputs():
    outcome = solve({"model": "x", "distributions": {"x": NORMAL}, "method": "morris"})
    assert 0 < outcome.outputs["mu_star"]["x"] < 10


@pytest.mark.parametrize(
    ("model", "code", "rule"),
    [
        ("3", "singular", "it does not vary"),
        ("3 + 1e-16*x", "singular", "it varies by rounding only"),
        ("sqrt(x)", "non_finite", "it does not exist everywhere"),
        ("1/x", "not_converged", "it has no variance"),
    ],
)
def test_a_model_without_indices_has_no_numbers(model, code, rule):
    problem = solve({"model": model, "distributions": {"x": NORMAL}}).problem
    assert (problem.code, problem.field) == (code, "inputs.model"), rule
    assert problem.hint, rule


@pytest.mark.parametrize("method", ["sobol", "morris"])
def test_a_seed_gives_the_same_answer_again(method):
    one, same, other = (
        solve({**ISHIGAMI, "method": method, "n_samples": 200}, seed=seed).outputs for seed in (4, 4, 5)
    )
    assert one == same != other


@pytest.mark.parametrize(
    ("change", "code", "field", "rule"),
    [
        ({"n_samples": 10}, "invalid_input", "inputs.n_samples", "too few for indices"),
        ({"n_samples": 9_000_000}, "budget_exceeded", "inputs.n_samples", "too many evaluations"),
        ({"method": "fast"}, "invalid_input", "inputs.method", "an unknown method"),
        ({"method": "morris", "levels": 5}, "invalid_input", "inputs.levels", "an odd number of levels"),
        ({"method": "morris", "n_samples": 1}, "invalid_input", "inputs.n_samples", "too few trajectories"),
        ({"distributions": {"x1": 3}}, "invalid_input", "inputs.distributions.x1", "no distribution"),
        ({"model": "x4"}, "invalid_formula", "inputs.model", "an unknown name"),
        ({"confidence_level": 0}, "invalid_input", "inputs.confidence_level", "no level"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(change, code, field, rule):
    with pytest.raises(Problem) as caught:
        sensitivity.TASK.prepare({**ISHIGAMI, **change}, {}, 0)
    assert (caught.value.code, caught.value.field) == (code, field), rule
    assert caught.value.hint, rule
