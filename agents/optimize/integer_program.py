"""The task `optimize.integer_program`: linear programs some of whose variables are integers, by HiGHS."""

from dataclasses import replace
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from scipy import optimize

from agents import alone
from agents.optimize import linear
from agents.optimize.linear import LinearProgram
from agents.optimize.linear_program import (
    KERNEL,
    LinearProgramInputs,
    cost_of,
    named,
    run,
    value_of,
    warnings_of,
    what_is_wrong,
)
from agents.optimize.vertex import settle
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.task import TaskOptions, Watch

_LONG = 3e8
_LP_ITERATIONS = 50_000
_TINY_GAP = 1e-9


class IntegerProgramInputs(LinearProgramInputs, forbid_unknown_fields=True):
    """As `linear_program`, with integers: `integers` names variables, or with matrices `integrality` is 1 for them.

    Without either all variables are integers. A binary variable is one with the bounds [0, 1].

    Outputs: `x`, `objective`, `bound` (no solution is better), `gap` (between the two, relative to the objective) and
    `nodes` of the search. Integers are exact; other variables are solved for again with the integers as they are found.
    `error_estimate` bounds the distance of `x` to a solution, of which there may be many; it is null, and `converged`
    false, with a warning, where the gap is not closed.
    """

    integers: list[str] = []  # noqa: RUF012 - msgspec copies it
    integrality: Any = None


class IntegerProgramOptions(TaskOptions, kw_only=True):
    """The search ends when the gap is at most `gap` relative to the objective, or after `max_nodes`."""

    method: Literal["auto", "branch_and_bound"] = "auto"
    gap: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    max_nodes: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)] = 100_000


def prepare(inputs: IntegerProgramInputs, options: IntegerProgramOptions, seed: int) -> alone.Alone:  # noqa: ARG001
    """Validate an integer program; raises `Problem`."""
    program = linear.read(inputs, integers=True)
    if program.names is not None and not inputs.integers:
        program = replace(program, integers=np.ones(program.n, dtype=np.bool_))

    def work(watch: Watch, kept: object) -> Outcome:  # noqa: ARG001
        watch(0.0, "search")
        return _compute(program, options)

    return alone.Alone(KERNEL, work, max(_LONG, 100.0 * cost_of(program)))


def _compute(program: LinearProgram, options: IntegerProgramOptions) -> Outcome:
    found = _search(program, program.c, options)
    if found.x is None:
        raise _why_not(program, found, options)
    x = np.asarray(found.x, dtype=np.float64)
    x[program.integers] = np.rint(x[program.integers])
    held = program.integers
    fixed = replace(program, low=np.where(held, x, program.low), high=np.where(held, x, program.high))
    if not held.all():
        try:
            x = np.asarray(run(fixed, "auto", _LP_ITERATIONS).x, dtype=np.float64)
        except Problem:
            raise _rounded() from None
    vertex = settle(fixed, x, held)
    if not vertex.feasible:
        raise _rounded()
    least = float(program.c @ vertex.x)
    bound = min(float(found.mip_dual_bound), least) if found.mip_dual_bound is not None else -np.inf
    gap = (least - bound) / max(abs(least), 1e-10) if least > bound else 0.0
    scale = max(1.0, abs(least))
    closed = least - bound <= _TINY_GAP * scale
    met = closed or gap <= options.gap
    warnings = warnings_of(vertex)
    if not closed:
        warnings.append(f"the gap is {gap:.3g}: a better solution may exist")
    outputs = {
        "x": named(program, vertex.x + 0.0), "objective": value_of(program, vertex.x),
        "bound": program.sign * bound + program.offset, "gap": gap, "nodes": int(found.mip_node_count or 0),
    }  # fmt: skip
    diagnostics = Diagnostics(
        converged=met, iterations=int(found.mip_node_count or 0), evaluations=None,
        error_estimate=vertex.error if closed and np.isfinite(vertex.error) else None, residual=vertex.violation,
        method="branch_and_bound",
        checks=[
            Check("constraints_hold", vertex.feasible), Check("integers_are_integers", True),
            Check("gap_is_closed", closed),
        ],
    )  # fmt: skip
    return Outcome(outputs, KERNEL, True, diagnostics, warnings)


def _search(program: LinearProgram, c: Any, options: IntegerProgramOptions) -> Any:
    rows = []
    if len(program.right):
        low = np.where(program.equality, program.right, -np.inf)
        rows = [optimize.LinearConstraint(program.rows, low, program.right)]
    settings: Any = {"node_limit": options.max_nodes, "mip_rel_gap": options.gap}
    # bounds of integers may be fractions, whose rounding outwards HiGHS would take
    low = np.where(program.integers, np.ceil(program.low - 1e-9), program.low)
    high = np.where(program.integers, np.floor(program.high + 1e-9), program.high)
    if (low > high).any():
        text = "no integer lies between the bounds of a variable"
        raise Problem("infeasible", text, field="inputs.bounds", hint="wider bounds")
    return optimize.milp(
        c, integrality=program.integers.astype(np.int64), bounds=optimize.Bounds(low, high), constraints=rows,
        options=settings,
    )  # fmt: skip


def _why_not(program: LinearProgram, found: Any, options: IntegerProgramOptions) -> Problem:
    if found.status == 1:
        text = f"no solution among the first {options.max_nodes} nodes"
        return Problem("not_converged", text, field="options.max_nodes", hint="a larger limit")
    field = "inputs.constraints" if program.names is not None else "inputs.a_ub"
    text = "no integers satisfy the constraints"
    none = Problem(
        "infeasible", text, field=field, hint="loosen a constraint or a bound, or let variables be fractions"
    )
    if found.status == 2:
        return none
    try:
        run(program, "auto", _LP_ITERATIONS)
    except Problem as relaxed:
        if relaxed.code != "unbounded":
            return relaxed
        feasible = _search(program, np.zeros(program.n), options)
        return relaxed if feasible.x is not None else none
    return what_is_wrong(program, "auto", _LP_ITERATIONS)


def _rounded() -> Problem:
    text = "the integers that were found hold the constraints only by a tolerance"
    return Problem("not_converged", text, field="inputs", hint="smaller coefficients in place of a large one (big M)")


TASK = alone.task(
    agent="optimize", name="integer_program", summary="Minimise a linear objective over integers.",
    inputs=IntegerProgramInputs, options=IntegerProgramOptions, methods=("branch_and_bound",),
    example={
        "objective": "5*a + 4*b + 3*c", "constraints": ["2*a + 3*b + c <= 5", "4*a + b + 2*c <= 11"],
        "bounds": {"a": [0, 10], "b": [0, 10], "c": [0, 10]}, "integers": ["a", "b", "c"], "maximize": True,
    },
    prepare=prepare,
    repeats="inputs",
)  # fmt: skip
