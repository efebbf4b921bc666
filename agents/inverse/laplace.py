"""Laplace's approximation: a Gaussian at the maximum, in the variables whose prior is standard normal.

Each θ_i = T_i(z_i) is monotone, so its quantiles are those of z_i moved; means and covariances are exact integrals
over z by Gauss–Hermite rules.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from agents.arrays import Array
from agents.inverse.modes import Mode
from agents.inverse.posterior import Posterior

_NODES = 24


@dataclass(frozen=True, eq=False, slots=True)
class Moments:
    """Of the parameters: `mean` (p), `covariance` (p, p), `intervals` (p, 2)."""

    mean: Array
    covariance: Array
    intervals: Array


def moments(posterior: Posterior, mode: Mode, probability: float) -> Moments:
    """Moments and central intervals of the approximation."""
    p = posterior.size
    nodes, weights = special.roots_hermitenorm(_NODES)
    weights = weights / weights.sum()
    sigma = mode.factor @ mode.factor.T
    std = np.sqrt(np.diag(sigma))
    theta, _ = posterior.parameters(mode.z[:, None] + std[:, None] * nodes)
    mean = theta @ weights
    covariance = np.empty((p, p))
    for i in range(p):
        covariance[i, i] = float(weights @ (theta[i] - mean[i]) ** 2)
        for j in range(i):
            correlation = float(sigma[i, j] / (std[i] * std[j]))
            rest = np.sqrt(max(0.0, 1.0 - correlation * correlation))
            moved = (correlation * nodes[:, None] + rest * nodes[None, :]).ravel()
            other = posterior.marginals[j](mode.z[j] + std[j] * moved)[0].reshape(_NODES, _NODES)
            covariance[i, j] = covariance[j, i] = float(
                np.einsum("a,b,a,ab->", weights, weights, theta[i] - mean[i], other - mean[j])
            )
    edge = special.ndtri(0.5 * (1.0 - probability))
    low, _ = posterior.parameters((mode.z + edge * std)[:, None])
    high, _ = posterior.parameters((mode.z - edge * std)[:, None])
    return Moments(mean, covariance, np.concatenate([low, high], axis=1))
