"""The augmented Lagrangian: a function without constraints that has its minimum where the constrained problem has.

Source: Nocedal & Wright, Numerical optimization (2006), theorem 17.5; Bertsekas (1982).
"""

from typing import Any

import numpy as np

from agents.arrays import Array
from agents.optimize.functions import Smooth

Mask = np.ndarray[Any, np.dtype[np.bool_]]

_PRICE = 10.0


class Augmented:
    """f - λ·c + ρ/2 Σ c², over the constraints that are `active`, with the multipliers of a solution x."""

    k = 1

    def __init__(self, functions: Smooth, x: Array, multipliers: Array, active: Mask) -> None:
        self.n = functions.n
        self._functions = functions
        self._active = np.flatnonzero(active)
        self._weights = np.concatenate([[1.0], -multipliers * active])
        slopes = functions.at(x)[1][1:][self._active]
        least = float(np.min(np.einsum("ij,ij->i", slopes, slopes), initial=1.0))
        size = float(np.abs(functions.hessian(x, self._weights)).max(initial=1.0))
        self._price = _PRICE * size / max(least, 1e-12)

    def at(self, x: Array, /) -> tuple[Array, Array]:
        """Value (1) and gradient (1, n)."""
        values, slopes = self.many(x[None, :])
        return values[0], slopes[0]

    def many(self, points: Array, /) -> tuple[Array, Array]:
        """Values (p, 1) and gradients (p, 1, n)."""
        return self._of(*self._functions.many(points))

    def near(self, points: Array, /) -> tuple[Array, Array]:
        """As `many`, each with other roundings."""
        return self._of(*self._functions.near(points))

    def _of(self, values: Array, slopes: Array) -> tuple[Array, Array]:
        c, rows = values[:, 1:][:, self._active], slopes[:, 1:][:, self._active]
        value = values @ self._weights + 0.5 * self._price * np.einsum("pk,pk->p", c, c)
        slope = np.einsum("k,pkn->pn", self._weights, slopes) + self._price * np.einsum("pk,pkn->pn", c, rows)
        return value[:, None], slope[:, None, :]

    def hessian(self, x: Array, weights: Array, /) -> Array:
        """The Hessian (n, n)."""
        values, slopes = self._functions.at(x)
        rows = slopes[1:][self._active]
        whole = self._weights.copy()
        whole[1 + self._active] += self._price * values[1:][self._active]
        return float(weights[0]) * (self._functions.hessian(x, whole) + self._price * rows.T @ rows)
