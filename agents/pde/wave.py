"""The task `pde.wave`: waves on a box."""

from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from agents import alone
from agents.alone import Alone
from agents.outcome import Outcome, Problem
from agents.pde import coefficients, functions, solution, space
from agents.pde.evolution import Equation, read_source
from agents.pde.functions import AXES, TIME
from agents.pde.leapfrog import Leapfrog, Wave
from agents.pde.solution import Comparison, Frames, Wanted
from agents.task import Part, TaskOptions, Watch
from native.pde import operators

_METHOD = "leapfrog (velocity Verlet)"


class WaveInputs(msgspec.Struct, forbid_unknown_fields=True):
    """d²u/dt² = speed² laplacian(u) - damping du/dt + source on a box, for t in `t_span`.

    `coefficients`: {"speed": positive number or formula of x, y, z, "damping": number, 0 if left out}, or just the
    speed (1 if left out). `initial` is u and `initial_velocity` du/dt (0 if left out) at the start, numbers or formulas
    of x, y, z; `source` is one of x, y, z, t and u (-sin(u) makes it the sine-Gordon equation). All may use
    `parameters`.

    `domain` [[low, high], …] has one to three axes, called x, y, z; `shape` is the number of grid points of each, both
    ends among them (a periodic axis has no point at its high end, which is its low end again).
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

    Second-order differences in space and the leapfrog in time, which is symplectic, with steps of 0.9 of the limit of
    stability (Courant, Friedrichs & Lewy), on the grid and on two coarser ones: `error_estimate` bounds the error
    against the exact solution by what refinement of space and time together changes (Richardson); where it shows no
    convergence, `converged` is false and a warning says so.
    """

    domain: Any
    shape: Any
    initial: Any
    t_span: Any
    initial_velocity: Any = 0.0
    coefficients: Any = None
    source: Any = 0.0
    boundary: Any = None
    t_eval: Any = None
    n_times: Annotated[int, msgspec.Meta(ge=2, le=solution.TIMES_LIMIT)] | None = None
    output: Literal["trajectory", "final"] = "trajectory"
    parameters: dict[str, Any] = {}


class WaveOptions(TaskOptions, kw_only=True):
    """`max_steps` is the most steps on the grid asked for; `thin` is every how many points per axis are given."""

    method: Literal["auto", "leapfrog"] = "auto"
    max_steps: Annotated[int, msgspec.Meta(ge=1, le=100_000_000)] = 1_000_000
    thin: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None


def prepare(inputs: WaveInputs, options: WaveOptions, seed: int) -> Alone:  # noqa: ARG001
    """Validate a problem; raises `Problem`."""
    axes = space.read_axes(inputs.domain, inputs.shape)
    names = AXES[: len(axes)]
    timed = (*names, TIME)
    parameters = space.read_parameters(inputs.parameters, (*timed, "u"))
    found = coefficients.read(inputs.coefficients, {"speed": 1.0, "damping": 0.0}, names, parameters)
    coefficients.check_sign(found["speed"], above=True, why="the speed of a wave must be positive")
    if not found["damping"].constant:
        text = "damping that varies"
        raise Problem("invalid_input", text, field="inputs.coefficients.damping", hint="a number, 0 or more")
    coefficients.check_sign(found["damping"], above=False, why="negative damping makes the wave grow without bound")
    grid, sides = space.read_boundary(inputs.boundary, axes, timed, parameters)
    source = read_source({"inputs.source": inputs.source}, names, ("u",), parameters)
    initial = functions.read(inputs.initial, "inputs.initial", names, parameters)
    velocity = functions.read(inputs.initial_velocity, "inputs.initial_velocity", names, parameters)
    one = functions.read(1.0, "inputs.coefficients", names, parameters)
    equation = Equation(("u",), (grid,), (sides,), (one,), (), source, (initial,))
    wave = Wave(equation, found["speed"], found["damping"].value, velocity)
    times = solution.read_times(inputs.t_span, inputs.t_eval, inputs.n_times)
    factor = space.refinement(grid)
    wanted = solution.want(("u",), grid, factor, times, inputs.output, options.thin, plain=True)

    def work(watch: Watch, kept: Any) -> Outcome:  # noqa: ARG001
        return _compute(wave, wanted, options.max_steps, watch)

    steps = 4.0 * times.size + 4.0 * max(axis.cells for axis in grid.axes) * factor
    cost = 3e8 + 30.0 * steps * grid.size * factor**grid.ndim
    return Alone(solution.KERNEL, work, cost, compiled=operators.COMPILED)


def _compute(wave: Wave, wanted: Wanted, max_steps: int, watch: Watch) -> Outcome:
    finest = wanted.grid.refined(wanted.factor)
    grids = [finest.halved().halved(), finest.halved(), finest]
    start = float(wanted.times[0])
    frames = [Frames(wanted.final, wanted.times.size) for _ in range(2)]
    parts = ((0.0, 0.05), (0.05, 0.2), (0.2, 1.0))
    runs = [Leapfrog(wave, grid, start, Part(watch, *part)) for grid, part in zip(grids, parts, strict=True)]
    # the limits of the grids are in the ratio of their steps, but for what the speed is between the nodes
    limit = min(run.limit() * 2**k for k, run in enumerate(runs))
    wanted_steps = np.maximum(np.ceil(np.diff(wanted.times) / limit), 1.0)
    if not wanted_steps.sum() * 4.0 <= max_steps:
        text = f"{wanted_steps.sum() * 4.0:.3g} steps of at most {limit / 4.0:.3g} are stable"
        hint = "a coarser grid, a shorter t_span, or more steps allowed"
        raise Problem("budget_exceeded", text, field="options.max_steps", hint=hint)
    counts = [int(n) for n in wanted_steps]
    runs[0].run(wanted.times, counts, frames[0].keep)
    runs[1].run(wanted.times, [2 * n for n in counts], frames[1].keep)
    comparison = Comparison(wanted, grids, frames[0], frames[1])
    runs[2].run(wanted.times, [4 * n for n in counts], comparison.keep)
    steps = 4 * sum(counts)
    return comparison.outcome(steps=steps, evaluations=7 * sum(counts), method=_METHOD)


TASK = alone.task(
    agent="pde", name="wave", summary="Solve the wave equation on a box in one to three dimensions.",
    inputs=WaveInputs, options=WaveOptions, methods=("leapfrog",),
    example={
        "domain": [[0, 1]], "shape": [101], "initial": "sin(pi*x)", "coefficients": {"speed": 1.0},
        "boundary": "dirichlet", "t_span": [0, 2], "n_times": 5,
    },
    prepare=prepare,
    repeats="inputs",
)  # fmt: skip
