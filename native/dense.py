"""Dense linear systems: a batched kernel for small ones, LAPACK by structure for others, the same judgement of all."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import lapack

from native import is_compiled, tame
from native.judgement import Any2D, Factors, Solution, judge
from native.kernels import dense as kernel
from native.kernels import dense_lanes as lanes
from native.structure import Structure, find

SMALL = 16
"""Largest n for the batched kernel: above it LAPACK's blocking wins."""
LANES = 8
"""Systems that are solved side by side; what is left over goes one by one, with the same bytes."""
COMPILED = is_compiled(kernel) and is_compiled(lanes)
KERNEL = "native.kernels.dense.solve_batch"
LAPACK = "lapack"

Array = np.ndarray[Any, np.dtype[np.float64]]


class Singular(ArithmeticError):  # noqa: N818 - a finding, not an accident
    """A pivot is exactly zero; the message says which."""


class Unfit(ArithmeticError):  # noqa: N818 - a finding, not an accident
    """The method does not go with the matrix: Cholesky's with one that is not positive definite; `order` says where."""

    def __init__(self, order: int) -> None:
        super().__init__(f"the leading minor of order {order} is not positive")
        self.order = order


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
    whole = len(rights) // LANES * LANES
    parts = [lanes.solve_batch(matrices[:whole], rights[:whole])] if whole else []  # type: ignore[no-untyped-call]
    if whole < len(rights) or not whole:
        parts.append(kernel.solve_batch(matrices[whole:], rights[whole:]))  # type: ignore[no-untyped-call]
    return Solutions(*parts[0]) if len(parts) == 1 else joined([Solutions(*part) for part in parts])


def solve_batch(matrices: Array, rights: Array) -> Solutions:
    """Solve k systems of n equations, whatever n is; `matrices` (k, n, n), `rights` (k, n)."""
    if matrices.shape[1] <= SMALL:
        return solve_small(matrices, rights)
    count = len(rights)
    found = Solutions(
        np.zeros_like(rights), np.zeros(count), np.zeros(count), np.zeros(count), np.zeros(count, dtype=np.bool_)
    )
    for k, (matrix, right) in enumerate(zip(matrices, rights, strict=True)):
        try:
            one = _general(matrix, right[:, None])
        except Singular:
            found.singular[k], found.condition[k] = True, np.inf
            continue
        found.x[k] = one.x[:, 0]
        found.condition[k], found.residual[k], found.error_bound[k] = one.condition, one.residual, one.bound
    return found


def joined(parts: Sequence[Solutions]) -> Solutions:
    """Put the parts of a batch together."""
    fields = ("x", "condition", "residual", "error_bound", "singular")
    return Solutions(*(np.concatenate([getattr(part, name) for part in parts]) for name in fields))


def solve(matrix: Any2D, right: Any2D, method: str = "auto") -> Solution:
    """Solve one system, `right` (n, m), by `auto`, `lu`, `cholesky`, `ldl` or `banded`.

    `auto` looks at the structure: diagonal, triangular, banded (LU, or Cholesky when it is positive definite),
    symmetric positive definite (Cholesky), symmetric indefinite (LDLᵀ), or none (LU). Raises `Singular`, `Unfit`.
    """
    if method == "lu":
        return _general(matrix, right)
    if method == "cholesky":
        return _positive(matrix, right)
    if method == "ldl":
        return judge(matrix, right, indefinite(matrix))
    structure = find(matrix)
    if method == "banded":
        return judge(matrix, right, banded(matrix, structure.lower, structure.upper))
    return _by_structure(matrix, right, structure)


def _by_structure(matrix: Any2D, right: Any2D, structure: Structure) -> Solution:
    positive = structure.symmetric and bool((matrix.diagonal().real > 0).all())
    if structure.name in {"symmetric", "general"}:
        return _full(matrix, right, symmetric=structure.symmetric, positive=positive)
    return judge(matrix, right, narrow(matrix, structure, positive=positive))


def _full(matrix: Any2D, right: Any2D, *, symmetric: bool, positive: bool) -> Solution:
    if positive:
        with contextlib.suppress(Unfit):
            return _positive(matrix, right)
    return judge(matrix, right, indefinite(matrix)) if symmetric else _general(matrix, right)


def narrow(matrix: Any, structure: Structure, *, positive: bool) -> Factors:
    """Factorize a diagonal, triangular (dense) or banded matrix; `positive`: it may be positive definite."""
    if structure.name == "diagonal":
        return diagonal(matrix.diagonal())
    if structure.name in {"lower_triangular", "upper_triangular"}:
        return triangular(matrix, lower=structure.name == "lower_triangular")
    if positive:
        with contextlib.suppress(Unfit):
            return banded_positive(matrix, structure.lower)
    return banded(matrix, structure.lower, structure.upper)


