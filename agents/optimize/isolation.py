"""How far away a minimum can be whose Hessian is singular: where the objective is higher all around."""

import numpy as np

from agents.arrays import Array
from agents.optimize.functions import Smooth, ulps
from agents.optimize.kkt import Box, Stationary
from agents.optimize.newton import TINY

_RADII = 10.0 ** np.arange(-15.0, 1.01, 0.125)
_NEAR = 4
_MIXED = 8
_FLATTEST = 20
_DOWN = 12


def radius(functions: Smooth, point: Stationary, box: Box) -> float:
    """Return r so that the objective is higher at distance r in the flat directions; infinite where there is none.

    Where a curved valley goes on at the same height it is infinite too.
    """
    free = np.flatnonzero((point.bound_multipliers == 0) & (box.low < box.high))
    weights = np.concatenate([[1.0], np.zeros(functions.k - 1)])
    hessian = functions.hessian(point.x, weights)[np.ix_(free, free)]
    if not np.isfinite(hessian).all():
        return np.inf
    curvatures, vectors = np.linalg.eigh(hessian)
    directions = np.zeros((len(free), functions.n))
    directions[:, free] = vectors.T
    return _radius_along(functions, point.x, directions, curvatures, box)


def _radius_along(functions: Smooth, x: Array, directions: Array, curvatures: Array, box: Box) -> float:
    """Return it by eigenvectors (k, n) of the Hessian and its eigenvalues (k), the least first.

    Looked at are the first of the directions and mixtures of them, both ways.
    """
    base = directions[:_FLATTEST]
    turns = np.arange(_MIXED)[:, None] * 5 + np.arange(len(base))[None, :] * 3
    mixed = np.where((turns * 2654435761) % 97 < 48, -1.0, 1.0) @ base / len(base) ** 0.5
    ways = np.concatenate([base, -base, mixed, -mixed])
    value = float(functions.at(x)[0][0])
    noise = 4.0 * float(np.abs(functions.near(ulps(x, _NEAR))[0][:, 0] - value).max()) + 4e-16 * abs(value) + TINY
    size = max(1.0, float(np.abs(x).max()))
    for r in _RADII * size:
        points = box.clip(x + r * ways)
        moved = (points != x).any(axis=1)
        if moved.any() and (~moved | (functions.many(points)[0][:, 0] > value + noise)).all():
            valley = _valley(functions, x, directions, curvatures, value + noise)
            return np.inf if valley else 2.0 * float(r)
    return np.inf


def _valley(functions: Smooth, x: Array, directions: Array, curvatures: Array, level: float) -> bool:
    """Whether points as low lie away from x: steps along flat directions, then down across them."""
    flat = np.abs(curvatures) <= 1e-6 * max(float(np.abs(curvatures).max()), TINY)
    if not flat.any() or flat.all():
        return False
    across = directions[~flat]
    size = max(1.0, float(np.abs(x).max()))
    first = x + 1e-2 * size * np.concatenate([directions[flat], -directions[flat]])[: 2 * _FLATTEST]
    points = first
    for _ in range(_DOWN):
        points = points - (functions.many(points)[1][:, 0] @ across.T / curvatures[~flat]) @ across
    before, after = functions.many(first)[0][:, 0], functions.many(points)[0][:, 0]
    return bool((after <= level + 1e-6 * (before - level)).any())
