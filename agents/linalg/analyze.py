"""The task `linalg.analyze`: what a matrix is, and what to do with it."""

import math
from typing import Any, Literal

import msgspec
import numpy as np

from agents import alone, matrices
from agents.alone import Alone
from agents.matrices import Matrix
from agents.outcome import Diagnostics, Outcome, Problem
from agents.task import TaskOptions, Watch
from native import sparse as native_sparse
from native import structure
from native.dense import Singular
from native.determinant import Determinant, determinant, of_factors
from native.judgement import UNIT, norm_1
from native.spectra import Eigen, svd
from native.spectra import symmetric as symmetric_eigen

_COST_LIMIT = 1e12
_DENSE_BELOW = 1000
_ILL = 1e10


class AnalyzeInputs(msgspec.Struct, forbid_unknown_fields=True):
    """What the matrix `a` (m, n), dense or sparse (coo, csr), real or complex, is like.

    Outputs: `rank` (singular values above max(m, n) 2.2e-16 times the largest); `condition`, in the 2-norm, and
    `condition_1`, Infinity for a singular matrix; `determinant` of a square matrix, with `determinant_sign` and
    `determinant_log` (null and a warning where the determinant itself has no double; the log of 0 is -Infinity), and
    `determinant_error`, which bounds its error;
    `norms` (`1`, `2`, `inf`, `frobenius`, `max`); `symmetric` (Hermitian); `definite`: positive definite, beyond doubt;
    `definiteness`: `positive_definite`, `positive_semidefinite`, `negative_definite`, `negative_semidefinite`,
    `indefinite`, null for others ("semidefinite" also where rounding decides); `bandwidth` below and above the
    diagonal; `nonzeros`, `density`; `structure` as in `solve`, `toeplitz`, `circulant`, `diagonally_dominant`;
    `singular_values` and, if symmetric, `eigenvalues`: the extremes; `recommended`: what to solve equations with.
    `error_estimate` bounds the errors of the determinant (where it is given), the norms and the extremes.
    Of a sparse matrix above 1,000 rows or columns the rank, the 2-norm and the extremes are null, `condition` is an
    estimate in the 1-norm, and the determinant is null: its logarithm is there.
    """

    a: Any


class AnalyzeOptions(TaskOptions, kw_only=True):
    """`auto` is the only method."""

    method: Literal["auto"] = "auto"


def prepare(inputs: AnalyzeInputs, options: AnalyzeOptions, seed: int) -> Alone:  # noqa: ARG001
    """Validate a matrix; raises `Problem`."""
    a = matrices.nonempty(matrices.read(inputs.a, "inputs.a"), "inputs.a")
    m, n = a.shape
    if matrices.is_sparse(a) and max(m, n) > _DENSE_BELOW:
        cost = 1e4 * (a.nnz + m + n)
        return Alone(native_sparse.KERNEL, lambda watch, _: _sparse(a, watch), cost, finite=False)
    matrices.check_dense(a, "inputs.a")
    cost = 60.0 * m * n * min(m, n) * (4.0 if a.dtype.kind == "c" else 1.0) + 1e5
    matrices.check_cost(cost, _COST_LIMIT, "a smaller, or a sparse matrix")
    return Alone("lapack", lambda watch, _: _dense(matrices.as_dense(a), watch), cost, finite=False)


def _shape(a: Matrix) -> dict[str, Any]:
    """What the places of the entries say."""
    m, n = a.shape
    nonzeros = int(a.count_nonzero()) if matrices.is_sparse(a) else int(np.count_nonzero(a))
    lower, upper = structure.bandwidths(a)
    square = m == n
    found = structure.find(a) if square else None
    return {
        "shape": [m, n], "symmetric": bool(found and found.symmetric),
        "structure": found.name if found else "rectangular",
        "bandwidth": {"lower": lower, "upper": upper}, "nonzeros": nonzeros, "density": nonzeros / (m * n),
        "diagonally_dominant": square and structure.is_dominant(a), "toeplitz": structure.is_toeplitz(a),
        "circulant": square and structure.is_circulant(a),
    }  # fmt: skip


def _norms(a: Matrix) -> dict[str, float | None]:
    size = abs(a)
    entries = size.data if matrices.is_sparse(a) else size
    largest = float(entries.max(initial=0.0))
    scaled = entries / largest if largest > 0 else entries
    return {
        "1": float(np.asarray(size.sum(axis=0)).max()), "2": None, "inf": float(np.asarray(size.sum(axis=1)).max()),
        "frobenius": largest * float(np.sqrt((scaled * scaled).sum())), "max": largest,
    }  # fmt: skip


