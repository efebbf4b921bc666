"""The task `pde.reaction_diffusion`: several fields that diffuse and react, on a box."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from agents import alone, formulas
from agents.alone import Alone
from agents.outcome import Outcome, Problem
from agents.pde import coefficients, evolve, functions, solution, space
from agents.pde.evolution import ILL_POSED, Equation, read_source
from agents.pde.functions import AXES, TIME
from agents.pde.march import How
from agents.task import Watch
from native.pde import operators
from native.pde.grid import Grid

_FIELDS_LIMIT = 20


class ReactionDiffusionInputs(msgspec.Struct, forbid_unknown_fields=True):
    """du/dt = div(diffusivity grad u) + reaction for each of several fields on a box, for t in `t_span`.

    `reaction` {name: formula of x, y, z, t and all fields} names the fields (at most 20); `diffusivity` {name: number
    or formula of x, y, z, t, nowhere negative} (or one number for all) and `initial` {name: number or formula of
    x, y, z} are given for each. Gray–Scott: {"u": "-u*v**2 + f*(1 - u)", "v": "u*v**2 - (f + k)*v"} with `parameters`
    {"f": 0.04, "k": 0.06}.

    `domain` [[low, high], …] has one to three axes, called x, y, z; `shape` is the number of grid points of each, both
    ends among them (a periodic axis has no point at its high end, which is its low end again).
    `boundary`: for all sides and fields alike "dirichlet", "neumann", "periodic" or {"type", "value"}; or for each axis
    {"x": …, "y": …}, each again one of these or {"low": …, "high": …}; or one of all these for each field
    {"u": …, "v": …}. A value is a number or a formula of x, y, z, t: Dirichlet gives the field; Neumann its derivative
    along the outward normal; left out it is 0. `boundary` left out as a whole lets nothing through ("neumann").
    Robin, {"type": "robin", "coefficient": a, "value": g}, says that this derivative plus a times the field is g:
    exchange with the outside, by a number or a formula of x, y, z that is nowhere negative.
    Times of the output: `t_eval` (rising), or `n_times` from start to end (11 if left out); the start is always one.

    Outputs: `u` {name: times × grid} (with `output: "final"` the grid at the end), `axes` {x: […]}, `t`, `statistics`
    {name: minimum, maximum, mean over all points}. Larger results are thinned: every n-th point of each axis, said in a
    warning, or chosen with `options.thin`.

    Second-order finite differences in space and steps of second order in time whose stages follow from diffusion and
    the reaction's derivatives, on the grid and on two coarser ones: `error_estimate` bounds the error of all fields
    against the exact solution by what refinement of space and time together changes (Richardson); where it shows no
    convergence, `converged` is false and a warning says so.
    """

    domain: Any
    shape: Any
    reaction: dict[str, Any]
    diffusivity: Any
    initial: dict[str, Any]
    t_span: Any
    boundary: Any = None
    t_eval: Any = None
    n_times: Annotated[int, msgspec.Meta(ge=2, le=solution.TIMES_LIMIT)] | None = None
    output: Literal["trajectory", "final"] = "trajectory"
    parameters: dict[str, Any] = {}


def prepare(inputs: ReactionDiffusionInputs, options: evolve.EvolveOptions, seed: int) -> Alone:  # noqa: ARG001
    """Validate a problem; raises `Problem`."""
    axes = space.read_axes(inputs.domain, inputs.shape)
    names = AXES[: len(axes)]
    timed = (*names, TIME)
    fields = tuple(inputs.reaction)
    if not 0 < len(fields) <= _FIELDS_LIMIT:
        hint = f'1 to {_FIELDS_LIMIT}, such as {{"u": "u*(1 - u)"}}'
        raise Problem("invalid_input", f"{len(fields)} fields", field="inputs.reaction", hint=hint)
    formulas.check_names(fields, "inputs.reaction", taken=dict.fromkeys((*AXES, TIME), "a coordinate"))
    parameters = space.read_parameters(inputs.parameters, (*timed, *fields))
    diffusivity = inputs.diffusivity
    if not isinstance(diffusivity, Mapping):
        diffusivity = dict.fromkeys(fields, diffusivity)
        places = dict.fromkeys(fields, "inputs.diffusivity")
    else:
        places = {name: f"inputs.diffusivity.{name}" for name in fields}
    formulas.check_same(diffusivity, fields, "inputs.diffusivity")
    formulas.check_same(inputs.initial, fields, "inputs.initial")
    spread = tuple(functions.read(diffusivity[name], places[name], timed, parameters) for name in fields)
    for function in spread:
        coefficients.check_sign(function, above=False, why=ILL_POSED)
    grids, sides = _read_boundaries(inputs.boundary, axes, fields, timed, parameters)
    source = read_source({f"inputs.reaction.{name}": text for name, text in inputs.reaction.items()}, names, fields,
                         parameters)  # fmt: skip
    initial = tuple(
        functions.read(inputs.initial[name], f"inputs.initial.{name}", names, parameters) for name in fields
    )
    equation = Equation(fields, grids, sides, spread, (), source, initial)
    times = solution.read_times(inputs.t_span, inputs.t_eval, inputs.n_times)
    factor = space.refinement(grids[0])
    wanted = solution.want(fields, grids[0], factor, times, inputs.output, options.thin, plain=False)
    plan = evolve.Plan(equation, wanted, How(options.rtol, options.atol, options.max_steps))

    def work(watch: Watch, kept: Any) -> Outcome:  # noqa: ARG001
        return evolve.compute(plan, watch)

    return Alone(solution.KERNEL, work, evolve.cost(plan), compiled=operators.COMPILED)


def _read_boundaries(
    given: Any, axes: tuple[tuple[float, float, int], ...], fields: tuple[str, ...], timed: tuple[str, ...],
    parameters: Mapping[str, float],
) -> tuple[tuple[Grid, ...], tuple[space.Sides, ...]]:  # fmt: skip
    """Read the boundary of each field: one for all, or by name."""
    each: dict[str, tuple[Any, str]] = dict.fromkeys(fields, ("neumann" if given is None else given, "inputs.boundary"))
    if isinstance(given, Mapping) and any(name in fields for name in given):
        formulas.check_same(given, fields, "inputs.boundary")
        each = {name: (given[name], f"inputs.boundary.{name}") for name in fields}
    found = [space.read_boundary(one, axes, timed, parameters, where) for one, where in each.values()]
    grids = tuple(grid for grid, _ in found)
    for name, grid in zip(fields, grids, strict=True):
        if [axis.periodic for axis in grid.axes] != [axis.periodic for axis in grids[0].axes]:
            text = f"{name} and {fields[0]} differ in which axes are periodic"
            raise Problem("invalid_input", text, field="inputs.boundary", hint="an axis is periodic for all or none")
    return grids, tuple(sides for _, sides in found)


TASK = alone.task(
    agent="pde", name="reaction_diffusion",
    summary="Solve reaction–diffusion equations of several fields on a box in one to three dimensions.",
    inputs=ReactionDiffusionInputs, options=evolve.EvolveOptions, methods=("explicit",),
    example={
        "domain": [[0, 1]], "shape": [65], "boundary": "periodic", "parameters": {"f": 0.04, "k": 0.06},
        "reaction": {"u": "-u*v**2 + f*(1 - u)", "v": "u*v**2 - (f + k)*v"},
        "diffusivity": {"u": 2e-4, "v": 1e-4},
        "initial": {"u": "1 - 0.5*exp(-((x - 0.5)/0.1)**2)", "v": "0.25*exp(-((x - 0.5)/0.1)**2)"},
        "t_span": [0, 20], "n_times": 3,
    },
    prepare=prepare,
    repeats="inputs",
)  # fmt: skip
