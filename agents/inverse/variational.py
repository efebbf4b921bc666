"""The task `inverse.variational`: the most probable state given a background and observations, at once or over time."""

from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from scipy import linalg, optimize

from agents import alone
from agents.alone import Alone
from agents.arrays import Array
from agents.inverse import dynamics, gaussian
from agents.inverse.assimilation import Assimilation
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.task import TaskOptions, Watch

_EPS = float(np.finfo(np.float64).eps)
_NUMBERS_LIMIT = 1_000_000
_SAFETY = 2.0


class VariationalInputs(msgspec.Struct, forbid_unknown_fields=True):
    """3D-Var, and with dynamics 4D-Var: the state that minimises |x - background|²/2 + Σ |y - h(x_k)|²/2.

    The norms are those of `background_covariance` and `observation_covariance` (a number, a diagonal or a matrix).
    `background` is the state at `t_start`, numbers or {name: number}. `observations` (k, m) or (m) are of
    `observation_operator`: null for all states, a matrix (m, n), or a list of formulas of the states, t and parameters.
    Over time the state goes on by `equations` {name: dx/dt}, in classical Runge–Kutta steps of at most `dt` (a tenth of
    the longest gap unless given), by `transition` {name: next state} or by `matrix`, to the `times` of the observations
    (t_start + 1, 2, … unless given). Derivatives are exact: of the formulas, and of the steps by their adjoint.
    Outputs: `estimate` (n) at t_start, `names`, `std` and `covariance` (the inverse Hessian of the linearised problem;
    exact where all is linear), `increment`, `cost`, `background_misfit` and `observation_misfit` (its two halves),
    `innovations` and `residuals` (k, m), before and after; with dynamics `t` and `trajectory` (k, n).

    `error_estimate` bounds the distance of `estimate` from the minimum that the iteration has found, where the cost is
    at least as curved as its background; 4D-Var of chaotic systems may have other minima.
    """

    background: Any
    background_covariance: Any
    observations: Any
    observation_covariance: Any
    observation_operator: Any = None
    equations: dict[str, str] | None = None
    transition: dict[str, str] | None = None
    matrix: Any = None
    parameters: dict[str, Any] = {}
    times: Any = None
    t_start: float = 0.0
    dt: Annotated[float, msgspec.Meta(gt=0, le=1e50)] | None = None


class VariationalOptions(TaskOptions, kw_only=True):
    """gauss_newton needs the tangents of all directions; lbfgs only the adjoint, and ends with one such step."""

    method: Literal["auto", "gauss_newton", "lbfgs"] = "auto"
    max_iterations: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 200


def prepare(inputs: VariationalInputs, options: VariationalOptions, seed: int) -> Alone:  # noqa: ARG001
    """Validate background, observations, covariances and dynamics; raises `Problem`."""
    texts = inputs.equations if inputs.equations is not None else inputs.transition
    known = None if texts is None else tuple(texts)
    background, names = dynamics.read_state(inputs.background, known, "inputs.background")
    moves = dynamics.read_dynamics(inputs.equations, inputs.transition, inputs.matrix, names, inputs.parameters)
    operator = dynamics.read_operator(inputs.observation_operator, names, inputs.parameters)
    observations = dynamics.read_observations(inputs.observations, operator.size)
    n, m, k = len(names), operator.size, len(observations)
    if n * (n + m * k) > 10 * _NUMBERS_LIMIT or n * k > _NUMBERS_LIMIT:
        text = f"{n} states, {k} observations of {m} numbers"
        raise Problem("budget_exceeded", text, field="inputs.observations", hint="fewer states or observations")
    spread = gaussian.factor(inputs.background_covariance, n, "inputs.background_covariance")
    noise = gaussian.factor(inputs.observation_covariance, m, "inputs.observation_covariance")
    clock = None
    if moves is not None:
        clock = dynamics.read_clock(
            inputs.times, k, inputs.t_start, inputs.dt, continuous=inputs.equations is not None
        )  # fmt: skip
    elif inputs.times is not None:
        text = "times without dynamics"
        raise Problem("invalid_input", text, field="inputs.times", hint="equations, transition or matrix")
    steps = 0 if clock is None else clock.begins.size

    def work(watch: Watch, _kept: Any) -> Outcome:
        found = Assimilation(
            background, spread, moves, operator, observations, noise, clock, inputs.t_start, watch
        )  # fmt: skip
        return _assimilate(found, names, options)

    each = steps * ((moves.cost if moves else 0.0) + 8.0 * n**3 + 6e5) + k * (2.0 * m * n * n + 1e5)
    runs = 100.0 if options.method == "lbfgs" else 20.0
    return Alone("native.formula", work, 1e6 + runs * (each + float(n + m * k) * n * n))


