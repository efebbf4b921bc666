"""Diffusion, advection and reaction of fields on a grid: the equation as a request has it, and on one grid."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from agents import arrays, formulas
from agents.arrays import Array
from agents.outcome import Problem
from agents.pde import coefficients, functions
from agents.pde.functions import AXES, TIME, Function
from agents.pde.space import Sides
from native.formula import Program
from native.pde import operators
from native.pde.elliptic import Elliptic
from native.pde.grid import SLOPE, VALUE, Grid
from native.pde.stepping import Beat

ILL_POSED = "with a negative diffusivity the equation is ill-posed: every disturbance grows at once without bound"


@dataclass(frozen=True, eq=False, slots=True)
class Reaction:
    """The sources of all fields as one program of x…, t and the fields."""

    program: Program
    jacobian: Program
    variables: tuple[str, ...]
    parameters: Array
    timed: bool
    nonlinear: bool
    fields: tuple[str, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Equation:
    """du/dt = div(diffusivity grad u) - velocity · grad u + source, for each of `names`."""

    names: tuple[str, ...]
    ends: tuple[Grid, ...]
    sides: tuple[Sides, ...]
    diffusivity: tuple[Function, ...]
    velocity: tuple[Function, ...]
    source: Reaction
    initial: tuple[Function, ...]

    @property
    def linear(self) -> bool:
        """Whether it can be solved implicitly: one field, no advection, a source without u, a fixed diffusivity."""
        alone = len(self.names) == 1 and not self.velocity and not self.source.nonlinear
        return alone and TIME not in self.diffusivity[0].used


class OnGrid:
    """An equation on one grid (of the same box and kinds of ends, with other spacing)."""

    def __init__(self, equation: Equation, grid: Grid, start: float, tolerance: float = 1e-6) -> None:
        self.equation = equation
        self.grids = tuple(
            Grid(tuple(replace(a, ends=b.ends) for a, b in zip(grid.axes, one.axes, strict=True)))
            for one in equation.ends
        )
        self.grid = self.grids[0]
        self.points = grid.points
        self.tolerance = tolerance
        self._diffusivity: list[Array | float] = [0.0] * len(equation.names)
        self._velocity: list[Array] = [np.zeros(0)] * len(equation.velocity)
        self._given: list[dict[tuple[int, bool], Array]] = [{} for _ in equation.names]
        self._exchange = [self._exchanges(i) for i in range(len(equation.names))]
        self._fixed: Array | None = None
        self._prepare(start, everything=True)

    def _prepare(self, t: float, *, everything: bool) -> None:
        """Evaluate what depends on the place, or on the time."""
        for i, function in enumerate(self.equation.diffusivity):
            if function.constant:
                self._diffusivity[i] = function.value
            elif everything or TIME in function.used:
                values = function.at(self.points, t)
                coefficients.check_values(values, function, self.grid, above=False, why=ILL_POSED, time=t)
                self._diffusivity[i] = values.reshape(self.grid.shape)
        for i, function in enumerate(self.equation.velocity):
            if everything or TIME in function.used:
                values = function.at(self.points, t)
                coefficients.check_finite(values, function.field, self.points, t)
                self._velocity[i] = values.reshape(self.grid.shape)

    def start(self, t: float) -> Array:
        """The initial state."""
        u = np.empty((len(self.grids), *self.grid.shape))
        for i, function in enumerate(self.equation.initial):
            values = function.at(self.points, t)
            coefficients.check_finite(values, function.field, self.points)
            u[i] = values.reshape(self.grid.shape)
        self.impose(t, u)
        return u

    def impose(self, t: float, u: Array) -> None:
        """Set the values that are given at t."""
        for i, grid in enumerate(self.grids):
            for (axis, high), side in self.equation.sides[i].items():
                if grid.axes[axis].ends[high] == VALUE:
                    index = grid.side(axis, high)
                    u[i][index] = self._side(i, axis, high, side.value, t)

    def clear(self, u: Array) -> None:
        """Set to 0 where values are given."""
        for grid, one in zip(self.grids, u, strict=True):
            grid.clear(one)

    def _side(self, i: int, axis: int, high: bool, function: Function, t: float) -> Any:
        if function.constant:
            return function.value
        kept = self._given[i].get((axis, high))
        if kept is None or TIME in function.used:
            grid = self.grids[i]
            points = grid.side_points(axis, high)
            values = function.at(points, t)
            coefficients.check_finite(values, function.field, points, t)
            kept = values.reshape(np.zeros(grid.shape)[grid.side(axis, high)].shape)
            self._given[i][axis, high] = kept
        return kept

    def _exchanges(self, i: int) -> dict[tuple[int, bool], Array]:
        """The coefficients of field i's Robin sides, in the shape of each side."""
        grid, found = self.grids[i], {}
        for (axis, high), side in self.equation.sides[i].items():
            values = side.exchange_at(grid.side_points(axis, high))
            if values is not None:
                found[axis, high] = values.reshape(np.zeros(grid.shape)[grid.side(axis, high)].shape)
        return found

    @cached_property
    def _timed(self) -> bool:
        functions_ = (*self.equation.diffusivity, *self.equation.velocity)
        return any(TIME in function.used for function in functions_)

    def slope(self, t: float, u: Array, out: Array) -> None:
        """Set `out` to du/dt, 0 where values are given."""
        if self._timed:
            self._prepare(t, everything=False)
        for i, grid in enumerate(self.grids):
            operators.diffuse(u[i], self._diffusivity[i], grid, out[i])
            for axis, velocity in enumerate(self._velocity):
                operators.advect(u[i], velocity, grid, axis, out[i])
        self.add_source(t, u, out)
        for i in range(len(self.grids)):
            self.add_slopes(t, i, u[i], out[i])
        self.clear(out)

    def add_slopes(self, t: float, i: int, u: Array, out: Array) -> None:
        """Add what given slopes, and exchange with the outside, do to field i."""
        grid = self.grids[i]
        for (axis, high), side in self.equation.sides[i].items():
            function, exchange = side.value, self._exchange[i].get((axis, high))
            still = exchange is None and function.constant and function.value == 0.0
            if grid.axes[axis].ends[high] != SLOPE or still:
                continue
            given = self._side(i, axis, high, function, t)
            if exchange is not None:
                given = given - exchange * u[grid.side(axis, high)]
            operators.add_slope(out, np.broadcast_to(given, out[grid.side(axis, high)].shape),
                                self._diffusivity[i], grid, axis, high)  # fmt: skip
            if self._velocity:
                index = grid.side(axis, high)
                outward = self._velocity[axis][index] * (1.0 if high else -1.0)
                out[index] -= np.minimum(outward, 0.0) * given

    def add_source(self, t: float, u: Array, out: Array) -> None:
        """Add the sources of all fields."""
        source = self.equation.source
        if self._fixed is None and not source.nonlinear and not source.timed:
            rows = functions.filled(source.variables, self.points, t, u.reshape(len(u), -1), source.parameters)
            self._fixed = source.program.evaluate(rows)
            self._check_source(self._fixed, t)
        if self._fixed is not None:
            if self._fixed.any():
                out += self._fixed.reshape(u.shape)
            return
        rows = functions.filled(source.variables, self.points, t, u.reshape(len(u), -1), source.parameters)
        made = source.program.evaluate(rows)
        if not source.nonlinear:
            self._check_source(made, t)
        out += made.reshape(u.shape)

    def _check_source(self, values: Array, t: float) -> None:
        for name, row in zip(self.equation.source.fields, values, strict=True):
            coefficients.check_finite(row, name, self.points, t)

    def radius(self, t: float, u: Array) -> float:
        """A bound of the eigenvalues of diffusion and reaction."""
        largest = max(
            d if isinstance(d, float) else float(d.max()) for d in self._diffusivity
        )  # fmt: skip
        found = 4.0 * largest * float(self.grid.weights.sum()) + largest * self.exchange_rate
        source = self.equation.source
        if source.nonlinear:
            n = len(u)
            rows = functions.filled(source.variables, self.points, t, u.reshape(n, -1), source.parameters)
            derivatives = np.abs(source.jacobian.evaluate(rows)).reshape(n, -1, rows.shape[1])
            first = len(AXES[: self.grid.ndim]) + (TIME in source.variables)
            rates = derivatives[:, first : first + n].sum(axis=1)
            found += float(rates[np.isfinite(rates)].max(initial=0.0))
        return found

    @cached_property
    def exchange_rate(self) -> float:
        """A bound of what exchange at the sides adds to the eigenvalues, for a diffusivity of 1."""
        return max(
            sum(2.0 * float(one.max()) / self.grid.axes[axis].spacing for (axis, _), one in sides.items())
            for sides in self._exchange
        )

    def courant(self) -> float:
        """How often per unit of time the flow crosses a cell; a step is to be below 0.9 of its inverse."""
        return sum(
            float(np.abs(velocity).max(initial=0.0)) / axis.spacing
            for velocity, axis in zip(self._velocity, self.grid.axes, strict=False)
        )

    @cached_property
    def _solver(self) -> Elliptic:
        return Elliptic(self.grid, self._diffusivity[0], exchange(self.grid, self._diffusivity[0], self._exchange[0]))

    def diffusivity(self, i: int) -> Array | float:
        """The diffusivity of field i."""
        return self._diffusivity[i]

    @property
    def solver_name(self) -> str:
        """How the implicit equations are solved."""
        return self._solver.method

    def solve(self, t: float, shift: float, right: Array, near: Array, beat: Beat) -> Array:
        """Find u with shift u - A u - b(t) = right and the values given at t."""
        u = near.copy()
        self.impose(t, u)
        rest = np.empty_like(u)
        self.slope(t, u, rest)
        rest += right - shift * u
        self.grid.clear(rest[0])
        u[0] += self._correct(shift, rest[0], beat, self.tolerance)
        return u

    def smooth(self, shift: float, right: Array, beat: Beat) -> Array:
        """Find e with shift e - A e = shift right, 0 where values are given."""
        rest = shift * right[0]
        self.grid.clear(rest)
        return self._correct(shift, rest, beat, 1e-2)[None]

    def _correct(self, shift: float, rest: Array, beat: Beat, tolerance: float) -> Array:
        solved = self._solver.solve(shift, rest, lambda fraction, stage: beat(), tolerance)  # noqa: ARG005
        if not solved.converged:
            text = "multigrid does not converge in a time step"
            field = self.equation.diffusivity[0].field
            raise Problem("not_converged", text, field=field, hint="method: explicit, or a smoother diffusivity")
        return solved.u


