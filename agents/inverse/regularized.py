"""The task `inverse.regularized`: ill-posed linear systems by Tikhonov, l1 or total variation."""

from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from scipy import sparse

from agents import alone, arrays
from agents.alone import Alone
from agents.arrays import Array
from agents.inverse import selection
from agents.inverse.matrix import read as read_matrix
from agents.inverse.selection import Curve, Rule
from agents.inverse.sparse_penalty import Penalised, Solution
from agents.inverse.tikhonov import decompose
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.task import TaskOptions, Watch

UNKNOWNS_LIMIT = 2000
PIXELS_LIMIT = 20_000
_ROWS_LIMIT = 5000
_GRID = 25
_LEFT = 0.3
"""Parts of the equations that have to be left over where alpha is chosen: near none, cross-validation is blind."""
_ROUGH = 1e-3
_WRONG = 1e-3
"""Parts of the objective that the duality gap may at most be, for an answer to be one."""

Method = Literal["auto", "tikhonov", "l1", "tv"]


class RegularizedInputs(msgspec.Struct, forbid_unknown_fields=True):
    """The x that minimises ‖a x - b‖² + alpha · penalty.

    `a` (m, n), dense or sparse, or null for the identity: then b itself is smoothed. `b` (m). The penalty of `method`
    (here or in the options; tikhonov unless said) is ‖x‖² for tikhonov, the sum of |x| for l1, and for tv the sum of
    the absolute differences of neighbours: along x, or along each axis of x as an array of `shape` in row order.
    `alpha` is a number or "auto". Outputs: `x`, `alpha`, `residual_norm` ‖a x - b‖, `solution_norm` ‖x‖, `penalty`,
    `objective`, `duality_gap`, `degrees_of_freedom`, and with "auto" the `curve` {alpha, residual_norm, penalty, gcv}.

    `error_estimate` bounds the error of `x` as the minimiser for that alpha: the rounding error where x is certain,
    else √gap / least singular value of a; null where a is singular and x is not certain to be the only minimiser.
    """

    b: Any
    a: Any = None
    alpha: Any = "auto"
    method: Method | None = None
    shape: list[int] | None = None


class RegularizedOptions(TaskOptions, kw_only=True):
    """How to choose alpha: `selection` by gcv, l_curve or discrepancy.

    discrepancy takes the largest alpha with ‖a x - b‖ ≤ `noise_norm`. l1 and tv end when the duality gap is at most
    `rtol` times the objective.
    """

    method: Method = "auto"
    selection: Rule = "gcv"
    noise_norm: Annotated[float, msgspec.Meta(gt=0, le=1e100)] | None = None
    rtol: Annotated[float, msgspec.Meta(ge=1e-14, le=0.1)] = 1e-9
    max_iterations: Annotated[int, msgspec.Meta(ge=25, le=100_000)] = 5000


def prepare(inputs: RegularizedInputs, options: RegularizedOptions, seed: int) -> Alone:  # noqa: ARG001
    """Validate the system, its penalty and alpha; raises `Problem`."""
    method = _method(inputs, options)
    b = arrays.gate(inputs.b, "inputs.b", ndim=1)
    a = None if inputs.a is None else read_matrix(inputs.a, "inputs.a", rows=_ROWS_LIMIT, columns=UNKNOWNS_LIMIT)
    _check_sizes(a, b, method)
    n = b.size if a is None else a.shape[1]
    shape = _shape(inputs, method, n)
    alpha = _alpha(inputs, method)
    if alpha is None and options.selection == "discrepancy" and options.noise_norm is None:
        text = "discrepancy needs the norm of the noise"
        raise Problem("invalid_input", text, field="options.noise_norm", hint="√m times its standard deviation")
    m = b.size
    if method == "tikhonov":
        system = np.eye(n) if a is None else a
        cost = 1e6 + 20.0 * m * n * min(m, n)
        return Alone("scipy.linalg.svd", lambda watch, _: _tikhonov(system, b, alpha, options, watch), cost)
    tasks = 1 if alpha is not None else _GRID + 1
    each = 200.0 * n if a is None else 4.0 * n * n
    cost = 3e8 + (float(n) ** 3 + 2.0 * m * n * n if a is not None else 1e3 * n) + tasks * 500.0 * each

    def work(watch: Watch, _kept: Any) -> Outcome:
        watch(0.0, "factorize")
        matrix: Any = sparse.identity(n, format="csr") if a is None else a
        problem = Penalised(matrix, b, method, shape)
        return _sparse(problem, alpha, options, watch)

    return Alone("scipy.linalg.cho_solve", work, cost)


