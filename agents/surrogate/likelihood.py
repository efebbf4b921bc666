"""Hyperparameters of a Gaussian process by the largest marginal likelihood, with its exact gradient.

Source: Rasmussen & Williams, Gaussian Processes for Machine Learning (2006), equations 5.8 and 5.9.
"""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import linalg, optimize
from scipy.spatial.distance import cdist

from agents import draws
from agents.arrays import Array
from agents.surrogate import kernels
from agents.task import Part, Watch

_NEVER = 1e25
_MANY = 300
"""Samples up to which all starts look at all of them."""
_FLAT = 1e-3
"""Projected gradient, in parts of the value, at which a search that rounding has stopped has found its maximum."""
_LOG2PI = math.log(2.0 * math.pi)


@dataclass(frozen=True, eq=False, slots=True)
class Likelihood:
    """The marginal likelihood of standardised outputs `y` (n, m) at `x` (n, d).

    Its argument is log(amplitude, length scales (1 or d), noise's standard deviation, alpha); `held` are entries that
    keep their value, NaN where free.
    """

    kernel: str
    x: Array
    y: Array
    ard: bool
    held: Array

    @property
    def size(self) -> int:
        """Hyperparameters of this kernel."""
        return self.scales + 2 + (self.kernel == "rational_quadratic")

    @property
    def scales(self) -> int:
        """Length scales among them."""
        return self.x.shape[1] if self.ard else 1

    @property
    def floor(self) -> float:
        """Least noise in parts of the amplitude, both squared: without it rounding errors lead the search astray."""
        return 1e-10 if math.isnan(self.held[1 + self.scales]) else 1e-14

    def split(self, theta: Array) -> tuple[float, Array, float, float]:
        """Amplitude, length scales (d), noise's standard deviation and alpha."""
        values = np.exp(theta)
        scales = np.broadcast_to(values[1 : 1 + self.scales], (self.x.shape[1],)).copy()
        alpha = float(values[2 + self.scales]) if self.size > self.scales + 2 else 1.0
        return float(values[0]), scales, float(values[1 + self.scales]), alpha

    def value(self, theta: Array) -> tuple[float, Array]:
        """Negative logarithm of the likelihood, and its gradient; huge where the kernel matrix is not definite."""
        amplitude, scales, noise, alpha = self.split(theta)
        n, m = self.y.shape
        moved = self.x / scales
        squared = cdist(moved, moved, "sqeuclidean")
        own = amplitude**2 * kernels.GAUSSIAN_PROCESS[self.kernel](squared, alpha)
        matrix = own.copy()
        matrix[np.diag_indices(n)] += noise**2 + self.floor * amplitude**2
        try:
            factor = linalg.cholesky(matrix, lower=True, overwrite_a=True, check_finite=False)
        except linalg.LinAlgError:
            return _NEVER, np.zeros_like(theta)
        solved = linalg.cho_solve((factor, True), self.y, check_finite=False)
        value = 0.5 * float(np.sum(self.y * solved)) + m * float(np.log(np.diag(factor)).sum()) + 0.5 * n * m * _LOG2PI
        inverse: Any = linalg.lapack.dpotri(factor, lower=1)[0]
        lower = np.tril(inverse)
        weight = solved @ solved.T - m * (lower + np.tril(lower, -1).T)
        slope = kernels.SLOPES[self.kernel](squared, alpha)
        pull = weight * slope
        pull[np.diag_indices(n)] = 0.0
        rows = pull.sum(axis=1)
        apart: Array = 2.0 * (rows @ (moved * moved) - (moved * (pull @ moved)).sum(axis=0))
        by_scale = -(amplitude**2) * apart
        gradient = [
            float(np.sum(weight * own) + self.floor * amplitude**2 * np.trace(weight)),
            *(by_scale if self.ard else [by_scale.sum()]),
        ]
        gradient.append(noise**2 * float(np.trace(weight)))
        if self.size > self.scales + 2:
            gradient.append(0.5 * amplitude**2 * float(np.sum(weight * kernels.shape_slope(squared, alpha))))
        return value, -np.array(gradient)


