"""The task `linalg.factorize`: LU, QR, Cholesky, LDLᵀ and Schur factors."""

from functools import lru_cache
from typing import Any, Literal

import msgspec
import numpy as np
from scipy import linalg

from agents import alone, matrices
from agents.alone import Alone
from agents.matrices import Dense, Matrix
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.task import TaskOptions, Watch
from native.dense import Unfit
from native.judgement import largest, roundoff
from native.structure import is_symmetric

Method = Literal["lu", "qr", "cholesky", "ldl", "schur"]
_COST_LIMIT = 1e12
_COSTS = {"lu": 2.0, "qr": 8.0, "cholesky": 2.0, "ldl": 4.0, "schur": 60.0}
_SYMMETRIC = {"cholesky", "ldl"}
_SMALL = 4096
"""Most numbers of a matrix whose triangle is kept as a mask."""


class FactorizeInputs(msgspec.Struct, forbid_unknown_fields=True):
    """The factors of `a`, dense or sparse (they are dense), real or complex, by `method` (here or in the options).

    Outputs: `lu`: `p`, `l`, `u` with a = p l u, p a permutation matrix; `qr`: `q`, `r` with a = q r; `cholesky`: `l`
    with a = l lᴴ; `ldl`: `l`, `d`, `permutation` with a = l d lᴴ, the rows l[permutation] lower triangular, d with
    blocks of 1 and 2; `schur`: `t`, `z` with a = z t zᴴ, t upper triangular, with blocks of 2 for the complex pairs of
    a real matrix. `residual_norm` is the largest entry of a less the product of its factors.
    The main output is that product: `error_estimate` bounds its largest difference to `a`, rounding of its computation
    included.
    """

    a: Any
    method: Method | None = None


class FactorizeOptions(TaskOptions, kw_only=True):
    """`auto` is `lu`, unless the inputs name a method; `full_matrices` gives a square `q`."""

    method: Literal["auto", "lu", "qr", "cholesky", "ldl", "schur"] = "auto"
    full_matrices: bool = False


def prepare(inputs: FactorizeInputs, options: FactorizeOptions, seed: int) -> Alone:  # noqa: ARG001
    """Validate a matrix and the way to factorize it; raises `Problem`."""
    if inputs.method is not None and options.method not in {"auto", inputs.method}:
        text = f"the inputs ask for {inputs.method}, the options for {options.method}"
        raise Problem("invalid_input", text, field="options.method", hint="one method")
    method = inputs.method or ("lu" if options.method == "auto" else options.method)
    a = matrices.nonempty(matrices.read(inputs.a, "inputs.a"), "inputs.a")
    m, n = a.shape
    if method not in {"lu", "qr"}:
        matrices.square(a, "inputs.a")
    matrices.check_dense(a, "inputs.a")
    if method in _SYMMETRIC and not is_symmetric(a):
        word = "Hermitian" if a.dtype.kind == "c" else "symmetric"
        raise Problem("invalid_input", f"{method} needs a {word} matrix", field="inputs.a", hint="lu, qr or schur")
    factor = 4.0 if a.dtype.kind == "c" else 1.0
    few, most = min(m, n), max(m, n)
    numbers = {"lu": m * m + few * (m + n), "qr": m * (m if options.full_matrices else few) + few * n}
    matrices.check_result(numbers.get(method, 2 * most * most) * factor**0.5, "a smaller matrix")
    cost = _COSTS[method] * most * few * few * factor + 4.0 * m * n * few + (4.0 * m**3 if options.full_matrices else 0)
    matrices.check_cost(cost, _COST_LIMIT, "a smaller matrix")
    return Alone("lapack", lambda watch, _: _work(a, method, options.full_matrices, watch), cost)


