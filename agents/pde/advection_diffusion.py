"""The task `pde.advection_diffusion`: what a flow carries and diffusion spreads, on a box."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from agents import alone
from agents.alone import Alone
from agents.outcome import Outcome, Problem
from agents.pde import coefficients, evolve, functions, solution, space
from agents.pde.evolution import ILL_POSED, Equation, read_source
from agents.pde.functions import AXES, TIME, Function
from agents.pde.march import How
from agents.task import Watch
from native.pde import operators


class AdvectionDiffusionInputs(msgspec.Struct, forbid_unknown_fields=True):
    """du/dt + velocity · grad u = div(diffusivity grad u) + source on a box, for t in `t_span`.

    `coefficients`: {"velocity": [one number or formula of x, y, z, t for each axis] (a bare one in 1-D),
    "diffusivity": number or formula, nowhere negative; 0 is pure advection}. The flow is not made free of divergence:
    for the conservative form of another flow put -u * its divergence into `source`.

    `domain` [[low, high], …] has one to three axes, called x, y, z; `shape` is the number of grid points of each, both
    ends among them (a periodic axis has no point at its high end, which is its low end again). `initial` is a number or
    a formula of x, y, z; `source` one of x, y, z, t and u; all may use `parameters`.
    `boundary`: for all sides alike "dirichlet", "neumann", "periodic" or {"type", "value"}; or for each axis
    {"x": …, "y": …}, each again one of these or {"low": …, "high": …}. A value is a number or a formula of x, y, z, t:
    Dirichlet gives u; Neumann the derivative of u along the outward normal; left out it is 0. `boundary` left out as a
    whole is u = 0 on all sides. Where the flow leaves, "neumann" is what lets it out; a Dirichlet value there is a
    layer as thin as diffusivity / velocity, which the grid has to resolve.
    Robin, {"type": "robin", "coefficient": a, "value": g}, says that this derivative plus a u is g: exchange with the
    outside, by a number or a formula of x, y, z that is nowhere negative.
    Times of the output: `t_eval` (rising), or `n_times` from start to end (11 if left out); the start is always one.

    Outputs: `u` (times × grid; with `output: "final"` the grid at the end), `axes` {x: […]}, `t`, `statistics`
    (minimum, maximum, mean over all points). Larger results are thinned: every n-th point of each axis, said in a
    warning, or chosen with `options.thin`.

    Third-order upwind-biased differences for the flow (second order beside the sides; without a limiter, so that jumps
    overshoot), second-order ones for diffusion, steps of second order with a Courant number of at most 0.9, on the grid
    and on two coarser ones: `error_estimate` bounds the error against the exact solution by what refinement of space
    and time together changes (Richardson); where it shows no convergence, `converged` is false and a warning says so.
    """

    domain: Any
    shape: Any
    initial: Any
    t_span: Any
    coefficients: Any
    source: Any = 0.0
    boundary: Any = None
    t_eval: Any = None
    n_times: Annotated[int, msgspec.Meta(ge=2, le=solution.TIMES_LIMIT)] | None = None
    output: Literal["trajectory", "final"] = "trajectory"
    parameters: dict[str, Any] = {}


def prepare(inputs: AdvectionDiffusionInputs, options: evolve.EvolveOptions, seed: int) -> Alone:  # noqa: ARG001
    """Validate a problem; raises `Problem`."""
    axes = space.read_axes(inputs.domain, inputs.shape)
    names = AXES[: len(axes)]
    timed = (*names, TIME)
    parameters = space.read_parameters(inputs.parameters, (*timed, "u"))
    velocity, rest = _read_velocity(inputs.coefficients, timed, parameters)
    diffusivity = coefficients.read(rest, {"diffusivity": None}, timed, parameters)["diffusivity"]
    coefficients.check_sign(diffusivity, above=False, why=ILL_POSED)
    grid, sides = space.read_boundary(inputs.boundary, axes, timed, parameters)
    source = read_source({"inputs.source": inputs.source}, names, ("u",), parameters)
    initial = functions.read(inputs.initial, "inputs.initial", names, parameters)
    equation = Equation(("u",), (grid,), (sides,), (diffusivity,), velocity, source, (initial,))
    times = solution.read_times(inputs.t_span, inputs.t_eval, inputs.n_times)
    factor = space.refinement(grid)
    wanted = solution.want(("u",), grid, factor, times, inputs.output, options.thin, plain=True)
    plan = evolve.Plan(equation, wanted, How(options.rtol, options.atol, options.max_steps))

    def work(watch: Watch, kept: Any) -> Outcome:  # noqa: ARG001
        return evolve.compute(plan, watch)

    return Alone(solution.KERNEL, work, evolve.cost(plan), compiled=operators.COMPILED)


def _read_velocity(
    given: Any, timed: tuple[str, ...], parameters: Mapping[str, float]
) -> tuple[tuple[Function, ...], dict[str, Any]]:
    """Read the velocity, and give the other coefficients back."""
    field, n = "inputs.coefficients.velocity", len(timed) - 1
    hint = f"a number or formula for each of {', '.join(timed[:-1])}"
    if not isinstance(given, Mapping):
        text = "not coefficients by name"
        raise Problem("invalid_input", text, field="inputs.coefficients", hint='{"velocity": [1], "diffusivity": 0.1}')
    if "velocity" not in given:
        raise Problem("invalid_input", "'velocity' is missing", field=field, hint=hint)
    velocity = given["velocity"]
    if isinstance(velocity, Mapping) and set(velocity) == set(timed[:-1]):
        velocity = [velocity[name] for name in timed[:-1]]
    if not isinstance(velocity, list | dict):
        velocity = [velocity]
    if not isinstance(velocity, list) or len(velocity) != n:
        raise Problem("invalid_input", f"not a list of {n} components", field=field, hint=hint)
    read = tuple(functions.read(one, f"{field}[{i}]", timed, parameters) for i, one in enumerate(velocity))
    return read, {name: value for name, value in given.items() if name != "velocity"}


TASK = alone.task(
    agent="pde", name="advection_diffusion",
    summary="Solve the advection–diffusion equation on a box in one to three dimensions.",
    inputs=AdvectionDiffusionInputs, options=evolve.EvolveOptions, methods=("explicit",),
    example={
        "domain": [[0, 1]], "shape": [101], "initial": "exp(-((x - 0.3)/0.1)**2)", "boundary": "periodic",
        "coefficients": {"velocity": [0.5], "diffusivity": 0.001}, "t_span": [0, 0.5], "n_times": 3,
    },
    prepare=prepare,
    repeats="inputs",
)  # fmt: skip
