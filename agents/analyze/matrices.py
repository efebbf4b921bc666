"""Matrices: structure by looking at every element, condition by singular values or an estimate."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.linalg
from scipy.sparse.linalg import LinearOperator, onenormest

from agents.analyze.measured import Measured, sparsity_of
from agents.inner import Inner
from agents.task import Watch
from agents.validate.by_residual import matrix

_EXACT = 600
_LARGEST = 4000
_EPS = float(np.finfo(float).eps)


def measure(asked: Inner, kept: Mapping[str, bytes], watch: Watch) -> Measured:  # noqa: ARG001
    """Measure the matrix `a` of a request."""
    a = matrix(asked.inputs["a"], "inputs.a")
    m, n = a.shape
    sparsity = sparsity_of(a != 0.0)
    if max(m, n) > _LARGEST:
        return Measured(f"matrix of {m} × {n}", {"rows": m, "columns": n}, unknowns=n, sparsity=sparsity)
    watch(0.2, "structure")
    square = m == n
    symmetric = square and bool(np.abs(a - a.T).max(initial=0.0) <= 8 * _EPS * np.abs(a).max(initial=0.0))
    definite = symmetric and _is_definite(a)
    off = np.abs(a).sum(axis=1) - np.abs(np.diagonal(a)) if square else np.ones(m)
    dominant = square and bool((np.abs(np.diagonal(a)) > off).all())
    lower, upper = sparsity["lower_bandwidth"], sparsity["upper_bandwidth"]
    shape = "diagonal" if lower == upper == 0 else "triangular" if 0 in {lower, upper} else (
        "banded" if square and lower + upper < n // 4 else "dense" if sparsity["density"] > 0.25 else "sparse"
    )  # fmt: skip
    watch(0.5, "condition")
    conditioning = _condition(a)
    known = ["symmetric positive definite" if definite else "symmetric" if symmetric else "unsymmetric", shape]
    lost = "singular to working precision" if (conditioning["condition"] or np.inf) > 0.1 / _EPS else ""
    return Measured(
        f"{asked.task.name} with a matrix of {m} × {n}: {', '.join([*known, *([lost] if lost else [])])}",
        {"rows": m, "columns": n, "symmetric": symmetric, "positive_definite": definite, "structure": shape,
         "diagonally_dominant": dominant},
        unknowns=n, order="n × band²" if shape in {"banded", "diagonal"} else "n³",
        conditioning=conditioning, sparsity=sparsity,
    )  # fmt: skip


def _is_definite(a: Any) -> bool:
    try:
        np.linalg.cholesky(a)
    except np.linalg.LinAlgError:
        return False
    return True


def _condition(a: Any) -> dict[str, Any]:
    """In the 2-norm by singular values; for a large square matrix estimated in the 1-norm (Higham & Tisseur 2000)."""
    m, n = a.shape
    if min(m, n) <= _EXACT or m != n:
        s = np.linalg.svd(a, compute_uv=False)
        smallest = float(s[-1])
        condition = float(s[0]) / smallest if smallest > 0 else None
        rank = int((s > max(m, n) * _EPS * s[0]).sum())
        how = "singular values"
    else:
        factors = scipy.linalg.lu_factor(a, check_finite=False)
        if (np.diagonal(factors[0]) == 0.0).any():
            return {"condition": None, "norm": "1", "how": "a pivot is 0", "rank": None, "digits_lost": None}
        inverse = LinearOperator(
            (n, n), dtype=float, matvec=lambda v: scipy.linalg.lu_solve(factors, v),
            rmatvec=lambda v: scipy.linalg.lu_solve(factors, v, trans=1),
        )  # fmt: skip
        condition = float(np.abs(a).sum(axis=0).max() * onenormest(inverse))
        rank, how = None, "estimate in the 1-norm"
    lost = None if condition is None else float(np.log10(max(condition, 1.0)))
    return {"condition": condition, "how": how, "rank": rank, "digits_lost": lost}
