"""The task `inverse.regularized`: minima against other solvers, certainty only where the conditions hold."""

import numpy as np
import pytest
from scipy import linalg, optimize

from agents import alone
from agents.inverse import regularized
from agents.inverse.sparse_penalty import differences
from agents.outcome import Problem

RNG = np.random.default_rng(0)
WIDE = RNG.standard_normal((30, 60))
TRUE = np.zeros(60)
TRUE[[3, 20, 41]] = [1.0, -2.0, 3.0]
SEEN = WIDE @ TRUE + 0.01 * RNG.standard_normal(30)
BLUR = np.exp(-0.5 * ((np.arange(60)[:, None] - np.arange(60)) / 1.5) ** 2)
BLUR /= BLUR.sum(axis=1, keepdims=True)
STEPS = np.repeat([0.0, 1.0, 0.3, 0.8], 15)
BLURRED = BLUR @ STEPS + 0.01 * RNG.standard_normal(60)


def no_watch(fraction, stage):
    assert 0.0 <= fraction <= 1.0


def solve(inputs, **options):
    return alone.run(regularized.TASK.prepare(inputs, options, 0), no_watch, {})


def image():
    made = np.zeros((12, 10))
    made[3:8, 2:7] = 1.0
    return made + 0.1 * np.random.default_rng(1).standard_normal(made.shape)


@pytest.mark.parametrize("alpha", [1e-6, 1e-3, 1.0, 100.0])
def test_tikhonov_is_the_stacked_least_squares_solution(alpha):
    outcome = solve({"a": BLUR.tolist(), "b": BLURRED.tolist(), "alpha": alpha})
    stacked = np.concatenate([BLUR, np.sqrt(alpha) * np.eye(60)])
    expected = linalg.lstsq(stacked, np.concatenate([BLURRED, np.zeros(60)]))[0]
    assert np.abs(outcome.outputs["x"] - expected).max() <= outcome.diagnostics.error_estimate
    assert outcome.outputs["residual_norm"] == pytest.approx(np.linalg.norm(BLUR @ expected - BLURRED))
    assert all(check.passed for check in outcome.diagnostics.checks)


@pytest.mark.parametrize("alpha", [0.05, 0.5, 5.0])
def test_l1_meets_the_conditions_of_its_minimum(alpha):
    outcome = solve({"a": WIDE.tolist(), "b": SEEN.tolist(), "alpha": alpha, "method": "l1"})
    x = outcome.outputs["x"]
    slope = 2 * WIDE.T @ (WIDE @ x - SEEN)
    assert np.abs(slope[x != 0] + alpha * np.sign(x[x != 0])).max() < 1e-9
    assert np.abs(slope[x == 0]).max() <= alpha
    assert outcome.diagnostics.converged
    assert outcome.diagnostics.error_estimate < 1e-8


@pytest.mark.parametrize("alpha", [0.02, 0.3, 3.0])
def test_tv_on_a_line_is_the_solution_of_the_dual_problem(alpha):
    b = np.repeat([0.0, 1.0, -1.0], 12) + 0.2 * np.sin(5 * np.arange(36))
    outcome = solve({"b": b.tolist(), "alpha": alpha, "method": "tv"})
    d = differences((36,)).toarray()
    dual = optimize.lsq_linear(d.T / 2, b, bounds=(-alpha, alpha), tol=1e-15, method="bvls").x
    assert np.abs(outcome.outputs["x"] - (b - d.T @ dual / 2)).max() < 1e-9
    assert all(check.passed for check in outcome.diagnostics.checks)


def test_tv_in_a_plane_is_the_solution_of_the_dual_problem_within_its_error():
    outcome = solve({"b": image().ravel().tolist(), "alpha": 0.4, "method": "tv", "shape": [12, 10]})
    d = differences((12, 10)).toarray()
    dual = optimize.lsq_linear(d.T / 2, image().ravel(), bounds=(-0.4, 0.4), tol=1e-14).x
    error = np.abs(outcome.outputs["x"] - (image().ravel() - d.T @ dual / 2)).max()
    assert error <= outcome.diagnostics.error_estimate + 1e-6
    assert outcome.diagnostics.error_estimate < 1e-3


@pytest.mark.parametrize("method", ["l1", "tv"])
def test_no_perturbation_lowers_the_objective(method):
    outputs = solve({"a": BLUR.tolist(), "b": BLURRED.tolist(), "alpha": 0.01, "method": method}).outputs
    d = np.eye(60) if method == "l1" else differences((60,)).toarray()

    def objective(x):
        return np.sum((BLUR @ x - BLURRED) ** 2) + 0.01 * np.abs(d @ x).sum()

    assert objective(outputs["x"]) == pytest.approx(outputs["objective"])
    rng = np.random.default_rng(2)
    for size in (1e-1, 1e-3, 1e-5):
        for _ in range(50):
            assert objective(outputs["x"] + size * rng.standard_normal(60)) >= outputs["objective"]


def test_gcv_of_tikhonov_is_the_minimum_of_its_definition():
    outputs = solve({"a": BLUR.tolist(), "b": BLURRED.tolist()}).outputs
    curve = outputs["curve"]

    def gcv(alpha):
        influence = BLUR @ linalg.solve(BLUR.T @ BLUR + alpha * np.eye(60), BLUR.T)
        return 60 * np.sum((BLURRED - influence @ BLURRED) ** 2) / np.trace(np.eye(60) - influence) ** 2

    assert curve["gcv"][100] == pytest.approx(gcv(curve["alpha"][100]), rel=1e-4)
    assert gcv(outputs["alpha"]) <= min(gcv(one) for one in np.geomspace(1e-6, 1e2, 60)) * 1.01


