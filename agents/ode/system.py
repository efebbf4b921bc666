"""What the tasks of `ode` share: reading a system of equations, its range and its tolerances; what failed and where."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from agents import arrays, formulas
from agents.arrays import Array
from agents.outcome import Problem
from agents.task import TaskOptions
from native import ode
from native.formula import Program
from native.ode import Members, Trajectories

EQUATIONS_LIMIT = 500
_TIME = "the independent variable"
_BLOWN_UP = 1e8


class OdeOptions(TaskOptions, kw_only=True):
    """How to integrate.

    Explicit: `dopri5`, `dop853` (Dormand–Prince 5(4) and 8(5,3)). Implicit, with the exact Jacobian: `rodas4`
    (Rosenbrock), `radau` (Radau IIA of order 5). `auto` takes an explicit method, goes on with an implicit one where
    the steps are limited by stability, and back where they no longer would be; the tolerance decides which of the two.
    `rtol` and `atol` bound the local error of a step; `max_step` is in units of t; `max_steps` holds for each
    integration. `arrays` forces the form of arrays in the result.
    """

    method: ode.Method = "auto"
    rtol: float = 1e-6
    atol: float = 1e-9
    max_step: float | None = None
    max_steps: int = 100_000


@dataclass(frozen=True, slots=True)
class System:
    """A compiled system: the names of variables and parameters, and values for them."""

    names: tuple[str, ...]
    parameters: tuple[str, ...]
    program: Program
    jacobian: Callable[[], Program]
    initial: Array
    values: Array
    start: float
    end: float


def read_system(
    equations: Mapping[str, str], parameters: Mapping[str, Any], initial: Mapping[str, Any], t_span: Any,
    sampled: Mapping[str, Any] | None = None,
) -> System:  # fmt: skip
    """Read and compile a system; names in `sampled` need no value in `parameters` or `initial`."""
    if not 0 < len(equations) <= EQUATIONS_LIMIT:
        raise Problem(
            "invalid_input", f"{len(equations)} equations", field="inputs.equations",
            hint=f'1 to {EQUATIONS_LIMIT}, such as {{"x": "-k*x"}}',
        )  # fmt: skip
    formulas.check_names(equations, "inputs.equations", taken={"t": _TIME})
    taken = {"t": _TIME, **dict.fromkeys(equations, "a variable already")}
    formulas.check_names(parameters, "inputs.parameters", taken=taken)
    fixed = formulas.numbers(parameters, "inputs.parameters")
    states = formulas.numbers(initial, "inputs.initial")
    for name in sampled or ():
        if name in equations:
            states.setdefault(name, 0.0)
        else:
            formulas.check_names([name], "inputs.samples", taken={"t": _TIME})
            fixed.setdefault(name, 0.0)
    formulas.check_same(states, equations, "inputs.initial")
    start, end = read_span(t_span)
    texts = {f"inputs.equations.{name}": text for name, text in equations.items()}
    names, constants = tuple(equations), tuple(fixed)

    def jacobian() -> Program:
        whole = formulas.compiled(texts, ("t", *names), constants, jacobian=True)
        return replace(whole, outputs=whole.outputs[len(names) :].copy())

    return System(
        names, constants, formulas.compiled(texts, ("t", *names), constants), jacobian,
        np.array([states[name] for name in names]), np.array([fixed[name] for name in constants]), start, end,
    )  # fmt: skip


def read_span(value: Any) -> tuple[float, float]:
    """Read `t_span`: two different numbers, in the direction of integration."""
    if not isinstance(value, list) or len(value) != 2:
        raise Problem("invalid_input", "not a range", field="inputs.t_span", hint="[start, end]")
    start, end = (arrays.number(one, f"inputs.t_span[{i}]") for i, one in enumerate(value))
    if start == end or not np.isfinite(end - start):
        raise Problem("invalid_input", f"the range is {end - start:g} long", field="inputs.t_span", hint="[0, 10]")
    return start, end


def read_grid(t_eval: Any, n_points: int | None, start: float, end: float, default: int) -> Array:
    """Read the times of the output: those given, or so many from start to end."""
    if t_eval is not None and n_points is not None:
        raise Problem("invalid_input", "both t_eval and n_points", field="inputs.n_points", hint="give one of them")
    if t_eval is None:
        count = default if n_points is None else n_points
        if not 2 <= count <= arrays.SIZE_LIMIT:
            hint = f"2 to {arrays.SIZE_LIMIT}"
            raise Problem("invalid_input", f"{count} points", field="inputs.n_points", hint=hint)
        return np.linspace(start, end, count)
    grid = arrays.gate(t_eval, "inputs.t_eval", ndim=1)
    way = 1.0 if end > start else -1.0
    if not grid.size or (np.diff(grid) * way < 0).any() or (grid[0] - start) * way < 0 or (end - grid[-1]) * way < 0:
        raise Problem(
            "invalid_input", "not a list of times from the start to the end", field="inputs.t_eval",
            hint="at least one, in the order of t_span, within it",
        )  # fmt: skip
    return grid


def check_options(options: OdeOptions) -> None:
    """Refuse tolerances and limits that no integration can meet."""
    for name, low, high in (("rtol", 1e-12, 0.1), ("atol", 1e-300, 1e300), ("max_steps", 1, 10**9)):
        value = getattr(options, name)
        if not low <= value <= high:
            field, hint = f"options.{name}", f"{low:g} to {high:g}"
            raise Problem("invalid_input", f"{name} is {value:g}", field=field, hint=hint)
    if options.max_step is not None and not 0 < options.max_step < np.inf:
        raise Problem("invalid_input", "not a positive number", field="options.max_step", hint="a number above 0")


def read_methods(options: OdeOptions, system: System) -> tuple[str, ...]:
    """Resolve the method, and try at once what it needs beyond the equations; raises `Problem`."""
    n = len(system.names)
    if options.method == "radau" and n > ode.RADAU_LIMIT:
        hint = "rodas4 takes more equations"
        raise Problem("invalid_input", f"radau for {n} equations", field="options.method", hint=hint)
    if options.method in {"rodas4", "radau"}:
        system.jacobian()
    return ode.resolve(options.method, options.rtol, n)


def ran(methods: tuple[str, ...], stiff: bool) -> str:
    """Say what ran: the explicit method, and the implicit one where it did."""
    return ", then ".join(methods) if stiff else methods[0]


def kernel_name(methods: tuple[str, ...], stiff: bool) -> str:
    """Name the kernel of a result; of two, the implicit one."""
    return f"native.ode.{methods[-1] if stiff else methods[0]}"


def check_size(members: int, equations: int, points: int, limit: int = arrays.SIZE_LIMIT) -> None:
    """Refuse outputs larger than the limit."""
    size = members * equations * points
    if size > limit:
        raise Problem(
            "budget_exceeded", f"the output has {size} numbers ({ode.output_bytes(members, equations, points)} bytes), "
            f"the limit is {limit}", field="inputs", hint="fewer points, or split the request",
        )  # fmt: skip


def estimate_cost(system: System, members: int) -> float:
    """Operations of a typical integration: a thousand steps, and two hundred factorizations where it is stiff."""
    n = len(system.names)
    return members * (7000.0 * (len(system.program.code) + 10 * n) + 200.0 * n**3)


def failure(members: Members, made: Trajectories, i: int) -> Problem | None:
    """Say why member i did not reach its end, and where; None when it did."""
    status = made.status[i]
    if status in {ode.DONE, ode.STOPPED}:
        return None
    where = f"t = {made.time[i]:.9g}"
    size = float(np.abs(made.state[:, i]).max())
    if status == ode.NOT_FINITE:
        text = f"the equations are not finite at the start, {where}"
        return Problem("non_finite", text, field="inputs.initial", hint="look for a division by zero or a logarithm")
    if status == ode.TOO_MANY:
        text = f"more than {members.max_steps[i]} steps, at {where}"
        hint = "allow more steps, loosen the tolerances, or method: rodas4 for a stiff system"
        return Problem("not_converged", text, field="options.max_steps", hint=hint)
    if size > _BLOWN_UP * max(1.0, float(np.abs(members.initial[:, i]).max())):
        text = f"the solution grows without bound near {where}: it is {size:.2g} there"
        return Problem("non_finite", text, field="inputs.t_span", hint="end the range before, or use a terminal event")
    text = f"no step is small enough at {where}: the solution or the equations are singular there"
    return Problem("not_converged", text, field="inputs.t_span", hint="end the range before, or use a terminal event")