def _expert(
    matrix: Any2D, right: Any2D, x: Any2D, reciprocal: float, forward: Any2D, method: str, structure: str
) -> Solution:
    """Judge by what LAPACK's expert drivers say: a relative bound a column, times the column's norm."""
    residual = float(np.abs(right - matrix @ x).max(initial=0.0))
    bound = float((np.asarray(forward) * np.abs(x).max(axis=0, initial=0.0)).max(initial=0.0))
    condition = 1.0 / reciprocal if reciprocal > 0 else float("inf")
    return Solution(np.ascontiguousarray(x), condition, residual, bound, method, structure)


def _routine(name: str, *arrays: Any2D) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(lapack, ("z" if any(a.dtype.kind == "c" for a in arrays) else "d") + name)
    return found


def _general(matrix: Any2D, right: Any2D) -> Solution:
    """LU with partial pivoting, where need be with all that gesvx does: equilibration, refinement, error bounds."""
    tame_ = tame.general(matrix, right) if matrix.dtype == right.dtype else None
    if tame_ is not None:
        return tame_
    *_, x, reciprocal, forward, _, info = _routine("gesvx", matrix, right)(matrix, right)
    if 0 < info <= matrix.shape[0]:
        raise Singular(f"pivot {info} is zero")
    return _expert(matrix, right, x, reciprocal, forward, "lu", "general")


def _positive(matrix: Any2D, right: Any2D) -> Solution:
    """Cholesky, where need be with all that posvx does: equilibration, refinement, error bounds."""
    tame_ = tame.positive(matrix, right) if matrix.dtype == right.dtype else None
    if tame_ is not None:
        return tame_
    *_, x, reciprocal, forward, _, info = _routine("posvx", matrix, right)(matrix, right)
    if 0 < info <= matrix.shape[0]:
        raise Unfit(info)
    return _expert(matrix, right, x, reciprocal, forward, "cholesky", "symmetric_positive_definite")


def diagonal(entries: Any2D) -> Factors:
    """Divide by the diagonal."""
    if not entries.all():
        raise Singular(f"pivot {int(np.flatnonzero(entries == 0)[0]) + 1} is zero")
    column = entries[:, None]
    return Factors("diagonal", "diagonal", lambda v: v / column, lambda v: v / column.conj())


def triangular(matrix: Any2D, *, lower: bool) -> Factors:
    """Substitute (trtrs)."""
    if not matrix.diagonal().all():
        raise Singular(f"pivot {int(np.flatnonzero(matrix.diagonal() == 0)[0]) + 1} is zero")
    solve = _routine("trtrs", matrix)
    kept = np.asfortranarray(matrix)
    name = "lower_triangular" if lower else "upper_triangular"
    return Factors(
        "substitution", name,
        lambda v: solve(kept, v, lower=lower)[0], lambda v: solve(kept, v, lower=lower, trans=2)[0],
    )  # fmt: skip


def _bands(matrix: Any, lower: int, upper: int, above: int = 0) -> Any2D:
    """Put the diagonals of a dense or sparse matrix into LAPACK's rows, below `above` free ones."""
    n = matrix.shape[0]
    rows = np.zeros((above + lower + upper + 1, n), dtype=matrix.dtype, order="F")
    for k in range(-lower, upper + 1):
        rows[above + upper - k, max(k, 0) : n + min(k, 0)] = matrix.diagonal(k)
    return rows


def banded(matrix: Any, lower: int, upper: int) -> Factors:
    """LU of a banded matrix with partial pivoting (gbtrf); dense or sparse."""
    rows = _bands(matrix, lower, upper, above=lower)
    lu, pivots, info = _routine("gbtrf", rows)(rows, lower, upper)
    if info > 0:
        raise Singular(f"pivot {info} is zero")
    solve = _routine("gbtrs", rows)
    name = "tridiagonal" if max(lower, upper) == 1 else "banded"
    return Factors(
        "banded_lu", name,
        lambda v: solve(lu, lower, upper, v, pivots)[0], lambda v: solve(lu, lower, upper, v, pivots, trans=2)[0],
    )  # fmt: skip


def banded_positive(matrix: Any, lower: int) -> Factors:
    """Cholesky of a symmetric or Hermitian banded matrix (pbtrf); dense or sparse."""
    rows = _bands(matrix, lower, 0)
    factor, info = _routine("pbtrf", rows)(rows, lower=1)
    if info > 0:
        raise Unfit(info)
    solve = _routine("pbtrs", rows)
    name = "tridiagonal" if lower <= 1 else "banded"
    return Factors("banded_cholesky", name, *[lambda v: solve(factor, v, lower=1)[0]] * 2)


def indefinite(matrix: Any2D) -> Factors:
    """LDLᵀ of a symmetric or Hermitian matrix (Bunch–Kaufman: sytrf, hetrf)."""
    kind = "he" if matrix.dtype.kind == "c" else "sy"
    ldl, pivots, info = _routine(f"{kind}trf", matrix)(matrix, lower=1)
    if info > 0:
        raise Singular(f"pivot {info} is zero")
    solve = _routine(f"{kind}trs", matrix)
    return Factors("ldl", "symmetric_indefinite", *[lambda v: solve(ldl, pivots, v, lower=1)[0]] * 2)
