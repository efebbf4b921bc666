"""The task `inverse.variational`: 3D-Var is the best linear estimate, linear 4D-Var the Kalman smoother."""

import numpy as np
import pytest
from scipy import optimize

from agents import alone
from agents.inverse import dynamics, variational
from agents.outcome import Problem

RNG = np.random.default_rng(0)
B, R = np.eye(5) + 0.5, 0.1 * np.eye(3) + 0.02
H, XB, Y = RNG.standard_normal((3, 5)), RNG.standard_normal(5), RNG.standard_normal(3)
LORENZ = {"x": "s*(y - x)", "y": "x*(r - z) - y", "z": "x*y - b*z"}
PARAMETERS = {"s": 10, "r": 28, "b": 8 / 3}


def no_watch(fraction, stage):
    assert 0.0 <= fraction <= 1.0


def solve(inputs, **options):
    return alone.run(variational.TASK.prepare(inputs, options, 0), no_watch, {})


def at_once(**changes):
    return {
        "background": XB.tolist(), "background_covariance": B.tolist(), "observations": Y.tolist(),
        "observation_operator": H.tolist(), "observation_covariance": R.tolist(), **changes,
    }  # fmt: skip


@pytest.mark.parametrize("method", ["auto", "gauss_newton", "lbfgs"])
def test_3d_var_is_the_best_linear_unbiased_estimate(method):
    outcome = solve(at_once(), method=method)
    gain = B @ H.T @ np.linalg.inv(H @ B @ H.T + R)
    error = np.abs(outcome.outputs["estimate"] - XB - gain @ (Y - H @ XB)).max()
    assert error <= outcome.diagnostics.error_estimate
    assert outcome.diagnostics.error_estimate < 1e-6
    np.testing.assert_allclose(outcome.outputs["covariance"], B - gain @ H @ B, atol=1e-12)
    assert all(check.passed for check in outcome.diagnostics.checks)


def test_linear_4d_var_is_the_kalman_smoother():
    a = 0.9 * np.linalg.qr(RNG.standard_normal((5, 5)))[0]
    y = RNG.standard_normal((4, 3))
    outcome = solve(at_once(matrix=a.tolist(), observations=y.tolist()))
    mean, p, filtered, predicted = XB, B, [(XB, B)], []
    for one in y:
        mean, p = a @ mean, a @ p @ a.T
        predicted.append((mean, p))
        gain = p @ H.T @ np.linalg.inv(H @ p @ H.T + R)
        mean, p = mean + gain @ (one - H @ mean), p - gain @ H @ p
        filtered.append((mean, p))
    for i in range(3, -1, -1):
        back = filtered[i][1] @ a.T @ np.linalg.inv(predicted[i][1])
        mean = filtered[i][0] + back @ (mean - predicted[i][0])
        p = filtered[i][1] + back @ (p - predicted[i][1]) @ back.T
    np.testing.assert_allclose(outcome.outputs["estimate"], mean, atol=1e-9)
    np.testing.assert_allclose(outcome.outputs["covariance"], p, atol=1e-9)


def lorenz(times):
    system = dynamics.read_dynamics(LORENZ, None, None, tuple(LORENZ), PARAMETERS)
    x, t, made = np.array([[1.0], [1.0], [1.0]]), 0.0, []
    for end in times:
        while t < end - 1e-9:
            x, t = system.step(x, t, 0.005), t + 0.005
        made.append(float(x[0, 0]))
    return made


@pytest.mark.parametrize("method", ["gauss_newton", "lbfgs"])
def test_4d_var_finds_the_start_of_a_chaotic_system(method):
    times = np.arange(0.05, 0.55, 0.05)
    outcome = solve({
        "equations": LORENZ, "parameters": PARAMETERS, "background": {"x": 1.3, "y": 0.8, "z": 1.2},
        "background_covariance": 100.0, "observations": lorenz(times), "observation_operator": ["x"],
        "observation_covariance": 1e-8, "times": times.tolist(), "dt": 0.005,
    }, method=method)  # fmt: skip
    np.testing.assert_allclose(outcome.outputs["estimate"], 1.0, atol=1e-3)
    assert outcome.diagnostics.converged
    assert all(check.passed for check in outcome.diagnostics.checks)


@pytest.mark.parametrize("kind", ["equations", "transition"])
def test_tangent_and_adjoint_are_exact_and_transposed(kind):
    given = {"equations": None, "transition": None, kind: LORENZ}
    system = dynamics.read_dynamics(given["equations"], given["transition"], None, tuple(LORENZ), PARAMETERS)
    x = np.array([1.0, 2.0, 20.0])
    tangent = system.tangent(x, 0.0, 0.01, np.eye(3))
    steps = 1e-6 * np.eye(3)
    numeric = (system.step(x[:, None] + steps, 0.0, 0.01) - system.step(x[:, None] - steps, 0.0, 0.01)) / 2e-6
    np.testing.assert_allclose(tangent, numeric, atol=1e-6)
    adjoint = np.stack([system.adjoint(x, 0.0, 0.01, one) for one in np.eye(3)])
    np.testing.assert_allclose(adjoint, tangent, atol=1e-13)


def test_nonlinear_operators_reach_the_minimum_that_another_method_finds():
    inputs = {"background": [1, 2], "background_covariance": 1, "observations": [1.5, 0.3],
              "observation_operator": ["x0**2 + x1", "sin(x0*x1)"], "observation_covariance": 0.01}  # fmt: skip

    def cost(x):
        seen = np.array([x[0] ** 2 + x[1], np.sin(x[0] * x[1])])
        return 0.5 * np.sum((x - [1, 2]) ** 2) + 50 * np.sum(([1.5, 0.3] - seen) ** 2)

    outcome = solve(inputs)
    other = optimize.minimize(cost, outcome.outputs["estimate"] + 0.01, method="Nelder-Mead",
                              options={"xatol": 1e-10, "fatol": 1e-14, "maxiter": 4000})  # fmt: skip
    np.testing.assert_allclose(outcome.outputs["estimate"], other.x, atol=1e-6)
    assert outcome.outputs["cost"] == pytest.approx(cost(outcome.outputs["estimate"]))


def test_what_is_not_finite_is_a_failure():
    inputs = {"background": [1], "background_covariance": 1, "observations": [1], "observation_covariance": 1,
              "observation_operator": ["log(x0 - 5)"]}  # fmt: skip
    outcome = solve(inputs)
    assert (outcome.problem.code, outcome.problem.field) == ("non_finite", "inputs.background")


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"background": [1]}, "inputs.observation_operator", "another number of states"),
        ({"background_covariance": [[1]]}, "inputs.background_covariance", "another size"),
        ({"background_covariance": 0}, "inputs.background_covariance", "no uncertainty"),
        ({"observations": [[1]]}, "inputs.observations", "too few numbers"),
        ({"observation_covariance": -1}, "inputs.observation_covariance", "a negative variance"),
        ({"times": [1]}, "inputs.times", "times without dynamics"),
        ({"observation_operator": ["x9"]}, "inputs.observation_operator[0]", "an unknown state"),
        ({"matrix": [[1]]}, "inputs.matrix", "a matrix of another size"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(change, field, rule):
    with pytest.raises(Problem) as caught:
        variational.TASK.prepare(at_once(**change), {}, 0)
    assert caught.value.code in {"invalid_input", "invalid_formula"}
    assert caught.value.field == field, rule
    assert caught.value.hint
