"""The task `linalg.least_squares`: linear least squares, also where the rank is not full."""

import math
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from agents import alone, matrices
from agents.alone import Alone
from agents.matrices import Matrix
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.task import TaskOptions, Watch
from native import least_squares as native_least_squares
from native import sparse as native_sparse
from native.dense import Singular
from native.judgement import largest

_COST_LIMIT = 1e12
_DENSE_BELOW = 250_000
"""Most numbers of a sparse matrix that is computed as a dense one."""
_DENSE_LIMIT = 4_000_000
_ILL = 1e10


class LeastSquaresInputs(msgspec.Struct, forbid_unknown_fields=True):
    """The x for which ‖`a` x - `b`‖ is least, and of several such the one with the least ‖x‖.

    `a` is (m, n), dense or sparse (coo, csr), real or complex; `b` is (m) or (m, p). Outputs: `x`, (n) or (n, p);
    `residual_norm`, the 2-norm of a x - b, of each column when they are several; `rank`; `condition_estimate`, the
    largest singular value over the smallest that counts; `singular_values` of a dense `a`. `error_estimate` bounds the
    largest error in x, also what the rounding of `a` and `b` to doubles may have done; where the rank is not full it
    takes `a` for a matrix of exactly this rank. It is null, with a warning, where no digit of x is certain.
    """

    a: Any
    b: Any


class LeastSquaresOptions(TaskOptions, kw_only=True):
    """`qr` refines its answer; `svd` also takes matrices without full rank, and `auto` chooses between the two.

    Singular values up to `rcond` times the largest count as zero: by default max(m, n) times 2.2e-16. `qr` looks at
    them after every column was scaled to length 1.
    """

    method: Literal["auto", "qr", "svd"] = "auto"
    rcond: Annotated[float, msgspec.Meta(ge=0, lt=1)] | None = None


def prepare(inputs: LeastSquaresInputs, options: LeastSquaresOptions, seed: int) -> Alone:  # noqa: ARG001
    """Validate the equations; raises `Problem`."""
    a = matrices.nonempty(matrices.read(inputs.a, "inputs.a"), "inputs.a")
    b = matrices.nonempty(matrices.dense(inputs.b, "inputs.b", ndim=(1, 2)), "inputs.b")
    m, n = a.shape
    if b.shape[0] != m:
        raise Problem("invalid_input", f"b has {b.shape[0]} rows, a has {m}", field="inputs.b", hint=f"{m} rows")
    if a.dtype != b.dtype:
        a, b = a.astype(np.complex128), b.astype(np.complex128)
    columns = b.size // m
    matrices.check_result(n * columns, "fewer right sides")
    factor = 4.0 if b.dtype.kind == "c" else 1.0
    if matrices.is_sparse(a) and m * n > _DENSE_BELOW:
        if m < n or options.method == "svd":
            matrices.check_dense(a, "inputs.a")
        else:
            cost = 1e4 * (a.nnz + m + n) * columns
            return Alone(native_sparse.KERNEL, lambda watch, _: _sparse(a, b, options, watch), cost)
    matrices.check_dense(a, "inputs.a")
    few = min(m, n)
    # residuals in extended precision take ten times as long as the others
    cost = factor * (40.0 * m * n * few + 200.0 * m * n * columns) + 1e4
    matrices.check_cost(cost, _COST_LIMIT, "fewer columns, or a sparse matrix")
    return Alone("lapack", lambda watch, _: _dense(matrices.as_dense(a), b, options, watch), cost)


def _dense(a: Any, b: Any, options: LeastSquaresOptions, watch: Watch) -> Outcome:
    watch(0.0, "factorize")
    try:
        found = native_least_squares.solve(a, _columns(b), options.rcond, options.method)
    except np.linalg.LinAlgError as error:
        hint = "method qr, or scale the columns"
        raise Problem("not_converged", f"no convergence: {error}", field="inputs.a", hint=hint) from None
    if options.method == "qr" and found.method != "qr":
        text = f"the rank is {found.rank} of {a.shape[1]}: qr needs independent columns"
        raise Problem("singular", text, field="inputs.a", hint="method auto or svd")
    return _outcome(found, a.shape, b, "lapack")


def _sparse(a: Matrix, b: Any, options: LeastSquaresOptions, watch: Watch) -> Outcome:
    watch(0.0, "order")
    m, n = a.shape
    fill = native_sparse.expected_fill(native_least_squares.normal(a))
    if fill > native_sparse.FILL_LIMIT:
        text = f"the factors may have {fill:.1e} numbers, the limit is {native_sparse.FILL_LIMIT:.0e}"
        raise Problem("budget_exceeded", text, field="inputs.a", hint="fewer columns, or fuller rows left out")
    watch(0.1, "factorize")
    try:
        found = native_least_squares.solve_sparse(a, _columns(b))
    except Singular:
        found = None
    if found is not None and math.isfinite(found.bound) and found.condition < 1e8:
        return _outcome(found, a.shape, b, native_sparse.KERNEL)
    if m * n <= _DENSE_LIMIT:
        return _dense(matrices.as_dense(a), b, options, watch)
    text = "the columns of a are dependent, or nearly so"
    raise Problem(
        "singular", text, field="inputs.a", hint="leave columns out, or a row for each unknown: a small multiple"
    )


def _columns(b: Any) -> Any:
    return b if b.ndim == 2 else b[:, None]


def _outcome(found: native_least_squares.Fit, shape: tuple[int, int], b: Any, kernel: str) -> Outcome:
    alone_ = b.ndim == 1
    outputs: dict[str, Any] = {
        "x": found.x[:, 0] if alone_ else found.x,
        "residual_norm": float(found.residuals[0]) if alone_ else found.residuals,
        "rank": found.rank,
    }
    if math.isfinite(found.condition):
        outputs["condition_estimate"] = found.condition
    if found.values is not None:
        outputs["singular_values"] = found.values
    warnings = []
    if found.rank < min(shape):
        warnings.append(f"the rank is {found.rank} of {min(shape)}: x is the shortest of many least-squares solutions")
    elif found.condition > _ILL:
        warnings.append(f"ill-conditioned: the condition is {found.condition:.1e}")
    bound = found.bound if math.isfinite(found.bound) else None
    if bound is None:
        warnings.append("the error could not be bounded: no digit of x is certain")
    told = Diagnostics(
        error_estimate=bound, residual=largest(found.residuals), method=found.method,
        checks=[Check("gradient", passed=found.gradient <= _small(found, shape))],
    )  # fmt: skip
    return Outcome(outputs, kernel, True, told, warnings)


def _small(found: native_least_squares.Fit, shape: tuple[int, int]) -> float:
    """How large the gradient may be by rounding alone."""
    norm = 1.0 if found.values is None else float(found.values[0])
    size = norm * (largest(np.abs(found.x)) * norm * shape[1] + largest(found.residuals))
    return 1e3 * max(shape) * 2.3e-16 * size + 1e-300


TASK = alone.task(
    agent="linalg", name="least_squares", summary="Solve linear least-squares problems, whatever the rank.",
    inputs=LeastSquaresInputs, options=LeastSquaresOptions, methods=("qr", "svd"),
    example={"a": [[1, 0], [1, 1], [1, 2]], "b": [1, 2, 4]}, prepare=prepare,
    repeats="inputs",
)  # fmt: skip
