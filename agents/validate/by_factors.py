"""What a matrix is, by other factors: triangles of QR instead of singular values, LU in extended precision."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import linalg, sparse

from agents import matrices
from agents.task import Watch
from agents.validate.findings import Claim, Road

_EPS = float(np.finfo(float).eps)
_LARGE = 500
_WIDE = 200
"""Largest side of a matrix that is factorized in extended precision."""


def analyze(claim: Claim, watch: Watch) -> None:
    """Norms by their definition, the rank by QR, extremes by the Gram matrix, determinant and condition by LU."""
    given = matrices.read(claim.inner.inputs["a"], "inputs.a")
    sparse_one = matrices.is_sparse(given)
    if sparse_one and max(given.shape) > _LARGE:
        _entries(claim, sparse.coo_matrix(given))
        return
    a: Any = matrices.as_dense(given)
    m, n = a.shape
    _entries(claim, sparse.coo_matrix(a))
    if max(m, n) > _LARGE:
        return
    watch(0.3, "other factors")
    top = float(linalg.norm(a, "fro"))
    allowed = (claim.error or 0.0) + 1e3 * _EPS * max(m, n) * top
    _extremes(claim, a, allowed)
    watch(0.6, "other factors")
    if m == n:
        _square(claim, a)


def _entries(claim: Claim, a: Any) -> None:
    """What the entries alone tell: norms, counts, symmetry, bandwidths."""
    m, n = a.shape
    size = np.abs(a.data).astype(np.longdouble)
    rows, columns = np.zeros(m, np.longdouble), np.zeros(n, np.longdouble)
    np.add.at(rows, a.row, size)
    np.add.at(columns, a.col, size)
    squares = np.sqrt(((size / (size.max(initial=0.0) or 1.0)) ** 2).sum()) * size.max(initial=0.0)
    made = {"1": columns.max(), "inf": rows.max(), "frobenius": squares, "max": size.max(initial=0.0)}
    for name, value in made.items():
        wide = float(value)
        claim.agree(f"norms.{name}", wide, 1e-12 * wide, "by its definition in extended precision")
    some = a.data != 0
    count = int(some.sum())
    claim.agree("nonzeros", count, 0.0, "counted one by one")
    claim.agree("density", count / (m * n), 1e-15, "counted one by one")
    row, column = a.row[some], a.col[some]
    for name, off in (("lower", row - column), ("upper", column - row)):
        claim.agree(f"bandwidth.{name}", max(0, int(off.max(initial=0))), 0.0, "from the places of the entries")
    claim.agree("shape", np.array([m, n]), 0.0, "of the matrix")
    if m == n and m <= _LARGE:
        whole = a.toarray()
        same = bool((whole == whole.conj().T).all())
        claim.add("symmetric", float(same != claim.outputs.words.get("symmetric")), 0.0, "beside its transpose")


def _extremes(claim: Claim, a: Any, allowed: float) -> None:
    """Singular values as roots of the Gram matrix's eigenvalues: to √eps below, and by the least triangle's size."""
    if "singular_values.largest" not in claim.outputs.numbers:
        return
    m, n = a.shape
    scale = float(np.abs(a).max()) or 1.0
    small = a / scale
    gram = small.conj().T @ small if m >= n else small @ small.conj().T
    eigen = linalg.eigvalsh(gram)
    largest = scale * math.sqrt(max(float(eigen[-1]), 0.0))
    claim.agree("singular_values.largest", largest, allowed, "root of the Gram matrix's largest eigenvalue")
    claim.agree("norms.2", largest, allowed, "root of the Gram matrix's largest eigenvalue")
    smallest, least = float(claim.numbers("singular_values.smallest")), math.sqrt(max(float(eigen[0]), 0.0))
    blur = max(m, n) * 8.0 * _EPS * float(eigen[-1]) / max(least, math.sqrt(_EPS * float(eigen[-1])), 1e-300)
    how = "root of the Gram matrix's least eigenvalue"
    claim.add("singular_values.smallest", abs(smallest - scale * least), allowed + scale * blur, how)
    ratio = float(claim.numbers("singular_values.largest")) / smallest if smallest > 0 else math.inf
    condition = float(claim.numbers("condition"))
    off = 0.0 if condition == ratio else abs(condition / ratio - 1.0)
    claim.add("condition", off, 1e-9, "the ratio of the extremes, relative")
    triangle: Any = linalg.qr(small, mode="r", pivoting=True)[0]
    diagonal = np.abs(np.diag(triangle))
    level = max(m, n) * 2.0 * _EPS * diagonal.max(initial=0.0)
    sure, possible = int((diagonal > 100.0 * level).sum()), int((diagonal > 0.01 * level).sum())
    rank = float(claim.numbers("rank"))
    how = "by QR with pivots, where rounding leaves no doubt"
    claim.add("rank", max(sure - rank, rank - possible, 0.0), 0.0, how)
    if "eigenvalues.smallest" in claim.outputs.numbers:
        values = linalg.eigvals(a).real  # by the general algorithm, which knows no symmetry
        claim.agree("eigenvalues.smallest", float(values.min()), allowed, "by the algorithm for general matrices")
        claim.agree("eigenvalues.largest", float(values.max()), allowed, "by the algorithm for general matrices")
        _definite(claim, a, values, allowed)


def _definite(claim: Claim, a: Any, values: Any, allowed: float) -> None:
    """Whether Cholesky's factors exist, where rounding leaves no doubt."""
    low, high, said = float(values.min()), float(values.max()), claim.outputs.words.get("definiteness")
    if low > 10 * allowed or high < -10 * allowed or (low < -10 * allowed and high > 10 * allowed):
        kind = "indefinite"
        for sign, name in ((1.0, "positive_definite"), (-1.0, "negative_definite")):
            try:
                linalg.cholesky(sign * a)
                kind = name
            except linalg.LinAlgError:
                continue
        claim.add("definiteness", float(kind != said), 0.0, f"by Cholesky's factors: {kind}")