def _method(inputs: RegularizedInputs, options: RegularizedOptions) -> Literal["tikhonov", "l1", "tv"]:
    given = [one for one in (inputs.method, options.method) if one not in {None, "auto"}]
    if len(set(given)) > 1:
        text = f"the method is {given[0]} in the inputs and {given[1]} in the options"
        raise Problem("invalid_input", text, field="options.method", hint="one of them is enough")
    return given[0] if given else "tikhonov"  # type: ignore[return-value]


def _check_sizes(a: Array | None, b: Array, method: str) -> None:
    if not b.size:
        raise Problem("invalid_input", "b is empty", field="inputs.b", hint="at least one number")
    if a is None:
        most = UNKNOWNS_LIMIT if method == "tikhonov" else PIXELS_LIMIT
        if b.size > most:
            raise Problem("budget_exceeded", f"{b.size} unknowns", field="inputs.b", hint=f"at most {most}")
    else:
        if a.shape[0] != b.size:
            text = f"a is {a.shape[0]} × {a.shape[1]}, b has {b.size} numbers"
            raise Problem("invalid_input", text, field="inputs.b", hint="a number for each row of a")
        if np.abs(a).max() < 1e-100:
            text, hint = "a is 0, or out of range", "numbers of 1e-100 to 1e100"
            raise Problem("invalid_input", text, field="inputs.a", hint=hint)
    if np.abs(b).max() > 1e100:
        raise Problem("invalid_input", "a number beyond 1e100", field="inputs.b", hint="scale the problem")


def _shape(inputs: RegularizedInputs, method: str, n: int) -> tuple[int, ...]:
    if inputs.shape is None:
        if method == "tv" and n < 2:
            raise Problem("invalid_input", "one unknown has no variation", field="inputs.a", hint="at least 2 unknowns")
        return (n,)
    if method != "tv":
        raise Problem("invalid_input", "shape is for tv", field="inputs.shape", hint="leave it out")
    shape = tuple(inputs.shape)
    if not 0 < len(shape) <= 3 or min(shape) < 1 or max(shape) > n or int(np.prod(shape)) != n or n < 2:
        text = f"{list(shape[:4])} is not a shape of {n} unknowns"
        raise Problem("invalid_input", text, field="inputs.shape", hint=f"1 to 3 sizes whose product is {n}")
    return shape


def _alpha(inputs: RegularizedInputs, method: str) -> float | None:
    if inputs.alpha == "auto":
        return None
    if isinstance(inputs.alpha, str):
        raise Problem("invalid_input", "not a number", field="inputs.alpha", hint='a number, or "auto"')
    alpha = arrays.number(inputs.alpha, "inputs.alpha")
    low = 0.0 if method == "tikhonov" else 1e-100
    if not low <= alpha <= 1e100:
        raise Problem("invalid_input", f"alpha is {alpha:g}", field="inputs.alpha", hint=f"{low:g} to 1e100")
    return alpha


def _tikhonov(a: Array, b: Array, alpha: float | None, options: RegularizedOptions, watch: Watch) -> Outcome:
    watch(0.0, "decompose")
    found = decompose(a, b)
    curve: Curve | None = None
    warnings: list[str] = []
    if alpha is None:
        curve = found.curve()
        place, warnings = selection.choose(curve, options.selection, options.noise_norm or 0.0)
        alpha = float(curve.alpha[place])
        if options.selection == "discrepancy" and place + 1 < len(curve.alpha):
            high, most = float(curve.alpha[place + 1]), options.noise_norm or 0.0
            alpha = selection.refine(lambda one: float(np.linalg.norm(a @ found.solve(one) - b)), alpha, high, most, 40)
    if alpha == 0.0 and found.rank < a.shape[1]:
        text = f"a has rank {found.rank} of {a.shape[1]}, and alpha is 0"
        raise Problem("singular", text, field="inputs.alpha", hint="alpha above 0")
    x = found.solve(alpha)
    rest = a @ x - b
    residual = float(np.linalg.norm(rest))
    error = found.rounding(x, alpha, residual)
    slope = float(np.linalg.norm(a.T @ rest + alpha * x))
    scale = found.s[0] * (found.size_b + found.s[0] * float(np.linalg.norm(x))) + alpha * float(np.linalg.norm(x))
    kept = float((found.s**2 / np.maximum(found.s**2 + alpha, 1e-300)).sum())
    penalty = float(x @ x)
    outputs = _outputs(x, alpha, residual, penalty, residual**2 + alpha * penalty, kept, curve)
    checks = [Check("gradient_vanishes", passed=bool(slope <= 1e-10 * float(scale) + 1e-300))]
    diagnostics = Diagnostics(error_estimate=error, residual=residual, method="tikhonov", checks=checks)
    return Outcome(outputs, "scipy.linalg.svd", True, diagnostics, warnings)


