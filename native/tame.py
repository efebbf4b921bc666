"""Well-conditioned dense systems: LAPACK's plain solvers and a sharp bound, without equilibration and refinement."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.linalg import lapack

from native.judgement import Any2D, Solution, roundoff

_EXACT = 40
"""Largest n whose inverse is formed to take its norms exactly: it costs no more than estimates do."""
_CERTAIN = 1e-9
"""Largest bound of the relative error for which refinement and scaling have nothing to mend."""
_LARGEST = 1e100
_SMALLEST = 1e-100
_UNDERFLOW = 1e-290
"""Added to every residual for what underflow may have taken from it."""

Norms = Callable[[Any2D], tuple[float, float]]
"""Of a weight (n): ‖inv(A)‖ in the 1-norm, and the largest entry of |inv(A)| weight, or what bounds it."""


def general(matrix: Any2D, right: Any2D) -> Solution | None:
    """LU with partial pivoting (getrf, getrs); None where LAPACK's expert driver has more to say."""
    factorize, solve, invert, estimate = _routines(matrix, "getrf", "getrs", "getri", "gecon")
    # the transpose of what is in C's order is in Fortran's, so that nothing is turned round
    lu, pivots, info = factorize(matrix.T)
    if info:
        return None
    x = solve(lu, pivots, right, trans=1)[0]

    def norms(weight: Any2D) -> tuple[float, float]:
        if matrix.shape[0] <= _EXACT:
            inverse = np.abs(invert(lu, pivots)[0])
            return float(inverse.sum(axis=1).max()), float((weight @ inverse).max())
        rows, columns = (estimate(lu, 1.0, norm=norm)[0] for norm in ("1", "I"))
        return _inverted(columns), _inverted(rows) * float(weight.max())

    return _judged(matrix, right, x, norms, "lu", "general")


def positive(matrix: Any2D, right: Any2D) -> Solution | None:
    """Cholesky of a symmetric or Hermitian matrix (potrf, potrs); None where the expert driver has more to say."""
    factorize, solve, estimate = _routines(matrix, "potrf", "potrs", "pocon")
    factor, info = factorize(matrix if matrix.dtype.kind == "c" else matrix.T, lower=1)
    if info:
        return None
    x = solve(factor, right, lower=1)[0]

    def norms(weight: Any2D) -> tuple[float, float]:
        n = matrix.shape[0]
        if n <= _EXACT:
            inverse = np.abs(solve(factor, np.eye(n, dtype=matrix.dtype, order="F"), lower=1)[0])
            return float(inverse.sum(axis=0).max()), float((inverse @ weight).max())
        norm = _inverted(estimate(factor, 1.0, uplo="L")[0])
        return norm, norm * float(weight.max())

    return _judged(matrix, right, x, norms, "cholesky", "symmetric_positive_definite")


def _routines(matrix: Any2D, *names: str) -> list[Callable[..., Any]]:
    kind = "z" if matrix.dtype.kind == "c" else "d"
    return [getattr(lapack, kind + name) for name in names]


def _inverted(reciprocal: float) -> float:
    return 1.0 / reciprocal if reciprocal > 0 else float("inf")


def _judged(matrix: Any2D, right: Any2D, x: Any2D, norms: Norms, method: str, structure: str) -> Solution | None:
    """Bound the error: |inv(A)| (|r| + (n + 2) u (|A| |x| + |b|)) (Higham, Accuracy and stability, 2002, 7.27)."""
    weights, sizes = np.abs(matrix), np.abs(x)
    (size,) = _routines(matrix, "lange")
    norm: float = size("I", matrix.T)
    if not _SMALLEST < norm < _LARGEST:
        return None
    remainder = np.abs(right - matrix @ x)
    rounding = (matrix.shape[0] + 2) * roundoff(x.dtype) * (weights @ sizes + np.abs(right))
    if (remainder > rounding).any():
        return None  # rows or columns of unlike sizes: equilibration and refinement mend that
    weight = (remainder + rounding).max(axis=1) + _UNDERFLOW
    inverse, bound = norms(weight)
    if not bound <= _CERTAIN * float(sizes.max()):
        return None
    return Solution(np.ascontiguousarray(x), norm * inverse, float(remainder.max()), bound, method, structure)
