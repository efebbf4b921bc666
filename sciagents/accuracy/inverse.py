"""Inverse problems whose answers have a closed form, or are an integral of one variable."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from sciagents.accuracy.case import Case

_T = np.linspace(0.0, 5.0, 20)
_Y = 2.0 + 0.7 * _T + 0.3 * np.sin(13.0 * _T)


def cases() -> Iterator[Case]:
    """Iterate over the cases."""
    yield from _bayesian()
    yield from _regularized()
    yield from _ode_parameters()
    yield from _filters()


def _values(outputs: dict[str, Any]) -> Any:
    return np.array(list(outputs["mean"].values()))


def _bayesian() -> Iterator[Case]:
    a = np.stack([np.ones(20), _T], axis=1)
    truth = np.linalg.solve(a.T @ a / 0.09 + np.eye(2), a.T @ _Y / 0.09)
    yield Case(
        name="a line, exactly", agent="inverse", task="bayesian", source="conjugate posterior, normal equations",
        inputs={"matrix": a.tolist(), "observations": _Y.tolist(), "prior_covariance": 1, "noise_covariance": 0.09},
        pick=lambda outputs: outputs["mean"], truth=truth,
    )  # fmt: skip
    prior = {"distribution": "norm", "loc": 0, "scale": 1}
    yield Case(
        name="a line, sampled", agent="inverse", task="bayesian", source="conjugate posterior, normal equations",
        inputs={
            "model": "a + b*t", "prior": {"a": prior, "b": prior}, "data": {"t": _T.tolist(), "y": _Y.tolist()},
            "observed": "y", "noise": 0.3,
        },
        pick=_values, truth=truth,
    )  # fmt: skip
    hilbert = 1.0 / (1.0 + np.add.outer(np.arange(8.0), np.arange(8.0)))
    yield Case(
        name="a Hilbert matrix that only the prior makes regular", agent="inverse", task="bayesian",
        source="mpmath, 40 digits: (AᵀA/σ² + I)⁻¹ Aᵀy/σ²",
        inputs={
            "matrix": hilbert.tolist(), "observations": [1.0] * 8, "prior_covariance": 1, "noise_covariance": 1e-6,
        },
        pick=lambda outputs: outputs["mean"], truth=np.array(_HILBERT),
    )  # fmt: skip
    for name, distribution, mean in _QUADRATURE:
        yield Case(
            name=f"tanh(a x) with a {name} prior", agent="inverse", task="bayesian",
            source="mpmath, quadrature of 30 digits", seed=2,
            inputs={
                "model": "tanh(a*x)", "prior": {"a": distribution}, "observed": "y", "noise": 0.2,
                "data": {"x": [0.5, 1.0, 2.0], "y": [0.4, 0.5, 1.1]},
            },
            pick=_values, truth=np.array([mean]),
        )  # fmt: skip
    yield Case(
        name="two separate maxima", agent="inverse", task="bayesian", source="a² = 4", problem="not_converged",
        inputs={"model": "a**2", "prior": {"a": {"distribution": "norm", "scale": 3}}, "data": {"y": [4.0]},
                "observed": "y", "noise": 0.1},
        options={"n_draws": 100},
    )  # fmt: skip


def _regularized() -> Iterator[Case]:
    def x(outputs: dict[str, Any]) -> Any:
        return outputs["x"]

    hilbert = 1.0 / (1.0 + np.add.outer(np.arange(8.0), np.arange(8.0)))
    yield Case(
        name="Tikhonov, a Hilbert matrix", agent="inverse", task="regularized", source="mpmath, 40 digits",
        inputs={"a": hilbert.tolist(), "b": [1.0] * 8, "alpha": 1e-6}, options={"method": "tikhonov"},
        pick=x, truth=np.array(_HILBERT),
    )  # fmt: skip
    angle = 0.3
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    seen = turn.T @ np.array([2.0, -0.5])
    yield Case(
        name="l1, an orthonormal matrix", agent="inverse", task="regularized", source="soft threshold of aᵀb",
        inputs={"a": turn.tolist(), "b": [2.0, -0.5], "alpha": 1.0}, options={"method": "l1"},
        pick=x, truth=np.sign(seen) * np.maximum(np.abs(seen) - 0.5, 0.0),
    )  # fmt: skip
    yield Case(
        name="tv, a step", agent="inverse", task="regularized", source="each level moves by alpha/(2 its length)",
        inputs={"b": [0.0] * 5 + [1.0] * 10, "alpha": 0.5}, options={"method": "tv"},
        pick=x, truth=np.array([0.05] * 5 + [0.975] * 10),
    )  # fmt: skip
    square = np.zeros((8, 8))
    square[2:5, 2:6] = 1.0
    smooth = np.where(square > 0.0, 1.0 - 0.5 * 14.0 * 0.1 / 12.0, 0.5 * 14.0 * 0.1 / 52.0)
    yield Case(
        name="tv, a rectangle in a plane", agent="inverse", task="regularized",
        source="each level moves by alpha perimeter/(2 area)", pick=x, truth=smooth.ravel(),
        inputs={"b": square.ravel().tolist(), "alpha": 0.1, "shape": [8, 8]}, options={"method": "tv"},
    )  # fmt: skip
    yield Case(
        name="no penalty and two equal columns", agent="inverse", task="regularized", source="rank 1",
        inputs={"a": [[1, 1], [2, 2]], "b": [1, 2], "alpha": 0}, problem="singular",
    )  # fmt: skip


def _ode_parameters() -> Iterator[Case]:
    def fitted(outputs: dict[str, Any]) -> Any:
        return np.array(list(outputs["parameters"].values()))

    t = np.linspace(0.0, 4.0, 9)
    yield Case(
        name="decay and initial value from exact data", agent="inverse", task="ode_parameters", source="2 e^(-0.7 t)",
        inputs={
            "equations": {"x": "-k*x"}, "parameters": {"k": 1}, "initial": {"x": 1}, "fit": ["k", "x"],
            "data": {"t": t.tolist(), "x": (2.0 * np.exp(-0.7 * t)).tolist()},
        },
        pick=fitted, truth=np.array([0.7, 2.0]),
    )  # fmt: skip
    yield Case(
        name="oscillator from its positions", agent="inverse", task="ode_parameters", source="e^(-0.1 t) cos 2 t",
        inputs={
            "equations": {"x": "v", "v": "-2*d*v - k*x"}, "parameters": {"d": 0.2, "k": 3.5},
            "initial": {"x": 1, "v": -0.1},
            "data": {"t": t.tolist(), "x": (np.exp(-0.1 * t) * np.cos(2.0 * t)).tolist()},
        },
        pick=fitted, truth=np.array([0.1, 4.01]),
    )  # fmt: skip
    yield Case(
        name="two rates that act as one", agent="inverse", task="ode_parameters", source="only k m is determined",
        inputs={
            "equations": {"x": "-k*m*x"}, "parameters": {"k": 1, "m": 1}, "initial": {"x": 2},
            "data": {"t": [0, 1, 2], "x": [2, 1, 0.5]},
        },
        problem="singular",
    )  # fmt: skip


def _filters() -> Iterator[Case]:
    seen = [0.8, 0.3, -0.2, 0.4]
    mean, p, means = 0.0, 1.0, []
    for y in seen:
        p = 0.81 * p + 0.1
        gain = p / (p + 0.25)
        mean, p = 0.9 * mean + gain * (y - 0.9 * mean), (1.0 - gain) * p
        means.append(mean)
    scalar = {"matrix": [[0.9]], "observations": seen, "observation_covariance": 0.25}
    for size in (100, 10_000):
        yield Case(
            name=f"an autoregression, {size} members", agent="inverse", task="enkf", source="Kalman's filter",
            inputs={**scalar, "initial": [0], "initial_covariance": 1, "process_covariance": 0.1},
            options={"n_ensemble": size}, pick=lambda outputs: outputs["mean"][:, 0], truth=np.array(means),
        )  # fmt: skip
    b = np.array([[1.0, 0.5], [0.5, 1.0]])
    yield Case(
        name="3D-Var of two states", agent="inverse", task="variational", source="best linear unbiased estimate",
        inputs={
            "background": [1, 2], "background_covariance": b.tolist(), "observations": [1.5],
            "observation_operator": [[1, 0]], "observation_covariance": 0.1,
        },
        pick=lambda outputs: outputs["estimate"], truth=np.array([1.0, 2.0]) + b[:, 0] * 0.5 / 1.1,
    )  # fmt: skip
    powers = 0.9 ** np.arange(1.0, 5.0)
    yield Case(
        name="4D-Var of an autoregression", agent="inverse", task="variational", source="weighted mean, by hand",
        inputs={**scalar, "background": [0], "background_covariance": 1},
        pick=lambda outputs: outputs["estimate"],
        truth=np.array([powers @ np.array(seen) / 0.25 / (1.0 + powers @ powers / 0.25)]),
    )  # fmt: skip
    angle = 0.3
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    rows = np.stack([np.linalg.matrix_power(turn, k)[0] for k in range(1, 6)])
    shown = np.array([0.9, 0.8, 0.7, 0.3, 0.1])
    yield Case(
        name="4D-Var of a rotation seen on one axis", agent="inverse", task="variational", options={"method": "lbfgs"},
        source="Kalman's smoother, normal equations", pick=lambda outputs: outputs["estimate"],
        inputs={
            "matrix": turn.tolist(), "background": [0, 0], "background_covariance": 1, "observations": shown.tolist(),
            "observation_operator": [[1, 0]], "observation_covariance": 0.01,
        },
        truth=np.linalg.solve(rows.T @ rows / 0.01 + np.eye(2), rows.T @ shown / 0.01),
    )  # fmt: skip


_HILBERT = (
    -1.6000404061343963, 17.785101575720934, -19.815165350847988, -21.965337209857598, -10.070429158973897,
    5.2451575188707081, 19.956116556020659, 32.761973429784439,
)  # fmt: skip
_QUADRATURE: tuple[tuple[str, dict[str, Any], float], ...] = (
    ("beta", {"distribution": "beta", "a": 2, "b": 5}, 0.55611039345901342),
    ("gamma", {"distribution": "gamma", "a": 2.5}, 0.97880218101953778),
)