def _work(a: Matrix, method: str, full: bool, watch: Watch) -> Outcome:
    watch(0.0, "factorize")
    whole = matrices.as_dense(a)
    try:
        outputs, factors = _factors(whole, method, full)
    except Unfit as error:
        text = f"a is not positive definite: {error}"
        raise Problem("singular", text, field="inputs.a", hint="ldl takes symmetric indefinite matrices") from None
    except np.linalg.LinAlgError as error:
        hint = "scale the matrix"
        raise Problem("not_converged", f"no convergence: {error}", field="inputs.a", hint=hint) from None
    watch(0.7, "multiply")
    product, weight = factors[0], np.abs(factors[0])
    for one in factors[1:]:
        product, weight = product @ one, weight @ np.abs(one)
    residual, most = largest(np.abs(whole - product)), largest(weight)
    rounding = (max(whole.shape) + 3) * (len(factors) - 1) * roundoff(whole.dtype) * most
    outputs["residual_norm"] = residual
    scale = max(whole.shape) * most
    told = Diagnostics(
        error_estimate=residual + rounding, residual=residual, method=method,
        checks=[Check("residual", passed=residual <= 10 * 2.3e-16 * scale + 1e-300)],
    )  # fmt: skip
    return Outcome(outputs, "lapack", True, told)


def _factors(a: Dense, method: str, full: bool) -> tuple[dict[str, Any], list[Any]]:
    """Give the outputs, and the matrices whose product is `a`."""
    if method == "lu":
        order, lower, upper = _lu(a)
        p = np.zeros((len(order), len(order)))
        p[order, range(len(order))] = 1.0
        moved = np.empty_like(lower)
        moved[order] = lower
        return {"p": p, "l": lower, "u": upper}, [moved, upper]
    if method == "qr":
        q, r = linalg.qr(a, mode="full" if full else "economic", check_finite=False)
        return {"q": q, "r": r}, [q, r]
    if method == "cholesky":
        lower = _cholesky(a)
        return {"l": lower}, [lower, lower.conj().T]
    if method == "ldl":
        outer, d, permutation = linalg.ldl(a, lower=True, hermitian=True, check_finite=False)
        factors: list[Any] = [outer, d, outer.conj().T]
        return {"l": outer, "d": d, "permutation": permutation.tolist()}, factors
    t, z = linalg.schur(a, output="complex" if a.dtype.kind == "c" else "real", check_finite=False)
    return {"t": t, "z": z}, [z, t, z.conj().T]


def _lu(a: Dense) -> tuple[list[int], Any, Any]:
    """LU with partial pivoting (getrf): the rows' order, unit lower and upper factor, a[order] = lower upper."""
    routine = linalg.lapack.zgetrf if a.dtype.kind == "c" else linalg.lapack.dgetrf
    packed, pivots, _ = routine(a)
    order = list(range(len(a)))
    for i, j in enumerate(pivots.tolist()):
        order[i], order[j] = order[j], order[i]
    below = _below(*a.shape)
    few = len(pivots)
    lower = np.where(below[:, :few], packed[:, :few], 0.0)
    lower.flat[: few * few : few + 1] = 1.0
    return order, lower, np.where(below[:few], 0.0, packed[:few])


def _below(m: int, n: int) -> Any:
    return _below_small(m, n) if m * n <= _SMALL else np.tri(m, n, -1, dtype=np.bool_)


@lru_cache(maxsize=64)
def _below_small(m: int, n: int) -> Any:
    return np.tri(m, n, -1, dtype=np.bool_)


def _cholesky(a: Dense) -> Any:
    """Lower factor (potrf); raises `Unfit` with the order of the leading minor that is not positive."""
    routine = linalg.lapack.zpotrf if a.dtype.kind == "c" else linalg.lapack.dpotrf
    found, info = routine(a, lower=1, clean=1)
    if info > 0:
        raise Unfit(info)
    return np.ascontiguousarray(found)


TASK = alone.task(
    agent="linalg", name="factorize", summary="Factorize a matrix: LU, QR, Cholesky, LDL or Schur.",
    inputs=FactorizeInputs, options=FactorizeOptions, methods=("lu", "qr", "cholesky", "ldl", "schur"),
    example={"a": [[4, 2], [2, 3]]}, prepare=prepare,
    repeats="inputs",
)  # fmt: skip
