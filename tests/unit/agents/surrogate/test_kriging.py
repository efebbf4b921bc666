"""The task `surrogate.kriging`, against the kriging system written with the variogram."""

import numpy as np
import pytest

from agents import alone
from agents.outcome import Problem
from agents.surrogate import kriging, predict, variogram

RNG = np.random.default_rng(0)
X, AT = 10 * RNG.random((40, 2)), 10 * RNG.random((25, 2))
Y = np.sin(X[:, 0]) + 0.1 * X[:, 1]
RHO = {
    "spherical": lambda r: np.where(r < 1, 1 - 1.5 * r + 0.5 * r**3, 0.0),
    "exponential": lambda r: np.exp(-r),
    "gaussian": lambda r: np.exp(-r * r),
    "matern": lambda r: (1 + np.sqrt(3) * r) * np.exp(-np.sqrt(3) * r),
}


def no_watch(fraction, stage):
    assert 0.0 <= fraction <= 1.0


def solve(inputs, task=kriging.TASK, **options):
    return alone.run(task.prepare(inputs, options, 0), no_watch, {})


def request(**changes):
    return {"x": X.tolist(), "y": Y.tolist(), "predict_at": AT.tolist(), **changes}


@pytest.mark.parametrize("model", RHO)
@pytest.mark.parametrize("nugget", [0.0, 0.2])
def test_mean_and_std_are_those_of_the_variogram_s_system(model, nugget):
    given = {"nugget": nugget, "partial_sill": 0.8, "range": 2.5}
    outputs = solve(request(kernel=model, variogram=given)).outputs

    def gamma(a, b):
        lag = np.linalg.norm(a[:, None] - b[None], axis=2)
        return np.where(lag > 0, nugget + 0.8 * (1 - RHO[model](lag / 2.5)), 0.0)

    system = np.ones((41, 41))
    system[:40, :40], system[40, 40] = gamma(X, X), 0.0
    right = np.ones((41, 25))
    right[:40] = gamma(X, AT)
    weights = np.linalg.solve(system, right)
    np.testing.assert_allclose(outputs["mean"], weights[:40].T @ Y, atol=1e-9)
    np.testing.assert_allclose(outputs["std"] ** 2, np.sum(weights * right, axis=0), atol=1e-9)


@pytest.mark.parametrize("nugget", [0.0, 0.5])
def test_at_a_sample_the_prediction_is_the_sample(nugget):
    given = {"nugget": nugget, "partial_sill": 0.8, "range": 2.5}
    outcome = solve(request(kernel="exponential", variogram=given, predict_at=X.tolist()))
    np.testing.assert_allclose(outcome.outputs["mean"], Y, atol=1e-10)
    assert outcome.outputs["std"].max() < 1e-6


def test_residuals_of_leaving_one_out_are_those_of_leaving_one_out():
    given = {"nugget": 0.1, "partial_sill": 0.8, "range": 2.5}
    whole = solve(request(kernel="spherical", variogram=given)).outputs
    for i in (0, 39):
        rest = np.arange(40) != i
        left = {"x": X[rest].tolist(), "y": Y[rest].tolist(), "kernel": "spherical", "variogram": given}
        made = solve({**left, "predict_at": X[[i]].tolist()}).outputs
        assert whole["loo_residuals"][i] == pytest.approx(Y[i] - made["mean"][0], abs=1e-10)


def test_the_empirical_variogram_is_the_mean_over_pairs():
    made = variogram.empirical(np.array([[0.0], [1.0], [2.0], [6.0]]), np.array([[1.0], [3.0], [2.0], [0.0]]), 3)
    assert made.lags.tolist() == [1.0, 2.0]
    assert made.counts.tolist() == [2.0, 1.0]
    assert made.gamma.tolist() == [(4 + 1) / 4, 0.5]


@pytest.mark.parametrize("model", RHO)
def test_a_variogram_without_noise_is_found_again(model):
    lags = np.linspace(0.2, 6.0, 15)
    gamma = 0.2 + 1.5 * (1 - RHO[model](lags / 2.0))
    made = variogram.fit(variogram.Empirical(lags, gamma, np.full(15, 50.0)), tuple(RHO), no_watch)
    assert made.model == model
    np.testing.assert_allclose([made.nugget, made.partial_sill, made.range_], [0.2, 1.5, 2.0], rtol=1e-3)


@pytest.mark.parametrize("kernel", ["auto", *RHO])
def test_the_error_is_within_its_estimate(kernel):
    outcome = solve(request(kernel=kernel))
    truth = np.sin(AT[:, 0]) + 0.1 * AT[:, 1]
    assert np.abs(outcome.outputs["mean"] - truth).max() <= outcome.diagnostics.error_estimate
    plan = predict.TASK.prepare({"surrogate_id": outcome.outputs["surrogate_id"], "at": AT.tolist()}, {}, 0)
    again = alone.run(plan, no_watch, outcome.keep)
    np.testing.assert_array_equal(again.outputs["mean"], outcome.outputs["mean"])


def test_units_of_y_change_nothing_but_units():
    one, two = (solve(request(y=(factor * Y).tolist())).outputs for factor in (1.0, 1e6))
    np.testing.assert_allclose(two["mean"], 1e6 * one["mean"], rtol=1e-6)
    assert two["variogram"]["partial_sill"] == pytest.approx(1e12 * one["variogram"]["partial_sill"], rel=1e-6)


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"x": [1, 2, 3], "y": [1, 2, 3]}, "inputs.x", "too few"),
        ({"y": [1.0] * 40}, "inputs.y", "a constant"),
        ({"x": [[0, 0]] * 40}, "inputs.x[1]", "one place"),
        ({"variogram": {}}, "inputs.kernel", "of no model"),
        ({"kernel": "matern", "variogram": {}}, "inputs.variogram.partial_sill", "a missing number"),
        ({"kernel": "matern", "variogram": {"sill": 1}}, "inputs.variogram.sill", "an unknown key"),
        ({"kernel": "matern", "variogram": {"partial_sill": 1, "range": 0}}, "inputs.variogram.range", "no range"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(change, field, rule):
    with pytest.raises(Problem) as caught:
        kriging.TASK.prepare(request(**change), {}, 0)
    assert (caught.value.code, caught.value.field) == ("invalid_input", field), rule
    assert caught.value.hint


def test_what_is_as_different_near_as_far_is_a_failure():
    y = [1.0 if i % 2 else -1.0 for i in range(40)]
    outcome = solve({"x": list(range(40)), "y": y, "kernel": "exponential"})
    assert outcome.problem is None or outcome.problem.code == "singular"
