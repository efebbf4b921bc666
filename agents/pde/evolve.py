"""Compute a diffusion, advection or reaction on three grids: steps chosen on the coarsest, halved on each finer."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

import msgspec
import numpy as np

from agents.outcome import Outcome, Problem
from agents.pde.evolution import Equation, OnGrid
from agents.pde.march import How, March
from agents.pde.solution import Comparison, Frames, Wanted
from agents.task import Part, TaskOptions, Watch
from native.pde.elliptic import Elliptic
from native.pde.grid import Grid
from native.pde.stepping import stages_for


class EvolveOptions(TaskOptions, kw_only=True):
    """How to go through time.

    `explicit` is the stabilized Runge–Kutta–Chebyshev method of order 2, whose number of stages follows from the grid,
    so that no step is unstable. `rtol` (and `atol`, by default a hundredth of rtol times the solution's size) bound the
    error of a step on the coarsest grid, from which the steps of the finer ones follow. `thin` is every how many points
    per axis are given.
    """

    method: Literal["auto", "explicit"] = "auto"
    rtol: Annotated[float, msgspec.Meta(ge=1e-9, le=0.1)] = 1e-4
    atol: Annotated[float, msgspec.Meta(gt=0, le=1e300)] | None = None
    max_steps: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)] = 20_000
    thin: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """An equation, what is wanted of it, and how."""

    equation: Equation
    wanted: Wanted
    how: How
    method: str = "explicit"


def cost(plan: Plan) -> float:
    """Operations, roughly: a hundred steps of twenty evaluations; never below what the long lane begins with."""
    wanted = plan.wanted
    points = float(wanted.grid.size * wanted.factor**wanted.grid.ndim * len(wanted.names))
    each = 40.0 + len(plan.equation.source.program.code) * (1 if plan.equation.source.nonlinear else 0)
    return 3e8 + 2000.0 * each * points


def compute(plan: Plan, watch: Watch) -> Outcome:
    """Compute on three grids and compare."""
    wanted, equation = plan.wanted, plan.equation
    finest = wanted.grid.refined(wanted.factor)
    grids = [finest.halved().halved(), finest.halved(), finest]
    start = float(wanted.times[0])
    how = replace(plan.how, implicit=_implicit(plan, grids))
    frames = [Frames(wanted.final, wanted.times.size) for _ in range(2)]
    first = March(OnGrid(equation, grids[0], start), how, wanted.times, Part(watch, 0.0, 0.05))
    for k, state in enumerate(first.adaptive()):
        frames[0].keep(k, state)
    second = March(OnGrid(equation, grids[1], start), how, wanted.times, Part(watch, 0.05, 0.2))
    second.replay(first.log, 1, frames[1].keep)
    comparison = Comparison(wanted, grids, frames[0], frames[1])
    third = March(OnGrid(equation, grids[2], start), how, wanted.times, Part(watch, 0.2, 1.0))
    third.replay(first.log, 2, comparison.keep)
    steps = 4 * sum(map(len, first.log.steps))
    method = f"TR-BDF2, {third.system.solver_name}" if how.implicit else "Runge–Kutta–Chebyshev"
    evaluations = first.log.evaluations + second.log.evaluations + third.log.evaluations
    return comparison.outcome(steps=steps, evaluations=evaluations, method=method)


def _implicit(plan: Plan, grids: list[Grid]) -> bool:
    equation = plan.equation
    if not equation.linear:
        return False
    if plan.method != "auto":
        return plan.method == "implicit"
    system = OnGrid(equation, grids[0], float(plan.wanted.times[0]))
    span = float(plan.wanted.times[-1] - plan.wanted.times[0])
    radius = system.radius(0.0, np.zeros((1, *grids[0].shape))) * 16.0
    multigrid = Elliptic(system.grid, system.diffusivity(0)).multigrid is not None or system.exchange_rate > 0.0
    return stages_for(span / 200.0, radius, damped=False) > (150 if multigrid else 30)


def check_method(equation: Equation, method: str) -> None:
    """Refuse an implicit method where it is not offered."""
    if method == "implicit" and not equation.linear:
        text = "implicit steps are for a source without u and a diffusivity without t"
        raise Problem("invalid_input", text, field="options.method", hint="auto or explicit")
