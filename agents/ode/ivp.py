"""The task `ode.ivp`: initial value problems, each with a second integration that bounds its error."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np

from agents import formulas, schema
from agents.arrays import Array
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

_TIGHTER = 0.1
"""The second integration's tolerances, in those of the first."""
_SAFETY = 4.0
_SHORTER = 0.6
"""The second integration's largest step, in that of the first."""
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
    """Integrate problems of one group, each twice: lane 2 i with its own tolerances, lane 2 i + 1 with tighter ones."""
    first = plans[0]
    members = _members(plans)
    count = 2 * len(plans)
    log = None if first.event_program is None else EventLog(first.event_program, first.events, count)
    try:
        made = ode.integrate(first.system.program, first.system.jacobian, members, first.methods, watch, log)
    except Problem as problem:
        if problem.code != "invalid_formula":  # the watch's; the Jacobian's is told as this group's failure
            raise
        return [Outcome(None, kernel_name(first.methods, True), ode.COMPILED, problem=problem) for _ in plans]
    return [_outcome(plan, members, made, i) for i, plan in enumerate(plans)]


def _members(plans: Sequence[IvpPlan]) -> Members:
    """Two lanes a plan."""
    systems = [plan.system for plan in plans]
    tighter = np.tile([1.0, _TIGHTER], len(plans))

    def twice(values: list[float]) -> Array:
        return np.repeat(np.array(values), 2)

    return Members(
        np.repeat(np.stack([system.initial for system in systems], axis=1), 2, axis=1),
        np.repeat(np.stack([system.values for system in systems], axis=1), 2, axis=1),
        twice([system.start for system in systems]), twice([system.end for system in systems]),
        twice([plan.options.rtol for plan in plans]) * tighter, twice([plan.options.atol for plan in plans]) * tighter,
        twice([plan.options.max_step or np.inf for plan in plans]) * np.tile([1.0, _SHORTER], len(plans)),
        np.repeat(np.array([plan.options.max_steps for plan in plans]), 2),
        np.stack([plan.grid for plan in plans]), np.repeat(np.arange(len(plans)), 2),
    )  # fmt: skip


def _outcome(plan: IvpPlan, members: Members, made: Trajectories, i: int) -> Outcome:
    loose, tight = 2 * i, 2 * i + 1
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
    difference = float(np.abs(y - made.points[loose, :, :reached]).max(initial=0.0))
    steps = int(made.accepted[tight])
    floor = _TIGHTER * plan.options.rtol + 8.0 * float(np.finfo(float).eps) * steps**0.5
    floor = floor * float(np.abs(y).max(initial=0.0)) + _TIGHTER * plan.options.atol
    diagnostics = Diagnostics(
        converged=True, iterations=int(made.accepted[tight] + made.rejected[tight]),
        evaluations=int(made.evaluations[loose] + made.evaluations[tight]),
        error_estimate=_SAFETY * difference + floor, method=ran(plan.methods, stiff), checks=[_FINITE],
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
)  # fmt: skip
