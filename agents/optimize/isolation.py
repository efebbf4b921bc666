"""How far away a minimum can be whose Hessian is singular: where the objective is higher all around."""

from typing import Protocol

import numpy as np

from agents.arrays import Array
from agents.optimize.functions import Functions, ulps
from agents.optimize.kkt import Box, Stationary
from agents.optimize.newton import TINY

_RADII = 10.0 ** np.arange(-15.0, 1.01, 0.125)
_NEAR = 4
_MIXED = 8
_FLATTEST = 20
_DOWN = 12


class Function(Protocol):
    """A function of n variables at many points (p, n), and with what is in it changed in its last place."""

    n: int

    def many(self, points: Array) -> Array:
        """Values (p)."""

    def near(self, points: Array) -> Array:
        """Values (p), each with other roundings."""

    def slopes(self, points: Array) -> Array:
        """Gradients (p, n)."""


class First:
    """The objective among functions."""

    def __init__(self, functions: Functions) -> None:
        self.n = functions.n
        self._functions = functions

    def many(self, points: Array) -> Array:
        """Values (p)."""
        return self._functions.many(points)[0][:, 0]

    def near(self, points: Array) -> Array:
        """Values (p), each with other roundings."""
        return self._functions.near(points)[0][:, 0]

    def slopes(self, points: Array) -> Array:
        """Gradients (p, n)."""
        return self._functions.many(points)[1][:, 0]


def radius(functions: Functions, point: Stationary, box: Box) -> float:
    """Return r so that the objective is higher at distance r in the flat directions; infinite where there is none."""
    free = np.flatnonzero((point.bound_multipliers == 0) & (box.low < box.high))
    weights = np.concatenate([[1.0], np.zeros(functions.k - 1)])
    hessian = functions.hessian(point.x, weights)[np.ix_(free, free)]
    if not np.isfinite(hessian).all():
        return np.inf
    curvatures, vectors = np.linalg.eigh(hessian)
    directions = np.zeros((len(free), functions.n))
    directions[:, free] = vectors.T
    return radius_of(First(functions), point.x, directions, curvatures, box.low, box.high)


def radius_of(function: Function, x: Array, directions: Array, curvatures: Array, low: Array, high: Array) -> float:
    """Return r so that the function is higher, by more than rounding, at distance r around x.

    `directions` (k, n) and `curvatures` (k) are eigenvectors of the Hessian and its values, the least first: looked at
    are the first of them and mixtures, both ways. Where a curved valley goes on at the same height it is infinite.
    """
    base = directions[:_FLATTEST]
    turns = np.arange(_MIXED)[:, None] * 5 + np.arange(len(base))[None, :] * 3
    mixed = np.where((turns * 2654435761) % 97 < 48, -1.0, 1.0) @ base / len(base) ** 0.5
    ways = np.concatenate([base, -base, mixed, -mixed])
    value = float(function.many(x[None, :])[0])
    noise = 4.0 * float(np.abs(function.near(ulps(x, _NEAR)) - value).max()) + 4e-16 * abs(value) + TINY
    size = max(1.0, float(np.abs(x).max()))
    for r in _RADII * size:
        points = np.minimum(np.maximum(x + r * ways, low), high)
        moved = (points != x).any(axis=1)
        if moved.any() and (~moved | (function.many(points) > value + noise)).all():
            return np.inf if _valley(function, x, directions, curvatures, value + noise) else 2.0 * float(r)
    return np.inf


def _valley(function: Function, x: Array, directions: Array, curvatures: Array, level: float) -> bool:
    """Whether points as low lie away from x: steps along flat directions, then down across them."""
    flat = np.abs(curvatures) <= 1e-6 * max(float(np.abs(curvatures).max()), TINY)
    if not flat.any() or flat.all():
        return False
    across = directions[~flat]
    size = max(1.0, float(np.abs(x).max()))
    first = x + 1e-2 * size * np.concatenate([directions[flat], -directions[flat]])[: 2 * _FLATTEST]
    points = first
    for _ in range(_DOWN):
        points = points - (function.slopes(points) @ across.T / curvatures[~flat]) @ across
    before, after = function.many(first), function.many(points)
    return bool((after <= level + 1e-6 * (before - level)).any())
