"""Priors as functions of standard normal numbers: θ = T(z), so that in z every prior is the same and has no edges."""

import math
from collections.abc import Callable

import numpy as np
import scipy
from scipy import special

from agents.arrays import Array
from agents.distributions import Distribution
from agents.outcome import Problem

FARTHEST = 9.0
"""Standard deviations from the prior's middle that are looked at; beyond lies a probability of 1e-19."""
_KNOTS = 1001
_ROOT = 1.0 / math.sqrt(2.0 * math.pi)

Marginal = Callable[[Array], tuple[Array, Array]]
"""From z to θ and dθ/dz."""


def marginal(distribution: Distribution, field: str) -> Marginal:
    """Give the transformation of a distribution: in closed form for the common ones, else tabulated to 1e-6."""
    values = distribution.values
    loc, scale = values.get("loc", 0.0), values.get("scale", 1.0)
    if distribution.name == "norm":
        return lambda z: (loc + scale * z, np.full_like(z, scale))
    if distribution.name == "uniform":
        return lambda z: (loc + scale * special.ndtr(z), scale * _bell(z))
    if distribution.name == "lognorm":
        return lambda z: (loc + scale * np.exp(values["s"] * z), scale * values["s"] * np.exp(values["s"] * z))
    if distribution.name == "expon":
        return lambda z: (
            loc - scale * special.log_ndtr(-z),
            scale * np.exp(-0.5 * z * z - special.log_ndtr(-z)) * _ROOT,
        )
    return _tabulated(distribution, field)


def _bell(z: Array) -> Array:
    return np.asarray(_ROOT * np.exp(-0.5 * z * z), dtype=np.float64)


def _tabulated(distribution: Distribution, field: str) -> Marginal:
    z = np.linspace(-FARTHEST, FARTHEST, _KNOTS)
    low, high = distribution.quantile(special.ndtr(z)), distribution.upper_quantile(special.ndtr(-z))
    theta = np.where(z < 0.0, low, high)
    slope = np.exp(-0.5 * z * z - distribution.log_density(theta)) * _ROOT
    steps = np.gradient(theta, z)
    slope = np.where(np.isfinite(slope) & (slope > 0.0), slope, steps)
    inner = np.abs(z) < FARTHEST - 1.0
    if not np.isfinite(theta[inner]).all() or not np.isfinite(slope[inner]).all():
        text = f"the quantiles of {distribution.name} are not finite"
        raise Problem("invalid_input", text, field=field, hint="a distribution with lighter tails")
    fine = np.isfinite(theta) & np.isfinite(slope)
    table = scipy.interpolate.CubicHermiteSpline(z[fine], theta[fine], slope[fine])
    derivative = table.derivative()
    edges = (float(z[fine].min()), float(z[fine].max()))

    def of(some: Array) -> tuple[Array, Array]:
        inside = np.clip(some, *edges)
        return np.asarray(table(inside)), np.asarray(derivative(inside)) * (inside == some)

    return of
