"""Levenberg and Marquardt's iteration in a trust region: the steps of MINPACK's lmder, the same bits each time.

SciPy's MINPACK took steps that differed in their last places after other work in the process. Source: Moré, The
Levenberg–Marquardt algorithm: implementation and theory (1978); the damping is found in the singular vectors of the
scaled Jacobian, in place of a factorization for each trial.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.linalg import blas, lapack

from agents.arrays import Array

_EPS = float(np.finfo(float).eps)
_TINY = float(np.finfo(float).tiny)
_TOLERANCE = 1e-15
"""Relative change of the sum of squares, and of the point, below which the iteration ends."""
_FACTOR = 100.0
"""The first radius, in lengths of the scaled start."""
_NEAR = 0.1
"""How close to the radius, relative, a step has to end."""
_DAMPINGS = 10
_norm = blas.dnrm2
"""The length, also where its square would overflow or vanish."""


class Function(Protocol):
    """Residuals (m) and their Jacobian (m, n) at a point."""

    def at(self, p: Array, /) -> tuple[Array, Array]:
        """Both at p; what is not finite is stepped back from."""
        ...


@dataclass(frozen=True, slots=True)
class _Linear:
    """r + J p at a point, in q = D p: B = J / D = U diag(s) Vᵀ, and g = Uᵀ r."""

    s: Array
    g: Array
    vt: Array
    full: bool

    def step(self, damping: float) -> tuple[Array, float, float]:
        """Return where |r + B q|² + damping |q|² is least: -q along V, |q|, and qᵀ (BᵀB + damping)⁻¹ q / |q|².

        Without damping what B says nothing of stays; the last number is 0 then.
        """
        if damping == 0.0 and not self.full:
            c = np.divide(self.g, self.s, out=np.zeros_like(self.g), where=self.s > 0.0)
            return c, _norm(c), 0.0
        squares = self.s * self.s + damping
        c = self.s * self.g / squares
        length = _norm(c)
        return c, length, float((1.0 / squares) @ (c / (length or 1.0)) ** 2)

    def within(self, radius: float, damping: float) -> tuple[Array, float, float]:
        """Return the step whose length is the radius, to a tenth, or the whole step if that is shorter; its damping."""
        c, length, slope = self.step(0.0)
        excess = length - radius
        if excess <= _NEAR * radius:
            return c, length, 0.0
        low = excess / radius / slope if self.full and slope > 0.0 else 0.0
        steepest = _norm(self.s * self.g)
        high = steepest / radius or _TINY / min(radius, _NEAR)
        damping = min(max(damping, low), high)
        if damping == 0.0:
            damping = steepest / length
        for _ in range(_DAMPINGS):
            damping = damping or max(_TINY, 0.001 * high)
            before = excess
            c, length, slope = self.step(damping)
            excess = length - radius
            if abs(excess) <= _NEAR * radius or (low == 0.0 and excess <= before < 0.0) or slope == 0.0:
                break
            if excess > 0.0:
                low = max(low, damping)
            else:
                high = min(high, damping)
            damping = max(low, damping + excess / radius / slope)
        return c, length, damping


def search(function: Function, start: Array, limit: int) -> Array:
    """Go downhill from `start` (n) to working precision, with `limit` evaluations at most.

    Gives the last point; the start where a Jacobian on the way is not finite.
    """
    with np.errstate(all="ignore"):
        return _search(function, start, limit)


def _search(function: Function, start: Array, limit: int) -> Array:
    p = start
    r, jacobian = function.at(p)
    norm = _norm(r)
    scale = np.zeros_like(start)
    radius = length = damping = 0.0
    evaluations, first = 1, True
    while True:
        if not np.isfinite(jacobian).all():
            return start
        columns = _norms(jacobian)
        scale = np.maximum(scale, columns)
        if first:
            scale[scale == 0.0] = 1.0
            length = _norm(scale * p)
            radius = _FACTOR * length or _FACTOR
        linear = _linear(r, jacobian / scale)
        if norm == 0.0 or not columns.any():
            return p
        accepted = False
        while not accepted:
            c, step, damping = linear.within(radius, damping)
            moved = p - (c @ linear.vt) / scale
            if first:
                radius = min(radius, step)
            there, other = function.at(moved)
            evaluations += 1
            norm_there = _norm(there)
            actual = 1.0 - (norm_there / norm) ** 2 if 0.1 * norm_there < norm else -1.0
            along = _norm(linear.s * c) / norm
            across = math.sqrt(damping) * step / norm
            predicted = along * along + 2.0 * across * across
            descent = -(along * along + across * across)
            ratio = actual / predicted if predicted != 0.0 else 0.0
            if ratio <= 0.25:
                shrink = 0.5 if actual >= 0.0 else 0.5 * descent / (descent + 0.5 * actual)
                if not 0.1 * norm_there < norm or shrink < 0.1:
                    shrink = 0.1
                radius = shrink * min(radius, step / 0.1)
                damping /= shrink
            elif damping == 0.0 or ratio >= 0.75:
                radius = 2.0 * step
                damping *= 0.5
            accepted = ratio >= 1e-4
            if accepted:
                p, r, jacobian, norm = moved, there, other, norm_there
                length = _norm(scale * p)
                first = False
            small = abs(actual) <= _TOLERANCE and predicted <= _TOLERANCE and 0.5 * ratio <= 1.0
            if small or radius <= _TOLERANCE * length or evaluations >= limit:
                return p


def _norms(b: Array) -> Array:
    """The columns' lengths."""
    found: Array = np.sqrt(np.einsum("ij,ij->j", b, b))
    return found if found.max(initial=0.0) < math.inf else np.array([_norm(column.copy()) for column in b.T])


def _linear(r: Array, b: Array) -> _Linear:
    m, n = b.shape
    if m > 2 * n:  # r at the side of B, so that no Q is formed
        both = np.empty((m, n + 1), order="F")
        both[:, :n] = b
        both[:, n] = r
        triangle = np.triu(lapack.dgeqrf(both, overwrite_a=1)[0][:n])
        b, r = triangle[:, :n], triangle[:, n]
    u, s, vt, _ = lapack.dgesdd(b, full_matrices=0)
    return _Linear(s, r @ u, vt, bool(s[-1] > 0.0))
