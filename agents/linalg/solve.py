"""The task `linalg.solve`: systems of linear equations, dense, sparse and batched."""

import math
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from agents import alone, arrays, matrices, schema
from agents.alone import Alone
from agents.linalg import iterative
from agents.matrices import Matrix
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.task import Quick, Task, TaskOptions, Watch
from native import dense, krylov, sparse
from native.dense import Singular, Unfit
from native.judgement import Solution
from native.structure import is_symmetric

_WORTHLESS = 1e17
"""Condition from which on a solution without a certain digit is called none: Hilbert's matrix has 4e16 at n = 12."""
_ILL = 1e10
_COST_LIMIT = 1e12
_QUICK = 256
"""Largest n that goes the short way."""
_BATCH_NUMBERS = 200_000
"""Numbers of a batch that are solved between two looks at the watch."""
_LEAST_SQUARES = "linalg.least_squares finds a least-squares solution"


class SolveInputs(msgspec.Struct, forbid_unknown_fields=True):
    """Solve `a` x = `b`; real, or complex as `{"re", "im"}`.

    `a` is dense (n, n), sparse (`{"format": "coo", "row", "col", "data", "shape"}`, or csr with `indptr` and `indices`;
    entries given twice add up), or a batch (k, n, n). `b` is (n) or (n, m), for a batch (k, n).
    Outputs: `x`, of the shape of `b`; `residual_norm`, the largest |b - a x|; `condition_estimate`, in the 1-norm (of
    iterative methods in the maximum norm); `structure`, where it was looked at: `diagonal`, `lower_triangular`,
    `upper_triangular`, `tridiagonal`, `banded`, `symmetric_positive_definite`, `symmetric_indefinite`, `general`,
    `sparse`, `sparse_symmetric`; `residual_history` of iterative methods, relative to b. Of a batch the last but
    `structure` are lists. `error_estimate` bounds the largest error in x, also what the rounding of `a` and `b` to
    doubles may have done; it is null, with a warning, when an iterative method's error cannot be bounded.
    A matrix is `singular` when a pivot is zero, or when its condition is above 1e17 and no digit of x is certain.
    """

    a: Any
    b: Any


class SolveOptions(TaskOptions, kw_only=True):
    """Direct methods: `lu`, `cholesky`, `ldl`, `banded`; iterative ones: `cg`, `minres`, `gmres`, `bicgstab`.

    `auto` takes the direct one that goes with the structure, and iterates when the factors would have too many numbers
    or a preconditioner is given. An iterative method ends when the residual's 2-norm is below `rtol` times b's, or
    fails after `max_iterations`; `preconditioner` is `none`, `jacobi`, `ssor` (symmetric) or `ilu`. Algebraic
    multigrid there is none.
    """

    method: Literal["auto", "lu", "cholesky", "ldl", "banded", "cg", "minres", "gmres", "bicgstab"] = "auto"
    rtol: Annotated[float, msgspec.Meta(ge=1e-15, le=0.1)] = 1e-10
    max_iterations: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 10_000
    preconditioner: Literal["auto", "none", "jacobi", "ssor", "ilu"] = "auto"


_PLAIN = SolveOptions()


class SolvePlan(msgspec.Struct, frozen=True):
    """One small system, which goes with others of its size, as arrays or as the lists it came in."""

    a: Any
    b: Any
    group: int
    cost: float


class SmallSystem(msgspec.Struct, forbid_unknown_fields=True):
    """The plainest form of `SolveInputs`."""

    a: list[list[float]]
    b: list[float]


def plan_small(system: SmallSystem) -> SolvePlan | Alone | None:
    """Plan a system that fits the batched kernel, or LAPACK in a moment; None for any other."""
    n = len(system.b)
    if not 0 < n <= _QUICK or len(system.a) != n:
        return None
    for row in system.a:
        if len(row) != n:
            return None
    if n <= dense.SMALL:
        return SolvePlan(system.a, system.b, n, _cost(n))
    a, b = arrays.of_rows(system.a), np.array(system.b, dtype=np.float64)
    return Alone(dense.LAPACK, lambda watch, _: _solve_dense(a, b, "auto", watch), _cost(n))


