"""The task `linalg.svd`: singular values and vectors, all of a dense matrix or some of a sparse one."""

from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence

from agents import alone, draws, matrices
from agents.alone import Alone
from agents.matrices import Matrix
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.task import TaskOptions, Watch
from native import partial, spectra

_COST_LIMIT = 1e12
_DENSE_BELOW = 400
_FEW = 6
_STEPS = 300_000


class SvdInputs(msgspec.Struct, forbid_unknown_fields=True):
    """The singular value decomposition `a` = u diag(s) vt of a matrix (m, n): dense or sparse, real or complex.

    Outputs: `s`, descending, min(m, n) of them; `u` (m, min(m, n)) and `vt` (min(m, n), n), square with the option
    `full_matrices`; `residual_norm`, the largest entry of the difference. `error_estimate` bounds the largest error of
    a singular value, by what was computed (with `vectors`) or what the algorithm promises. That no other singular value
    of a large sparse matrix lies among those found is not verified.
    """

    a: Any


class SvdOptions(TaskOptions, kw_only=True):
    """All singular values, or `k` of them: the largest (`LM`) or the smallest (`SM`).

    `k` is 6 for a sparse matrix with 400 rows and columns or more, for which `arpack` is used.
    """

    method: Literal["auto", "dense", "arpack"] = "auto"
    vectors: bool = True
    full_matrices: bool = False
    k: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    which: Literal["LM", "SM"] = "LM"
    max_iterations: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 5000


def prepare(inputs: SvdInputs, options: SvdOptions, seed: int) -> Alone:
    """Validate a matrix and what is wanted of it; raises `Problem`."""
    a = matrices.nonempty(matrices.read(inputs.a, "inputs.a"), "inputs.a")
    m, n = a.shape
    few = min(m, n)
    if options.k is not None and options.k > few:
        text = f"{options.k} singular values of a {m}×{n} matrix"
        raise Problem("invalid_input", text, field="options.k", hint=f"at most {few}")
    large = options.method == "arpack" or (options.method == "auto" and matrices.is_sparse(a) and few >= _DENSE_BELOW)
    k = options.k or (min(_FEW, few) if large else few)
    if options.full_matrices and k < few:
        text = "some singular values have no full matrices"
        raise Problem("invalid_input", text, field="options.full_matrices", hint="false, or no k")
    if options.vectors:
        numbers = m * m + n * n if options.full_matrices else k * (m + n)
        numbers *= 2 if a.dtype.kind == "c" else 1
        matrices.check_result(numbers, "options.vectors false, or fewer by options.k")
    if large and k < few:
        a = a if matrices.is_sparse(a) else csr_array(a)
        cost = max(2e4 * (a.nnz + max(m, n) * k), 1e8)
        return Alone(partial.KERNEL, lambda watch, _: _some(a, k, options, seed, watch), cost)
    matrices.check_dense(a, "inputs.a")
    cost = (30.0 if options.vectors else 8.0) * m * n * few * (4.0 if a.dtype.kind == "c" else 1.0)
    if options.vectors and options.full_matrices:
        cost += 4.0 * (m**3 + n**3)
    matrices.check_cost(cost, _COST_LIMIT, "a sparse matrix, with options.k")
    return Alone("lapack", lambda watch, _: _all(a, k, options, watch), cost)


def _all(a: Matrix, k: int, options: SvdOptions, watch: Watch) -> Outcome:
    watch(0.0, "reduce")
    try:
        found = spectra.svd(matrices.as_dense(a), vectors=options.vectors, full=options.full_matrices)
    except np.linalg.LinAlgError as error:
        raise _not_converged(str(error)) from None
    if k < len(found.s):
        chosen = slice(0, k) if options.which == "LM" else slice(len(found.s) - k, None)
        u, vt = (None, None) if found.u is None or found.vt is None else (found.u[:, chosen], found.vt[chosen])
        found = found._replace(u=u, s=found.s[chosen], vt=vt)
    return _outcome(found, "lapack", "dense", None)


def _some(a: Any, k: int, options: SvdOptions, seed: int, watch: Watch) -> Outcome:
    products = 0

    def tell() -> None:
        nonlocal products
        products += 1
        watch(min(0.95, products / (products + 40.0 * k)), "iterate")
        if products > _STEPS:
            raise _not_converged(f"after {products} products")

    start = draws.uniforms(seed, 0, 1, min(a.shape))[0] - 0.5
    try:
        found = partial.svd(a, k, options.which, start, tell, options.max_iterations)
    except ArpackNoConvergence as error:
        raise _not_converged(f"{len(error.eigenvalues)} of {k} found") from None
    except ArpackError as error:
        raise _not_converged(str(error)) from None
    if not options.vectors:
        found = found._replace(u=None, vt=None)
    return _outcome(found, partial.KERNEL, "arpack", products)


def _not_converged(text: str) -> Problem:
    hint = "method dense, fewer singular values, or more max_iterations"
    return Problem("not_converged", f"the singular values did not converge: {text}", field="inputs.a", hint=hint)


def _outcome(found: spectra.Svd, kernel: str, method: str, products: int | None) -> Outcome:
    outputs: dict[str, Any] = {"s": found.s}
    checks = []
    if found.u is not None and found.vt is not None:
        outputs = {"u": found.u, "s": found.s, "vt": found.vt}
    if found.residual is not None:
        outputs["residual_norm"] = found.residual
        checks = [Check("residual", passed=found.residual <= found.bound)]
    told = Diagnostics(
        converged=True if products is not None else None, evaluations=products, error_estimate=found.bound,
        residual=found.residual, method=method, checks=checks,
    )  # fmt: skip
    return Outcome(outputs, kernel, True, told)


TASK = alone.task(
    agent="linalg", name="svd", summary="Find singular values and vectors of a matrix, all or some of them.",
    inputs=SvdInputs, options=SvdOptions, methods=("dense", "arpack"), example={"a": [[3, 0], [4, 5], [0, 1]]},
    prepare=prepare,
)  # fmt: skip
