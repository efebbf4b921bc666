"""Elementary effects: by how much a model changes when one input moves half across its range (Morris, 1991)."""

from typing import Any

import numpy as np
from scipy import special

from agents import draws, expectation
from agents.arrays import Array
from agents.outcome import Diagnostics, Outcome
from agents.task import Watch
from agents.uq.model import COMPILED, KERNEL, Model, check_finite


def effects(model: Model, count: int, levels: int, seed: int, level: float, watch: Watch) -> Outcome:
    """Estimate the effects from `count` random trajectories (Campolongo et al., 2007)."""
    found = _elementary(model, count, levels, seed, watch)
    sizes = np.abs(found)
    errors = sizes.std(axis=0, ddof=1) / np.sqrt(count)
    half = float(special.stdtrit(count - 1, 0.5 + 0.5 * level)) * errors
    mu_star = sizes.mean(axis=0)

    def named(values: Array) -> dict[str, float]:
        return dict(zip(model.names, values.tolist(), strict=True))

    outputs: dict[str, Any] = {
        "mu": named(found.mean(axis=0)), "mu_star": named(mu_star), "sigma": named(found.std(axis=0, ddof=1)),
        "mu_star_confidence": {
            name: [float(mu_star[i] - half[i]), float(mu_star[i] + half[i])] for i, name in enumerate(model.names)
        },
        "n_samples": count,
    }  # fmt: skip
    tail = 0.5 * (1.0 - expectation.CONFIDENCE) / len(model.names)
    bound = 2.0 * float(special.stdtrit(count - 1, 1.0 - tail)) * errors + 4e-15 * mu_star
    diagnostics = Diagnostics(
        evaluations=count * (len(model.names) + 1), error_estimate=float(bound.max()), method="morris"
    )
    return Outcome(outputs, KERNEL, COMPILED, diagnostics)


def _elementary(model: Model, count: int, levels: int, seed: int, watch: Watch) -> Array:
    """Change of the model per unit of probability, along each variable in each trajectory: (count, d)."""
    d = len(model.names)
    step = levels / (2.0 * (levels - 1)) if _bounded(model) else 0.5
    finite = model.finite
    found = np.empty((count, d))
    most = max(1, model.chunk // (d + 1))
    for first in range(0, count, most):
        watch(first / count, "trajectories")
        size = min(most, count - first)
        start, end, order = _trajectories(model, draws.uniforms(seed, first, size, 3 * d), levels)
        moved = order[:, None, :] < np.arange(d + 1)[None, :, None]
        units = np.where(moved, end[:, None, :], start[:, None, :])
        points = model.points(units.reshape(-1, d))
        values = model.evaluate(points)
        finite.look(points, values)
        changes = np.diff(values.reshape(size, d + 1), axis=1)
        along = np.take_along_axis(changes, order, axis=1)
        found[first : first + size] = along / (step * np.sign(end - start))
    check_finite(finite)
    return found


def _bounded(model: Model) -> bool:
    return all(np.isfinite(one.support).all() for one in model.distributions.values())


def _trajectories(model: Model, uniforms: Array, levels: int) -> tuple[Array, Array, np.ndarray[Any, Any]]:
    """Start and end of trajectories on the grid, and when each variable moves: three times (count, d).

    The grid contains both ends where all distributions are bounded, and else the middles of `levels` equal parts.
    """
    d = uniforms.shape[1] // 3
    low = np.floor(uniforms[:, :d] * (levels // 2))
    high = low + levels // 2
    low, high = (one / (levels - 1) if _bounded(model) else (one + 0.5) / levels for one in (low, high))
    upwards = uniforms[:, d : 2 * d] < 0.5
    order = np.argsort(np.argsort(uniforms[:, 2 * d :], axis=1, kind="stable"), axis=1, kind="stable")
    return np.where(upwards, low, high), np.where(upwards, high, low), order
