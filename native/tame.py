"""Well-conditioned dense systems: LAPACK's plain solvers and a sharp bound, without equilibration and refinement."""

from collections.abc import Callable
from functools import cache

import numpy as np
from scipy.linalg import lapack

from native.judgement import Any2D, Solution, largest, roundoff

_EXACT = 40
"""Largest n whose inverse is formed to take its norms exactly: it costs no more than estimates do."""
_CERTAIN = 1e-9
"""Largest bound of the relative error for which refinement and scaling have nothing to mend."""
_LARGEST = 1e100
_SMALLEST = 1e-100
_UNDERFLOW = 1e-290
"""Added to every residual for what underflow may have taken from it."""

_ROUTINES = {
    (names, kind): [getattr(lapack, prefix + name) for name in names.split()]
    for names in ("getrf getrs getri gecon lange", "potrf potrs pocon lange", "lange")
    for kind, prefix in (("f", "d"), ("c", "z"))
}

Norms = Callable[[Any2D], tuple[float, float]]
"""Of a weight (n): ‖inv(A)‖ in the 1-norm, and the largest entry of |inv(A)| weight, or what bounds it."""


def general(matrix: Any2D, right: Any2D) -> Solution | None:
    """LU with partial pivoting (getrf, getrs); None where LAPACK's expert driver has more to say."""
    factorize, solve, invert, estimate, size = _ROUTINES["getrf getrs getri gecon lange", matrix.dtype.kind]
    # the transpose of what is in C's order is in Fortran's, so that nothing is turned round
    lu, pivots, info = factorize(matrix.T)
    if info:
        return None
    x = solve(lu, pivots, right, trans=1)[0]

    def norms(weight: Any2D) -> tuple[float, float]:
        if matrix.shape[0] <= _EXACT:
            inverse = invert(lu, pivots, overwrite_lu=1)[0]  # the transpose's, whose rows are the columns here
            return size("I", inverse), largest(weight @ np.abs(inverse))
        rows, columns = (estimate(lu, 1.0, norm=norm)[0] for norm in ("1", "I"))
        return _inverted(columns), _inverted(rows) * largest(weight)

    return _judged(matrix, right, x, norms, "lu", "general")


def positive(matrix: Any2D, right: Any2D) -> Solution | None:
    """Cholesky of a symmetric or Hermitian matrix (potrf, potrs); None where the expert driver has more to say."""
    factorize, solve, estimate, size = _ROUTINES["potrf potrs pocon lange", matrix.dtype.kind]
    factor, info = factorize(matrix if matrix.dtype.kind == "c" else matrix.T, lower=1)
    if info:
        return None
    x = solve(factor, right, lower=1)[0]

    def norms(weight: Any2D) -> tuple[float, float]:
        n = matrix.shape[0]
        if n <= _EXACT:
            inverse = solve(factor, _eye(n, matrix.dtype.char), lower=1)[0]
            return size("1", inverse), largest(np.abs(inverse) @ weight)
        norm = _inverted(estimate(factor, 1.0, uplo="L")[0])
        return norm, norm * largest(weight)

    return _judged(matrix, right, x, norms, "cholesky", "symmetric_positive_definite")


@cache
def _eye(n: int, kind: str) -> Any2D:
    made = np.eye(n, dtype=kind, order="F")
    made.flags.writeable = False
    return made


def _inverted(reciprocal: float) -> float:
    return 1.0 / reciprocal if reciprocal > 0 else float("inf")


def _judged(matrix: Any2D, right: Any2D, x: Any2D, norms: Norms, method: str, structure: str) -> Solution | None:
    """Bound the error: |inv(A)| (|r| + (n + 2) u (|A| |x| + |b|)) (Higham, Accuracy and stability, 2002, 7.27)."""
    if right.shape[1] == 1:
        right, x = right[:, 0], x[:, 0]
    norm: float = _ROUTINES["lange", matrix.dtype.kind][0]("I", matrix.T)
    if not _SMALLEST < norm < _LARGEST:
        return None
    weights, sizes = np.abs(matrix), np.abs(x)
    remainder = np.abs(right - matrix @ x)
    rounding = (matrix.shape[0] + 2) * roundoff(x.dtype) * (weights @ sizes + np.abs(right))
    if (remainder > rounding).any():
        return None  # rows or columns of unlike sizes: equilibration and refinement mend that
    weight = remainder + rounding + _UNDERFLOW
    inverse, bound = norms(weight if weight.ndim == 1 else weight.max(axis=1))
    if not bound <= _CERTAIN * largest(sizes):
        return None
    found = x.reshape(len(x), -1)
    return Solution(np.ascontiguousarray(found), norm * inverse, largest(remainder), bound, method, structure)
