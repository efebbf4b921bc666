"""The last steps to a root: Newton's method, and a bound of the error by Newton and Kantorovich's theorem.

Source: Deuflhard, Newton methods for nonlinear problems (2004), 2.1; noise as in `kkt`.
"""

import contextlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from agents.arrays import Array
from agents.optimize.functions import Functions, ulps
from agents.optimize.residuals import EPS

_STEPS = 80
_CLOUD = 3
_SAFETY = 4.0
_SINGULAR = 1e13
_RELATIVE = 1e-6
TINY = 1e-306
"""Below this, products underflow."""


@dataclass(frozen=True, eq=False)
class Root:
    """Where the iteration ended; `settled` where it is a root, `singular` where its Jacobian is to working precision.

    `error` bounds the distance of each coordinate to the root.
    """

    x: Array
    values: Array
    condition: float
    settled: bool
    singular: bool
    error: Array
    steps: int

    @property
    def residual(self) -> float:
        """The largest of what is to be 0."""
        return float(np.abs(self.values).max(initial=0.0))


def polish(functions: Functions, x: Array) -> Root:
    """Iterate from near a root; what is found there is told by the flags of the result."""
    start, best, shortest, ratio, steps = x, x, np.inf, 0.0, 0
    for steps in range(_STEPS):  # noqa: B007 - told
        values, slopes = functions.at(x)
        if not (np.isfinite(values).all() and np.isfinite(slopes).all()):
            break
        move = _step(slopes, values)
        length = float(np.abs(move).max(initial=0.0))
        if not length < 0.85 * shortest:
            break
        ratio = length / shortest if 0 < shortest < np.inf else 0.0
        best, shortest = x, length
        if length <= 0.5 * EPS * float(np.abs(x).max(initial=0.0)):
            break
        x = x + move
    # steps that shrink by a constant ratio, as at a multiple root, leave the rest of their series
    return _judge(functions, best, start, steps, 2.0 / (1.0 - ratio))


@lru_cache(maxsize=64)
def around(n: int) -> Array:
    """Factors (1 + cloud, n) of the points that are looked at: first of the point itself, then of those around it."""
    return np.concatenate([np.ones((1, n)), ulps(np.ones(n), _CLOUD)])


def _step(slopes: Array, values: Array) -> Array:
    try:
        return np.asarray(np.linalg.solve(slopes, -values))
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.lstsq(slopes, -values, rcond=1e-14)[0])


def _inverse(slopes: Array, singular: bool) -> Array:
    if not singular:
        with contextlib.suppress(np.linalg.LinAlgError):  # a pivot that underflows
            return np.asarray(np.linalg.inv(slopes))
    try:
        return np.asarray(np.linalg.pinv(slopes, rcond=1e-13))
    except np.linalg.LinAlgError:  # its entries are too far apart
        return np.full(slopes.shape, np.inf)


def _judge(functions: Functions, x: Array, start: Array, steps: int, factor: float) -> Root:
    values, slopes = functions.at(x)
    nowhere = np.full(len(x), np.inf)
    if not (np.isfinite(values).all() and np.isfinite(slopes).all()):
        return Root(x, values, np.inf, False, False, nowhere, steps)
    scale = np.abs(slopes).max(axis=1)
    rows = slopes / np.where(scale > 0, scale, 1.0)[:, None]
    columns = np.abs(rows).max(axis=0)
    spectrum = np.linalg.svd(rows / np.where(columns > 0, columns, 1.0), compute_uv=False)
    condition = np.inf if spectrum[-1] == 0.0 else float(spectrum[0] / spectrum[-1])
    singular = condition > _SINGULAR
    inverse = _inverse(slopes, singular)
    points = ulps(x, _CLOUD)
    there, _ = functions.near(points)
    jumps = np.abs(there - values - (points - x) @ slopes.T).max(axis=0)
    noise = _SAFETY * jumps + EPS * np.abs(values) + TINY
    step = np.abs(inverse @ values)
    spread = np.abs(inverse) @ noise
    error = factor * (step + spread) + EPS * np.abs(x)
    left = np.abs(values - slopes @ (inverse @ values))
    size = max(float(np.abs(x).max(initial=0.0)), min(float(np.abs(x - start).max(initial=0.0)), 1.0))
    most = float(error.max(initial=0.0))
    near = most <= _RELATIVE * size or (bool((step <= 4.0 * spread).all()) and (most <= 1e-3 * size or not step.any()))
    first = np.abs(functions.at(start)[0])
    reached = not singular or bool((left <= 4.0 * noise).all() and (left <= 1e-8 * first + TINY).all())
    settled = near and reached and _is_small(functions, x, values, size)
    return Root(x, values, condition, settled, singular, error, steps)


def _is_small(functions: Functions, x: Array, values: Array, size: float) -> bool:
    """Whether what is to be 0 is small beside what it is elsewhere; a short step alone may come of a steep slope."""
    away = np.array([[size], [-size], [1.0], [-1.0]])
    elsewhere, _ = functions.near(x + away)
    finite = elsewhere[np.isfinite(elsewhere).all(axis=1)]
    return not finite.size or float(np.abs(values).max()) <= _RELATIVE * float(np.abs(finite).max())
