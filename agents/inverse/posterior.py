"""The posterior of a formula's parameters, with its exact gradient, for many points at once.

Parameters θ = T(z) have priors that are standard normal in z; the observations are normal about the model.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agents.arrays import Array
from agents.inverse.marginals import FARTHEST, Marginal
from native.formula import Program

_LOG2PI = math.log(2.0 * math.pi)
_CHUNK = 200_000
"""Points of one call of the program."""


@dataclass(frozen=True, eq=False)
class Posterior:
    """`program` takes p parameters and the columns (c, n) of the data; gives model and noise, then their gradients."""

    program: Program
    marginals: Sequence[Marginal]
    columns: Array
    observed: Array

    @property
    def size(self) -> int:
        """Number p of parameters."""
        return len(self.marginals)

    def parameters(self, z: Array) -> tuple[Array, Array]:
        """Give θ and dθ/dz, both (p, k)."""
        made = [marginal(z[i]) for i, marginal in enumerate(self.marginals)]
        return np.stack([theta for theta, _ in made]), np.stack([slope for _, slope in made])

    def value(self, z: Array) -> tuple[Array, Array]:
        """Logarithm of the density of z (p, k), up to a constant, and its gradient (p, k); -inf where there is none."""
        theta, slope = self.parameters(z)
        k = z.shape[1]
        width = max(1, _CHUNK // self.observed.size)
        parts = [self._likelihood(theta[:, first : first + width]) for first in range(0, k, width)]
        value = np.concatenate([part[0] for part in parts]) - 0.5 * np.einsum("ik,ik->k", z, z)
        gradient = np.concatenate([part[1] for part in parts], axis=1) * slope - z
        outside = ~np.isfinite(value) | ~np.isfinite(gradient).all(axis=0) | (np.abs(z) > FARTHEST).any(axis=0)
        value[outside] = -np.inf
        gradient[:, outside] = 0.0
        return value, gradient

    def _likelihood(self, theta: Array) -> tuple[Array, Array]:
        p, k = theta.shape
        n = self.observed.size
        inputs = np.concatenate([np.repeat(theta, n, axis=1), np.tile(self.columns, (1, k))])
        made = self.program.evaluate(inputs).reshape(-1, k, n)
        model, noise = made[0], made[1]
        slopes = made[2:].reshape(2, p, k, n)
        noise = np.where(noise > 0.0, noise, np.nan)
        rest = (self.observed - model) / noise
        value = -0.5 * np.einsum("kn,kn->k", rest, rest) - np.log(noise).sum(axis=1) - 0.5 * n * _LOG2PI
        by_model, by_noise = rest / noise, (rest * rest - 1.0) / noise
        gradient = np.einsum("kn,pkn->pk", by_model, slopes[0]) + np.einsum("kn,pkn->pk", by_noise, slopes[1])
        return value, gradient
