"""Kernels: functions of the squared scaled distance, and the derivatives that the marginal likelihood needs.

Sources: Rasmussen & Williams, Gaussian Processes for Machine Learning (2006), chapter 4; Cressie, Statistics for
Spatial Data (1993), section 2.3; Wendland, Scattered Data Approximation (2005), chapter 8.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import special

from agents.arrays import Array

Radial = Callable[[Array, float], Array]
"""Of the squared distances and a shape parameter."""

_R3, _R5 = math.sqrt(3.0), math.sqrt(5.0)


def _matern32(s: Array, _: float) -> Array:
    r: Array = _R3 * np.sqrt(s)
    return (1.0 + r) * np.exp(-r)


def _matern52(s: Array, _: float) -> Array:
    r: Array = _R5 * np.sqrt(s)
    return (1.0 + r + r * r / 3.0) * np.exp(-r)


def _spherical(s: Array, _: float) -> Array:
    r = np.minimum(np.sqrt(s), 1.0)
    return 1.0 - 1.5 * r + 0.5 * r * r * r


def _thin_plate(s: Array, _: float) -> Array:
    made: Any = special.xlogy(s, s)
    return np.asarray(0.5 * made, dtype=np.float64)


def _matern12_slope(s: Array, _: float) -> Array:
    r = np.sqrt(s)
    safe = np.where(r > 0.0, r, 1.0)
    return np.where(r > 0.0, -0.5 * np.exp(-r) / safe, 0.0)


GAUSSIAN_PROCESS: Mapping[str, Radial] = {
    "rbf": lambda s, _: np.exp(-0.5 * s),
    "matern12": lambda s, _: np.exp(-np.sqrt(s)),
    "matern32": _matern32,
    "matern52": _matern52,
    "rational_quadratic": lambda s, alpha: np.exp(-alpha * np.log1p(s / (2.0 * alpha))),
}
"""Positive definite in every dimension; `rbf` is the squared exponential."""

SLOPES: Mapping[str, Radial] = {
    "rbf": lambda s, _: -0.5 * np.exp(-0.5 * s),
    "matern12": _matern12_slope,
    "matern32": lambda s, _: -1.5 * np.exp(-_R3 * np.sqrt(s)),
    "matern52": lambda s, _: -(5.0 / 6.0) * (1.0 + _R5 * np.sqrt(s)) * np.exp(-_R5 * np.sqrt(s)),
    "rational_quadratic": lambda s, alpha: -0.5 * np.exp(-(alpha + 1.0) * np.log1p(s / (2.0 * alpha))),
}
"""Derivatives by the squared distance; of matern12 at distance 0 nothing is ever used."""

VARIOGRAM: Mapping[str, Radial] = {
    "spherical": _spherical,
    "exponential": lambda s, _: np.exp(-np.sqrt(s)),
    "gaussian": lambda s, _: np.exp(-s),
    "matern": _matern32,
}
"""Correlations, 1 minus the variogram of sill 1; `matern` has smoothness 3/2."""

RADIAL: Mapping[str, Radial] = {
    "linear": lambda s, _: -np.sqrt(s),
    "thin_plate_spline": _thin_plate,
    "cubic": lambda s, _: s * np.sqrt(s),
    "quintic": lambda s, _: -s * s * np.sqrt(s),
    "multiquadric": lambda s, _: -np.sqrt(1.0 + s),
    "inverse_multiquadric": lambda s, _: 1.0 / np.sqrt(1.0 + s),
    "inverse_quadratic": lambda s, _: 1.0 / (1.0 + s),
    "gaussian": lambda s, _: np.exp(-s),
}
"""With signs that make them conditionally positive definite, as in `scipy.interpolate.RBFInterpolator`."""

LEAST_DEGREE: Mapping[str, int] = {"linear": 0, "multiquadric": 0, "thin_plate_spline": 1, "cubic": 1, "quintic": 2}
"""Least degree of the polynomial that makes a radial function positive definite; none for the others."""


def shape_slope(s: Array, alpha: float) -> Array:
    """Derivative of the rational quadratic by the logarithm of its shape parameter."""
    base = 1.0 + s / (2.0 * alpha)
    return np.exp(-alpha * np.log(base)) * alpha * ((base - 1.0) / base - np.log(base))
