"""Linear least squares: QR with refinement where the rank is full, singular values where not, and error bounds."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from scipy import linalg
from scipy.linalg import lapack
from scipy.sparse import block_array, csr_array, diags_array, eye_array

from native.judgement import UNIT, Any2D, Factors, inverse_norms, largest, roundoff
from native.sparse import superlu

_EPS = 2 * UNIT
_REFINEMENTS = 6
_MODERATE = 20_000
"""Most numbers of a matrix whose QR needs no blocks."""
_CERTAIN = 1e-11
"""Largest bound of the relative error for which refinement has nothing to mend."""
_NEAR = 1e-8
_SMALLEST, _LARGEST = 1e-100, 1e100
_ROUTINES = {
    "d": (lapack.dgeqrf, lapack.dorgqr, lapack.dtrtri, lapack.dgesdd),
    "z": (lapack.zgeqrf, lapack.zungqr, lapack.ztrtri, lapack.zgesdd),
}
_EXTENDED = 1_000_000
"""Most numbers of a matrix whose residuals are computed in extended precision."""


class Fit(NamedTuple):
    """x (n, p) of least ‖A x - b‖ and, when the rank is not full, of least ‖x‖; `bound` may be infinite.

    `residuals` (p) are the 2-norms ‖A x - b‖, `condition` is σ1/σr, `values` the singular values of A where they were
    computed, `gradient` the largest entry of Aᴴ(A x - b).
    """

    x: Any2D
    residuals: Any2D
    rank: int
    condition: float
    bound: float
    gradient: float
    method: str
    values: Any2D | None


def solve(a: Any2D, b: Any2D, rcond: float | None, method: str) -> Fit:
    """Solve for a dense `a` (m, n) and `b` (m, p) by `qr`, `svd`, or the one that the rank asks for (`auto`)."""
    m, n = a.shape
    cut = max(m, n) * _EPS if rcond is None else rcond
    if method != "svd" and n <= m and m * n <= _MODERATE:
        tame = _tame(a, b, cut)
        if tame is not None:
            return tame
    if method != "svd" and m >= n:
        lengths = np.linalg.norm(a, axis=0)
        scale = 1.0 / np.where(lengths > 0, lengths, 1.0)
        q, r = linalg.qr(a * scale, mode="economic", check_finite=False)
        scaled = linalg.svdvals(r, check_finite=False)
        if scaled[-1] > cut * scaled[0]:
            values = linalg.svdvals(r / scale, check_finite=False)
            return _by_qr(a, b, q, r / scale, float(scaled[0] / scaled[-1]), values)
    return _by_svd(a, b, cut)


@cache
def _upper(n: int) -> Any2D:
    return np.triu(np.ones((n, n), dtype=np.bool_))


def _tame(a: Any2D, b: Any2D, cut: float) -> Fit | None:
    """Solve by QR in doubles (geqrf); None unless the columns are far from dependent and enough digits are certain.

    The bound is that of `_by_qr`, whose f is rounding alone, as the residual is computed from x. Columns of length 1
    have a condition at most √n times that of any others (van der Sluis, 1969): these columns are independent as well.
    """
    m, n = a.shape
    b = b if b.shape[1] > 1 else b[:, 0]
    kind = "z" if a.dtype.kind == "c" else "d"
    factorize, gather, invert, values_of = _ROUTINES[kind]
    compact, tau, _, _ = factorize(a)
    r = np.where(_upper(n), compact[:n], 0.0)
    values = values_of(r, compute_uv=0)[1]
    most, least = float(values[0]), float(values[-1])
    if not (_SMALLEST < most < _LARGEST and least > max(cut * n**0.5, _NEAR) * most):
        return None
    q, back = gather(compact, tau)[0], invert(r)[0]
    inverse = back @ q.conj().T
    x = inverse @ b
    rest = b - a @ x
    gradient = a.conj().T @ rest
    weights, sizes, left = np.abs(a), np.abs(x), np.abs(rest)
    unit = roundoff(a.dtype)
    of_f = (n + 4) * unit * (weights @ sizes + np.abs(b) + left)
    slope = np.abs(gradient)
    of_g = slope + (m + 4) * unit * (weights.T @ left)
    errors = np.abs(inverse) @ of_f + np.abs(back @ back.conj().T) @ of_g
    bound = largest(errors) / (1.0 - 20.0 * n * UNIT * most / least) + _SMALLEST
    if not bound <= _CERTAIN * largest(sizes):
        return None
    norms = np.atleast_1d(np.sqrt((left * left).sum(axis=0)))
    return Fit(x.reshape(n, -1), norms, n, most / least, bound, largest(slope), "qr", values)


def _by_qr(a: Any2D, b: Any2D, q: Any2D, r: Any2D, scaled: float, values: Any2D) -> Fit:
    """Refine x and the residual together in extended precision (Björck, Numerical methods, 1996, 2.9).

    The error is pinv(A) f - inv(AᴴA) g for the residuals f, g of the augmented equations; both inverses come from R,
    whose own error η = 10 n u κ, κ the condition with columns of length 1, enlarges them by 1/(1 - 2 η).
    """
    m, n = a.shape
    extended = np.clongdouble if a.dtype.kind == "c" else np.longdouble
    kind = extended if m * n <= _EXTENDED else a.dtype
    wide, right = a.astype(kind), b.astype(kind)
    back = linalg.solve_triangular(r, np.eye(n, dtype=a.dtype), check_finite=False)
    x = (back @ (q.conj().T @ b)).astype(kind)
    rest = right - wide @ x
    smallest = np.inf
    for _ in range(_REFINEMENTS):
        f, g = right - rest - wide @ x, -(wide.conj().T @ rest)
        inner = back.conj().T @ g.astype(a.dtype)
        along = q.conj().T @ f.astype(a.dtype) - inner
        change = back @ along
        size = float(np.abs(change).max(initial=0.0))
        if not size < smallest / 2:
            break
        smallest = size
        x, rest = x + change, rest + f - (q @ along)
    f, g = right - rest - wide @ x, -(wide.conj().T @ rest)
    weights, found = np.abs(a), np.abs(x).astype(np.float64)
    unit = max(float(np.finfo(kind).eps), _EPS / 2) * (2.9 if a.dtype.kind == "c" else 1.0)
    sums = unit + (max(m, n) + 2) * float(np.finfo(kind).eps) * (2.9 if a.dtype.kind == "c" else 1.0)
    of_f = np.abs(f).astype(np.float64) + sums * (weights @ found + np.abs(b) + np.abs(rest).astype(np.float64))
    of_g = np.abs(g).astype(np.float64) + sums * (weights.T @ np.abs(rest).astype(np.float64))
    errors = np.abs(back @ q.conj().T) @ of_f + np.abs(back @ back.conj().T) @ of_g
    loss = 20.0 * n * UNIT * scaled
    bound = float((errors / (1 - loss) + UNIT * found).max()) if loss < 0.5 else float("inf")
    norms = np.sqrt((np.abs(rest) ** 2).sum(axis=0)).astype(np.float64)
    condition = float(values[0] / values[-1]) if values[-1] > 0 else float("inf")
    gradient = float(np.abs(g).max(initial=0.0))
    return Fit(x.astype(b.dtype), norms, n, condition, bound, gradient, "qr", values)


def _by_svd(a: Any2D, b: Any2D, cut: float) -> Fit:
    """Cut off the singular values up to `cut` times the largest; the bound is Wedin's for a matrix of that rank.

    κ/(1 - η) (ε ‖x‖ + ε ‖b‖/σ1 + ε κ ‖r‖/σ1) + η ‖x‖ with η = κ ε (Björck, 1.4.2); ε holds the backward error and
    what was cut off.
    """
    m, n = a.shape
    u, s, vt = linalg.svd(a, full_matrices=False, check_finite=False)
    rank = int((s > cut * s[0]).sum())
    if rank == 0:
        norms = np.linalg.norm(b, axis=0)
        return Fit(np.zeros((n, b.shape[1]), dtype=b.dtype), norms, 0, float("inf"), 0.0, 0.0, "svd", s)
    u, kept, vt = u[:, :rank], s[:rank], vt[:rank]

    def apply(v: Any2D) -> Any2D:
        return vt.conj().T @ ((u.conj().T @ v) / kept[:, None])

    x = apply(b)
    x += apply(b - a @ x)
    rest = b - a @ x
    norms, condition = np.linalg.norm(rest, axis=0), float(kept[0] / kept[-1])
    cut_off = float(s[rank] / s[0]) if rank < len(s) else 0.0
    small = (max(m, n) + 20) * _EPS + cut_off
    eta = condition * small
    bound = float("inf")
    if eta < 0.5:
        length, size = np.linalg.norm(x, axis=0), np.linalg.norm(b, axis=0)
        inner = small * (length + size / s[0] + condition * norms / s[0])
        bound = float((condition / (1 - eta) * inner + eta * length).max())
    gradient = float(np.abs(a.conj().T @ rest).max())
    return Fit(x, norms, rank, condition, bound, gradient, "svd", s)


def solve_sparse(a: csr_array, b: Any2D) -> Fit:
    """Solve for a sparse `a` (m, n) of full rank, m ≥ n, by LU of the augmented equations [I A; Aᴴ 0].

    The error is inv(AᴴA) (Aᴴ f - g) for their residuals f and g; norms of inv(AᴴA) are estimated. Raises `Singular`.
    """
    m, n = a.shape
    lengths = np.sqrt(np.asarray((abs(a) ** 2).sum(axis=0)).ravel())
    scale = 1.0 / np.where(lengths > 0, lengths, 1.0)
    scaled = csr_array(a @ diags_array(scale))
    adjoint = csr_array(scaled.conj().T)
    blocks: Any = [[eye_array(m), scaled], [adjoint, None]]
    factors = superlu(csr_array(block_array(blocks)))
    nothing = np.zeros((n, b.shape[1]), dtype=b.dtype)
    found = factors.solve(np.vstack([b, nothing]))
    smallest = np.inf
    for _ in range(_REFINEMENTS):
        rest, x = found[:m], found[m:]
        f, g = b - rest - scaled @ x, -(adjoint @ rest)
        change = factors.solve(np.vstack([f, g]))
        size = float(np.abs(change[m:]).max(initial=0.0))
        if not size < smallest / 2:
            break
        smallest = size
        found = found + change
    rest, x = found[:m], found[m:]
    f, g = b - rest - scaled @ x, -(adjoint @ rest)
    unit = roundoff(b.dtype)
    wide = int(np.diff(scaled.indptr).max(initial=0)) + 3
    tall = int(np.diff(adjoint.indptr).max(initial=0)) + 3
    of_f = np.abs(f) + wide * unit * (abs(scaled) @ np.abs(x) + np.abs(b) + np.abs(rest))
    of_g = np.abs(g) + tall * unit * (abs(adjoint) @ np.abs(rest))
    weight = (abs(adjoint) @ of_f + of_g).max(axis=1)

    def normal(v: Any2D) -> Any2D:
        return -scale[:, None] * factors.solve(np.vstack([np.zeros((m, v.shape[1]), dtype=v.dtype), v]))[m:]

    # x is unscaled by its rows, so that the bound is one of the x that goes out; the norm is of inv(AᴴA) with columns
    # of length 1, whose square root is their condition within a factor √n
    inverse, _ = inverse_norms(
        Factors("", "", lambda v: normal(v) / scale[:, None], lambda v: normal(v) / scale[:, None]), n, b.dtype, weight
    )
    turned = Factors("", "", normal, lambda v: normal(scale[:, None] * v) / scale[:, None])
    _, bound = inverse_norms(turned, n, b.dtype, weight)
    norms = np.linalg.norm(rest, axis=0)
    return Fit(
        scale[:, None] * x, norms, n, (inverse * n) ** 0.5, bound, float(np.abs(g).max()), "sparse_augmented", None
    )


def normal(a: csr_array) -> csr_array:
    """Pattern of AᴴA, whose factors fill as those of the augmented equations do."""
    pattern = csr_array((np.ones(a.nnz, dtype=np.float64), a.indices, a.indptr), shape=a.shape)
    return csr_array(pattern.T @ pattern)