def _dense(a: Any, watch: Watch) -> Outcome:
    watch(0.0, "look")
    outputs, norms = _shape(a), _norms(a)
    m, n = a.shape
    if not math.isfinite(sum(value or 0.0 for value in norms.values())):
        raise Problem("non_finite", "the norms overflow", field="inputs.a", hint="scale the matrix")
    watch(0.1, "singular values")
    found = svd(a, vectors=False, full=False)
    largest, smallest = float(found.s[0]), float(found.s[-1])
    rank = int((found.s > max(m, n) * 2 * UNIT * largest).sum())
    norms["2"] = largest
    bound = max(found.bound, (m + n) * 4 * UNIT * max(value or 0.0 for value in norms.values()))
    outputs |= {
        "rank": rank, "norms": norms, "condition": largest / smallest if smallest > 0 else math.inf,
        "singular_values": {"largest": largest, "smallest": smallest}, "definite": False, "definiteness": None,
    }  # fmt: skip
    warnings = []
    if outputs["symmetric"]:
        watch(0.5, "eigenvalues")
        eigen = symmetric_eigen(a, vectors=False)
        outputs |= _definiteness(eigen)
        bound = max(bound, eigen.bound)
    if m == n:
        watch(0.7, "determinant")
        det = determinant(a, found.s)
        outputs |= _determinant(det)
        outputs["condition_1"] = det.condition_1
        if det.value is None:
            warnings = ["the determinant is too large or too small for a double: its sign and logarithm are given"]
        else:
            bound = max(bound, det.bound)
    if rank < min(m, n):
        warnings.append(f"the rank is {rank} of {min(m, n)}, to working precision")
    elif outputs["condition"] > _ILL:
        warnings.append(f"ill-conditioned: the condition is {outputs['condition']:.1e}")
    outputs["recommended"] = _recommended(outputs, rank < min(m, n))
    told = Diagnostics(error_estimate=bound if math.isfinite(bound) else None, method="dense")
    return Outcome(outputs, "lapack", True, told, warnings)


def _definiteness(eigen: Eigen) -> dict[str, Any]:
    low, high = float(eigen.values[0]), float(eigen.values[-1])
    names = {
        "positive_definite": low > eigen.bound, "negative_definite": high < -eigen.bound,
        "positive_semidefinite": low >= -eigen.bound, "negative_semidefinite": high <= eigen.bound,
    }  # fmt: skip
    name = next((name for name, holds in names.items() if holds), "indefinite")
    extremes = {"smallest": low, "largest": high}
    return {"definite": name == "positive_definite", "definiteness": name, "eigenvalues": extremes}


def _determinant(det: Determinant) -> dict[str, Any]:
    def plain(value: complex | None) -> Any:
        return {"re": value.real, "im": value.imag} if isinstance(value, complex) else value

    return {
        "determinant": plain(det.value), "determinant_sign": plain(det.sign), "determinant_log": det.log,
        "determinant_error": det.bound if math.isfinite(det.bound) else None,
    }  # fmt: skip


def _recommended(outputs: dict[str, Any], deficient: bool) -> dict[str, str]:
    m, n = outputs["shape"]
    if m != n or deficient:
        why = "the matrix is not square" if m != n else "the matrix is singular to working precision"
        return {"task": "least_squares", "method": "svd" if deficient else "qr", "why": why}
    name = outputs["structure"]
    if name == "symmetric":
        method = "cholesky" if outputs["definite"] else "ldl"
        return {"task": "solve", "method": method, "why": f"symmetric, {outputs['definiteness']}".replace("_", " ")}
    method = "banded" if name in {"banded", "tridiagonal"} else "lu" if name == "general" else "auto"
    return {"task": "solve", "method": method, "why": f"the structure is {name}".replace("_", " ")}


def _sparse(a: Any, watch: Watch) -> Outcome:
    watch(0.0, "look")
    outputs, norms = _shape(a), _norms(a)
    m, n = a.shape
    outputs |= {"rank": None, "norms": norms, "definite": False, "definiteness": None, "condition": None}
    positive = outputs["symmetric"] and bool((a.diagonal().real > 0).all())
    if positive and outputs["diagonally_dominant"]:
        outputs |= {"definite": True, "definiteness": "positive_definite"}
    warnings = ["too large for singular values: rank, 2-norm and extremes are not given"]
    recommended = {"task": "least_squares", "method": "auto", "why": "the matrix is not square"}
    if m == n:
        fill = native_sparse.expected_fill(a)
        method = "cg" if positive else "gmres"
        recommended = {"task": "solve", "method": method, "why": f"the factors may have {fill:.1e} numbers"}
        if fill <= native_sparse.FILL_LIMIT:
            watch(0.2, "factorize")
            recommended = {"task": "solve", "method": "lu", "why": f"the factors have about {fill:.1e} numbers"}
            outputs |= _by_factors(a)
        else:
            warnings.append("too large for factors: condition and determinant are not given")
    outputs["recommended"] = recommended
    bound = (max(m, n) + 4) * 4 * UNIT * max(value or 0.0 for value in norms.values())
    return Outcome(outputs, native_sparse.KERNEL, True, Diagnostics(error_estimate=bound, method="sparse"), warnings)


def _by_factors(a: Any) -> dict[str, Any]:
    try:
        lu = native_sparse.decompose(a)
    except Singular:
        nothing = Determinant(0.0, 0.0, -math.inf, 0.0, math.inf)
        return {**_determinant(nothing), "condition": math.inf, "condition_1": math.inf}
    trans = "H" if a.dtype.kind == "c" else "T"
    inverse = norm_1(lu.solve, lambda v: lu.solve(v, trans), a.shape[0], a.dtype)
    condition = float(np.asarray(abs(a).sum(axis=0)).max()) * inverse
    return {**_determinant(of_factors(lu)), "condition": condition, "condition_1": condition}


TASK = alone.task(
    agent="linalg", name="analyze", summary="Say what a matrix is: rank, condition, determinant, norms, structure.",
    inputs=AnalyzeInputs, options=AnalyzeOptions, methods=(), example={"a": [[2, 1], [1, 2]]}, prepare=prepare,
    repeats="inputs",
)  # fmt: skip
