"""Functions of place and time: numbers and formulas of a request, evaluated on a grid's nodes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents import arrays, formulas
from agents.arrays import Array
from agents.outcome import Problem
from native.formula import FormulaError, Program, compile_program

AXES = ("x", "y", "z")
TIME = "t"


@dataclass(frozen=True, eq=False, slots=True)
class Function:
    """A formula of `variables` and of parameters, whose values are fixed; or a number, when `program` is None."""

    field: str
    program: Program | None
    value: float
    variables: tuple[str, ...]
    parameters: Array
    used: frozenset[str]

    @property
    def constant(self) -> bool:
        """Whether it is the same everywhere and at all times."""
        return not self.used

    def at(self, points: Array, time: float = 0.0, fields: Array | None = None) -> Array:
        """Evaluate at `points` (ndim, k); `fields` (m, k) are the solution's. Gives (k)."""
        k = points.shape[1]
        if self.program is None:
            return np.full(k, self.value)
        made: Array = self.program.evaluate(filled(self.variables, points, time, fields, self.parameters))[0]
        return made


def filled(variables: tuple[str, ...], points: Array, time: float, fields: Array | None, parameters: Array) -> Array:
    """The inputs of a program: coordinates, the time when it is a variable, fields, parameters."""
    rows = np.empty((len(variables) + parameters.size, points.shape[1]))
    place = points.shape[0]
    rows[:place] = points
    if TIME in variables:
        rows[place] = time
        place += 1
    if fields is not None:
        rows[place : place + fields.shape[0]] = fields
    rows[len(variables) :] = parameters[:, None]
    return rows


def read(
    value: Any, field: str, variables: tuple[str, ...], parameters: Mapping[str, float], default: float | None = None
) -> Function:
    """Read a number or a formula; raises `Problem`."""
    if value is None and default is not None:
        value = default
    values = np.array(list(parameters.values()), dtype=np.float64)
    if not isinstance(value, str):
        try:
            number = arrays.number(value, field)
        except Problem as problem:
            hint = f"a finite number, or a formula of {', '.join(variables) or 'nothing'}"
            raise Problem(problem.code, problem.message, field=field, hint=hint) from None
        return Function(field, None, number, variables, values, frozenset())
    program = formulas.compiled({field: value}, variables, tuple(parameters))
    used = frozenset(name for name in variables if uses(value, name, variables, tuple(parameters)))
    if used:
        return Function(field, program, 0.0, variables, values, used)
    rows = np.concatenate([np.zeros(len(variables)), values])[:, None]
    number = float(program.evaluate(rows)[0, 0])
    if not np.isfinite(number):
        raise Problem("invalid_input", f"the formula gives {number}", field=field, hint="a formula with a finite value")
    return Function(field, None, number, variables, values, frozenset())


def uses(text: str, name: str, variables: tuple[str, ...], parameters: tuple[str, ...]) -> bool:
    """Whether a formula that compiles has this variable."""
    try:
        compile_program((text,), tuple(one for one in variables if one != name), parameters)
    except FormulaError:
        return True
    return False
