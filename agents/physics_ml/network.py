"""Random-feature networks: one hidden layer of tanh units that are drawn, and an output layer that is solved for."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from agents import draws
from agents.arrays import Array


@dataclass(frozen=True, eq=False)
class Features:
    """Units tanh(w · z + b) of z, the point moved from its box to [-1, 1]ᵈ; `weights` (m, d), `biases` (m).

    Source: Huang, Zhu, Siew, Extreme learning machine (2006); Dong & Li, Local extreme learning machines (2021).
    """

    weights: Array
    biases: Array
    low: Array
    high: Array

    @classmethod
    def draw(cls, low: Array, high: Array, count: int, steepness: float, seed: int, stream: int) -> "Features":
        """Draw units whose middle lies inside the box, with weights up to `steepness`; the first one is constant."""
        d = len(low)
        numbers = 2.0 * draws.uniforms(seed, 0, count, 2 * d, stream) - 1.0
        weights = steepness * numbers[:, :d]
        biases = -(weights * numbers[:, d:]).sum(axis=1)
        weights[0], biases[0] = 0.0, 1.0
        return cls(weights, biases, low, high)

    def evaluate(self, points: Array, orders: Sequence[tuple[int, ...]]) -> list[Array]:
        """The units' derivatives at `points` (d, n), one (n, m) for each multi-index of `orders`."""
        scale = 2.0 / (self.high - self.low)
        z = (points - self.low[:, None]) * scale[:, None] - 1.0
        values = np.tanh(z.T @ self.weights.T + self.biases)
        inner = self.weights * scale
        powers = {
            sum(order): np.polynomial.polynomial.polyval(values, _tanh_derivative(sum(order))) for order in orders
        }
        return [powers[sum(order)] * np.prod(inner ** np.array(order), axis=1) for order in orders]


@lru_cache(maxsize=16)
def _tanh_derivative(order: int) -> Array:
    """Coefficients of the derivative of tanh as a polynomial in tanh: P' (1 - s²), from P = s."""
    found = np.polynomial.Polynomial([0.0, 1.0])
    for _ in range(order):
        found = found.deriv() * np.polynomial.Polynomial([1.0, 0.0, -1.0])
    return np.asarray(found.coef)
