"""How far away a minimum can be whose Hessian is singular: where the objective is higher all around."""

import numpy as np

from agents.optimize.functions import Functions, ulps
from agents.optimize.kkt import Box, Stationary

_RADII = 10.0 ** np.arange(-15.0, 1.01, 0.125)
_NEAR = 4
_MIXED = 8


def radius(functions: Functions, point: Stationary, box: Box) -> float:
    """Return r so that the objective is higher at distance r in the flat directions; infinite where there is none.

    The directions are the Hessian's eigenvectors and mixtures of the flattest; higher means by more than rounding.
    """
    free = np.flatnonzero((point.bound_multipliers == 0) & (box.low < box.high))
    weights = np.concatenate([[1.0], np.zeros(functions.k - 1)])
    hessian = functions.hessian(point.x, weights)[np.ix_(free, free)]
    if not np.isfinite(hessian).all():
        return np.inf
    _, vectors = np.linalg.eigh(hessian)
    base = vectors[:, : min(len(free), 20)].T
    turns = np.arange(_MIXED)[:, None] * 5 + np.arange(len(base))[None, :] * 3
    mixed = np.where((turns * 2654435761) % 97 < 48, -1.0, 1.0) @ base / len(base) ** 0.5
    directions = np.zeros((2 * (len(base) + _MIXED), functions.n))
    directions[:, free] = np.concatenate([base, -base, mixed, -mixed])
    value = float(point.values[0])
    close, _ = functions.near(ulps(point.x, _NEAR))
    noise = 4.0 * float(np.abs(close[:, 0] - value).max()) + 4e-16 * abs(value)
    size = max(1.0, float(np.abs(point.x).max()))
    for r in _RADII * size:
        around = functions.many(np.array([box.clip(point.x + r * d) for d in directions]))[0][:, 0]
        moved = np.array([bool(np.any(box.clip(point.x + r * d) != point.x)) for d in directions])
        if (~moved | (around > value + noise)).all() and moved.any():
            return 2.0 * float(r)
    return np.inf
