"""The task `ode.bvp`: boundary value problems, also with unknown parameters, solved on two meshes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from scipy.integrate import solve_bvp

from agents import alone, arrays, formulas
from agents.alone import Alone
from agents.arrays import Array
from agents.ode.boundary import compile_conditions
from agents.ode.collocation import sensitivity
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.task import TaskOptions, Watch
from native.formula import Program

_EQUATIONS_LIMIT = 50
_NUMBERS_LIMIT = 4_000_000
"""Most numbers in the derivatives at all points of a mesh: a few seconds for one factorization."""
_FIRST = (33, 129)
"""Points of the meshes to begin with, one after the other."""
_TIGHTER = 0.01
_TIGHTEST = 2e-13
_SAFETY = 2.0
_UNSURE = 0.05
"""Of the solution's size: two meshes that differ by more have not the same solution."""
_SINGULAR, _SUSPICIOUS, _GROWTH = 1e11, 1e4, 3.0


class BvpInputs(msgspec.Struct, forbid_unknown_fields=True):
    """A system dy/dx = formula of `variable`, the variables and the parameters, with conditions at both ends.

    `boundary` has a condition for each equation, a formula that is zero: in "y(0) - 1", also written "y(0) == 1", y(0)
    is y at x = 0, one of the ends `x_span`. `guess` {name: number or formula of the variable} is where the search
    begins, 0 for names it lacks. `unknown_parameters` names those of `parameters` that are to be found, such as an
    eigenvalue: their numbers are guesses then, and each takes one more condition.
    Outputs: `x`, the solver's own mesh or `n_points` from end to end, `y` {name: values at x}, and `parameters`
    {name: value found}. Where there are several solutions, one is found.

    `error_estimate` bounds the largest error of any value in `y`: the problem is solved again on a mesh at least twice
    as fine, to a hundredth of the tolerance; that answer is given, and the estimate is twice its largest difference
    from the first, also of the parameters found, with the rounding error that the linearised problem makes of it.
    """

    equations: dict[str, str]
    boundary: list[str]
    x_span: Any
    guess: dict[str, Any] = {}
    parameters: dict[str, Any] = {}
    unknown_parameters: list[str] = []
    variable: str = "x"
    n_points: Annotated[int, msgspec.Meta(ge=2, le=1_000_000)] | None = None


class BvpOptions(TaskOptions, kw_only=True):
    """`tol`: the relative residual of the equations on each part of the mesh; `max_nodes`: most points of the mesh."""

    method: Literal["auto", "collocation"] = "auto"
    tol: Annotated[float, msgspec.Meta(ge=1e-10, le=0.1)] = 1e-6
    max_nodes: Annotated[int, msgspec.Meta(ge=50, le=100_000)] = 20_000


@dataclass(frozen=True, eq=False, slots=True)
class _Bvp:
    """A compiled problem of n equations and k unknown parameters: callbacks for SciPy."""

    names: tuple[str, ...]
    unknown: tuple[str, ...]
    program: Program
    jacobian: Program
    conditions: Program
    fixed: Array

    def slopes(self, x: Array, y: Array, p: Array) -> Array:
        """Derivatives (n, m) at `x` (m), `y` (n, m) and the unknown parameters (k)."""
        return self.program.evaluate(self._inputs(x, y, p))

    def derivatives(self, x: Array, y: Array, p: Array) -> Array:
        """Derivatives of the slopes by y and p: (n, n + k, m)."""
        n, k = len(self.names), len(self.unknown)
        found = self.jacobian.evaluate(self._inputs(x, y, p))[n:].reshape(n, 1 + n + k, -1)[:, 1:]
        if not np.isfinite(found).all():
            place = float(x[np.argwhere(~np.isfinite(found))[0][2]])
            raise _not_finite("the derivatives of the equations are", place)
        return found

    def residuals(self, ya: Array, yb: Array, p: Array) -> tuple[Array, Array]:
        """Conditions (n + k) and their derivatives (n + k, 2 n + k)."""
        n, k = len(self.names), len(self.unknown)
        found = self.conditions.evaluate(np.concatenate([ya, yb, p, self.fixed])[:, None])[:, 0]
        return found[: n + k], found[n + k :].reshape(n + k, 2 * n + k)

    def _inputs(self, x: Array, y: Array, p: Array) -> Array:
        fixed = np.concatenate([p, self.fixed])[:, None]
        return np.concatenate([x[None], y, np.broadcast_to(fixed, (fixed.size, x.size))])


