"""The task `optimize.linear_program`: linear programs by HiGHS, the vertex solved for again, duality checked."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from scipy import optimize

from agents import alone
from agents.arrays import Array
from agents.optimize import boxes, linear
from agents.optimize.linear import LinearProgram
from agents.optimize.vertex import Vertex, multipliers, settle
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.task import TaskOptions, Watch

KERNEL = "highs"
_SMALL = 60
"""Most rows and variables together for the short way."""
_USUAL = 50_000
_TOLERANCE = 1e-9
_INFEASIBLE, _UNBOUNDED, _LIMIT = 2, 3, 1


class LinearProgramInputs(msgspec.Struct, forbid_unknown_fields=True):
    """The least `objective` under linear constraints, in one of two forms.

    Formulas: `objective` "3*x + 2*y", `constraints` of one comparison each, "x + y <= 4", `bounds` {name: [low, high]},
    null for an open end; `parameters` are numbers with names, all other names are variables, free where they have no
    bounds. Matrices as in SciPy's `linprog`: `c`, `a_ub` x <= `b_ub`, `a_eq` x = `b_eq`, `bounds` [low, high] for all
    or a list of them, not negative where there are none. `maximize` asks for the largest.

    Outputs: `x` (by name, or in order), `objective`, `multipliers` in the order of the constraints (of `a_ub`, then
    `a_eq`): what a unit of tightening costs, for an equation how fast the minimised objective grows with its right
    side; `reduced_costs`, `slack`, `active_bounds` and `duality_gap`. `error_estimate` bounds the distance of `x` to a
    solution, of which there may be many; it is null, with a warning, for more than 1500 active rows or free variables.
    """

    objective: str | None = None
    constraints: list[str] = []
    bounds: Any = {}
    parameters: dict[str, Any] = {}
    maximize: bool = False
    c: Any = None
    a_ub: Any = None
    b_ub: Any = None
    a_eq: Any = None
    b_eq: Any = None


class LinearProgramOptions(TaskOptions, kw_only=True):
    """`highs_ds` is the dual simplex method, `highs_ipm` the interior-point method; `auto` lets HiGHS choose."""

    method: Literal["auto", "highs_ds", "highs_ipm"] = "auto"
    max_iterations: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = _USUAL


def prepare(inputs: LinearProgramInputs, options: LinearProgramOptions, seed: int) -> alone.Alone:  # noqa: ARG001
    """Validate a linear program; raises `Problem`."""
    program = linear.read(inputs, integers=False)

    def work(watch: Watch, kept: object) -> Outcome:  # noqa: ARG001
        watch(0.0, "solve")
        return _compute(program, options)

    return alone.Alone(KERNEL, work, cost_of(program))


def cost_of(program: LinearProgram) -> float:
    """Estimate operations: simplex iterations are a few times the rows, each a few times the matrix's entries."""
    return 3e6 + 100.0 * (program.n + len(program.right)) * (program.entries + program.n)


@dataclass(frozen=True, eq=False, slots=True)
class _Solution:
    """A vertex with multipliers of the rows, and how far both are from proving each other."""

    vertex: Vertex
    marginals: Array
    reduced: Array
    gap: float
    optimal: bool
    iterations: int | None


def _compute(program: LinearProgram, options: LinearProgramOptions) -> Outcome:
    found = _at_once(program, options) or _by_linprog(program, options)
    vertex, equality, gap = found.vertex, program.equality, found.gap
    if not (found.optimal and vertex.feasible):
        text = f"HiGHS's answer is not a solution to working precision: duality gap {gap:.2g}"
        raise Problem("not_converged", text, field="inputs", hint="scale rows and variables to like sizes")
    x = vertex.x + 0.0  # no negative zeros
    multipliers = np.where(equality, np.where(program.turned, -1.0, 1.0), -1.0) * found.marginals
    outputs = {
        "x": named(program, x), "objective": value_of(program, vertex.x), "multipliers": multipliers + 0.0,
        "reduced_costs": named(program, program.sign * found.reduced + 0.0), "slack": program.slack(vertex.x),
        "active_bounds": boxes.active(vertex.x, program.low, program.high, names_of(program)), "duality_gap": gap,
    }  # fmt: skip
    diagnostics = Diagnostics(
        converged=True, iterations=found.iterations, evaluations=None, error_estimate=error_of(vertex), residual=gap,
        method="highs" if options.method == "auto" else options.method,
        checks=[Check("constraints_hold", vertex.feasible), Check("duality_gap_is_zero", found.optimal)],
    )  # fmt: skip
    return Outcome(outputs, KERNEL, True, diagnostics, warnings_of(vertex))