def _square(claim: Claim, a: Any) -> None:
    """Determinant by LU in extended precision, condition in the 1-norm by the inverse."""
    n = len(a)
    have = claim.outputs.numbers
    if n <= _WIDE and "determinant" in have:
        sign, log = _determinant(a.astype(np.clongdouble if np.iscomplexobj(a) else np.longdouble))
        value = complex(sign) * math.exp(log) if log < 709.0 else None
        bound = float(have["determinant_error"]) if "determinant_error" in have else None
        if value is not None and bound is not None:
            found = complex(have["determinant"])
            text = "by elimination in extended precision"
            claim.add("determinant", abs(found - value), bound + 1e-15 * abs(value), text)
            if "determinant_log" in have and abs(value) > 10 * bound:
                off = abs(float(have["determinant_log"]) - log)
                claim.add("determinant_log", off, 1e-12 * (1 + abs(log)) + 2 * bound / abs(value), text)
                off = abs(complex(have["determinant_sign"]) - complex(sign))
                claim.add("determinant_sign", off, 1e-12 + 2 * bound / abs(value), text)
    if "condition_1" in have and math.isfinite(condition := float(have["condition_1"])):
        try:
            inverse = linalg.inv(a)
        except linalg.LinAlgError:
            return
        made = float(linalg.norm(a, 1) * linalg.norm(inverse, 1))
        if made < 1e12:
            claim.add("condition_1", abs(condition / made - 1.0), 0.01 + 1e3 * _EPS * made, "by the inverse, relative")


def _determinant(a: Any) -> tuple[Any, float]:
    """Sign (or phase) and logarithm, by elimination with row pivots."""
    a = a.copy()
    sign: Any = np.ones((), a.dtype)
    log = 0.0
    for k in range(len(a)):
        pivot = k + int(np.abs(a[k:, k]).argmax())
        if a[pivot, k] == 0:
            return np.zeros((), a.dtype), -math.inf
        if pivot != k:
            a[[k, pivot]] = a[[pivot, k]]
            sign = -sign
        size = np.abs(a[k, k])
        sign, log = sign * (a[k, k] / size), log + float(np.log(size))
        a[k + 1 :, k + 1 :] -= np.outer(a[k + 1 :, k] / a[k, k], a[k, k + 1 :])
    return sign, log


ROADS: Mapping[tuple[str, str], Road] = {("linalg", "analyze"): analyze}
