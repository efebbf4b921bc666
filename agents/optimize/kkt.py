"""The last steps of a minimisation: Newton's method on Karush, Kuhn and Tucker's conditions, and the error's bound.

minimise f(x) subject to c(x) >= 0 or = 0 and low <= x <= high. At a solution the gradient of the Lagrangian
f - λ·c - μ·x is 0, λ and μ have the right signs and are 0 where the constraint is not active, and the Hessian of the
Lagrangian is positive definite along the active constraints. Source: Nocedal & Wright, Numerical optimization (2006),
theorems 12.1 and 12.6, chapter 18.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from agents.arrays import Array
from agents.optimize.functions import Smooth, ulps
from agents.optimize.newton import TINY
from agents.optimize.refine import Indices
from agents.optimize.residuals import EPS

_STEPS = 80
_CLOUD = 3
_SAFETY = 4.0
_ACTIVE = 1e-5
_FEASIBLE = 1e-9
_RELATIVE = 1e-6
_FLAT = 1e-9


@dataclass(frozen=True, eq=False)
class Box:
    """What holds x: bounds, and which constraints are equations; the functions are f, then the constraints."""

    low: Array
    high: Array
    equality: np.ndarray[tuple[int], np.dtype[np.bool_]]

    def clip(self, x: Array) -> Array:
        """Return the nearest point inside the bounds."""
        return np.minimum(np.maximum(x, self.low), self.high)


@dataclass(frozen=True, eq=False)
class Stationary:
    """Where Newton's iteration ended.

    `settled`: its last step is nothing but rounding, or small; `feasible`: no constraint is violated; `minimum`: the
    Hessian is positive definite along the active constraints; `curve` is the direction in which it is least. `error`
    bounds the distance of each coordinate to the solution; `step` is the length of the last.
    """

    x: Array
    values: Array
    multipliers: Array
    bound_multipliers: Array
    gradient_norm: float
    violation: float
    settled: bool
    feasible: bool
    minimum: bool
    flat: bool
    curve: Array
    error: Array
    steps: int

    @property
    def solved(self) -> bool:
        """Whether all conditions hold."""
        return self.settled and self.feasible and self.minimum


@dataclass(eq=False)
class _Local:
    """The conditions at one point: who is active, the linear system of Newton's step, and its right side."""

    x: Array
    values: Array
    slopes: Array
    free: Indices
    active: Indices
    multipliers: Array
    bound_multipliers: Array
    system: Array
    right: Array
    hessian: Array


def polish(functions: Smooth, x: Array, box: Box) -> Stationary:
    """Iterate from near a solution; what is found there is told by the flags of the result."""
    start = x  # steps that shrink by a constant ratio, as at a singular Hessian, leave the rest of their series
    local = _conditions(functions, x, box)
    best, shortest, ratio, steps = local, np.inf, 0.0, 0
    for steps in range(_STEPS):  # noqa: B007 - told
        move = _solve(local.system, local.right)[: len(local.free)]
        length = float(np.abs(move).max(initial=0.0))
        if not length < 0.85 * shortest:
            break
        ratio = length / shortest if 0 < shortest < np.inf else 0.0
        best, shortest = local, length
        if length <= 0.5 * EPS * float(np.abs(x).max(initial=0.0)):
            break
        moved = local.x.copy()
        moved[local.free] += move
        local = _conditions(functions, box.clip(moved), box)
        if not np.isfinite(local.right).all():
            break
    return _judge(functions, best, box, start, steps, 2.0 / (1.0 - ratio))


def _conditions(functions: Smooth, x: Array, box: Box) -> _Local:
    values, slopes = functions.at(x)
    multipliers, bound_multipliers, active = _multipliers(x, values, slopes, box)
    x = np.where(bound_multipliers > 0, box.low, np.where(bound_multipliers < 0, box.high, x))
    values, slopes = functions.at(x)
    weights = np.concatenate([[1.0], -multipliers])
    free = np.flatnonzero((bound_multipliers == 0) & (box.low < box.high))
    hessian = functions.hessian(x, weights)
    gradient = weights @ slopes
    rows = slopes[1:][np.ix_(active, free)]
    nf, na = len(free), len(active)
    system = np.zeros((nf + na, nf + na))
    system[:nf, :nf] = hessian[np.ix_(free, free)]
    system[:nf, nf:] = -rows.T
    system[nf:, :nf] = rows
    right = -np.concatenate([gradient[free], values[1:][active]])
    return _Local(x, values, slopes, free, active, multipliers, bound_multipliers, system, right, hessian)


def _multipliers(x: Array, values: Array, slopes: Array, box: Box) -> tuple[Array, Array, Indices]:
    """Find who is active, with multipliers of the right sign that leave the least gradient."""
    n, m = len(x), len(values) - 1
    gradient = slopes[0]
    span = np.where(np.isfinite(box.high - box.low), box.high - box.low, np.maximum(1.0, np.abs(x)))
    at_low = np.flatnonzero(x - box.low <= _ACTIVE * span)
    at_high = np.flatnonzero(box.high - x <= _ACTIVE * span)
    if m == 0:
        bound = np.zeros(n)
        bound[at_low] = np.maximum(gradient[at_low], 0.0)
        bound[at_high] = np.where(bound[at_high] == 0.0, np.minimum(gradient[at_high], 0.0), bound[at_high])
        return np.zeros(0), bound, np.zeros(0, dtype=np.int64)
    scale = _scales(x, values, slopes)
    near = np.flatnonzero(box.equality | (values[1:] <= _ACTIVE * scale))
    equations = box.equality[near]
    even = near[equations]
    rows = slopes[1:][near]
    norms = np.maximum(np.sqrt(np.einsum("ij,ij->i", rows, rows)), 1e-300)
    unit = np.eye(n)
    columns = np.concatenate([rows / norms[:, None], -slopes[1:][even] / norms[equations][:, None],
                              unit[at_low], -unit[at_high]])  # fmt: skip
    bound, multipliers = np.zeros(n), np.zeros(m)
    if len(columns) == 0 or not np.isfinite(columns).all() or not np.isfinite(gradient).all():
        return multipliers, bound, near
    try:
        weights = optimize.nnls(columns.T, gradient, maxiter=10 * (len(columns) + n))[0]
    except RuntimeError:  # too many steps
        weights = np.zeros(len(columns))
    parts = np.split(weights, np.cumsum([len(near), len(even), len(at_low)]))
    multipliers[near] = parts[0] / norms
    multipliers[even] -= parts[1] / norms[equations]
    bound[at_low] += parts[2]
    bound[at_high] -= parts[3]
    active = np.flatnonzero(box.equality | (multipliers > 0) | (values[1:] < -_FEASIBLE * scale))
    return multipliers, bound, active


