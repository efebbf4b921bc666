"""One model for Gaussian processes, kriging and radial basis functions: best linear prediction from a kernel.

The weights w and the polynomial's coefficients c solve [[K, P], [Pᵀ, 0]] [w, c] = [y, 0], by a Cholesky factor of K on
the null space of Pᵀ. Leave-one-out residuals are w_i / B_ii with B the upper left block of the inverse, and their
variances 1 / B_ii (Dubrule, 1983; Rippa, 1999; Rasmussen & Williams, 2006, section 5.4.2).
"""

import math
from dataclasses import dataclass, field
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from scipy import linalg
from scipy.spatial.distance import cdist

from agents.arrays import Array
from agents.outcome import Problem
from agents.surrogate import kernels
from agents.task import Watch

_CHUNK = 4_000_000
"""Kernel entries between two looks at the watch."""
_CONFIDENCE = 4.0
"""Standard deviations, where the residuals do not ask for more."""
_SAFETY = 1.5
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False, slots=True)
class KernelModel:
    """Samples `x` (n, d), `y` (n, m), and the kernel amplitude² k(|x / length_scales|) + noise on the diagonal.

    The kernel is of (y - offset) / scale, each (m). `degree` is the polynomial's, -1 for none. With `nugget` the noise
    belongs to what is predicted: at a sample the prediction is the sample.
    """

    kind: str
    kernel: str
    x: Array
    y: Array
    flat: bool
    length_scales: Array
    amplitude: float
    noise: float
    alpha: float
    degree: int
    offset: Array
    scale: Array
    nugget: bool

    def correlation(self, squared: Array) -> Array:
        """Kernel of squared scaled distances, without amplitude."""
        table = {
            "gaussian_process": kernels.GAUSSIAN_PROCESS,
            "kriging": kernels.VARIOGRAM,
            "rbf": kernels.RADIAL,
        }[self.kind]
        return table[self.kernel](squared, self.alpha)

    def covariance(self, points: Array) -> Array:
        """Kernel between points (k, d) and samples: (k, n)."""
        squared = cdist(points / self.length_scales, self.x / self.length_scales, "sqeuclidean")
        made = self.amplitude**2 * self.correlation(squared)
        if self.nugget and self.noise > 0.0:
            made[squared == 0.0] += self.noise
        return made

    def polynomials(self, points: Array) -> Array:
        """Monomials up to the degree, of the points moved and scaled to the samples' range: (k, q)."""
        low, high = self.x.min(axis=0), self.x.max(axis=0)
        half = 0.5 * (high - low)
        moved = (points - 0.5 * (low + high)) / np.where(half > 0.0, half, 1.0)
        columns = [
            np.prod(moved[:, list(chosen)], axis=1)
            for degree in range(self.degree + 1)
            for chosen in combinations_with_replacement(range(self.x.shape[1]), degree)
        ]
        return np.stack(columns, axis=1) if columns else np.zeros((len(points), 0))


def polynomial_terms(dimensions: int, degree: int) -> int:
    """Monomials of so many variables up to a degree; none for -1."""
    return math.comb(dimensions + degree, dimensions) if degree >= 0 else 0


