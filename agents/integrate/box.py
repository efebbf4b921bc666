"""Boxes that are integrated over, also infinite ones, as images of the unit cube."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents import arrays, formulas
from agents.arrays import Array
from agents.outcome import Problem
from native.formula import Program


@dataclass(frozen=True, eq=False, slots=True)
class Box:
    """Bounds low < high by axis; `sign` is -1 where an odd number of them was reversed, 0 where two are equal."""

    names: tuple[str, ...]
    low: Array
    high: Array
    sign: float

    def place(self, units: Array) -> tuple[Array, Array]:
        """Map points (d, k) inside the unit cube into the box; gives them and the volume's change (k,).

        A half-line is x = a + u/(1 - u), the line x = (1/(1 - u) - 1/u)/2.
        """
        points = np.empty_like(units)
        change = np.ones(units.shape[1])
        for j in range(units.shape[0]):
            u, low, high = units[j], float(self.low[j]), float(self.high[j])
            if math.isinf(low) and math.isinf(high):
                points[j] = 0.5 * (1.0 / (1.0 - u) - 1.0 / u)
                change *= 0.5 * (1.0 / ((1.0 - u) * (1.0 - u)) + 1.0 / (u * u))
            elif math.isinf(high):
                points[j] = low + u / (1.0 - u)
                change *= 1.0 / ((1.0 - u) * (1.0 - u))
            elif math.isinf(low):
                points[j] = high - (1.0 - u) / u
                change *= 1.0 / (u * u)
            else:
                points[j] = low + (high - low) * u
                change *= high - low
        return points, change

    def unplace(self, axis: int, x: float) -> float:
        """Map one coordinate back into the unit cube."""
        low, high = float(self.low[axis]), float(self.high[axis])
        if math.isinf(low) and math.isinf(high):
            return 0.5 if x == 0.0 else (x - 1.0 + math.hypot(x, 1.0)) / (2.0 * x)
        if math.isinf(high):
            return (x - low) / (1.0 + x - low)
        if math.isinf(low):
            return 1.0 / (1.0 + high - x)
        return (x - low) / (high - low)


def read_box(bounds: Mapping[str, Any], most: int) -> Box:
    """Read `bounds` {name: [low, high]}, with null or an infinite number for an open end; raises `Problem`."""
    if not 0 < len(bounds) <= most:
        text = f"bounds of {len(bounds)} variables"
        raise Problem("invalid_input", text, field="inputs.bounds", hint=f"1 to {most} variables")
    formulas.check_names(bounds, "inputs.bounds", taken={})
    pairs = np.array([_pair(pair, f"inputs.bounds.{name}") for name, pair in bounds.items()])
    low, high = pairs[:, 0], pairs[:, 1]
    equal = low == high
    sign = 0.0 if equal.any() else float(np.prod(np.where(high < low, -1.0, 1.0)))
    return Box(tuple(bounds), np.minimum(low, high), np.maximum(low, high), sign)


def _pair(pair: Any, field: str) -> tuple[float, float]:
    if not isinstance(pair, list) or len(pair) != 2:
        raise Problem("invalid_input", "not bounds", field=field, hint='[low, high], also "Infinity" or null')
    low, high = (
        arrays.number(open_end if one is None else one, f"{field}[{i}]", infinite=True)
        for i, (one, open_end) in enumerate(zip(pair, ("-Infinity", "Infinity"), strict=True))
    )
    if math.isinf(high - low) and not (math.isinf(low) or math.isinf(high)):
        raise Problem("invalid_input", "the range is too long", field=field, hint="use infinite bounds")
    return low, high


def integrand_over(box: Box, program: Program, values: Array) -> Callable[[Array], tuple[Array, Array]]:
    """Make the function from points (d, k) of the unit cube to points of the box and the integrand there (k,)."""

    def evaluate(units: Array) -> tuple[Array, Array]:
        points, change = box.place(units)
        fixed = np.broadcast_to(values[:, None], (values.size, units.shape[1]))
        found = program.evaluate(np.concatenate([points, fixed]))[0]
        return points, np.where(found == 0.0, 0.0, found * change)

    return evaluate


def read_integrand(text: str, box: Box, parameters: Mapping[str, Any]) -> tuple[Program, Array]:
    """Compile the integrand, a formula of the box's variables and at most 1,000 parameters; raises `Problem`."""
    if len(parameters) > _PARAMETERS_LIMIT:
        hint = f"at most {_PARAMETERS_LIMIT}"
        raise Problem("invalid_input", f"{len(parameters)} parameters", field="inputs.parameters", hint=hint)
    formulas.check_names(parameters, "inputs.parameters", taken=dict.fromkeys(box.names, "a variable already"))
    values = formulas.numbers(parameters, "inputs.parameters")
    program = formulas.compiled({"inputs.integrand": text}, box.names, tuple(values))
    return program, np.array(list(values.values()), dtype=np.float64)


_PARAMETERS_LIMIT = 1000
