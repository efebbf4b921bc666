"""The exact posterior of a linear model with Gaussian prior and noise, by one QR factorisation.

With prior covariance S Sᵀ and noise covariance N Nᵀ, x = prior_mean + S v, and v solves the least squares problem
[N⁻¹ A S; I] v = [N⁻¹ (y - A prior_mean); 0], whose triangle R gives the covariance S (RᵀR)⁻¹ Sᵀ.
Source: Tarantola, Inverse Problem Theory (2005), section 3.2.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import linalg

from agents import arrays
from agents.arrays import Array
from agents.outcome import Problem

_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False, slots=True)
class Gaussian:
    """Mean (n) and covariance (n, n), a bound of the mean's rounding error, and the logarithm of the evidence."""

    mean: Array
    covariance: Array
    rounding: float
    log_evidence: float
    misfit: float
    prior_misfit: float


def factor(value: Any, n: int, field: str) -> Array:
    """Read a covariance – a number, the diagonal or the matrix – and give its lower Cholesky factor (n, n)."""
    if isinstance(value, int | float):
        found = np.full(n, arrays.number(value, field))
    else:
        found = arrays.gate(value, field, ndim=(1, 2))
    if found.shape not in {(n,), (n, n)}:
        text = f"the covariance has shape {list(found.shape)}"
        raise Problem("invalid_input", text, field=field, hint=f"a number, {n} variances, or a matrix {n} × {n}")
    if found.size and (np.abs(found).max() > 1e100 or np.diag(found).max(initial=found.flat[0]) < 1e-100):
        raise Problem("invalid_input", "variances out of range", field=field, hint="1e-100 to 1e100: scale the problem")
    if found.ndim == 1:
        if not (found > 0.0).all():
            raise Problem("invalid_input", "a variance is not positive", field=field, hint="numbers above 0")
        return np.diag(np.sqrt(found))
    if np.abs(found - found.T).max(initial=0.0) > 1e-8 * np.abs(found).max(initial=0.0):
        raise Problem("invalid_input", "the covariance is not symmetric", field=field, hint="a symmetric matrix")
    try:
        made: Array = linalg.cholesky(0.5 * (found + found.T), lower=True, check_finite=False)
    except linalg.LinAlgError:
        hint = "a covariance of full rank; add a small variance to the diagonal"
        raise Problem("invalid_input", "the covariance is not positive definite", field=field, hint=hint) from None
    return made


def condition(matrix: Array, observations: Array, prior_mean: Array, prior: Array, noise: Array) -> Gaussian:
    """Condition a Gaussian on observations y = A x + noise; `prior` and `noise` are lower Cholesky factors."""
    n, m = len(prior_mean), len(observations)
    surprise = observations - matrix @ prior_mean
    whitened = linalg.solve_triangular(noise, np.column_stack([matrix @ prior, surprise]), lower=True)
    stacked = np.concatenate([whitened[:, :n], np.eye(n)])
    right = np.concatenate([whitened[:, n], np.zeros(n)])
    found: Any = linalg.qr(stacked, mode="economic")
    range_, triangle = found
    v = linalg.solve_triangular(triangle, range_.T @ right)
    root = linalg.solve_triangular(triangle, prior.T, trans="T")
    covariance = root.T @ root
    mean = prior_mean + prior @ v
    rest = right - stacked @ v
    misfit, prior_misfit = float(rest[:m] @ rest[:m]), float(v @ v)
    log_determinant = 2.0 * float(np.log(np.abs(np.diag(triangle))).sum() + np.log(np.diag(noise)).sum())
    evidence = -0.5 * (misfit + prior_misfit + log_determinant + m * float(np.log(2.0 * np.pi)))
    error = _rounding(stacked, triangle, right, v, prior, prior_mean, matrix, noise)
    return Gaussian(mean, covariance, error, evidence, misfit, prior_misfit)


def _rounding(
    stacked: Array,
    triangle: Array,
    right: Array,
    v: Array,
    prior: Array,
    prior_mean: Array,
    matrix: Array,
    noise: Array,
) -> float:
    """Bound the error of the mean: backward stability of QR, and the rounding of what it is given (Higham, chapter 20).

    All singular values of `stacked` are at least 1, and so is the inverse of its triangle at most.
    """
    size = float(np.linalg.norm(stacked, 2))
    data = float(np.linalg.norm(right)) + float(
        np.linalg.norm(np.abs(linalg.solve_triangular(noise, matrix, lower=True)) @ np.abs(prior_mean))
    )
    rest = float(np.linalg.norm(right - stacked @ v))
    least = 1.0 / float(np.linalg.norm(linalg.solve_triangular(triangle, np.eye(len(v))), 2))
    steps = sum(stacked.shape)
    relative = size * float(np.linalg.norm(v)) / least + data / least + size * rest / least**2
    rows = float(np.abs(prior).sum(axis=1).max())
    return 4.0 * steps * _EPS * (rows * relative + float(np.abs(prior_mean).max(initial=0.0)))
