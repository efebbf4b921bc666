"""The task `pde.heat`: diffusion with sources on a box."""

from typing import Annotated, Any, Literal

import msgspec

from agents import alone
from agents.alone import Alone
from agents.outcome import Outcome
from agents.pde import coefficients, evolve, functions, solution, space
from agents.pde.evolution import ILL_POSED, Equation, read_source
from agents.pde.functions import AXES, TIME
from agents.pde.march import How
from agents.task import TaskOptions, Watch
from native.pde import operators


class HeatOptions(TaskOptions, kw_only=True):
    """How to go through time.

    `explicit` is the stabilized Runge–Kutta–Chebyshev method of order 2, whose number of stages follows from the grid,
    so that no step is unstable; `implicit` is TR-BDF2 (order 2, L-stable) with transforms, a banded solver or
    multigrid; `auto` takes what is estimated to be less work. `rtol` (and `atol`, by default a hundredth of rtol times
    the solution's size) bound the error of a step on the coarsest grid, from which the steps of the finer ones follow.
    `thin` is every how many points per axis are given.
    """

    method: Literal["auto", "explicit", "implicit"] = "auto"
    rtol: Annotated[float, msgspec.Meta(ge=1e-9, le=0.1)] = 1e-4
    atol: Annotated[float, msgspec.Meta(gt=0, le=1e300)] | None = None
    max_steps: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)] = 20_000
    thin: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None


class HeatInputs(msgspec.Struct, forbid_unknown_fields=True):
    """du/dt = div(diffusivity grad u) + source on a box, for t in `t_span`.

    `domain` [[low, high], …] has one to three axes, called x, y, z; `shape` is the number of grid points of each, both
    ends among them (a periodic axis has no point at its high end, which is its low end again). `initial` is a number or
    a formula of x, y, z; `source` one of x, y, z, t and u; `coefficients`: {"diffusivity": number or formula of
    x, y, z, t, nowhere negative}, or just that number (1 if left out); all may use `parameters`.
    `boundary`: for all sides alike "dirichlet", "neumann", "periodic" or {"type", "value"}; or for each axis
    {"x": …, "y": …}, each again one of these or {"low": …, "high": …}. A value is a number or a formula of x, y, z, t:
    Dirichlet gives u; Neumann the derivative of u along the outward normal; left out it is 0. `boundary` left out as a
    whole is u = 0 on all sides.
    Robin, {"type": "robin", "coefficient": a, "value": g}, says that this derivative plus a u is g: exchange with the
    outside, by a number or a formula of x, y, z that is nowhere negative.
    Times of the output: `t_eval` (rising), or `n_times` from start to end (11 if left out); the start is always one.

    Outputs: `u` (times × grid; with `output: "final"` the grid at the end), `axes` {x: […]}, `t`, `statistics`
    (minimum, maximum, mean over all points). Larger results are thinned: every n-th point of each axis, said in a
    warning, or chosen with `options.thin`.

    Second-order finite differences in space and steps of second order in time, on the grid and on two coarser ones:
    `error_estimate` bounds the error against the exact solution by what refinement of space and time together changes
    (Richardson); where refinement shows no convergence, `converged` is false and a warning says so.
    """

    domain: Any
    shape: Any
    initial: Any
    t_span: Any
    coefficients: Any = None
    source: Any = 0.0
    boundary: Any = None
    t_eval: Any = None
    n_times: Annotated[int, msgspec.Meta(ge=2, le=solution.TIMES_LIMIT)] | None = None
    output: Literal["trajectory", "final"] = "trajectory"
    parameters: dict[str, Any] = {}


def prepare(inputs: HeatInputs, options: HeatOptions, seed: int) -> Alone:  # noqa: ARG001
    """Validate a problem; raises `Problem`."""
    axes = space.read_axes(inputs.domain, inputs.shape)
    names = AXES[: len(axes)]
    timed = (*names, TIME)
    parameters = space.read_parameters(inputs.parameters, (*timed, "u"))
    diffusivity = coefficients.read(inputs.coefficients, {"diffusivity": 1.0}, timed, parameters)["diffusivity"]
    coefficients.check_sign(diffusivity, above=False, why=ILL_POSED)
    grid, sides = space.read_boundary(inputs.boundary, axes, timed, parameters)
    source = read_source({"inputs.source": inputs.source}, names, ("u",), parameters)
    initial = functions.read(inputs.initial, "inputs.initial", names, parameters)
    equation = Equation(("u",), (grid,), (sides,), (diffusivity,), (), source, (initial,))
    evolve.check_method(equation, options.method)
    times = solution.read_times(inputs.t_span, inputs.t_eval, inputs.n_times)
    factor = space.refinement(grid)
    wanted = solution.want(("u",), grid, factor, times, inputs.output, options.thin, plain=True)
    plan = evolve.Plan(equation, wanted, How(options.rtol, options.atol, options.max_steps), options.method)

    def work(watch: Watch, kept: Any) -> Outcome:  # noqa: ARG001
        return evolve.compute(plan, watch)

    return Alone(solution.KERNEL, work, evolve.cost(plan), compiled=operators.COMPILED)


TASK = alone.task(
    agent="pde", name="heat", summary="Solve the heat equation with sources on a box in one to three dimensions.",
    inputs=HeatInputs, options=HeatOptions, methods=("explicit", "implicit"),
    example={
        "domain": [[0, 1]], "shape": [51], "initial": "sin(pi*x)", "coefficients": {"diffusivity": 0.1},
        "boundary": {"x": {"low": {"type": "dirichlet", "value": 0}, "high": {"type": "dirichlet", "value": 0}}},
        "t_span": [0, 1], "n_times": 5,
    },
    prepare=prepare,
    repeats="inputs",
)  # fmt: skip