@dataclass(eq=False, slots=True)
class _Found:
    """A solution on its mesh: an interpolant and the parameters."""

    x: Array
    at: Any
    parameters: Array
    iterations: int


def prepare_bvp(inputs: BvpInputs, options: BvpOptions, seed: int) -> Alone:  # noqa: ARG001
    """Validate a boundary value problem; raises `Problem`."""
    names, n = tuple(inputs.equations), len(inputs.equations)
    if not 0 < n <= _EQUATIONS_LIMIT:
        hint = f'1 to {_EQUATIONS_LIMIT}, such as {{"y": "v", "v": "-y"}}'
        raise Problem("invalid_input", f"{n} equations", field="inputs.equations", hint=hint)
    formulas.check_variable(inputs.variable, "inputs.variable")
    taken = {inputs.variable: "the independent variable"}
    formulas.check_names(names, "inputs.equations", taken=taken)
    formulas.check_names(inputs.parameters, "inputs.parameters", taken={**taken, **dict.fromkeys(names, "a variable")})
    values = formulas.numbers(inputs.parameters, "inputs.parameters")
    unknown = tuple(inputs.unknown_parameters)
    _check_unknown(unknown, values)
    fixed = {name: value for name, value in values.items() if name not in unknown}
    if len(inputs.boundary) != n + len(unknown):
        text = f"{len(inputs.boundary)} conditions for {n} equations and {len(unknown)} unknown parameters"
        raise Problem("invalid_input", text, field="inputs.boundary", hint=f"{n + len(unknown)} conditions")
    low, high = _read_span(inputs.x_span)
    texts = {f"inputs.equations.{name}": text for name, text in inputs.equations.items()}
    variables = (inputs.variable, *names, *unknown)
    problem = _Bvp(
        names, unknown, formulas.compiled(texts, variables, tuple(fixed)),
        formulas.compiled(texts, variables, tuple(fixed), jacobian=True),
        compile_conditions(inputs.boundary, names, unknown, tuple(fixed), (low, high)),
        np.array(list(fixed.values())),
    )  # fmt: skip
    guess = _read_guess(inputs, names, fixed)
    most = min(options.max_nodes, _NUMBERS_LIMIT // (n * (n + len(unknown))))
    if inputs.n_points is not None and inputs.n_points * n > arrays.SIZE_LIMIT:
        text = f"{inputs.n_points} points of {n} variables"
        raise Problem("budget_exceeded", text, field="inputs.n_points", hint="fewer points")
    start = np.array([values[name] for name in unknown])

    def work(watch: Watch, kept: Mapping[str, bytes]) -> Outcome:  # noqa: ARG001
        return _compute(problem, (low, high), guess, start, inputs.n_points, options.tol, most, watch)

    cost = 200.0 * _FIRST[0] * (len(problem.jacobian.code) + 30.0 * (n + len(unknown)) ** 3 + 20_000)
    return Alone("scipy.integrate.solve_bvp", work, cost, compiled=False)


def _check_unknown(unknown: tuple[str, ...], values: Mapping[str, float]) -> None:
    for i, name in enumerate(unknown):
        field = f"inputs.unknown_parameters[{i}]"
        if name not in values:
            hint = 'its guess belongs there: "parameters": {"k": 1}'
            raise Problem("invalid_input", f"{name[:80]!r} is none of the parameters", field=field, hint=hint)
        if name in unknown[:i]:
            raise Problem("invalid_input", f"{name[:80]!r} is named twice", field=field, hint="name each once")


def _read_span(value: Any) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise Problem("invalid_input", "not a range", field="inputs.x_span", hint="[low, high]")
    low, high = (arrays.number(one, f"inputs.x_span[{i}]") for i, one in enumerate(value))
    if not low < high or not np.isfinite(high - low) or low + (high - low) / 1e6 <= low:
        raise Problem(
            "invalid_input", f"from {low:g} to {high:g}", field="inputs.x_span", hint="[low, high], low < high"
        )
    return low, high


def _read_guess(inputs: BvpInputs, names: tuple[str, ...], fixed: Mapping[str, float]) -> Program:
    for name in inputs.guess:
        if name not in names:
            raise Problem(
                "invalid_input", f"no variable is called {name[:80]!r}", field=f"inputs.guess.{name[:80]}",
                hint=f"variables: {', '.join(names)[:200]}",
            )  # fmt: skip
    texts = {}
    for name in names:
        value, field = inputs.guess.get(name, 0.0), f"inputs.guess.{name}"
        texts[field] = value if isinstance(value, str) else _written(arrays.number(value, field))
    return formulas.compiled(texts, (inputs.variable,), tuple(fixed))


def _written(value: float) -> str:
    return f"-{-value!r}" if value < 0 else f"{value!r}"


def _compute(
    problem: _Bvp, ends: tuple[float, float], guess: Program, start: Array, points: int | None, tol: float, most: int,
    watch: Watch,
) -> Outcome:  # fmt: skip
    first = _first(problem, ends, guess, start, tol, most, watch)
    mesh = np.union1d(first.x, 0.5 * (first.x[1:] + first.x[:-1]))
    tight = max(_TIGHTER * tol, _TIGHTEST)
    room = min(max(most, 2 * mesh.size), 2 * most)
    again = _solve(problem, mesh, first.at(mesh), first.parameters, tight, room, watch)
    if isinstance(again, Problem):
        again = _solve(problem, mesh, first.at(mesh), first.parameters, tol, room, watch)
    if isinstance(again, Problem):
        raise again
    magnified = _check_determined(problem, first, again)
    x = again.x if points is None else np.linspace(*ends, points)
    y = again.at(x)
    places = np.union1d(np.union1d(x, again.x), 0.5 * (again.x[1:] + again.x[:-1]))
    size = max(float(np.abs(y).max()), float(np.abs(again.parameters).max(initial=0.0)))
    difference = float(np.abs(again.at(places) - first.at(places)).max())
    difference = max(difference, float(np.abs(again.parameters - first.parameters).max(initial=0.0)))
    if difference > _UNSURE * max(size, tol):
        text = f"two meshes give solutions that differ by {difference:.2g}"
        raise Problem("not_converged", text, field="inputs.guess", hint="a better guess, or a smaller tol")
    residual = float(np.abs(problem.residuals(y[:, 0], y[:, -1], again.parameters)[0]).max())
    outputs = {
        "x": x, "y": {name: y[j] for j, name in enumerate(problem.names)},
        "parameters": dict(zip(problem.unknown, again.parameters.tolist(), strict=True)),
    }  # fmt: skip
    diagnostics = Diagnostics(
        converged=True, iterations=first.iterations + again.iterations, residual=residual, method="collocation",
        error_estimate=_SAFETY * difference + (magnified + 1.0) * float(np.finfo(float).eps) * size,
        checks=[Check("boundary conditions", passed=residual <= 1e-3 * max(1.0, size))],
    )  # fmt: skip
    return Outcome(outputs, "scipy.integrate.solve_bvp", compiled=False, diagnostics=diagnostics)


def _first(
    problem: _Bvp, ends: tuple[float, float], guess: Program, start: Array, tol: float, most: int, watch: Watch
) -> _Found:
    """Solve from the guess, on a finer mesh where the first is too coarse for Newton's method."""
    failure: Problem | None = None
    for points in _FIRST:
        mesh = np.linspace(*ends, min(points, most))
        fixed = np.broadcast_to(problem.fixed[:, None], (problem.fixed.size, mesh.size))
        y = guess.evaluate(np.concatenate([mesh[None], fixed]))
        for what, values in (("the guess is", y), ("the equations at the guess are", problem.slopes(mesh, y, start))):
            if not np.isfinite(values).all():
                raise _not_finite(what, float(mesh[np.argwhere(~np.isfinite(values))[0][1]]))
        found = _solve(problem, mesh, y, start, tol, most, watch)
        if isinstance(found, _Found):
            return found
        failure = failure or found
    assert failure is not None
    raise failure


def _solve(
    problem: _Bvp, mesh: Array, y: Array, p: Array, tol: float, most: int, watch: Watch
) -> _Found | Problem:  # fmt: skip
    n, k = len(problem.names), len(problem.unknown)
    none = np.empty(0)

    def slopes(x: Array, y: Array, p: Array = none) -> Array:
        watch(min(0.99, x.size / most), "collocation")
        return problem.slopes(x, y, p)

    def derivatives(x: Array, y: Array, p: Array = none) -> Any:
        found = problem.derivatives(x, y, p)
        return (found[:, :n], found[:, n:]) if k else (found, None)

    def conditions(ya: Array, yb: Array, p: Array = none) -> Array:
        return problem.residuals(ya, yb, p)[0]

    def condition_derivatives(ya: Array, yb: Array, p: Array = none) -> Any:
        found = problem.residuals(ya, yb, p)[1]
        if not np.isfinite(found).all():
            raise Problem(
                "non_finite", "the derivatives of the boundary conditions are not finite", field="inputs.boundary",
                hint="another guess, or conditions that are smooth there",
            )  # fmt: skip
        return found[:, :n], found[:, n : 2 * n], found[:, 2 * n :] if k else None

    if not k:
        derivatives_, conditions_ = (lambda x, y: derivatives(x, y)[0]), condition_derivatives
        condition_jacobian = lambda ya, yb: conditions_(ya, yb)[:2]  # noqa: E731
    else:
        derivatives_, condition_jacobian = derivatives, condition_derivatives
    try:
        solver: Any = solve_bvp
        made = solver(
            slopes, conditions, mesh, y, p if k else None, fun_jac=derivatives_, bc_jac=condition_jacobian, tol=tol,
            max_nodes=most,
        )  # fmt: skip
    except (ValueError, RuntimeError, FloatingPointError):
        return _did_not("the numbers overflow")
    if made.status == 2:
        return Problem(
            "singular", "the linearised equations are singular: no solution, or no single one, near the guess",
            field="inputs.boundary", hint="conditions that determine the solution, or another guess",
        )  # fmt: skip
    if made.status != 0 or not np.isfinite(made.y).all():
        why = f"{made.x.size} of {most} nodes" if made.status == 1 else "the boundary conditions are not met"
        return _did_not(f"{why}, residual {float(np.max(made.rms_residuals)):.2g}")
    return _Found(made.x, made.sol, made.p if k else none, int(made.niter))


def _check_determined(problem: _Bvp, first: _Found, again: _Found) -> float:
    """Refuse a problem that does not determine its solution; gives by how much it magnifies errors."""
    coarse, fine = (_sensitivity(problem, found) for found in (first, again))
    if fine > _SINGULAR or (fine > _SUSPICIOUS and fine > _GROWTH * coarse):
        raise Problem(
            "singular", "the conditions do not determine the solution: the linearised problem is singular",
            field="inputs.boundary", hint="there is no solution, or more than one near it",
        )  # fmt: skip
    return fine * again.x.size


def _sensitivity(problem: _Bvp, found: _Found) -> float:
    n = len(problem.names)
    middle = 0.5 * (found.x[1:] + found.x[:-1])
    ends = problem.residuals(found.at(found.x[0]), found.at(found.x[-1]), found.parameters)[1]
    return sensitivity(
        found.x, problem.derivatives(found.x, found.at(found.x), found.parameters),
        problem.derivatives(middle, found.at(middle), found.parameters),
        (ends[:, :n], ends[:, n : 2 * n], ends[:, 2 * n :]),
    )  # fmt: skip


def _not_finite(what: str, place: float) -> Problem:
    hint = "another guess, or a range that ends before the equations are singular"
    return Problem("non_finite", f"{what} not finite at {place:.6g}", field="inputs.guess", hint=hint)


def _did_not(why: str) -> Problem:
    hint = "a better guess, a larger max_nodes or tol; there may be no solution"
    return Problem("not_converged", f"no convergence: {why}", field="inputs.guess", hint=hint)


TASK = alone.task(
    agent="ode", name="bvp", summary="Solve a boundary value problem of ordinary differential equations.",
    inputs=BvpInputs, options=BvpOptions, methods=("collocation",),
    example={
        "equations": {"y": "v", "v": "-exp(y)"}, "boundary": ["y(0)", "y(1)"], "x_span": [0, 1],
        "guess": {"y": "x*(1 - x)", "v": 0}, "n_points": 11,
    },
    prepare=prepare_bvp,
    repeats="inputs",
)  # fmt: skip