def _cost(n: int, *, m: int = 1, complex_: bool = False) -> float:
    return (2 * n**3 + (60 + 8 * m) * n * n) * (4 if complex_ else 1)


def prepare_solve(inputs: Mapping[str, Any], options: Mapping[str, Any], seed: int) -> SolvePlan | Alone:  # noqa: ARG001
    """Validate a system of equations; raises `Problem`."""
    how = schema.read(options, SolveOptions, "options") if options else _PLAIN
    if len(inputs) != 2 or "a" not in inputs or "b" not in inputs:
        schema.read(inputs, SolveInputs, "inputs")
    a = matrices.square(matrices.read(inputs["a"], "inputs.a", ndim=(2, 3)), "inputs.a")
    b = matrices.nonempty(matrices.dense(inputs["b"], "inputs.b", ndim=2 if a.ndim == 3 else (1, 2)), "inputs.b")
    n = a.shape[-1]
    if a.ndim == 3:
        return _prepare_batch(a, b, how)
    if b.shape[0] != n:
        raise Problem("invalid_input", f"b has {b.shape[0]} rows, a has {n}", field="inputs.b", hint=f"{n} rows")
    if a.dtype != b.dtype:
        a, b = a.astype(np.complex128), b.astype(np.complex128)
    _check_method(a, how)
    if how.method in krylov.METHODS or (how.method == "auto" and how.preconditioner != "auto"):
        return iterative.plan(a, b, how.method, how.preconditioner, how.rtol, how.max_iterations)
    if matrices.is_sparse(a):
        cost = 1e4 * (a.nnz + n) * (b.size / n)
        return Alone(sparse.KERNEL, lambda watch, _: _solve_sparse(a, b, how, watch), cost)
    if n <= dense.SMALL and b.ndim == 1 and b.dtype.kind == "f" and how.method in {"auto", "lu"}:
        return SolvePlan(a, b, n, _cost(n))
    matrices.check_dense(a, "inputs.a")
    cost = _cost(n, m=b.size // n, complex_=b.dtype.kind == "c")
    matrices.check_cost(cost, _COST_LIMIT, "fewer equations or right sides")
    return Alone(dense.LAPACK, lambda watch, _: _solve_dense(a, b, how.method, watch), cost)


def _check_method(a: Matrix, how: SolveOptions) -> None:
    if how.preconditioner != "auto" and how.method not in {"auto", *krylov.METHODS}:
        text, hint = f"{how.method} takes no preconditioner", f"a method such as {', '.join(krylov.METHODS)}"
        raise Problem("invalid_input", text, field="options.preconditioner", hint=hint)
    if matrices.is_sparse(a) and how.method in {"cholesky", "ldl", "banded"}:
        text, hint = f"{how.method} takes no sparse matrix", f"auto, lu, {', '.join(krylov.METHODS)}"
        raise Problem("invalid_input", text, field="options.method", hint=hint)
    if how.method in {"cholesky", "ldl", *krylov.SYMMETRIC} and not is_symmetric(a):
        word = "Hermitian" if a.dtype.kind == "c" else "symmetric"
        hint = "auto, lu, gmres, bicgstab"
        raise Problem("invalid_input", f"{how.method} needs a {word} a", field="options.method", hint=hint)


def compute_solve(plans: Sequence[Any], watch: Watch) -> list[Outcome]:
    """Solve systems of one group."""
    first = plans[0]
    return _solve_small(plans, first.group) if isinstance(first, SolvePlan) else alone.compute(plans, watch)


def _solve_small(plans: Sequence[SolvePlan], n: int) -> list[Outcome]:
    # by way of flat iterators: from nested lists NumPy would take four times as long
    rows = chain.from_iterable(plan.a for plan in plans)
    matrices_ = np.fromiter(chain.from_iterable(rows), np.float64, len(plans) * n * n)
    rights = np.fromiter(chain.from_iterable(plan.b for plan in plans), np.float64, len(plans) * n)
    found = dense.solve_small(matrices_.reshape(-1, n, n), rights.reshape(-1, n))
    finite = np.isfinite(found.x).all(axis=1) & np.isfinite(found.error_bound)
    # a system that came as arrays may have its answer's form chosen; one that came as lists has no options
    x = found.x.tolist() if all(type(plan.a) is list for plan in plans) else list(found.x)
    judged = zip(
        x, found.condition.tolist(), found.residual.tolist(), found.error_bound.tolist(),
        _worthless(found).tolist(), finite.tolist(), strict=True,
    )  # fmt: skip
    return [
        _outcome(x, condition, residual, bound, worthless, ok)
        for x, condition, residual, bound, worthless, ok in judged
    ]


def _worthless(found: dense.Solutions) -> Any:
    certain = found.error_bound < np.abs(found.x).max(axis=1)
    return found.singular | ~((found.condition < _WORTHLESS) | certain)


_CHECKS = [Check("finite", passed=True)]


def _outcome(x: Any, condition: float, residual: float, bound: float, worthless: bool, finite: bool) -> Outcome:
    if worthless:
        return Outcome(None, dense.KERNEL, dense.COMPILED, problem=singular(condition))
    if not finite:
        problem = Problem("non_finite", "the solution overflows", field="inputs.a", hint="scale the equations")
        return Outcome(None, dense.KERNEL, dense.COMPILED, problem=problem)
    return Outcome(
        {"x": x, "residual_norm": residual, "condition_estimate": condition}, dense.KERNEL, dense.COMPILED,
        Diagnostics(error_estimate=bound, residual=residual, method="lu", checks=_CHECKS), warnings_of(condition),
    )  # fmt: skip


def singular(condition: float, field: str = "inputs.a") -> Problem:
    """Say that a matrix is singular, exactly or to working precision."""
    text = f"a is singular to working precision: its condition is {condition:.1e}" if condition < math.inf else ""
    return Problem("singular", text or "a is singular", field=field, hint=_LEAST_SQUARES)


def warnings_of(condition: float) -> list[str]:
    """Say how many digits a condition leaves, when they are few."""
    if condition <= _ILL:
        return []
    digits = 16 - math.log10(condition)
    if digits < 1:
        return [f"ill-conditioned: the condition is {condition:.1e}, no digit is certain"]
    return [f"ill-conditioned: about {digits:.0f} digits are right"]


def _solve_dense(a: Matrix, b: Any, method: str, watch: Watch) -> Outcome:
    watch(0.0, "factorize")
    try:
        found = dense.solve(a, _columns(b), method)
    except Singular as error:
        raise Problem("singular", f"a is singular: {error}", field="inputs.a", hint=_LEAST_SQUARES) from None
    except Unfit as error:
        text = f"a is not positive definite: {error}"
        raise Problem("singular", text, field="inputs.a", hint="method ldl or auto") from None
    return _judged(found, b, dense.LAPACK)


def _solve_sparse(a: Matrix, b: Any, how: SolveOptions, watch: Watch) -> Outcome:
    watch(0.0, "order")
    fill = sparse.expected_fill(a)
    if fill > sparse.FILL_LIMIT:
        if how.method == "auto":
            plan = iterative.plan(a, b, "auto", "auto", how.rtol, how.max_iterations)
            return plan.work(watch, {})
        text = f"the factors may have {fill:.1e} numbers, the limit is {sparse.FILL_LIMIT:.0e}"
        raise Problem("budget_exceeded", text, field="inputs.a", hint="an iterative method such as cg or gmres")
    watch(0.1, "factorize")
    try:
        found = sparse.solve(a, _columns(b))
    except Singular as error:
        raise Problem("singular", f"a is singular: {error}", field="inputs.a", hint=_LEAST_SQUARES) from None
    return _judged(found, b, sparse.KERNEL)


def _columns(b: Any) -> Any:
    return b if b.ndim == 2 else b[:, None]


def _judged(found: Solution, b: Any, kernel: str) -> Outcome:
    if not found.condition < _WORTHLESS and not found.bound < np.abs(found.x).max():
        raise singular(found.condition)
    if not np.isfinite(found.x).all() or not math.isfinite(found.bound):
        raise Problem("non_finite", "the solution overflows", field="inputs.a", hint="scale the equations")
    outputs = {
        "x": found.x.reshape(b.shape), "residual_norm": found.residual, "condition_estimate": found.condition,
        "structure": found.structure,
    }  # fmt: skip
    told = Diagnostics(error_estimate=found.bound, residual=found.residual, method=found.method)
    return Outcome(outputs, kernel, True, told, warnings_of(found.condition))


def _prepare_batch(a: Any, b: Any, how: SolveOptions) -> Alone:
    if how.method not in {"auto", "lu"} or how.preconditioner != "auto":
        raise Problem("invalid_input", f"a batch is solved by lu, not {how.method}", field="options.method", hint="lu")
    if a.shape[0] == 0 or b.shape != a.shape[:2]:
        text, hint = f"b is {b.shape[0]}×{b.shape[1]}", f"{a.shape[0]}×{a.shape[1]}, a right side for each matrix"
        raise Problem("invalid_input", text, field="inputs.b", hint=hint)
    if a.dtype.kind == "c" or b.dtype.kind == "c":
        text, hint = "a batch is real", "the systems one by one, or [[re, -im], [im, re]]"
        raise Problem("invalid_input", text, field="inputs.a", hint=hint)
    arrays_ = np.ascontiguousarray(a), np.ascontiguousarray(b)
    n = a.shape[1]
    cost = a.shape[0] * (_cost(n) + 1000.0)
    matrices.check_cost(cost, _COST_LIMIT, "fewer or smaller systems")
    small = n <= dense.SMALL
    kernel, compiled = (dense.KERNEL, dense.COMPILED) if small else (dense.LAPACK, True)
    return Alone(kernel, lambda watch, _: _solve_batch(*arrays_, watch), cost, compiled=compiled)


def _solve_batch(a: Any, b: Any, watch: Watch) -> Outcome:
    count, n = b.shape
    chunk = max(1, _BATCH_NUMBERS // (n * n))
    parts = []
    for first in range(0, count, chunk):
        watch(first / count, "solve")
        parts.append(dense.solve_batch(a[first : first + chunk], b[first : first + chunk]))
    found = dense.joined(parts)
    wrong = np.flatnonzero(_worthless(found))
    if wrong.size:
        raise singular(float(found.condition[wrong[0]]), f"inputs.a[{wrong[0]}]")
    overflown = np.flatnonzero(~(np.isfinite(found.x).all(axis=1) & np.isfinite(found.error_bound)))
    if overflown.size:
        place = f"inputs.a[{overflown[0]}]"
        raise Problem("non_finite", "the solution overflows", field=place, hint="scale the equations")
    worst = int(found.condition.argmax())
    warnings = [f"system {worst}: {text}" for text in warnings_of(float(found.condition[worst]))]
    outputs = {"x": found.x, "residual_norm": found.residual, "condition_estimate": found.condition}
    told = Diagnostics(error_estimate=float(found.error_bound.max()), residual=float(found.residual.max()), method="lu")
    small = n <= dense.SMALL
    kernel, compiled = (dense.KERNEL, dense.COMPILED) if small else (dense.LAPACK, True)
    return Outcome(outputs, kernel, compiled, told, warnings)


TASK = Task(
    agent="linalg", name="solve", summary="Solve systems of linear equations a x = b, dense, sparse or batched.",
    inputs=SolveInputs, options=SolveOptions,
    methods=("lu", "cholesky", "ldl", "banded", "cg", "minres", "gmres", "bicgstab"),
    example={"a": [[3, 1], [1, 2]], "b": [9, 8]}, prepare=prepare_solve, compute=compute_solve,
    quick=Quick(msgspec.json.Decoder(SmallSystem), plan_small),
    repeats="inputs",
)  # fmt: skip
