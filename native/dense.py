"""Dense linear systems: a batched kernel for small ones, LAPACK for the others, the same judgement of both."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import lapack

from native import is_compiled
from native.kernels import dense as kernel

SMALL = 16
"""Largest n for the batched kernel: above it LAPACK's blocking wins."""
COMPILED = is_compiled(kernel)
KERNEL = "native.kernels.dense.solve_batch"
LAPACK = "lapack.dgesvx"

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Solutions:
    """For k systems: x (k, n), 1-norm condition, residual and forward error bound (maximum norm), singularity."""

    x: Array
    condition: Array
    residual: Array
    error_bound: Array
    singular: np.ndarray[Any, np.dtype[np.bool_]]


def solve_small(matrices: Array, rights: Array) -> Solutions:
    """Solve k systems of n ≤ `SMALL` equations; `matrices` (k, n, n), `rights` (k, n)."""
    return Solutions(*kernel.solve_batch(matrices, rights))  # type: ignore[no-untyped-call]


def solve(matrix: Array, right: Array) -> tuple[Array, float, float, float, bool]:
    """Solve one system, `right` (n, m) (LAPACK's gesvx: factorization, condition, refinement, error bounds).

    Gives x, the estimated 1-norm condition, the residual's maximum norm, a forward error bound and singularity.
    The condition is LAPACK's estimate; the bound is its relative one per column, times the column's norm.
    """
    *_, x, reciprocal, forward, _, info = lapack.dgesvx(matrix, right)
    if 0 < info <= matrix.shape[0]:
        return np.zeros_like(right), float("inf"), 0.0, 0.0, True
    residual = float(np.abs(right - matrix @ x).max(initial=0.0))
    bound = float((np.asarray(forward) * np.abs(x).max(axis=0, initial=0.0)).max(initial=0.0))
    return np.ascontiguousarray(x), 1.0 / reciprocal if reciprocal > 0 else float("inf"), residual, bound, False
