"""The maxima of a posterior, from the best of many draws of its prior, and its curvature there."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import linalg, optimize

from agents.arrays import Array
from agents.draws import generator
from agents.inverse.posterior import Posterior
from agents.outcome import Problem
from agents.task import Watch

_DRAWS = 256
_STARTS = 6
_WORSE = 15.0
"""Maxima whose logarithm of the density is lower by more are left out."""
_IMPOSSIBLE = -1e13
"""A logarithm of the density below which differences of 1e-3 are lost to rounding."""
_STEP = 1e-4


@dataclass(frozen=True, eq=False, slots=True)
class Mode:
    """A maximum `z` (p), its log density, and a factor L (p, p) of the inverse Hessian there: Σ = L Lᵀ."""

    z: Array
    value: float
    factor: Array
    flat: bool


def find(posterior: Posterior, seed: int, watch: Watch) -> list[Mode]:
    """Find maxima, the highest first; raises `Problem` where the density is nowhere positive."""
    random = generator(seed, 1)
    draws = np.concatenate([np.zeros((posterior.size, 1)), random.standard_normal((posterior.size, _DRAWS))], axis=1)
    watch(0.0, "search")
    values, _ = posterior.value(draws)
    order = np.argsort(-values, kind="stable")
    if not np.isfinite(values[order[0]]):
        raise Problem(
            "non_finite", f"the model or its derivatives are not finite, or the noise not positive, at all of {_DRAWS} "
            "draws of the prior", field="inputs.model", hint="a prior within the model's domain; noise above 0",
        )  # fmt: skip
    starts = [draws[:, i] for i in _apart(draws, order[np.isfinite(values[order])])]
    minimize: Any = optimize.minimize
    found: list[Mode] = []

    def objective(z: Array) -> tuple[float, Array]:
        watch(0.05, "search")
        value, gradient = posterior.value(z[:, None])
        if not np.isfinite(value[0]):
            return 1e300, np.zeros_like(z)
        return -float(value[0]), -gradient[:, 0]

    for start in starts:
        made = minimize(
            objective, start, jac=True, method="L-BFGS-B", options={"maxiter": 500, "gtol": 1e-8, "ftol": 1e-15}
        )
        z, value = np.asarray(made.x), -float(made.fun)
        if all(np.abs(linalg.solve(mode.factor, z - mode.z)).max() > 0.5 for mode in found):
            found.append(_mode(posterior, z, value))
    found.sort(key=lambda mode: -mode.value)
    if found[0].value < _IMPOSSIBLE:
        raise Problem(
            "not_converged", f"the data are as good as impossible under the prior: the log density is "
            f"{found[0].value:.2g} at most", field="inputs.prior", hint="a wider prior near the truth, or more noise",
        )  # fmt: skip
    return [mode for mode in found if mode.value >= found[0].value - _WORSE]


def _apart(draws: Array, order: Any) -> list[int]:
    """Choose starts: the middle of the prior, the best draw, and good ones far from those chosen."""
    good = [int(i) for i in order[: _DRAWS // 4]]
    chosen = [good[0]]
    if 0 in order and good[0] != 0:
        chosen.append(0)
    while len(chosen) < min(_STARTS, len(good)):
        distance = [min(float(np.linalg.norm(draws[:, i] - draws[:, j])) for j in chosen) for i in good]
        chosen.append(good[int(np.argmax(distance))])
    return chosen


def _mode(posterior: Posterior, z: Array, value: float) -> Mode:
    p = posterior.size
    steps = _STEP * np.eye(p)
    _, gradients = posterior.value(np.concatenate([z[:, None] + steps, z[:, None] - steps], axis=1))
    hessian = -(gradients[:, :p] - gradients[:, p:]) / (2.0 * _STEP)
    hessian = 0.5 * (hessian + hessian.T)
    eigenvalues, vectors = linalg.eigh(hessian)
    flat = bool(eigenvalues.min() <= 1e-3)
    return Mode(z, value, vectors / np.sqrt(np.maximum(np.abs(eigenvalues), 1e-2)), flat)