@pytest.mark.parametrize("method", ["tikhonov", "l1", "tv"])
def test_discrepancy_meets_the_noise(method):
    outputs = solve(
        {"a": BLUR.tolist(), "b": BLURRED.tolist(), "method": method}, selection="discrepancy", noise_norm=0.1
    ).outputs
    assert outputs["residual_norm"] == pytest.approx(0.1, rel=1e-2)
    assert outputs["residual_norm"] <= 0.1 + 1e-9


def test_auto_finds_the_steps_under_the_blur():
    outputs = solve({"a": BLUR.tolist(), "b": BLURRED.tolist(), "method": "tv"}).outputs
    assert np.abs(outputs["x"] - STEPS).mean() < 0.03


def test_l_curve_has_its_corner_between_noise_and_blur():
    outputs = solve({"a": BLUR.tolist(), "b": BLURRED.tolist()}, selection="l_curve").outputs
    assert 1e-6 < outputs["alpha"] < 1e-1


def test_a_sparse_matrix_is_the_same_matrix():
    row, col = np.nonzero(BLUR > 1e-12)
    given = {
        "format": "coo",
        "row": row.tolist(),
        "col": col.tolist(),
        "data": BLUR[row, col].tolist(),
        "shape": [60, 60],
    }
    one, two = (solve({"a": a, "b": BLURRED.tolist(), "alpha": 0.1}).outputs["x"] for a in (given, BLUR.tolist()))
    np.testing.assert_allclose(one, two, atol=1e-9)


def test_above_the_largest_alpha_nothing_is_left():
    top = 2 * np.abs(WIDE.T @ SEEN).max()
    above, below = (
        solve({"a": WIDE.tolist(), "b": SEEN.tolist(), "alpha": top * factor, "method": "l1"}).outputs["x"]
        for factor in (1.001, 0.99)
    )
    assert not above.any()
    assert below.any()


@pytest.mark.parametrize(
    ("inputs", "options", "code", "field", "rule"),
    [
        ({"a": [[1, 1], [1, 1]], "b": [1, 2], "alpha": 0}, {}, "singular", "inputs.alpha", "rank 1 without a penalty"),
        ({"b": [1, 2, 3]}, {}, "singular", "inputs.alpha", "nothing to choose alpha by"),
        ({"a": [[1, -1], [2, -2]], "b": [1, 2], "alpha": 1, "method": "tv"}, {}, "singular", "inputs.a", "blind"),
        ({"b": [0, 0], "method": "l1"}, {}, "singular", "inputs.alpha", "nothing to penalise"),
        ({"a": WIDE.T.tolist(), "b": [1.0] * 60}, {"selection": "discrepancy", "noise_norm": 1e-9}, "infeasible",
         "options.noise_norm", "a residual out of reach"),
    ],
)  # fmt: skip
def test_bad_mathematics_is_an_error(inputs, options, code, field, rule):
    problem = solve(inputs, **options).problem
    assert (problem.code, problem.field) == (code, field), rule


@pytest.mark.parametrize(
    ("inputs", "options", "code", "field", "rule"),
    [
        ({"b": []}, {}, "invalid_input", "inputs.b", "nothing"),
        ({"a": [[1, 2]], "b": [1, 2]}, {}, "invalid_input", "inputs.b", "another number of rows"),
        ({"a": [[]], "b": [1]}, {}, "invalid_input", "inputs.a", "no unknowns"),
        ({"a": {"re": [[1]], "im": [[1]]}, "b": [1]}, {}, "invalid_input", "inputs.a", "complex"),
        ({"a": [[0]], "b": [1]}, {}, "invalid_input", "inputs.a", "a is 0"),
        ({"b": [1, 2], "alpha": "much"}, {}, "invalid_input", "inputs.alpha", "a word"),
        ({"b": [1, 2], "alpha": -1}, {}, "invalid_input", "inputs.alpha", "negative"),
        ({"b": [1, 2], "alpha": 0, "method": "l1"}, {}, "invalid_input", "inputs.alpha", "0 for l1"),
        ({"b": [1, 2], "method": "l1"}, {"method": "tv"}, "invalid_input", "options.method", "two methods"),
        ({"b": [1, 2], "shape": [1, 2]}, {}, "invalid_input", "inputs.shape", "a shape for tikhonov"),
        ({"b": [1, 2], "shape": [2, 2], "method": "tv"}, {}, "invalid_input", "inputs.shape", "another size"),
        ({"b": [1, 2], "shape": [], "method": "tv"}, {}, "invalid_input", "inputs.shape", "no shape"),
        ({"b": [1], "method": "tv"}, {}, "invalid_input", "inputs.a", "one unknown"),
        ({"b": [1, 2]}, {"selection": "discrepancy"}, "invalid_input", "options.noise_norm", "no noise"),
        ({"b": [1.0] * 30_000}, {"method": "tv"}, "budget_exceeded", "inputs.b", "too many"),
        ({"b": [1e200]}, {}, "invalid_input", "inputs.b", "beyond squares"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(inputs, options, code, field, rule):
    with pytest.raises(Problem) as caught:
        regularized.TASK.prepare(inputs, options, 0)
    assert (caught.value.code, caught.value.field) == (code, field), rule
    assert caught.value.hint