def exchange(grid: Grid, diffusivity: Array | float, sides: Mapping[tuple[int, bool], Array]) -> Array | None:
    """What Robin sides add to the diagonal of the equations, from their coefficients; None where there are none."""
    if not sides:
        return None
    found = np.zeros(grid.shape)
    for (axis, high), coefficient in sides.items():
        operators.add_slope(found, coefficient, diffusivity, grid, axis, high)
    grid.clear(found)
    return found


def read_source(
    given: Mapping[str, Any], axes: tuple[str, ...], names: tuple[str, ...], parameters: Mapping[str, float]
) -> Reaction:
    """Read the sources, each by its field in the request, in the order of the unknowns `names`."""
    variables = (*axes, TIME, *names)
    texts = {}
    for field, value in given.items():
        texts[field] = value if isinstance(value, str) else repr(arrays.number(value, field))
    inputs = (variables, tuple(parameters))
    program = formulas.compiled(texts, *inputs)
    nonlinear = any(functions.uses(text, name, *inputs) for text in texts.values() for name in names)
    timed = any(functions.uses(text, TIME, *inputs) for text in texts.values())
    whole = formulas.compiled(texts, *inputs, jacobian=True) if nonlinear else program
    jacobian = replace(whole, outputs=whole.outputs[len(names) :].copy()) if nonlinear else program
    values = np.array(list(parameters.values()), dtype=np.float64)
    return Reaction(program, jacobian, variables, values, timed, nonlinear, tuple(texts))
