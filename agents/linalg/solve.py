"""The task `linalg.solve`: dense systems of linear equations."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Literal

import msgspec
import numpy as np

from agents import arrays, schema
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.task import Quick, Task, TaskOptions, Watch
from native import dense

_ILL = float(1.0 / np.finfo(float).eps)


class SolveInputs(msgspec.Struct, forbid_unknown_fields=True):
    """`a` (n, n) and `b` (n) or (n, m): nested lists or array objects."""

    a: Any
    b: Any


class SolveOptions(TaskOptions, kw_only=True):
    """`arrays` forces the form of arrays in the result."""

    method: Literal["auto", "lu"] = "auto"


class SolvePlan(msgspec.Struct, frozen=True):
    """One system; a small one goes with others of its size, as arrays or as the lists it came in."""

    a: Any
    b: Any
    group: int | str
    cost: float


class SmallSystem(msgspec.Struct, forbid_unknown_fields=True):
    """The plainest form of `SolveInputs`."""

    a: list[list[float]]
    b: list[float]


def plan_small(system: SmallSystem) -> SolvePlan | None:
    """Plan a system that fits the batched kernel; None for any other."""
    n = len(system.b)
    if not 0 < n <= dense.SMALL or len(system.a) != n:
        return None
    for row in system.a:
        if len(row) != n:
            return None
    return SolvePlan(system.a, system.b, n, _cost(n))


def _cost(n: int) -> float:
    return 2 / 3 * n**3 + 10 * n * n


def prepare_solve(inputs: Mapping[str, Any], options: Mapping[str, Any], seed: int) -> SolvePlan:  # noqa: ARG001
    """Validate a system of equations; raises `Problem`."""
    if options:
        schema.read(options, SolveOptions, "options")
    if len(inputs) != 2 or "a" not in inputs or "b" not in inputs:
        schema.read(inputs, SolveInputs, "inputs")
    a = arrays.gate(inputs["a"], "inputs.a", ndim=2)
    b = arrays.gate(inputs["b"], "inputs.b", ndim=(1, 2))
    n = a.shape[0]
    if n == 0 or a.shape[1] != n:
        raise Problem(
            "invalid_input", f"a is {n}×{a.shape[1]}", field="inputs.a", hint="a square matrix of at least one row"
        )
    if b.shape[0] != n:
        raise Problem("invalid_input", f"b has {b.shape[0]} rows, a has {n}", field="inputs.b", hint=f"{n} rows")
    small = n <= dense.SMALL and b.ndim == 1
    return SolvePlan(a, b, n if small else "lapack", _cost(n))


def compute_solve(plans: Sequence[SolvePlan], watch: Watch) -> list[Outcome]:
    """Solve systems of one group."""
    n = plans[0].group
    return _solve_small(plans, n) if isinstance(n, int) else [_solve_one(plan, watch) for plan in plans]


def _solve_small(plans: Sequence[SolvePlan], n: int) -> list[Outcome]:
    # by way of flat iterators: from nested lists NumPy would take four times as long
    rows = chain.from_iterable(plan.a for plan in plans)
    matrices = np.fromiter(chain.from_iterable(rows), np.float64, len(plans) * n * n)
    rights = np.fromiter(chain.from_iterable(plan.b for plan in plans), np.float64, len(plans) * n)
    found = dense.solve_small(matrices.reshape(-1, n, n), rights.reshape(-1, n))
    finite = np.isfinite(found.x).all(axis=1) & np.isfinite(found.error_bound)
    # a system that came as arrays may have its answer's form chosen; one that came as lists has no options
    x = found.x.tolist() if all(type(plan.a) is list for plan in plans) else list(found.x)
    judged = zip(
        x, found.condition.tolist(), found.residual.tolist(), found.error_bound.tolist(),
        found.singular.tolist(), finite.tolist(), strict=True,
    )  # fmt: skip
    return [
        _outcome(x, condition, residual, bound, singular, ok, dense.KERNEL, dense.COMPILED)
        for x, condition, residual, bound, singular, ok in judged
    ]


def _solve_one(plan: SolvePlan, watch: Watch) -> Outcome:
    watch(0.0, "factorize")
    right = plan.b if plan.b.ndim == 2 else plan.b[:, None]
    x, condition, residual, bound, singular = dense.solve(plan.a, right)
    finite = bool(np.isfinite(x).all())
    return _outcome(x.reshape(plan.b.shape), condition, residual, bound, singular, finite, dense.LAPACK, True)


_CHECKS = [Check("finite", passed=True)]


def _outcome(
    x: Any, condition: float, residual: float, bound: float, singular: bool, finite: bool, kernel: str, compiled: bool
) -> Outcome:
    if singular or condition >= _ILL:
        text = "a is singular" if singular else f"a is singular to working precision: its condition is {condition:.1e}"
        hint = "linalg.least_squares finds a least-squares solution"
        return Outcome(None, kernel, compiled, problem=Problem("singular", text, field="inputs.a", hint=hint))
    if not finite:
        problem = Problem("non_finite", "the solution overflows", field="inputs.a", hint="scale the equations")
        return Outcome(None, kernel, compiled, problem=problem)
    return Outcome(
        {"x": x, "residual_norm": residual, "condition_estimate": condition}, kernel, compiled,
        Diagnostics(error_estimate=bound, residual=residual, method="lu", checks=_CHECKS),
        [f"ill-conditioned: about {16 + np.log10(1 / condition):.0f} digits are right"] if condition > 1e10 else [],
    )  # fmt: skip


TASK = Task(
    agent="linalg", name="solve", summary="Solve a dense system of linear equations a x = b.",
    inputs=SolveInputs, options=SolveOptions, methods=("lu",),
    example={"a": [[3, 1], [1, 2]], "b": [9, 8]}, prepare=prepare_solve, compute=compute_solve,
    quick=Quick(msgspec.json.Decoder(SmallSystem).decode, plan_small),
)  # fmt: skip
