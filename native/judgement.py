"""How far a solution of linear equations can be trusted: refinement, condition and forward error bound."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

Any2D = np.ndarray[Any, np.dtype[Any]]
UNIT = float(np.finfo(np.float64).eps) / 2
"""Unit roundoff of doubles."""
EXACT = 64
"""Largest n whose inverse is formed to take its norms exactly."""
_REFINEMENTS = 3
_ESTIMATES = 5


class Factors(NamedTuple):
    """A factorized matrix: how, and how to solve with it and with its adjoint; right sides are (n, m)."""

    method: str
    structure: str
    solve: Callable[[Any2D], Any2D]
    adjoint: Callable[[Any2D], Any2D]


class Solution(NamedTuple):
    """x (n, m), 1-norm condition, residual's and forward error bound's maximum norm, and how it was found."""

    x: Any2D
    condition: float
    residual: float
    bound: float
    method: str
    structure: str
    iterations: int = 0


def roundoff(dtype: np.dtype[Any]) -> float:
    """Unit roundoff of a product: complex ones take four real ones and two sums (Higham, 2002, 3.6)."""
    return UNIT * (2 * 2**0.5 if dtype.kind == "c" else 1.0)


def largest(values: Any2D) -> float:
    """The largest number, or one that is none: in half the time that `max` takes for few."""
    found: float = values.item(values.argmax())
    return found


@lru_cache(maxsize=128)
def ones(n: int) -> Any2D:
    """As many ones, not to be written to: a matrix times these are the sums of its rows, sooner than by `sum`."""
    made = np.ones(n)
    made.flags.writeable = False
    return made


def norm_1(apply: Callable[[Any2D], Any2D], adjoint: Callable[[Any2D], Any2D], n: int, dtype: np.dtype[Any]) -> float:
    """Estimate the 1-norm of a linear map, almost always within a factor of 3 from below.

    Source: Higham, FORTRAN codes for estimating the one-norm of a real or complex matrix (1988), algorithm 4.1.
    """
    x = np.full((n, 1), 1.0 / n, dtype=dtype)
    image = apply(x)
    found = float(np.abs(image).sum())
    place = -1
    for _ in range(_ESTIMATES):
        size = np.abs(image)
        signs = np.divide(image, size, out=np.ones_like(image), where=size > 0)
        gradient = np.abs(adjoint(signs))[:, 0]
        best = int(gradient.argmax())
        if best == place:
            break
        x = np.zeros((n, 1), dtype=dtype)
        x[best] = 1.0
        image = apply(x)
        new = float(np.abs(image).sum())
        if not new > found:
            break
        found, place = new, best
    x = (np.where(np.arange(n) % 2, -1.0, 1.0) * (1.0 + np.arange(n) / max(n - 1, 1)))[:, None].astype(dtype)
    return max(found, 2.0 * float(np.abs(apply(x)).sum()) / (3.0 * n))


def inverse_norms(factors: Factors, n: int, dtype: np.dtype[Any], weight: Any2D) -> tuple[float, float]:
    """Give ‖inv(A)‖ in the 1-norm and ‖inv(A) diag(weight)‖ in the maximum norm; exact for small n, else estimates."""
    if n <= EXACT:
        inverse = np.abs(factors.solve(np.eye(n, dtype=dtype)))
        return float(inverse.sum(axis=0).max()), float((inverse @ weight).max())
    column = weight[:, None]
    norm = norm_1(factors.solve, factors.adjoint, n, dtype)
    weighted = norm_1(lambda v: column * factors.adjoint(v), lambda v: factors.solve(column * v), n, dtype)
    return norm, weighted


def judge(matrix: Any, right: Any2D, factors: Factors) -> Solution:
    """Solve with refinement, and bound the error: |inv(A)| (|r| + (k + 2) u (|A| |x| + |b|)), k the entries of a row.

    `matrix` is dense or sparse (n, n), `right` (n, m). The second term bounds the rounding of the residual, and what
    data rounded to doubles may make of the answer. Source: Higham, Accuracy and stability (2002), 7.27 and 15.1.
    """
    n = right.shape[0]
    x = factors.solve(right)
    weights = abs(matrix)
    rounding = (_row_entries(matrix) + 2) * roundoff(x.dtype)
    remainder, scale = _residual(matrix, weights, right, x)
    backward = _backward(remainder, scale)
    for _ in range(_REFINEMENTS):
        if not backward > UNIT:
            break
        better = x + factors.solve(remainder)
        remainder_better, scale_better = _residual(matrix, weights, right, better)
        new = _backward(remainder_better, scale_better)
        if not new < backward:
            break
        halved = new < backward / 2
        x, remainder, scale, backward = better, remainder_better, scale_better, new
        if not halved:
            break
    weight = (np.abs(remainder) + rounding * scale).max(axis=1, initial=0.0)
    inverse, bound = inverse_norms(factors, n, x.dtype, weight)
    norm = float(weights.sum(axis=0).max())
    residual = float(np.abs(remainder).max(initial=0.0))
    return Solution(x, norm * inverse, residual, bound, factors.method, factors.structure)


def _row_entries(matrix: Any) -> int:
    """Count the entries of the fullest row."""
    pointers = getattr(matrix, "indptr", None)
    return int(np.diff(pointers).max()) if pointers is not None else int(np.count_nonzero(matrix, axis=1).max())


def _residual(matrix: Any, weights: Any, right: Any2D, x: Any2D) -> tuple[Any2D, Any2D]:
    return right - matrix @ x, weights @ np.abs(x) + np.abs(right)


def _backward(remainder: Any2D, scale: Any2D) -> float:
    size = np.abs(remainder)
    return float(np.divide(size, scale, out=np.zeros_like(size), where=scale > 0).max(initial=0.0))