@dataclass(frozen=True)
class Optimum:
    """The best of all starts; `at_bound` are the free entries that lie at a bound."""

    theta: Array
    value: float
    converged: bool
    iterations: int
    evaluations: int
    at_bound: tuple[int, ...]


def _gradient(likelihood: Likelihood, theta: Array) -> Array:
    return likelihood.value(theta)[1]


def bounds(likelihood: Likelihood) -> Array:
    """Bounds (p, 2) of the logarithms: of the samples' spread for length scales, of the outputs' for the rest."""
    span = np.ptp(likelihood.x, axis=0)
    span = np.where(span > 0.0, span, 1.0)
    if not likelihood.ard:
        span = np.array([span.max()])
    rows = [(1e-3, 1e3), *((1e-3 * one, 1e2 * one) for one in span), (1e-5, 3.0), (1e-2, 1e3)]
    return np.log(np.array(rows[: likelihood.size]))


def maximize(
    likelihood: Likelihood, starts: int, seed: int, watch: Watch, iterations: int, first_start: Array | None = None
) -> Optimum:
    """Maximise the likelihood from several starts, all told by the seed, by L-BFGS-B.

    Of many samples every k-th alone is searched from all starts, and all of them from the best that was found there.
    """
    n = len(likelihood.x)
    if n > _MANY and starts > 1:
        some = slice(None, None, -(-n // _MANY))
        part = dataclasses.replace(likelihood, x=likelihood.x[some], y=likelihood.y[some])
        found = maximize(part, starts, seed, Part(watch, 0.0, 0.5), iterations)
        return maximize(likelihood, 1, seed, watch, iterations, found.theta)
    limits = bounds(likelihood)
    free = np.isnan(likelihood.held)
    span = np.log(np.maximum(np.ptp(likelihood.x, axis=0), 1e-100))
    span = span if likelihood.ard else span.max(keepdims=True)
    middle = np.array([0.0, *(span + math.log(0.3)), math.log(1e-2), 0.0])
    middle = np.clip(middle[: likelihood.size], limits[:, 0], limits[:, 1])
    if not free.any():
        return Optimum(likelihood.held.copy(), likelihood.value(likelihood.held)[0], True, 0, 1, ())
    random = draws.uniforms(seed, 0, max(1, starts), likelihood.size)
    best: Any = None
    minimize: Any = optimize.minimize
    evaluations = iterations_done = 0

    def objective(some: Array) -> tuple[float, Array]:
        nonlocal evaluations
        evaluations += 1
        watch(min(0.99, (start + min(1.0, evaluations / 100.0)) / starts), "fit hyperparameters")
        theta = likelihood.held.copy()
        theta[free] = some
        value, gradient = likelihood.value(theta)
        return value, gradient[free]

    for start in range(starts):
        centre = middle if first_start is None else np.clip(first_start, limits[:, 0], limits[:, 1])
        first = centre if start == 0 else np.clip(middle + 4.0 * (random[start] - 0.5), limits[:, 0], limits[:, 1])
        made = minimize(
            objective, first[free], jac=True, method="L-BFGS-B", bounds=limits[free],
            options={"maxiter": iterations, "ftol": 1e-10, "gtol": 1e-6},
        )  # fmt: skip
        iterations_done += int(made.nit)
        if best is None or made.fun < best.fun - 1e-9 * abs(best.fun):
            best = made
    theta = likelihood.held.copy()
    theta[free] = best.x
    at = np.flatnonzero(free & ((theta <= limits[:, 0] + 1e-6) | (theta >= limits[:, 1] - 1e-6)))
    inside = theta - np.clip(theta - _gradient(likelihood, theta), limits[:, 0], limits[:, 1])
    slope = float(np.abs(inside[free]).max())
    converged = best.fun < _NEVER and (bool(best.success) or slope <= _FLAT * max(1.0, abs(best.fun)))
    return Optimum(theta, float(best.fun), converged, iterations_done, evaluations, tuple(int(i) for i in at))
