"""The task `linalg.eigen`: eigenvalues and eigenvectors, all of a dense matrix or some of a sparse one."""

import math
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
from native import sparse as native_sparse
from native.dense import Singular
from native.structure import is_symmetric

_COST_LIMIT = 1e12
_DENSE_BELOW = 400
"""Below this size a sparse matrix is computed whole."""
_FEW = 6
_STEPS = 300_000
"""Most products with a sparse matrix."""
_ILL = 1e-6
"""A bound above this part of the largest eigenvalue is warned of."""
_SYMMETRIC_ONLY = {"LA", "SA"}
_GENERAL_ONLY = {"LR", "SR", "LI", "SI"}


class EigenInputs(msgspec.Struct, forbid_unknown_fields=True):
    """Eigenvalues λ and eigenvectors v, `a` v = λ v, of a square matrix: dense or sparse (coo, csr), real or complex.

    Outputs: `eigenvalues`, ascending for a symmetric (Hermitian) matrix, else by real part, then imaginary part; real
    when all are, otherwise `{"re", "im"}`. `eigenvectors`, one a column, of length 1, the largest entry real and
    positive. `structure`: `symmetric` or `general`. `residual_norm`, the largest entry of a v - λ v.
    `error_estimate` bounds the largest error of an eigenvalue, when they are paired as well as can be: by residuals for
    a symmetric matrix, by Gershgorin's circles or Elsner's theorem for others. Of a large sparse matrix that is not
    symmetric it is of first order, and null with a warning when there is none. That no other eigenvalue of a large
    sparse matrix lies among those found is not verified.
    """

    a: Any


class EigenOptions(TaskOptions, kw_only=True):
    """All eigenvalues, or `k` of them: those that `which` says, or those next to `sigma`.

    `which`: `LM`, `SM` (largest, smallest magnitude), `LA`, `SA` (largest, smallest, symmetric matrices), `LR`, `SR`,
    `LI`, `SI` (real or imaginary part, other matrices). `k` is 6 for a sparse matrix of 400 rows or more, for which
    `arpack` is used. Without `vectors` the result has none.
    """

    method: Literal["auto", "dense", "arpack"] = "auto"
    vectors: bool = True
    k: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    which: Literal["LM", "SM", "LA", "SA", "LR", "SR", "LI", "SI"] | None = None
    sigma: float | None = None
    max_iterations: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 5000


def prepare(inputs: EigenInputs, options: EigenOptions, seed: int) -> Alone:
    """Validate a matrix and what is wanted of it; raises `Problem`."""
    a = matrices.square(matrices.read(inputs.a, "inputs.a"), "inputs.a")
    n = a.shape[0]
    symmetric = is_symmetric(a)
    _check_which(options.which, symmetric=symmetric)
    if options.k is not None and options.k > n:
        text = f"{options.k} eigenvalues of a matrix with {n} rows"
        raise Problem("invalid_input", text, field="options.k", hint=f"at most {n}")
    some = not (options.k is None and options.which is None and options.sigma is None)
    k = options.k or (min(_FEW, n) if some or (matrices.is_sparse(a) and n >= _DENSE_BELOW) else n)
    factor = 4.0 if a.dtype.kind == "c" else 1.0
    if options.vectors:
        numbers = k * (n + 1.0) * (1.0 if symmetric and factor == 1.0 else 2.0)
        matrices.check_result(numbers, "options.vectors false, or fewer by options.k")
    large = options.method == "arpack" or (options.method == "auto" and matrices.is_sparse(a) and n >= _DENSE_BELOW)
    if large and k < n - 1:
        a = a if matrices.is_sparse(a) else csr_array(a)
        cost = 1e3 * (a.nnz + n * k) * 20.0
        return Alone(partial.KERNEL, lambda watch, _: _some(a, k, options, symmetric, seed, watch), max(cost, 1e8))
    matrices.check_dense(a, "inputs.a")
    cost = (20.0 if symmetric else 60.0) * n**3 * factor
    matrices.check_cost(cost, _COST_LIMIT, "a sparse matrix, with options.k")
    return Alone("lapack", lambda watch, _: _all(a, k, options, symmetric, watch), cost)


def _check_which(which: str | None, *, symmetric: bool) -> None:
    if which in (_GENERAL_ONLY if symmetric else _SYMMETRIC_ONLY):
        word = "symmetric" if symmetric else "not symmetric"
        valid = "LM, SM, LA, SA" if symmetric else "LM, SM, LR, SR, LI, SI"
        raise Problem("invalid_input", f"a is {word}, {which} is for others", field="options.which", hint=valid)


