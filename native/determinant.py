"""Determinants, with bounds of their errors."""

import math
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import lapack

from native.judgement import Any2D, roundoff


class Determinant(NamedTuple):
    """Value (None where it is no double, but not 0), sign (a phase for complex ones), logarithm of its magnitude.

    `bound` is of the value's error; `condition_1` the 1-norm condition estimated from the same factors.
    """

    value: float | complex | None
    sign: float | complex
    log: float
    bound: float
    condition_1: float


def determinant(matrix: Any2D, singular_values: Any2D) -> Determinant:
    """Take the product of LU's pivots.

    It is the determinant of A + E; with e ≥ ‖E‖ the error is at most Π(σ + e) - Π σ (Ipsen & Rehman, 2008, 2.4), in
    which e is the backward error n u ‖|L| |U|‖ (Higham, 2002, 9.3).
    """
    n = matrix.shape[0]
    kind = "z" if matrix.dtype.kind == "c" else "d"
    lu, pivots, _ = getattr(lapack, f"{kind}getrf")(matrix)
    swaps = int((pivots != np.arange(n)).sum())
    sign, log = _product(lu.diagonal(), swaps)
    lower, upper = np.tril(np.abs(lu), -1) + np.eye(n), np.triu(np.abs(lu))
    unit = roundoff(matrix.dtype)
    error = n * unit * float(np.linalg.norm(lower @ upper))
    condition = math.inf
    if log > -math.inf:
        reciprocal, _ = getattr(lapack, f"{kind}gecon")(lu, float(np.abs(matrix).sum(axis=0).max()))
        condition = 1.0 / float(reciprocal) if reciprocal > 0 else math.inf
    with np.errstate(all="ignore"):
        # s is known up to a few e: the bound takes the larger ones
        high = float(np.log(singular_values + 2 * error).sum())
        relative = float(np.log1p(error / (singular_values + error)).sum()) + 4 * n * unit
    bound = _exp(high) * -math.expm1(-relative) if relative > 0 else 0.0
    if log == -math.inf:
        return Determinant(0.0 if kind == "d" else 0j, 0.0, log, bound, condition)
    size = _exp(log)
    if not 0 < size < math.inf or not math.isfinite(bound):
        return Determinant(None, sign, log, bound, condition)
    return Determinant(_value(lu.diagonal(), swaps, sign, log), sign, log, bound, condition)


def of_factors(lu: Any) -> Determinant:
    """Take it from SuperLU's factors: its sign and logarithm alone."""
    swaps = _swaps(lu.perm_r) + _swaps(lu.perm_c)
    sign, log = _product(lu.U.diagonal(), swaps)
    return Determinant(None, sign, log, math.inf, math.inf)


def _product(pivots: Any2D, swaps: int) -> tuple[float | complex, float]:
    size = np.abs(pivots)
    if not size.all():
        return 0.0, -math.inf
    phase = complex((pivots / size).prod()) * (-1) ** swaps
    return phase if pivots.dtype.kind == "c" else phase.real, float(np.log(size).sum())


def _value(pivots: Any2D, swaps: int, sign: complex, log: float) -> float | complex:
    with np.errstate(all="ignore"):
        found = pivots.prod() * (-1) ** swaps
    if np.isfinite(found) and found != 0:
        return complex(found) if pivots.dtype.kind == "c" else float(found)
    return sign * _exp(log)


def _exp(value: float) -> float:
    return math.exp(value) if value < 709.0 else math.inf


def _swaps(permutation: Any2D) -> int:
    """Count the exchanges of a permutation: its length less its cycles."""
    seen = np.zeros(len(permutation), dtype=bool)
    cycles = 0
    for start in range(len(permutation)):
        if seen[start]:
            continue
        cycles += 1
        place = start
        while not seen[place]:
            seen[place] = True
            place = int(permutation[place])
    return len(permutation) - cycles
