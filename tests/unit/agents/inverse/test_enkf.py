"""The task `inverse.enkf`, against the Kalman filter that it samples."""

import numpy as np
import pytest

from agents import alone
from agents.inverse import enkf
from agents.inverse.enkf import gaspari_cohn
from agents.outcome import Problem

TURN = 0.95 * np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
SEEN = np.sin(0.4 * np.arange(1, 13)) * 0.95 ** np.arange(1, 13) + 0.1


def no_watch(fraction, stage):
    assert 0.0 <= fraction <= 1.0


def solve(inputs, seed=1, **options):
    return alone.run(enkf.TASK.prepare(inputs, options, seed), no_watch, {})


def request(**changes):
    return {
        "matrix": TURN.tolist(), "initial": [1, 0], "initial_covariance": 0.5, "observations": SEEN.tolist(),
        "observation_operator": [[0, 1]], "observation_covariance": 0.04, "process_covariance": 0.01, **changes,
    }  # fmt: skip


def kalman():
    """Means and the last covariance of the exact filter."""
    mean, p, means = np.array([1.0, 0.0]), 0.5 * np.eye(2), []
    h = np.array([[0.0, 1.0]])
    for y in SEEN:
        mean, p = TURN @ mean, TURN @ p @ TURN.T + 0.01 * np.eye(2)
        gain = p @ h.T / (h @ p @ h.T + 0.04)
        mean, p = mean + gain @ (y - h @ mean), p - gain @ h @ p
        means.append(mean)
    return np.array(means), p


@pytest.mark.parametrize("size", [30, 300, 3000])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_mean_is_the_kalman_filter_s_within_the_error(size, seed):
    outcome = solve(request(), seed, n_ensemble=size)
    assert np.abs(outcome.outputs["mean"] - kalman()[0]).max() <= outcome.diagnostics.error_estimate


def test_the_covariance_tends_to_the_kalman_filter_s():
    outcome = solve(request(), n_ensemble=20_000)
    np.testing.assert_allclose(outcome.outputs["final_ensemble_covariance"], kalman()[1], rtol=0.08, atol=1e-3)
    np.testing.assert_allclose(outcome.outputs["std"][-1], np.sqrt(np.diag(kalman()[1])), rtol=0.05)


def test_a_matrix_and_the_same_map_as_formulas_agree():
    (a, b), (c, d) = TURN.tolist()
    formulas = {"x0": f"{a!r}*x0 + ({b!r})*x1", "x1": f"{c!r}*x0 + {d!r}*x1"}
    as_map = request(transition=formulas, observation_operator=["x1"])
    del as_map["matrix"]
    np.testing.assert_allclose(solve(as_map).outputs["mean"], solve(request()).outputs["mean"], atol=1e-12)


def test_equations_go_on_in_time():
    inputs = {"equations": {"x": "v", "v": "-x"}, "initial": {"x": 1, "v": 0}, "initial_covariance": 1e-8,
              "observations": [[0.0, -1.0]], "times": [np.pi / 2], "observation_covariance": 1.0}  # fmt: skip
    np.testing.assert_allclose(solve(inputs).outputs["forecast_mean"], [[0.0, -1.0]], atol=1e-3)


def test_wrong_covariances_are_noticed():
    rng = np.random.default_rng(5)
    x, seen = np.array([1.0, 0.0]) + 0.5**0.5 * rng.standard_normal(2), []
    for _ in range(12):
        x = TURN @ x + 0.1 * rng.standard_normal(2)
        seen.append(float(x[1]) + 0.2 * rng.standard_normal())
    assert solve(request(observations=seen)).diagnostics.checks[-1].passed
    outcome = solve(request(observation_covariance=1e-4, process_covariance=1e-4, observations=(10 * SEEN).tolist()))
    assert not outcome.diagnostics.checks[-1].passed
    assert any("covariances" in warning for warning in outcome.warnings)


def test_inflation_keeps_the_spread_and_localisation_far_states_apart():
    assert solve(request(), inflation=1.2).outputs["std"][-1].sum() > solve(request()).outputs["std"][-1].sum()
    n = 30
    inputs = {"matrix": np.eye(n).tolist(), "initial": [0] * n, "initial_covariance": 1, "observations": [5.0],
              "observation_operator": [[1] + [0] * (n - 1)], "observation_covariance": 0.01}  # fmt: skip
    near, wide = (solve(inputs, n_ensemble=10, **how).outputs["mean"][0] for how in ({"localization": 2}, {}))
    assert np.abs(near[5:]).max() < 1e-15
    assert np.abs(wide[5:]).max() > 0.1


def test_gaspari_and_cohn_s_function_is_smooth_and_ends():
    r = np.array([0.0, 1.0, 2.0, 5.0])
    np.testing.assert_allclose(gaspari_cohn(r), [1.0, 5 / 24, 0.0, 0.0], atol=1e-12)


def test_the_same_seed_gives_the_same_ensemble():
    one, two, other = (solve(request(), seed).outputs["mean"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()


def test_a_model_that_blows_up_is_a_failure():
    inputs = {"equations": {"x": "x**3"}, "initial": {"x": 5}, "initial_covariance": 1, "observations": [1],
              "times": [10], "observation_covariance": 1}  # fmt: skip
    outcome = solve(inputs)
    assert (outcome.problem.code, outcome.problem.field) == ("non_finite", "inputs.initial")


@pytest.mark.parametrize(
    ("change", "options", "field", "rule"),
    [
        ({"matrix": None}, {}, "inputs.equations", "no dynamics"),
        ({"equations": {"x0": "1", "x1": "1"}}, {}, "inputs.matrix", "two kinds of dynamics"),
        ({"matrix": [[1]]}, {}, "inputs.matrix", "another size"),
        ({"initial": []}, {}, "inputs.initial", "no state"),
        ({"initial_covariance": -1}, {}, "inputs.initial_covariance", "a negative variance"),
        ({"observations": []}, {}, "inputs.observations", "no observations"),
        ({"observations": [[1, 2]]}, {}, "inputs.observations", "too many numbers"),
        ({"observation_operator": [[1]]}, {}, "inputs.observation_operator", "another width"),
        ({"observation_covariance": [[1, 2]]}, {}, "inputs.observation_covariance", "no covariance"),
        ({"times": [1]}, {}, "inputs.times", "too few times"),
        ({"times": list(range(12, 0, -1))}, {}, "inputs.times", "times backwards"),
        ({"times": [0.5 + i for i in range(12)]}, {}, "inputs.times", "half steps of a map"),
        ({}, {"n_ensemble": 1}, "options.n_ensemble", "one member"),
        ({"observation_operator": [[1, 1]]}, {"localization": 1}, "options.localization", "an observation of two"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(change, options, field, rule):
    with pytest.raises(Problem) as caught:
        enkf.TASK.prepare(request(**change), options, 0)
    assert (caught.value.code, caught.value.field) == ("invalid_input", field), rule
    assert caught.value.hint
