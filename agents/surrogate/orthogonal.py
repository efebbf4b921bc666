"""Polynomials that are orthonormal under a distribution, by their three-term recurrences.

Source: Gautschi, Orthogonal Polynomials (2004), section 1.5. `norm`: Hermite, `uniform`: Legendre, `gamma` and
`expon`: Laguerre, `beta`: Jacobi, `lognorm`: Hermite of the logarithm; every other distribution: Legendre of its
distribution function.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from agents.arrays import Array
from agents.distributions import Distribution


@dataclass(frozen=True, eq=False, slots=True)
class Axis:
    """One input: `family`, its standard variable, and recurrence coefficients of degree k: a (k), b (k), b_0 = 1."""

    family: str
    standard: Callable[[Array], Array]
    recurrence: Callable[[int], tuple[Array, Array]]

    def evaluate(self, x: Array, degree: int) -> Array:
        """Evaluate the polynomials of degrees 0 to `degree` at x (n): (degree + 1, n)."""
        t = self.standard(x)
        a, b = self.recurrence(degree + 1)
        root = np.sqrt(b)
        made = np.zeros((degree + 1, len(x)))
        made[0] = 1.0
        for k in range(degree):
            before = made[k - 1] * root[k] if k else 0.0
            made[k + 1] = ((t - a[k]) * made[k] - before) / root[k + 1]
        return made


def axis(distribution: Distribution) -> Axis:
    """Choose the polynomials of a distribution."""
    values = distribution.values
    loc, scale = values.get("loc", 0.0), values.get("scale", 1.0)
    if distribution.name == "norm":
        return Axis("hermite", lambda x: (x - loc) / scale, _hermite)
    if distribution.name == "uniform":
        return Axis("legendre", lambda x: 2.0 * (x - loc) / scale - 1.0, _legendre)
    if distribution.name in {"gamma", "expon"}:
        shape = values.get("a", 1.0) - 1.0
        return Axis("laguerre", lambda x: (x - loc) / scale, lambda n: _laguerre(n, shape))
    if distribution.name == "beta":
        first, second = values["b"] - 1.0, values["a"] - 1.0
        return Axis("jacobi", lambda x: 2.0 * (x - loc) / scale - 1.0, lambda n: _jacobi(n, first, second))
    if distribution.name == "lognorm":
        return Axis("hermite", lambda x: np.log((x - loc) / scale) / values["s"], _hermite)
    return Axis("legendre", lambda x: 2.0 * distribution.probability(x) - 1.0, _legendre)


def _hermite(n: int) -> tuple[Array, Array]:
    b = np.arange(n, dtype=np.float64)
    b[0] = 1.0
    return np.zeros(n), b


def _legendre(n: int) -> tuple[Array, Array]:
    k = np.arange(n, dtype=np.float64)
    b = k * k / np.where(k > 0.0, 4.0 * k * k - 1.0, 1.0)
    b[0] = 1.0
    return np.zeros(n), b


def _laguerre(n: int, shape: float) -> tuple[Array, Array]:
    k = np.arange(n, dtype=np.float64)
    b = k * (k + shape)
    b[0] = 1.0
    return 2.0 * k + 1.0 + shape, b


def _jacobi(n: int, first: float, second: float) -> tuple[Array, Array]:
    """Weight (1 - t)^first (1 + t)^second."""
    k = np.arange(n, dtype=np.float64)
    both = first + second
    twice = 2.0 * k + both
    a = np.empty(n)
    a[0] = (second - first) / (both + 2.0)
    a[1:] = (second * second - first * first) / (twice[1:] * (twice[1:] + 2.0))
    b = np.ones(n)
    if n > 1:
        b[1] = 4.0 * (first + 1.0) * (second + 1.0) / ((both + 2.0) ** 2 * (both + 3.0))
    high, t = k[2:], twice[2:]
    b[2:] = 4.0 * high * (high + first) * (high + second) * (high + both) / (t * t * (t + 1.0) * (t - 1.0))
    return a, b
