"""The task `ode.ivp`: initial value problems, each with a second integration that bounds its error."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np

from agents import formulas, schema
from agents.arrays import Array
from agents.ode.bound import bounds, doubled
from agents.ode.system import (
    OdeOptions,
    System,
    check_options,
    check_size,
    estimate_cost,
    failure,
    kernel_name,
    ran,
    read_grid,
    read_methods,
    read_system,
)  # fmt: skip
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.task import Task, Watch
from native import ode
from native.formula import Program
from native.ode import Members, Trajectories
from native.ode_events import Crossings, Event, EventLog

_POINTS = 101
_EVENTS_LIMIT = 100
_FINITE = Check("finite", passed=True)


class EventInput(msgspec.Struct, forbid_unknown_fields=True):
    """An event: `formula` crosses zero upwards (direction 1), downwards (-1) or either way (0), along the way."""

    formula: str
    direction: Literal[-1, 0, 1] = 0
    terminal: bool = False


class IvpInputs(msgspec.Struct, forbid_unknown_fields=True):
    """A system dx/dt = formula of t, the variables and the parameters.

    `initial` has a number for each variable; `t_span` is [start, end], also backwards. The output is at the times
    `t_eval`, or at `n_points` from start to end (101 when neither is given); after a terminal event there is none.
    Outputs: `t`, `y` {name: values at t}, `event_times` and `event_states` ({name: values}), a list for each event.

    `error_estimate` bounds the largest error of any value in `y`. The system is integrated twice, the second time with
    tolerances ten times as tight; that answer is given. The estimate is four times the largest difference of the two,
    with what the tolerances and rounding leave open. Where a system is chaotic the two drift apart as they do from the
    true solution.
    """

    equations: dict[str, str]
    initial: dict[str, Any]
    t_span: Any
    parameters: dict[str, Any] = {}
    t_eval: Any = None
    n_points: int | None = None
    events: list[EventInput] = []


@dataclass(slots=True)
class IvpPlan:
    """One problem; it is integrated together with others of its program and number of points."""

    system: System
    grid: Array
    options: OdeOptions
    events: tuple[Event, ...]
    event_program: Program | None
    methods: tuple[str, ...]
    group: Hashable
    cost: float


def prepare_ivp(inputs: Mapping[str, Any], options: Mapping[str, Any], seed: int) -> IvpPlan:  # noqa: ARG001
    """Validate an initial value problem; raises `Problem`."""
    how = schema.read(options, OdeOptions, "options")
    check_options(how)
    given = schema.read(inputs, IvpInputs, "inputs")
    system = read_system(given.equations, given.parameters, given.initial, given.t_span)
    grid = read_grid(given.t_eval, given.n_points, system.start, system.end, _POINTS)
    check_size(1, len(system.names), grid.size)
    methods = read_methods(how, system)
    if len(given.events) > _EVENTS_LIMIT:
        text = f"{len(given.events)} events"
        raise Problem("invalid_input", text, field="inputs.events", hint=f"at most {_EVENTS_LIMIT}")
    events = tuple(Event(event.direction, event.terminal) for event in given.events)
    program = None
    if events:
        texts = {f"inputs.events[{i}].formula": event.formula for i, event in enumerate(given.events)}
        program = formulas.compiled(texts, ("t", *system.names), system.parameters)
    group = (system.program, program, events, grid.size, methods)
    return IvpPlan(system, grid, how, events, program, methods, group, 3 * estimate_cost(system, 1))


def compute_ivp(plans: Sequence[IvpPlan], watch: Watch) -> list[Outcome]:
    """Integrate problems of one group, each twice: lane i with its own tolerances, lane m + i with tighter ones."""
    first, count = plans[0], 2 * len(plans)
    members = doubled(_members(plans))
    log = None if first.event_program is None else EventLog(first.event_program, first.events, count)
    try:
        made = ode.integrate(first.system.program, first.system.jacobian, members, first.methods, watch, log)
    except Problem as problem:
        if problem.code != "invalid_formula":  # the watch's; the Jacobian's is told as this group's failure
            raise
        return [Outcome(None, kernel_name(first.methods, True), ode.COMPILED, problem=problem) for _ in plans]
    return [_outcome(plan, members, made, i, len(plans) + i) for i, plan in enumerate(plans)]


def _members(plans: Sequence[IvpPlan]) -> Members:
    systems, options = [plan.system for plan in plans], [plan.options for plan in plans]
    return Members(
        np.stack([system.initial for system in systems], axis=1),
        np.stack([system.values for system in systems], axis=1),
        np.array([system.start for system in systems]), np.array([system.end for system in systems]),
        np.array([how.rtol for how in options]), np.array([how.atol for how in options]),
        np.array([how.max_step or np.inf for how in options]), np.array([how.max_steps for how in options]),
        np.stack([plan.grid for plan in plans]), np.arange(len(plans)),
    )  # fmt: skip


def _outcome(plan: IvpPlan, members: Members, made: Trajectories, loose: int, tight: int) -> Outcome:
    stiff = bool(made.stiff[tight])
    kernel = kernel_name(plan.methods, stiff)
    problem = failure(members, made, tight) or failure(members, made, loose)
    if problem is not None:
        return Outcome(None, kernel, ode.COMPILED, problem=problem)
    names = plan.system.names
    reached = min(_reached(plan, made, lane) for lane in (loose, tight))
    t, y = plan.grid[:reached], made.points[tight, :, :reached]
    crossings = made.crossings[tight] if made.crossings else Crossings([], [])
    outputs = {
        "t": t,
        "y": {name: y[j] for j, name in enumerate(names)},
        "event_times": crossings.times,
        "event_states": [
            {name: [float(state[j]) for state in states] for j, name in enumerate(names)} for states in crossings.states
        ],
    }
    how, other = plan.options, made.points[loose, :, :reached]
    bound = bounds(other[None], y[None], np.array([how.rtol]), np.array([how.atol]), made.accepted[tight : tight + 1])
    diagnostics = Diagnostics(
        converged=True, iterations=int(made.accepted[tight] + made.rejected[tight]),
        evaluations=int(made.evaluations[loose] + made.evaluations[tight]),
        error_estimate=float(bound[0]), method=ran(plan.methods, stiff), checks=[_FINITE],
    )  # fmt: skip
    ended = made.status[tight] == ode.STOPPED
    warnings = [f"a terminal event ended the integration at t = {made.time[tight]:.9g}"] if ended else []
    return Outcome(outputs, kernel, ode.COMPILED, diagnostics, warnings)


def _reached(plan: IvpPlan, made: Trajectories, lane: int) -> int:
    """How many points of the grid come before the member's end or its terminal event."""
    way = 1.0 if plan.system.end > plan.system.start else -1.0
    return int(np.searchsorted(plan.grid * way, made.time[lane] * way, side="right"))


TASK = Task(
    agent="ode", name="ivp", summary="Solve an initial value problem of ordinary differential equations.",
    inputs=IvpInputs, options=OdeOptions, methods=ode.METHODS,
    example={
        "equations": {"x": "v", "v": "-k*x"}, "parameters": {"k": 1}, "initial": {"x": 1, "v": 0},
        "t_span": [0, 10], "n_points": 11,
    },
    prepare=prepare_ivp, compute=compute_ivp,
    repeats="inputs",
)  # fmt: skip