def _assimilate(found: Assimilation, names: tuple[str, ...], options: VariationalOptions) -> Outcome:
    v = np.zeros(len(names))
    first = found.innovations(found.trajectory(found.state(v)))
    if not np.isfinite(first).all():
        raise _not_finite()
    method = "gauss_newton" if options.method == "auto" else options.method
    iterations = 0
    if method == "lbfgs":
        minimize: Any = optimize.minimize
        made = minimize(
            lambda one: _finite(found.gradient(one)), v, jac=True, method="L-BFGS-B",
            options={"maxiter": options.max_iterations, "gtol": 1e-9, "ftol": 1e-15},
        )  # fmt: skip
        v, iterations = np.asarray(made.x), int(made.nit)
    v, last, step, more, slope = _gauss_newton(found, v, options.max_iterations)
    iterations += more
    cost, gradient = found.gradient(v)
    size = float(np.linalg.norm(step))
    converged = size <= 1e-6 * (1.0 + float(np.linalg.norm(v)))
    if not converged and size > 0.1 * (1.0 + float(np.linalg.norm(v))):
        text = f"no minimum after {iterations} iterations: the last step was {size:.2g} of the background's spread"
        hint = "a shorter window, or a better background"
        raise Problem("not_converged", text, field="options.max_iterations", hint=hint)
    outputs, error = _report(found, names, v, last, gradient, cost, first)
    scale = float(np.linalg.norm(last, 2)) * (1.0 + float(np.linalg.norm(found.residuals(v))))
    checks = [
        Check("adjoint_matches_tangent", passed=float(np.abs(gradient - slope).max()) <= 1e-9 * scale),
        Check("gradient_vanishes", passed=float(np.abs(gradient).max()) <= 1e-6 * scale),
    ]
    warnings = [] if converged else [f"the last step was {size:.2g} of the background's standard deviations"]
    diagnostics = Diagnostics(
        converged=converged, iterations=iterations, evaluations=found.evaluations, error_estimate=error,
        residual=float(np.linalg.norm(gradient)), method=method, checks=checks,
    )  # fmt: skip
    return Outcome(outputs, "native.formula", True, diagnostics, warnings)


def _not_finite() -> Problem:
    return Problem(
        "non_finite", "the model or the observation operator is not finite", field="inputs.background",
        hint="a background where they are, or a shorter dt",
    )  # fmt: skip


def _finite(found: tuple[float, Array]) -> tuple[float, Array]:
    cost, gradient = found
    if not np.isfinite(cost) or not np.isfinite(gradient).all():
        return 1e300, np.zeros_like(gradient)
    return cost, gradient


def _gauss_newton(found: Assimilation, v: Array, most: int) -> tuple[Array, Array, Array, int, Array]:
    """Levenberg and Marquardt's iteration; gives v, the Jacobian there, the next full step, and the gradient."""
    damping = 0.0
    rest = found.residuals(v)
    for iteration in range(1, most + 2):
        jacobian = found.jacobian(v)
        if not np.isfinite(jacobian).all():
            raise _not_finite()
        slope = jacobian.T @ rest
        step = -_solve(jacobian, rest, 0.0)
        small = float(np.linalg.norm(step)) <= 1e-11 * (1.0 + float(np.linalg.norm(v)))
        if small or iteration > most:
            return v, jacobian, step, iteration - 1, slope
        tried = step if damping == 0.0 else -_solve(jacobian, rest, damping)
        moved = False
        for _ in range(12):
            there = found.residuals(v + tried)
            if np.isfinite(there).all() and there @ there <= rest @ rest:
                v, rest, moved = v + tried, there, True
                damping = damping / 10.0 if damping > 1e-6 else 0.0
                break
            damping = max(1e-3, damping * 10.0)
            tried = -_solve(jacobian, rest, damping)
        if not moved:  # rounding is all that is left, or the step's own check says that it is not
            return v, jacobian, step, iteration, slope
    raise AssertionError


def _solve(jacobian: Array, rest: Array, damping: float) -> Array:
    n = jacobian.shape[1]
    if damping > 0.0:
        jacobian = np.concatenate([jacobian, np.sqrt(damping) * np.eye(n)])
        rest = np.concatenate([rest, np.zeros(n)])
    found: Any = linalg.qr(jacobian, mode="economic", check_finite=False)
    range_, triangle = found
    made: Array = linalg.solve_triangular(triangle, range_.T @ rest, check_finite=False)
    return made


def _report(
    found: Assimilation, names: tuple[str, ...], v: Array, jacobian: Array, gradient: Array, cost: float, first: Array
) -> tuple[dict[str, Any], float]:
    x = found.state(v)
    states = found.trajectory(x)
    triangle: Any = linalg.qr(jacobian, mode="r", check_finite=False)[0][: len(v)]
    root = linalg.solve_triangular(triangle, found.spread.T, trans="T", check_finite=False)
    covariance = root.T @ root
    half = 0.5 * float(v @ v)
    outputs: dict[str, Any] = {
        "estimate": x, "names": list(names), "increment": found.spread @ v, "std": np.sqrt(np.diag(covariance)),
        "covariance": covariance, "cost": cost, "background_misfit": half, "observation_misfit": cost - half,
        "innovations": first, "residuals": found.innovations(states),
    }  # fmt: skip
    if found.clock is not None:
        outputs |= {"t": found.clock.times, "trajectory": np.stack([states[i] for i, _ in found.places()])}
    rows = float(np.linalg.norm(found.spread, axis=1).max())
    steps = len(states) + sum(jacobian.shape)
    top = float(np.linalg.norm(jacobian, 2))
    data = float(np.linalg.norm(found.residuals(v))) + float(np.linalg.norm(found.whiten(found.observations)))
    rounding = 4.0 * _EPS * steps * (rows * top * (data + top * float(np.linalg.norm(v))) + float(np.abs(x).max()))
    return outputs, _SAFETY * rows * float(np.linalg.norm(gradient)) + rounding


TASK = alone.task(
    agent="inverse", name="variational", summary="Combine a background with observations, by 3D-Var or 4D-Var.",
    inputs=VariationalInputs, options=VariationalOptions, methods=("auto", "gauss_newton", "lbfgs"),
    example={
        "background": [1, 2], "background_covariance": [[1, 0.5], [0.5, 1]], "observations": [1.5],
        "observation_operator": [[1, 0]], "observation_covariance": 0.1,
    },
    prepare=prepare,
    repeats="inputs",
)  # fmt: skip
