"""The last steps of a least-squares problem: full Newton iterations, the test of a minimum, the bound of the error.

Coordinates z with p = p0 + back z, in which the Jacobian's columns are orthonormal: the Hessian there is I + S, where S
is what Gauss and Newton leave out. Source: Björck, Numerical methods for least squares problems (1996), 9.1–9.2; the
criterion is the relative offset of Bates & Watts (1981).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import lapack

from agents.arrays import Array
from agents.optimize.residuals import EPS, Residuals

Indices = np.ndarray[Any, np.dtype[np.integer[Any]]]

_STEPS = 12
_CLOUD = 3
_RELATIVE = 1e-4
_OFFSET = 1e-6
_SAFETY = 4.0


@dataclass(frozen=True, eq=False)
class Geometry:
    """The Jacobian's singular value decomposition with columns scaled to length 1: J back = u, u orthonormal."""

    u: Array
    back: Array
    condition: float
    null: Array
    """The direction, in units of the scaled parameters, that changes the residuals least."""


@dataclass(frozen=True, eq=False)
class Point:
    """Where the iteration ended.

    `minimum` is whether the Hessian is positive definite there, `settled` whether the gradient is zero to rounding or
    the offset is small; `error` bounds the distance of each parameter to the minimum's.
    """

    p: Array
    r: Array
    jacobian: Array
    geometry: Geometry
    settled: bool
    minimum: bool
    error: Array
    steps: int

    @property
    def cost(self) -> float:
        """The sum of squares."""
        return float(self.r @ self.r)

    @property
    def singular(self) -> bool:
        """Whether the residuals do not tell the parameters apart, to working precision."""
        return is_singular(self.geometry, len(self.r))


def is_singular(geometry: Geometry, m: int) -> bool:
    """Whether a Jacobian of m rows has columns that depend on each other, to working precision."""
    return not geometry.condition < 1.0 / (EPS * 20 * (1 + m) ** 0.5)


def geometry_of(jacobian: Array) -> Geometry:
    """Decompose; a column of zeros gives an infinite condition."""
    scale = np.sqrt(np.einsum("ij,ij->j", jacobian, jacobian))
    if not scale.all():
        n = jacobian.shape[1]
        return Geometry(np.zeros((len(jacobian), n)), np.zeros((n, n)), np.inf, (scale == 0.0).astype(np.float64))
    q, r = np.linalg.qr(jacobian / scale)
    left, values, right, _ = lapack.dgesdd(r)
    condition = np.inf if values[-1] == 0.0 else float(values[0] / values[-1])
    with np.errstate(all="ignore"):
        back = (right.T / values) / scale[:, None]
    return Geometry(q @ left, back, condition, right[-1])


@dataclass(frozen=True, eq=False)
class _Local:
    """A point with its Hessian in z, how exact the gradient is, and Newton's step."""

    p: Array
    r: Array
    jacobian: Array
    geometry: Geometry
    hessian: Array
    noise: Array
    minimum: bool
    z: Array

    @property
    def length(self) -> float:
        return float(np.linalg.norm(self.z))


def refine(residuals: Residuals, p: Array, free: Indices) -> Point:
    """Iterate Newton's method from near a minimum over the `free` parameters (indices); the others stay."""
    r, jacobian = residuals.at(p)
    here = _local(residuals, p, free, None)
    if here is None:
        geometry = geometry_of(jacobian[:, free])
        return Point(p, r, jacobian, geometry, False, False, np.full(len(p), np.inf), 0)
    steps = 0
    for steps in range(1, _STEPS + 1):  # noqa: B007 - told
        if here.minimum and here.length <= 0.25 * float(np.linalg.norm(here.noise)):
            break
        moved = here.p.copy()
        moved[free] += here.geometry.back @ here.z
        near = here.length <= 1e-4 * (float(np.linalg.norm(here.r)) + 1e-4 * residuals.size)
        there = _local(residuals, moved, free, here.noise if near else None)
        rounding = (100.0 * EPS * residuals.size) ** 2
        if there is None or not there.r @ there.r <= (here.r @ here.r) * (1.0 + 1e-8) + rounding:
            break
        halved = there.length < 0.5 * here.length
        if there.length <= here.length:
            here = there
        if not halved:
            break
    return _judged(residuals, here, free, steps)