def _outputs(
    x: Array, alpha: float, residual: float, penalty: float, objective: float, freedom: float, curve: Curve | None
) -> dict[str, Any]:
    outputs: dict[str, Any] = {
        "x": x, "alpha": alpha, "residual_norm": residual, "solution_norm": float(np.linalg.norm(x)),
        "penalty": penalty, "objective": objective, "degrees_of_freedom": freedom,
    }  # fmt: skip
    if curve is not None:
        fine = np.isfinite(curve.gcv())
        outputs["curve"] = {
            "alpha": curve.alpha[fine], "residual_norm": curve.residual[fine], "penalty": curve.penalty[fine],
            "gcv": curve.gcv()[fine],
        }  # fmt: skip
    return outputs


def _sparse(problem: Penalised, alpha: float | None, options: RegularizedOptions, watch: Watch) -> Outcome:
    curve: Curve | None = None
    warnings: list[str] = []
    if alpha is None:
        curve = _curve(problem, options, watch)
        place, warnings = selection.choose(curve, options.selection, options.noise_norm or 0.0)
        alpha = float(curve.alpha[place])
        if options.selection == "discrepancy" and place + 1 < len(curve.alpha):
            high, most = float(curve.alpha[place + 1]), options.noise_norm or 0.0
            alpha = selection.refine(lambda one: _residual(problem, one, options, watch), alpha, high, most, 20)
    found = problem.solve(alpha, options.rtol, options.max_iterations, watch, 0.9 if curve else 0.0)
    relative = found.gap / max(found.objective, 1e-300)
    converged = found.certain or relative <= options.rtol
    if not converged and relative > _WRONG and np.isfinite(found.gap):
        raise Problem(
            "not_converged", f"the duality gap is {relative:.2g} of the objective after {found.iterations} iterations",
            field="options.max_iterations", hint="more max_iterations, or a larger alpha",
        )  # fmt: skip
    return _sparse_outcome(problem, found, alpha, curve, warnings, converged=converged)


def _sparse_outcome(
    problem: Penalised, found: Solution, alpha: float, curve: Curve | None, warnings: list[str], *, converged: bool
) -> Outcome:
    residual = float(np.linalg.norm(problem.a @ found.x - problem.b))
    penalty = float(np.abs(problem.d @ found.x).sum())
    outputs = _outputs(found.x, alpha, residual, penalty, found.objective, float(found.freedom), curve)
    outputs["duality_gap"] = found.gap if np.isfinite(found.gap) else None
    if not np.isfinite(found.gap):
        warnings = [*warnings, "a is singular: no duality gap tells how far the minimum is"]
    elif not converged:
        warnings = [*warnings, f"the duality gap is {found.gap:.2g} after {found.iterations} iterations"]
    diagnostics = Diagnostics(
        converged=converged, iterations=found.iterations, error_estimate=found.error, residual=residual,
        method=problem.penalty, checks=[Check("optimality_conditions", passed=found.certain)],
    )  # fmt: skip
    return Outcome(outputs, "scipy.linalg.cho_solve", True, diagnostics, warnings)


def _residual(problem: Penalised, alpha: float, options: RegularizedOptions, watch: Watch) -> float:
    found = problem.solve(alpha, options.rtol, options.max_iterations, watch, 0.8)
    return float(np.linalg.norm(problem.a @ found.x - problem.b))


def _curve(problem: Penalised, options: RegularizedOptions, watch: Watch) -> Curve:
    """Solve roughly over a grid of alphas, from the largest down, each from the one before."""
    top = problem.largest_alpha()
    if top <= 0.0:
        text = "b needs no penalised part: any alpha gives the same x"
        raise Problem("singular", text, field="inputs.alpha", hint="a number")
    grid = top * np.geomspace(0.9, 1e-4, _GRID)
    rows = []
    for i, alpha in enumerate(grid):
        found = problem.solve(float(alpha), _ROUGH, min(500, options.max_iterations), watch, 0.9 * i / _GRID)
        residual = float(np.linalg.norm(problem.a @ found.x - problem.b))
        rows.append((alpha, residual, float(np.abs(problem.d @ found.x).sum()), float(found.freedom)))
    alpha, residual, penalty, freedom = np.array(rows[::-1]).T
    return Curve(alpha, residual, penalty, freedom, problem.b.size, left=_LEFT)


TASK = alone.task(
    agent="inverse", name="regularized", summary="Solve an ill-posed linear system with a penalty on its solution.",
    inputs=RegularizedInputs, options=RegularizedOptions, methods=("auto", "tikhonov", "l1", "tv"),
    example={"a": [[1, 0.5, 0.33], [0.5, 0.33, 0.25], [0.33, 0.25, 0.2]], "b": [1.8, 1.1, 0.8], "alpha": 0.01},
    prepare=prepare,
    repeats="inputs",
)  # fmt: skip