@dataclass(frozen=True, eq=False, slots=True)
class Fit:
    """A model with its factors, ready to predict; `residuals` and `deviations` (n, m) are those of leaving one out."""

    model: KernelModel
    weights: Array
    coefficients: Array
    factor: Array
    null: Array | None
    range_: Array
    triangle: Array
    gram: Array
    spread: Array
    residuals: Array
    deviations: Array
    jitter: float
    rounding: float
    warnings: list[str] = field(default_factory=list)

    @property
    def loo_error(self) -> float:
        """Root of the mean square of the leave-one-out residuals."""
        return float(np.sqrt(np.mean(self.residuals**2)))

    @property
    def factor_of_confidence(self) -> float:
        """Standard deviations that bound the error: 4, or 1.5 times the largest standardised residual."""
        deviations = np.maximum(self.deviations, 1e-300)
        return max(_CONFIDENCE, _SAFETY * float(np.abs(self.residuals / deviations).max()))

    def predict(self, points: Array, watch: Watch) -> tuple[Array, Array]:
        """Mean and standard deviation (k, m) at points (k, d)."""
        model = self.model
        mean = np.empty((len(points), model.y.shape[1]))
        variance = np.empty(len(points))
        rows = max(1, _CHUNK // (len(model.x) * 4))
        for first in range(0, len(points), rows):
            watch(first / len(points), "predict")
            some = points[first : first + rows]
            near, terms = model.covariance(some), model.polynomials(some)
            mean[first : first + rows] = near @ self.weights + terms @ self.coefficients
            variance[first : first + rows] = self._variance(near, terms)
        std = np.sqrt(np.maximum(variance, 0.0))[:, None] * self.spread
        return model.offset + model.scale * mean, std

    def _variance(self, near: Array, terms: Array) -> Array:
        """k(0) - 2 l·k + l·K l of the best weights l that are exact for polynomials."""
        model = self.model
        own = model.amplitude**2 * float(model.correlation(np.zeros(1))[0])
        start = own + (model.noise if model.nugget else 0.0)
        if self.null is None:
            inner = linalg.solve_triangular(self.factor, near.T, lower=True, check_finite=False)
            alone: Array = start - np.einsum("ij,ij->j", inner, inner)
            return alone
        exact = self.range_ @ linalg.solve_triangular(self.triangle, terms.T, trans="T", check_finite=False)
        spread = self.gram @ exact
        rest = near.T - spread
        inner = linalg.solve_triangular(self.factor, self.null.T @ rest, lower=True, check_finite=False)
        left = np.einsum("ij,ij->j", exact, spread - 2.0 * near.T)
        whole: Array = start + left - np.einsum("ij,ij->j", inner, inner)
        return whole

    def bound(self, std: Array) -> float:
        """Bound the error of `mean` at the stated confidence; without noise also by what leaving one out has missed."""
        missed = 0.0 if self.model.kind == "gaussian_process" else float(np.abs(self.residuals).max())
        uncertain = float(std.max(initial=0.0))
        if uncertain <= 1e-6 * float(self.deviations.max()):
            missed = 0.0
        return max(self.factor_of_confidence * uncertain, missed) + self.rounding


def fit(model: KernelModel, watch: Watch) -> Fit:
    """Solve for the weights; raises `Problem` (`singular`) where no small jitter makes that possible."""
    watch(0.0, "factorize")
    n = len(model.x)
    gram = model.covariance(model.x)
    if not model.nugget:
        gram[np.diag_indices(n)] += model.noise
    centred = (model.y - model.offset) / model.scale
    terms = model.polynomials(model.x)
    range_, triangle, null = _null_space(terms)
    inner = gram if null is None else null.T @ gram @ null
    factor, jitter = factorize(inner, start=0.0 if model.noise > 0.0 else None)
    watch(0.5, "factorize")
    left = centred if null is None else null.T @ centred
    solved = linalg.cho_solve((factor, True), left, check_finite=False)
    weights = solved if null is None else null @ solved
    whitened = linalg.solve_triangular(
        factor, np.eye(n) if null is None else null.T, lower=True, check_finite=False
    )  # fmt: skip
    precision = np.einsum("ij,ij->j", whitened, whitened)[:, None]
    coefficients = np.zeros((terms.shape[1], model.y.shape[1]))
    if terms.shape[1]:
        coefficients = linalg.solve_triangular(triangle, range_.T @ (centred - gram @ weights), check_finite=False)
    if model.kind == "rbf":
        freedom = max(1, n - terms.shape[1])
        spread = np.sqrt(np.maximum(np.einsum("ij,ij->j", weights, centred), 0.0) / freedom) * model.scale
    else:
        spread = model.scale
    small, large = np.abs(np.diag(factor)).min(), np.abs(np.diag(factor)).max()
    rounding = float(_EPS * n * (large / small) ** 2 * np.abs(centred * model.scale).max())
    warnings = [] if jitter == 0.0 else [f"{jitter:.1e} was added to the kernel's diagonal: samples lie close together"]
    return Fit(
        model, weights, coefficients, factor, null, range_, triangle, gram, spread,
        weights / precision * model.scale, spread / np.sqrt(precision), jitter, min(rounding, float(np.ptp(model.y))),
        warnings,
    )  # fmt: skip


def _null_space(terms: Array) -> tuple[Array, Array, Array | None]:
    """Split space by the polynomials: their range, the triangle of their QR factors, and the null space."""
    n, q = terms.shape
    if q == 0:
        return np.zeros((n, 0)), np.zeros((0, 0)), None
    whole: Any
    triangle: Any
    whole, triangle = linalg.qr(terms, check_finite=False)
    size = np.abs(np.diag(triangle[:q]))
    if size.min() <= 1e-12 * size.max():
        raise Problem(
            "singular", "the samples do not determine the polynomial: they lie on a line, a plane or the like",
            field="inputs.x", hint="samples in general position, or a smaller degree",
        )  # fmt: skip
    return whole[:, :q], triangle[:q], whole[:, q:]


def factorize(matrix: Array, start: float | None) -> tuple[Array, float]:
    """Cholesky factor, with the least jitter of some powers of ten that makes it exist."""
    level = float(np.mean(np.abs(np.diag(matrix)))) or 1.0
    for jitter in (start or 0.0, 1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6):
        moved = matrix.copy()
        moved[np.diag_indices(len(matrix))] += jitter * level
        try:
            factor: Any = linalg.cholesky(moved, lower=True, check_finite=False)
        except linalg.LinAlgError:
            continue
        if np.isfinite(factor).all() and np.diag(factor).min() > 1e-8 * math.sqrt(level) * 1e-2:
            return factor, jitter * level
    raise Problem(
        "singular", "the kernel matrix is not positive definite, not even with a jitter of 1e-6", field="inputs.x",
        hint="fewer samples that lie close together, noise above 0, or a less smooth kernel",
    )  # fmt: skip
