"""The task `pde.poisson`: steady diffusion on a box."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from agents import alone
from agents.alone import Alone
from agents.arrays import Array
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.pde import coefficients, functions, judge, results, space
from agents.pde.evolution import exchange
from agents.pde.functions import AXES, Function
from agents.task import Part, TaskOptions, Watch
from native.pde import direct, operators
from native.pde.elliptic import Elliptic
from native.pde.grid import SLOPE, VALUE, Grid

_WHY = "the diffusivity must be positive for the problem to be well-posed"
_KERNEL = "native.pde.elliptic"
_STEPS = 15.0
"""Solutions without exchange at the sides that one with it takes, about."""


class PoissonInputs(msgspec.Struct, forbid_unknown_fields=True):
    """-div(diffusivity grad u) + reaction u = source on a box: the steady state of `heat` with the same inputs.

    Mind the sign: for the textbook's laplacian(u) = f, `source` is -f.

    `domain` [[low, high], …] has one to three axes, called x, y, z; `shape` is the number of grid points of each, both
    ends among them (a periodic axis has no point at its high end, which is its low end again). `source` and `boundary`
    values are numbers or formulas of x, y, z and `parameters`.
    `coefficients`: `diffusivity` (a positive number or formula, 1 if left out) and `reaction` (a number, 0 or more).
    `boundary`: for all sides alike "dirichlet", "neumann", "periodic" or {"type", "value"}; or for each axis
    {"x": …, "y": …}, each again one of these or {"low": …, "high": …}. Dirichlet gives u; Neumann the derivative of u
    along the outward normal; a value left out is 0. Left out as a whole, u is 0 on all sides.
    Robin, {"type": "robin", "coefficient": a, "value": g}, says that this derivative plus a u is g: exchange with the
    outside, by a number or a formula of x, y, z that is nowhere negative.

    Outputs: `u` on the grid, `axes` {x: […]}, `statistics` (minimum, maximum, mean over all points). Larger results are
    thinned: every n-th point of each axis, said in a warning, or chosen with `options.thin`.

    Second-order differences on the grid and on two coarser ones: `error_estimate` bounds the error against the exact
    solution by what refinement changes (Richardson), where the order shown is that of convergence. Without any
    Dirichlet or Robin side and reaction, u is determined up to a constant, and only when source and slopes balance.
    """

    domain: Any
    shape: Any
    source: Any = 0.0
    coefficients: Any = None
    boundary: Any = None
    parameters: dict[str, Any] = {}


class PoissonOptions(TaskOptions, kw_only=True):
    """`auto` takes transforms (fft) for one diffusivity everywhere, else multigrid, or a banded system in 1-D.

    With Robin sides they precondition conjugate gradients.

    `thin` is every how many points per axis are given. `tolerance` is where multigrid ends: the last correction, of
    the solution.
    """

    method: Literal["auto", "fft", "multigrid"] = "auto"
    thin: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    tolerance: Annotated[float, msgspec.Meta(ge=1e-13, le=1e-3)] = 1e-9


@dataclass(frozen=True, slots=True)
class _Equation:
    """The equation, ready to be put on any grid."""

    diffusivity: Function
    reaction: float
    source: Function
    sides: space.Sides
    method: str
    tolerance: float


@dataclass(frozen=True, slots=True)
class _Solution:
    """A solution on one grid; `imbalance` is the mean of what has no solution, `load` the size of what it is from."""

    u: Array
    residual: float
    correction: float
    cycles: int
    imbalance: float | None
    load: float
    method: str


def prepare(inputs: PoissonInputs, options: PoissonOptions, seed: int) -> Alone:  # noqa: ARG001
    """Validate an equation; raises `Problem`."""
    axes = space.read_axes(inputs.domain, inputs.shape)
    names = AXES[: len(axes)]
    parameters = space.read_parameters(inputs.parameters, names)
    known = {"diffusivity": 1.0, "reaction": 0.0}
    found = coefficients.read(inputs.coefficients, known, names, parameters)
    coefficients.check_sign(found["diffusivity"], above=True, why=_WHY)
    if not found["reaction"].constant:
        field, hint = "inputs.coefficients.reaction", "a number; reaction that varies: pde.reaction_diffusion"
        raise Problem("invalid_input", "not a number", field=field, hint=hint)
    coefficients.check_sign(found["reaction"], above=False, why="a negative reaction may have no solution")
    if options.method == "fft" and not found["diffusivity"].constant:
        text = "the diffusivity varies"
        raise Problem("invalid_input", text, field="options.method", hint="multigrid, or a constant diffusivity")
    source = functions.read(inputs.source, "inputs.source", names, parameters)
    grid, sides = space.read_boundary(inputs.boundary, axes, names, parameters)
    thin = results.stride(grid, 1, options.thin)
    reaction = found["reaction"].value
    equation = _Equation(found["diffusivity"], reaction, source, sides, options.method, options.tolerance)
    factor = space.refinement(grid)
    each = 2000.0 if found["diffusivity"].constant and options.method != "multigrid" else 20_000.0
    each *= _STEPS if any(side.exchange is not None for side in sides.values()) else 1.0
    cost = 2e6 + each * grid.size * factor**grid.ndim

    def work(watch: Watch, kept: Any) -> Outcome:  # noqa: ARG001
        return _compute(equation, grid, factor, thin, options.thin, watch)

    return Alone(_KERNEL, work, cost, compiled=operators.COMPILED)


def _compute(equation: _Equation, grid: Grid, factor: int, thin: int, asked: int | None, watch: Watch) -> Outcome:
    finest = grid.refined(factor)
    grids = [finest.halved().halved(), finest.halved(), finest]
    solutions: list[_Solution] = []
    for k, one in enumerate(grids):
        solutions.append(_solve(equation, one, Part(watch, (0.0, 0.05, 0.2)[k], (0.05, 0.2, 0.95)[k])))
    coarse, medium, fine = solutions
    warnings = _check_balance(medium, fine)
    first = judge.difference(medium.u, grids[1], coarse.u, grids[0])
    second = judge.difference(fine.u, grids[2], medium.u, grids[1])
    between = judge.gap(fine.u, grids[2], medium.u, grids[1])
    scale = float(np.abs(fine.u).max())
    floor = 2.0 * (fine.correction + medium.correction + coarse.correction) + direct.rounding(finest) * scale
    verdict = judge.judge(first, second, between, scale, floor)
    if not verdict.converged:
        warnings.append(judge.UNRESOLVED)
    if thin > 1 and asked is None:
        warnings.append(results.thin_warning(thin))
    low, high, mean = results.statistics(fine.u, finest)
    outputs = {
        "u": results.thinned(fine.u, grid, factor, thin), "axes": results.axes(grid, thin),
        "statistics": {"minimum": low, "maximum": high, "mean": mean},
    }  # fmt: skip
    diagnostics = Diagnostics(
        converged=verdict.converged, iterations=fine.cycles, error_estimate=verdict.error, residual=fine.residual,
        method=fine.method, checks=[Check("refinement", passed=verdict.converged)],
    )  # fmt: skip
    return Outcome(outputs, _KERNEL, operators.COMPILED, diagnostics, warnings)


def _solve(equation: _Equation, grid: Grid, watch: Watch) -> _Solution:
    watch(0.0, "discretize")
    diffusivity = _diffusivity(equation, grid)
    right = equation.source.at(grid.points)
    coefficients.check_finite(right, equation.source.field, grid.points)
    right = right.reshape(grid.shape)
    known = np.zeros(grid.shape)
    load = float(np.abs(right).mean())
    exchanged: dict[tuple[int, bool], Array] = {}
    for (axis, high), side in equation.sides.items():
        points = grid.side_points(axis, high)
        values = side.value.at(points)
        coefficients.check_finite(values, side.value.field, points)
        coefficient = side.exchange_at(points)
        if coefficient is not None:
            exchanged[axis, high] = coefficient
        if grid.axes[axis].ends[high] == SLOPE:
            operators.add_slope(right, values, diffusivity, grid, axis, high)
            there = diffusivity if isinstance(diffusivity, float) else float(np.abs(diffusivity).max())
            load += float(np.abs(values).max()) * there / (grid.axes[axis].high - grid.axes[axis].low)
    for (axis, high), side in equation.sides.items():
        if grid.axes[axis].ends[high] == VALUE:
            index = grid.side(axis, high)
            known[index] = side.value.at(grid.side_points(axis, high)).reshape(known[index].shape)
    beside = np.empty(grid.shape)
    operators.diffuse(known, diffusivity, grid, beside)
    right += beside
    right -= equation.reaction * known
    grid.clear(right)
    outside = exchange(grid, diffusivity, exchanged)
    solver = Elliptic(grid, diffusivity if equation.method != "multigrid" else _spread(diffusivity, grid), outside)
    imbalance = None
    if solver.singular and equation.reaction == 0.0:
        imbalance = results.statistics(right, grid)[2]
        right -= imbalance
    solved = solver.solve(equation.reaction, right, watch, equation.tolerance)
    if not solved.converged:
        text = f"{solver.method} do not converge: the last correction is {solved.correction:.2g}"
        raise Problem("not_converged", text, field="inputs.coefficients.diffusivity", hint="a smoother diffusivity")
    operators.diffuse(solved.u, diffusivity, grid, beside)
    beside -= (equation.reaction if outside is None else equation.reaction + outside) * solved.u
    beside += right
    grid.clear(beside)
    residual = float(np.abs(beside).max())
    u = solved.u + known
    return _Solution(u, residual, solved.correction, solved.cycles, imbalance, load, solver.method)


def _spread(diffusivity: Array | float, grid: Grid) -> Array:
    return np.full(grid.shape, diffusivity) if isinstance(diffusivity, float) else diffusivity


def _diffusivity(equation: _Equation, grid: Grid) -> Array | float:
    function = equation.diffusivity
    if function.constant:
        return function.value
    values = function.at(grid.points)
    coefficients.check_values(values, function, grid, above=True, why=_WHY)
    return values.reshape(grid.shape)


def _check_balance(medium: _Solution, fine: _Solution) -> list[str]:
    """Whether a problem without given values has a solution: source and slopes have to balance, up to the grid."""
    if fine.imbalance is None or medium.imbalance is None:
        return []
    allowed = 3.0 * abs(fine.imbalance - medium.imbalance) + 1e-10 * fine.load
    if abs(fine.imbalance) > allowed:
        raise Problem(
            "infeasible", "without a Dirichlet side there is a solution only when the integral of the source plus that "
            f"of diffusivity × slope over the sides is 0: the mean imbalance is {fine.imbalance:.6g}",
            field="inputs.source", hint="subtract the mean from the source, or give u on a side (Dirichlet)",
        )  # fmt: skip
    return ["u is determined only up to a constant: this is the solution with mean zero"]


TASK = alone.task(
    agent="pde", name="poisson", summary="Solve -div(d grad u) + r u = source on a box in one to three dimensions.",
    inputs=PoissonInputs, options=PoissonOptions, methods=("fft", "multigrid"),
    example={
        "domain": [[0, 1], [0, 1]], "shape": [33, 33], "source": "2*pi**2*sin(pi*x)*sin(pi*y)",
        "boundary": {"x": "dirichlet", "y": {"type": "dirichlet", "value": 0}},
    },
    prepare=prepare,
    repeats="inputs",
)  # fmt: skip