def _local(residuals: Residuals, p: Array, free: Indices, noise: Array | None) -> _Local | None:
    """Return what is needed for a step from p; None where the Jacobian is singular or not finite.

    `noise` is what was estimated nearby.
    """
    r, jacobian = residuals.at(p)
    part = jacobian[:, free]
    if not (np.isfinite(r).all() and np.isfinite(part).all()):
        return None
    geometry = geometry_of(part)
    if is_singular(geometry, len(r)):
        return None
    gradient = geometry.u.T @ r
    norm = float(np.linalg.norm(r))
    hessian = _second_order(residuals, p, free, geometry, r, norm)
    if noise is None:
        noise = _noise(residuals, p, free, geometry, gradient, hessian, norm)
    minimum = bool(np.linalg.eigvalsh(hessian)[0] > 1e-8)
    z = np.asarray(-np.linalg.solve(hessian, gradient) if minimum else -gradient)
    return _Local(p, r, jacobian, geometry, hessian, noise, minimum, z)


def _judged(residuals: Residuals, here: _Local, free: Indices, steps: int) -> Point:
    m, n = residuals.m, len(free)
    p, geometry = here.p, here.geometry
    if not here.minimum:
        return Point(p, here.r, here.jacobian, geometry, False, False, np.full(len(p), np.inf), steps)
    z = np.abs(here.z)
    spread = np.abs(np.linalg.inv(here.hessian)) @ here.noise
    offset = here.length * max(m - n, 1) ** 0.5
    settled = bool(offset <= _OFFSET * np.linalg.norm(here.r) or (z <= 4.0 * spread + 1e-300).all())
    error = np.zeros(len(p))
    error[free] = 2.0 * (np.abs(geometry.back) @ (z + spread)) + EPS * np.abs(p[free])
    return Point(p, here.r, here.jacobian, geometry, settled, True, error, steps)


def _second_order(residuals: Residuals, p: Array, free: Indices, geometry: Geometry, r: Array, norm: float) -> Array:
    """Return the Hessian I + S in z by differences of the exact gradient."""
    n = len(free)
    back = geometry.back
    rows = np.sqrt(np.einsum("ij,ij->i", back, back))
    size = max(residuals.size, norm, 1e-300)
    typical = np.abs(p[free]) + rows * norm / residuals.m**0.5 + 1e-6 * rows * size
    h = _RELATIVE / np.max(np.abs(back) / typical[:, None], axis=0)
    points = np.repeat(p[None, :], 2 * n, axis=0)
    points[:n, free] += (back * h).T
    points[n:, free] -= (back * h).T
    _, there = residuals.many(points)
    turned = np.tensordot(there[:, :, free], r, axes=(1, 0))  # (2n, n): gradients by p with r held
    s = ((turned[:n] - turned[n:]) / (2.0 * h[:, None])) @ back
    hessian: Array = np.eye(n) + 0.5 * (s + s.T)
    if not np.isfinite(hessian).all():
        return np.eye(n)
    return hessian


def _noise(
    residuals: Residuals, p: Array, free: Indices, geometry: Geometry, gradient: Array, hessian: Array, norm: float
) -> Array:
    """Estimate how exact the gradient is: what it jumps by where parameters and data change in their last place."""
    turns = np.arange(_CLOUD)[:, None] * 7 + np.arange(len(free))[None, :] * 3
    points = np.repeat(p[None, :], _CLOUD, axis=0)
    points[:, free] *= 1.0 + EPS * np.where((turns * 2654435761) % 97 < 48, -1.0, 1.0)
    r, there = residuals.near(points)
    gradients = np.einsum("kmn,km->kn", there[:, :, free], r) @ geometry.back
    scale = np.sqrt(np.einsum("ij,ij->j", there[0][:, free], there[0][:, free]))
    moved = (geometry.u.T @ there[0][:, free]) @ (points[:, free] - p[free]).T
    jumps = np.abs(gradients - gradient - (hessian @ moved).T)
    floor = EPS * (norm + 1e-3 * float(scale @ np.abs(p[free])))
    noise: Array = _SAFETY * jumps.max(axis=0) + floor
    return noise