def _by_linprog(program: LinearProgram, options: LinearProgramOptions) -> _Solution:
    found = run(program, options.method, options.max_iterations)
    vertex = settle(program, np.asarray(found.x, dtype=np.float64))
    marginals = np.zeros(len(program.right))
    marginals[~program.equality] = np.minimum(found.ineqlin.marginals, 0.0)
    marginals[program.equality] = found.eqlin.marginals
    return _judged(program, vertex, marginals, int(found.nit))


def _at_once(program: LinearProgram, options: LinearProgramOptions) -> _Solution | None:
    """Solve a small program with the least ado, `milp` having less than `linprog`; None where that proves nothing.

    Multipliers are made from the rows and bounds that are active, which certifies the vertex whatever HiGHS did.
    """
    small = isinstance(program.rows, np.ndarray) and program.n + len(program.right) <= _SMALL
    if not small or options.method != "auto" or options.max_iterations < _USUAL:
        return None
    rows: Any = ()
    if len(program.right):
        least = np.where(program.equality, program.right, -np.inf)
        rows = optimize.LinearConstraint(program.rows, least, program.right)
    x = optimize.milp(program.c, bounds=optimize.Bounds(program.low, program.high), constraints=rows).x
    if x is None or not np.isfinite(x).all():
        return None
    vertex = settle(program, np.asarray(x, dtype=np.float64))
    marginals = multipliers(program, vertex.x)
    if marginals is None:
        return None
    found = _judged(program, vertex, marginals, None)
    return found if found.optimal and vertex.feasible else None


def _judged(program: LinearProgram, vertex: Vertex, marginals: Array, iterations: int | None) -> _Solution:
    c = program.c
    reduced = np.asarray(c - program.rows.T @ marginals)
    gap, dual = _gap(program, vertex.x, marginals, reduced)
    scale = max(1.0, float(np.abs(c) @ np.abs(vertex.x)))
    optimal = dual <= _TOLERANCE * max(1.0, float(np.abs(c).max())) * 10 and gap <= _TOLERANCE * scale * 10
    return _Solution(vertex, marginals, reduced, gap, optimal, iterations)


def run(program: LinearProgram, method: str, limit: int) -> Any:
    """Solve by HiGHS; raises `infeasible`, `unbounded` and `not_converged`."""
    found = _linprog(program, program.c, method, limit)
    if found.status == 0:
        return found
    if found.status == _LIMIT:
        text = f"no solution after {limit} iterations"
        raise Problem("not_converged", text, field="options.max_iterations", hint="a larger limit")
    raise what_is_wrong(program, method, limit)


def what_is_wrong(program: LinearProgram, method: str, limit: int) -> Problem:
    """Find out why there is no solution: minimise the sum of the violations."""
    m, n = len(program.right), program.n
    field = "inputs.constraints" if program.names is not None else "inputs.a_ub" if m else "inputs.bounds"
    loose = _elastic(program)
    found = _linprog(loose, loose.c, method, limit)
    if found.status != 0:
        text = f"HiGHS found no solution: {str(found.message)[:200]}"
        return Problem("not_converged", text, field="inputs", hint="scale rows and variables to like sizes")
    least = float(found.x[n:] @ np.ones(len(found.x) - n))
    if least > _TOLERANCE * max(1.0, float(np.abs(program.right).max(initial=0.0))):
        text = f"the constraints contradict each other: together they are violated by at least {least:.6g}"
        return Problem("infeasible", text, field=field, hint="loosen a constraint or a bound")
    if _linprog(program, program.c, "highs_ds", limit).status in {_UNBOUNDED, 4}:
        place = "inputs.objective" if program.names is not None else "inputs.c"
        hint = "bounds or constraints that keep the objective finite; maximize is for the largest value"
        return Problem("unbounded", "the objective falls below every bound", field=place, hint=hint)
    text = "HiGHS and the sum of violations do not agree whether there is a solution"
    return Problem("not_converged", text, field="inputs", hint="scale rows and variables to like sizes")


