"""Nonlinear least squares: Levenberg and Marquardt's iteration, other ways in when it gets stuck, then refined."""

from collections.abc import Iterator

import numpy as np
from scipy import optimize

from agents import draws
from agents.arrays import Array
from agents.optimize import marquardt
from agents.optimize.refine import Point, geometry_of, refine
from agents.optimize.residuals import Residuals
from agents.optimize.separable import Separable
from agents.outcome import Problem

_TRIES = 40
"""Points that are looked at where the iteration is stuck."""
_BEST = 6
_ATTEMPTS = 8


def fit(
    residuals: Residuals, start: Array, low: Array, high: Array, linear: list[int], method: str, limit: int, seed: int
) -> Point:
    """Return the best stationary point found from `start`; `linear` are the parameters to be projected out.

    The first that is a minimum is taken; where none is, the best point, which says that it is none.
    """
    bounded = bool(np.isfinite(low).any() or np.isfinite(high).any())
    best: Point | None = None
    for p in _ends(residuals, start, low, high, linear, method, limit, seed):
        if not (np.isfinite(residuals.at(p)[0]).all() and np.isfinite(residuals.at(p)[1]).all()):
            continue
        point = _refined(residuals, p, low, high) if bounded else refine(residuals, p, np.arange(residuals.n))
        if point.settled and point.minimum:
            return point
        if best is None or point.cost < best.cost:
            best = point
    if best is None:
        text = "no point was found where the residuals and their derivatives are finite"
        raise Problem("non_finite", text, field="inputs", hint="other starting values")
    return best


def _ends(
    residuals: Residuals, start: Array, low: Array, high: Array, linear: list[int], method: str, limit: int, seed: int
) -> Iterator[Array]:
    """Where the iterations from the start and from other points end, the likeliest first."""
    bounded = bool(np.isfinite(low).any() or np.isfinite(high).any())
    if bounded or method == "trf":
        yield _trust_region(residuals, start, low, high, limit)
        if bounded:
            for other in _others(start, low, high, seed)[:_BEST]:
                yield _trust_region(residuals, other, low, high, limit)
            return
    if 0 < len(linear) == residuals.n:
        yield Separable(residuals, linear).complete(np.empty(0))
        return
    if method != "variable_projection" or not linear:
        yield marquardt.search(residuals, start, limit)
    if linear:
        projected = Separable(residuals, linear)
        q = start[projected.nonlinear]
        yield projected.complete(marquardt.search(projected, q, limit))
        free = np.full(len(q), np.inf)
        others = _others(q, -free, free, seed)
        for other in _ranked(projected, others)[:_ATTEMPTS]:
            yield projected.complete(marquardt.search(projected, other, limit))
    others = _others(start, low, high, seed)
    for other in _ranked(residuals, others)[:_ATTEMPTS]:
        yield marquardt.search(residuals, other, limit)


class _NotFiniteError(ValueError):
    """The Jacobian is not finite where the iteration went."""


def _finite(jacobian: Array) -> Array:
    if not np.isfinite(jacobian).all():
        raise _NotFiniteError
    return jacobian


def _trust_region(residuals: Residuals, start: Array, low: Array, high: Array, limit: int) -> Array:
    """SciPy's trust-region reflective iteration, which keeps inside bounds (Branch, Coleman & Li 1999)."""

    def value(p: Array) -> Array:
        return residuals.at(p)[0]

    def slope(p: Array) -> Array:
        return _finite(residuals.at(p)[1])

    try:
        found = optimize.least_squares(
            value, start, jac=slope, bounds=(low, high),
            method="trf", x_scale="jac", ftol=1e-14, xtol=1e-14, gtol=1e-14, max_nfev=limit,
        )  # fmt: skip
    except ValueError:  # not finite where it went
        return start
    return np.asarray(found.x, dtype=np.float64)


def _refined(residuals: Residuals, p: Array, low: Array, high: Array) -> Point:
    """Refine over the parameters that are not held by a bound."""
    r, jacobian = residuals.at(p)
    gradient = jacobian.T @ r
    span = np.where(np.isfinite(high - low), high - low, np.abs(p) + 1.0)
    at_low, at_high = p - low <= 1e-6 * span, high - p <= 1e-6 * span
    held = (at_low & (gradient > 0)) | (at_high & (gradient < 0))
    fixed = np.where(held, np.where(at_low, low, high), p)
    if held.all():
        return _cornered(residuals, fixed)
    point = refine(residuals, fixed, np.flatnonzero(~held))
    inside = bool(((point.p >= low) & (point.p <= high)).all())
    gradient = point.jacobian.T @ point.r
    right = bool((np.where(at_low, gradient, -gradient)[held] > 0).all())
    if inside and right:
        return point
    kept = refine(residuals, np.clip(p, low, high), np.flatnonzero(~held))
    return Point(fixed, *residuals.at(fixed), kept.geometry, False, kept.minimum, np.full(len(p), np.inf), kept.steps)


def _cornered(residuals: Residuals, p: Array) -> Point:
    """Each parameter is at a bound: the point is exact."""
    r, jacobian = residuals.at(p)
    return Point(p, r, jacobian, geometry_of(jacobian), True, True, np.zeros(len(p)), 0)


def _others(start: Array, low: Array, high: Array, seed: int) -> Array:
    """Other starting values: the given ones changed by factors of up to a thousand, and sometimes in sign."""
    u = draws.uniforms(seed, 0, _TRIES, 2 * len(start))
    reach = np.repeat(np.linspace(0.3, 3.0, 10), _TRIES // 10)[:, None]
    factor = 10.0 ** (reach * (2.0 * u[:, : len(start)] - 1.0))
    sign = np.where(u[:, len(start) :] < 0.1, -1.0, 1.0)
    moved = np.where(start == 0.0, 2.0 * u[:, : len(start)] - 1.0, start) * factor * sign
    return np.clip(moved, np.where(np.isfinite(low), low, -np.inf), np.where(np.isfinite(high), high, np.inf))


def _ranked(function: marquardt.Function, points: Array) -> list[Array]:
    """Those where the residuals are finite, the smallest first."""
    costs = [float(np.sum(function.at(p)[0] ** 2)) for p in points]
    order = np.argsort(np.where(np.isfinite(costs), costs, np.inf), kind="stable")
    return [points[i] for i in order if np.isfinite(costs[i])]