def _all(a: Matrix, k: int, options: EigenOptions, symmetric: bool, watch: Watch) -> Outcome:
    watch(0.0, "reduce")
    whole = matrices.as_dense(a)
    try:
        found = spectra.symmetric(whole, vectors=options.vectors) if symmetric else spectra.general(whole)
    except np.linalg.LinAlgError as error:
        raise _not_converged(str(error)) from None
    if k < len(found.values):
        chosen = np.sort(_choose(found.values, k, options.which, options.sigma))
        vectors = None if found.vectors is None else found.vectors[:, chosen]
        found = found._replace(values=found.values[chosen], vectors=vectors)
    return _outcome(found, options, symmetric, "lapack", "dense", None)


def _choose(values: Any, k: int, which: str | None, sigma: float | None) -> Any:
    if sigma is not None:
        return np.argsort(np.abs(values - sigma), kind="stable")[:k]
    keys = {
        "LM": -np.abs(values), "SM": np.abs(values), "LA": -values.real, "SA": values.real, "LR": -values.real,
        "SR": values.real, "LI": -np.abs(values.imag), "SI": np.abs(values.imag),
    }  # fmt: skip
    return np.argsort(keys[which or "LM"], kind="stable")[:k]


def _some(a: Any, k: int, options: EigenOptions, symmetric: bool, seed: int, watch: Watch) -> Outcome:
    n = a.shape[0]
    aimed = partial.aim(a, options.which or "LM", options.sigma, symmetric=symmetric)
    if aimed.sigma is not None:
        watch(0.0, "order")
        fill = native_sparse.expected_fill(a)
        if fill > native_sparse.FILL_LIMIT:
            text = f"the factors may have {fill:.1e} numbers, the limit is {native_sparse.FILL_LIMIT:.0e}"
            raise Problem("budget_exceeded", text, field="options.which", hint="LM, or LA")
    products = 0

    def tell() -> None:
        nonlocal products
        products += 1
        watch(min(0.95, products / (products + 20.0 * k)), "iterate")
        if products > _STEPS:
            raise _not_converged(f"after {products} products")

    start = draws.uniforms(seed, 0, 1, n)[0] - 0.5
    find = partial.symmetric if symmetric else partial.general
    try:
        found = find(a, k, aimed, start, tell, options.max_iterations)
    except Singular:
        text = f"a - sigma is singular at sigma = {aimed.sigma}"
        raise Problem("singular", text, field="options.sigma", hint="a sigma that is no eigenvalue") from None
    except ArpackNoConvergence as error:
        raise _not_converged(f"{len(error.eigenvalues)} of {k} found") from None
    except ArpackError as error:
        raise _not_converged(str(error)) from None
    return _outcome(found, options, symmetric, partial.KERNEL, "arpack", products)


def _not_converged(text: str) -> Problem:
    hint = "a sigma next to the wanted eigenvalues, fewer of them, or more max_iterations"
    return Problem("not_converged", f"the eigenvalues did not converge: {text}", field="inputs.a", hint=hint)


def _outcome(
    found: spectra.Eigen, options: EigenOptions, symmetric: bool, kernel: str, method: str, products: int | None
) -> Outcome:
    outputs: dict[str, Any] = {"eigenvalues": found.values, "structure": "symmetric" if symmetric else "general"}
    if options.vectors and found.vectors is not None:
        outputs["eigenvectors"] = spectra.turned(found.vectors)
    if found.residual is not None:
        outputs["residual_norm"] = found.residual
    warnings = []
    bound = found.bound if math.isfinite(found.bound) else None
    if bound is None:
        warnings = ["the errors of the eigenvalues could not be bounded: they are ill-conditioned, or defective"]
    elif bound > _ILL * float(np.abs(found.values).max()):
        warnings = [f"ill-conditioned eigenvalues: the matrix is defective or nearly so, errors up to {bound:.1e}"]
    told = Diagnostics(
        converged=True if products is not None else None, evaluations=products, error_estimate=bound,
        residual=found.residual, method=f"{method}_{'symmetric' if symmetric else 'general'}",
        checks=[Check("residual", passed=found.residual <= max(bound or 0.0, 1e-300))] if found.residual else [],
    )  # fmt: skip
    return Outcome(outputs, kernel, True, told, warnings)


TASK = alone.task(
    agent="linalg", name="eigen", summary="Find eigenvalues and eigenvectors of a matrix, all or some of them.",
    inputs=EigenInputs, options=EigenOptions, methods=("dense", "arpack"), example={"a": [[2, 1], [1, 3]]},
    prepare=prepare,
)  # fmt: skip
