"""Tikhonov regularisation ‖Ax - b‖² + α‖x‖² by the singular value decomposition."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import linalg

from agents.arrays import Array
from agents.inverse.selection import Curve

_EPS = float(np.finfo(np.float64).eps)
_POINTS = 200


@dataclass(frozen=True, eq=False, slots=True)
class Decomposed:
    """Singular values s, V, the coefficients Uᵀb, and what of b is outside the range of U."""

    s: Array
    vt: Array
    beta: Array
    outside: float
    shape: tuple[int, int]
    size_b: float

    def solve(self, alpha: float) -> Array:
        """Give the solution x (n)."""
        made: Array = self.vt.T @ (self._filter(alpha) * self.beta)
        return made

    def _filter(self, alpha: float) -> Array:
        low = self.s.max(initial=0.0) * max(self.shape) * _EPS
        keep = (self.s > low) | (alpha > 0.0)
        return np.where(keep, self.s / np.where(keep, self.s**2 + alpha, 1.0), 0.0)

    @property
    def rank(self) -> int:
        """Numerical rank."""
        return int((self.s > self.s.max(initial=0.0) * max(self.shape) * _EPS).sum())

    def curve(self) -> Curve:
        """Residuals, penalties and degrees of freedom over all alphas that matter."""
        top = float(self.s[0]) ** 2
        low = max(float(self.s[-1]) ** 2, top * 1e-15)
        alpha = np.geomspace(0.01 * low, 100.0 * top, _POINTS)
        kept = self.s**2 / (self.s**2 + alpha[:, None])
        residual = np.sqrt((((1.0 - kept) * self.beta) ** 2).sum(axis=1) + self.outside**2)
        penalty = ((self.s / (self.s**2 + alpha[:, None]) * self.beta) ** 2).sum(axis=1)
        return Curve(alpha, residual, penalty, kept.sum(axis=1), self.shape[0])

    def rounding(self, x: Array, alpha: float, residual: float) -> float:
        """Bound the rounding error of x: Wedin's theorem for [A; √α] (Higham, 2002, theorem 20.1)."""
        top = float(np.sqrt(self.s[0] ** 2 + alpha))
        least = float(np.sqrt((self.s[-1] if self.shape[0] >= self.shape[1] else 0.0) ** 2 + alpha))
        size = float(np.linalg.norm(x))
        rest = float(np.hypot(residual, np.sqrt(alpha) * size))
        bent = top / least * size + self.size_b / least + top * rest / least**2
        return 10.0 * _EPS * float(np.sqrt(sum(self.shape))) * bent


def decompose(a: Array, b: Array) -> Decomposed:
    """Decompose a problem."""
    found: Any = linalg.svd(a, full_matrices=False, check_finite=False)
    u, s, vt = found
    beta = u.T @ b
    outside = float(np.linalg.norm(b - u @ beta)) if a.shape[0] > a.shape[1] else 0.0
    return Decomposed(s, vt, beta, outside, (a.shape[0], a.shape[1]), float(np.linalg.norm(b)))