def _elastic(program: LinearProgram) -> LinearProgram:
    """Every row may be violated, at a price."""
    from scipy.sparse import csr_array, eye_array, hstack  # noqa: PLC0415 - only where there is no solution

    m, n = len(program.right), program.n
    both = np.flatnonzero(program.equality)
    extra = hstack([-eye_array(m, format="csr"), eye_array(m, format="csr")[:, both]])
    rows = hstack([csr_array(program.rows), extra], format="csr")
    return LinearProgram(
        None, np.concatenate([np.zeros(n), np.ones(m + len(both))]), rows, program.right,
        program.equality, program.turned, np.concatenate([program.low, np.zeros(m + len(both))]),
        np.concatenate([program.high, np.full(m + len(both), np.inf)]),
        np.zeros(n + m + len(both), dtype=np.bool_), 0.0, 1.0,
    )  # fmt: skip


def _linprog(program: LinearProgram, c: Array, method: str, limit: int) -> Any:
    upper, equal = ~program.equality, program.equality
    options: Any = {"maxiter": limit, "primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    solver: Any = {"auto": "highs", "highs_ds": "highs-ds", "highs_ipm": "highs-ipm"}[method]
    bounds = np.column_stack([program.low, program.high])
    keywords: Any = {"bounds": bounds, "method": solver, "options": options}
    if upper.any():
        keywords |= {"A_ub": program.rows[upper], "b_ub": program.right[upper]}
    if equal.any():
        keywords |= {"A_eq": program.rows[equal], "b_eq": program.right[equal]}
    return optimize.linprog(c, **keywords)


def _gap(program: LinearProgram, x: Array, marginals: Array, reduced: Array) -> tuple[float, float]:
    """Return the duality gap, and how far the multipliers are from fitting the objective."""
    low, high = program.low, program.high
    at_low, at_high = np.isfinite(low) & (x <= low), np.isfinite(high) & (x >= high)
    wrong = np.where(at_low & at_high, 0.0, np.where(at_low, np.maximum(-reduced, 0.0),
                     np.where(at_high, np.maximum(reduced, 0.0), np.abs(reduced))))  # fmt: skip
    gap = np.abs(marginals) @ np.where(program.equality, 0.0, np.abs(program.slack(x)))
    return float(gap), float(wrong.max(initial=0.0))


def named(program: LinearProgram, values: Array) -> Any:
    """Values by name, or in order."""
    return values if program.names is None else dict(zip(program.names, values.tolist(), strict=True))


def names_of(program: LinearProgram) -> tuple[str, ...]:
    """Names, or numbers where there are none."""
    return program.names if program.names is not None else tuple(map(str, range(program.n)))


def value_of(program: LinearProgram, x: Array) -> float:
    """The objective as it was asked for."""
    return float(program.sign * (program.c @ x) + program.offset)


def error_of(vertex: Vertex) -> float | None:
    """The bound, where there is one."""
    return vertex.error if np.isfinite(vertex.error) else None


def warnings_of(vertex: Vertex) -> list[str]:
    """Say where there is no bound."""
    return [] if np.isfinite(vertex.error) else ["too large for the vertex to be solved for again: no error estimate"]


TASK = alone.task(
    agent="optimize", name="linear_program", summary="Minimise a linear objective under linear constraints.",
    inputs=LinearProgramInputs, options=LinearProgramOptions, methods=("highs_ds", "highs_ipm"),
    example={
        "objective": "3*x + 2*y", "constraints": ["x + y <= 4", "x + 3*y <= 6"],
        "bounds": {"x": [0, 3], "y": [0, None]}, "maximize": True,
    },
    prepare=prepare,
    repeats="inputs",
)  # fmt: skip