def _scales(x: Array, values: Array, slopes: Array) -> Array:
    """How large the terms of the constraints are."""
    found: Array = np.abs(slopes[1:]) @ np.maximum(np.abs(x), 1e-8) + np.abs(values[1:])
    return np.where(found > 0, found, 1.0)


def _solve(system: Array, right: Array) -> Array:
    if len(right) == 0:
        return right
    if not (np.isfinite(system).all() and np.isfinite(right).all()):
        return np.full(len(right), np.nan)
    try:
        found = np.linalg.solve(system, right)
    except np.linalg.LinAlgError:
        found = np.linalg.lstsq(system, right, rcond=1e-14)[0]
    return np.asarray(found)


def _judge(functions: Smooth, local: _Local, box: Box, start: Array, steps: int, factor: float) -> Stationary:
    n, nf = functions.n, len(local.free)
    x, values, slopes = local.x, local.values, local.slopes
    weights = np.concatenate([[1.0], -local.multipliers])
    gradient = weights @ slopes - local.bound_multipliers
    violations = np.where(box.equality, np.abs(values[1:]), np.maximum(-values[1:], 0.0))
    finite = bool(np.isfinite(local.system).all() and np.isfinite(local.right).all())
    feasible = finite and bool((violations <= _FEASIBLE * _scales(x, values, slopes)).all())
    minimum, flat, curve = (False, False, np.zeros(n)) if not finite else _second_order(local, n)
    error = np.full(n, np.inf)
    settled = False
    if finite and (minimum or flat):
        inverse = np.linalg.pinv(local.system, rcond=1e-13) if flat else _inverse(local.system)
        noise = _noise(functions, local, weights)
        step = np.abs(inverse @ local.right)[:nf]
        spread = (np.abs(inverse) @ noise)[:nf]
        error = np.zeros(n)
        error[local.free] = factor * (step + spread)
        error += EPS * np.abs(x) * (box.low < box.high)
        size = max(float(np.abs(x).max(initial=0.0)), float(np.abs(x - start).max(initial=0.0)))
        left = np.abs(local.right - local.system @ (inverse @ local.right))
        even = not flat or bool((left <= 4.0 * noise).all())  # no slope is left in the flat directions
        settled = even and bool(
            (step <= np.maximum(4.0 * spread, 1e-300)).all() or error.max(initial=0.0) <= _RELATIVE * size
        )
    return Stationary(
        x, values, local.multipliers, local.bound_multipliers, float(np.abs(gradient).max(initial=0.0)),
        float(violations.max(initial=0.0)), settled, feasible, minimum, flat, curve, error, steps,
    )  # fmt: skip


def _inverse(system: Array) -> Array:
    if len(system) == 0:
        return system
    try:
        return np.asarray(np.linalg.inv(system))
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.pinv(system, rcond=1e-13))


def _second_order(local: _Local, n: int) -> tuple[bool, bool, Array]:
    """Test the reduced Hessian: (positive definite, positive but for flat directions, the least direction)."""
    nf = len(local.free)
    whole, rows = local.system[:nf, :nf], local.system[nf:, :nf]
    basis = np.eye(nf)
    if len(rows):
        _, values, right = np.linalg.svd(rows)
        rank = int((values > 1e-10 * max(values[0], 1e-300)).sum()) if len(values) else 0
        basis = right[rank:].T
    curve = np.zeros(n)
    if basis.shape[1] == 0:
        return True, False, curve
    values, vectors = np.linalg.eigh(basis.T @ whole @ basis)
    curve[local.free] = basis @ vectors[:, 0]
    top = float(np.abs(whole).max(initial=0.0))
    lowest = float(values[0])
    return lowest > _FLAT * top, top == 0.0 or abs(lowest) <= _FLAT * top, curve


def _noise(functions: Smooth, local: _Local, weights: Array) -> Array:
    """Estimate how exact the conditions are: what they jump by where x and constants change in their last place."""
    nf = len(local.free)
    points = np.repeat(local.x[None, :], _CLOUD, axis=0)
    points[:, local.free] = ulps(local.x, _CLOUD)[:, local.free]
    values, slopes = functions.near(points)
    there = np.concatenate([np.einsum("k,pkn->pn", weights, slopes)[:, local.free], values[:, 1:][:, local.active]], 1)
    moved = (local.system[:, :nf] @ (points - local.x)[:, local.free].T).T
    jumps = np.abs(there + local.right - moved)
    terms = np.abs(weights) @ np.abs(local.slopes)
    floor = EPS * np.concatenate([terms[local.free], 0.0 * local.active])
    found: Array = _SAFETY * jumps.max(axis=0, initial=0.0) + floor + TINY
    return found
