"""The box, its grid and what is known on its sides, as a request says them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from agents import arrays, formulas
from agents.arrays import Array
from agents.outcome import Problem
from agents.pde import coefficients, functions
from agents.pde.functions import AXES, TIME, Function
from native.pde.grid import PERIODIC, SLOPE, VALUE, Axis, Grid

SIZE_LIMIT = 20_000_000
"""Most nodes of a grid."""
_AXIS_LIMIT = 1_000_000
_TYPES = {"dirichlet": VALUE, "neumann": SLOPE, "robin": SLOPE, "periodic": PERIODIC}
_LEAST_CELLS = (32, 24, 16)
"""A grid with fewer cells is refined within, for axes one to three: below that, refinement tells nothing."""


@dataclass(frozen=True, eq=False, slots=True)
class Side:
    """What is known at a side: u is `value`, or its derivative along the outward normal is `value` - `exchange` u."""

    value: Function
    exchange: Function | None = None

    def exchange_at(self, points: Array) -> Array | None:
        """The exchange coefficient at points (ndim, k) of the side; raises `Problem` where it is negative."""
        if self.exchange is None:
            return None
        found = self.exchange.at(points)
        coefficients.check_finite(found, self.exchange.field, points)
        if (found < 0.0).any():
            text = f"it is {found.min():g} somewhere: what leaves would come back many times over"
            raise Problem("infeasible", text, field=self.exchange.field, hint="a formula that is nowhere negative")
        return found


Sides = dict[tuple[int, bool], Side]
"""The sides (axis, high) of a box that are not periodic."""


def read_axes(domain: Any, shape: Any) -> tuple[tuple[float, float, int], ...]:
    """Read `domain` and `shape`: low end, high end and number of points of each axis."""
    if isinstance(domain, list) and len(domain) == 2 and not any(isinstance(one, list) for one in domain):
        domain = [domain]
    if not isinstance(domain, list) or not 1 <= len(domain) <= 3:
        raise Problem("invalid_input", "not a box", field="inputs.domain", hint="[[low, high], …], one to three axes")
    if type(shape) is int:
        shape = [shape]
    if not isinstance(shape, list) or len(shape) != len(domain):
        hint = f"[{', '.join(['41'] * len(domain))}]"
        text = f"not a list of {len(domain)} numbers of points"
        raise Problem("invalid_input", text, field="inputs.shape", hint=hint)
    found = []
    for i, (ends, count) in enumerate(zip(domain, shape, strict=True)):
        field = f"inputs.domain[{i}]"
        if not isinstance(ends, list) or len(ends) != 2:
            raise Problem("invalid_input", "not [low, high]", field=field, hint="[0, 1]")
        low, high = (arrays.number(one, f"{field}[{k}]") for k, one in enumerate(ends))
        if not low < high or not 1e-100 < high - low < 1e100 or not max(abs(low), abs(high)) < 1e8 * (high - low):
            raise Problem("invalid_input", f"{low:g} to {high:g} is no axis", field=field, hint="low < high")
        if type(count) is not int or not 3 <= count <= _AXIS_LIMIT:
            field, hint = f"inputs.shape[{i}]", f"3 to {_AXIS_LIMIT} points"
            raise Problem("invalid_input", f"{str(count)[:40]} is no number of points", field=field, hint=hint)
        found.append((low, high, count))
    size = math.prod(count for _, _, count in found)
    if size > SIZE_LIMIT:
        text = f"{size} points"
        raise Problem("budget_exceeded", text, field="inputs.shape", hint=f"at most {SIZE_LIMIT} points together")
    return tuple(found)


def read_parameters(parameters: Mapping[str, Any], taken: tuple[str, ...]) -> dict[str, float]:
    """Read parameters: named numbers that formulas may use."""
    formulas.check_names(parameters, "inputs.parameters", taken=dict.fromkeys(taken, "a variable already"))
    return formulas.numbers(parameters, "inputs.parameters")


def read_boundary(
    boundary: Any, axes: tuple[tuple[float, float, int], ...], variables: tuple[str, ...],
    parameters: Mapping[str, float], field: str = "inputs.boundary",
) -> tuple[Grid, Sides]:  # fmt: skip
    """Read what is known on the sides; gives the grid whose nodes are the request's points."""
    names = AXES[: len(axes)]
    whole: dict[str, Any]
    if isinstance(boundary, Mapping) and "type" not in boundary:
        for name in boundary:
            if name not in names:
                near = get_close_matches(str(name)[:20], names, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"axes: {', '.join(names)}; or type and value for all"
                raise Problem("invalid_input", f"no axis {str(name)[:80]!r}", field=f"{field}.{name[:80]}", hint=hint)
        for name in names:
            if name not in boundary:
                raise Problem("invalid_input", f"{name!r} is missing", field=f"{field}.{name}", hint=_HINT)
        whole = {name: (boundary[name], f"{field}.{name}") for name in names}
    else:
        whole = dict.fromkeys(names, ("dirichlet" if boundary is None else boundary, field))
    sides: Sides = {}
    made = []
    for place, (name, (low, high, count)) in enumerate(zip(names, axes, strict=True)):
        one, where = whole[name]
        ends = _read_axis(one, where, place, variables, parameters, sides)
        made.append(Axis(low, high, count if ends[0] == PERIODIC else count - 1, ends))
    return Grid(tuple(made)), sides


_HINT = (
    '"periodic", {"type": "dirichlet", "value": "sin(t)"}, {"low": …, "high": …}; '
    "types: dirichlet, neumann, robin (with a coefficient), periodic"
)


def _read_axis(
    one: Any, where: str, place: int, variables: tuple[str, ...], parameters: Mapping[str, float], sides: Sides
) -> tuple[int, int]:
    low, high = one, one
    fields = (where, where)
    if isinstance(one, Mapping) and "type" not in one:
        for key in one:
            if key not in {"low", "high"}:
                raise Problem(
                    "invalid_input", f"unknown key {str(key)[:80]!r}", field=f"{where}.{key[:80]}", hint=_HINT
                )
        for key in ("low", "high"):
            if key not in one:
                raise Problem("invalid_input", f"{key!r} is missing", field=f"{where}.{key}", hint=_HINT)
        low, high = one["low"], one["high"]
        fields = (f"{where}.low", f"{where}.high")
    kinds = []
    for end, (given, at) in enumerate(zip((low, high), fields, strict=True)):
        kind, side = _read_side(given, at, variables, parameters)
        kinds.append(kind)
        if side is not None:
            sides[place, bool(end)] = side
    if PERIODIC in kinds and kinds[0] != kinds[1]:
        raise Problem(
            "invalid_input", "one side is periodic, the other is not", field=where, hint='"periodic" for both'
        )
    return kinds[0], kinds[1]


def _read_side(
    given: Any, field: str, variables: tuple[str, ...], parameters: Mapping[str, float]
) -> tuple[int, Side | None]:
    value: Any = 0.0
    kind = given
    if isinstance(given, Mapping):
        for key in given:
            if key not in {"type", "value", "coefficient"} or (key == "coefficient" and given.get("type") != "robin"):
                raise Problem(
                    "invalid_input", f"unknown key {str(key)[:80]!r}", field=f"{field}.{key[:80]}", hint=_HINT
                )
        kind, value = given.get("type"), given.get("value", 0.0)
    if not isinstance(kind, str) or kind not in _TYPES:
        near = get_close_matches(str(kind)[:20], _TYPES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else _HINT
        where = f"{field}.type" if isinstance(given, Mapping) else field
        raise Problem("invalid_input", f"{str(kind)[:80]!r} is no kind of boundary", field=where, hint=hint)
    if _TYPES[kind] == PERIODIC:
        if isinstance(given, Mapping) and "value" in given:
            raise Problem("invalid_input", "periodic takes no value", field=f"{field}.value", hint="leave it out")
        return PERIODIC, None
    known = functions.read(value, f"{field}.value", variables, parameters)
    return _TYPES[kind], Side(known, _exchange(given, field, variables, parameters) if kind == "robin" else None)


def _exchange(given: Any, field: str, variables: tuple[str, ...], parameters: Mapping[str, float]) -> Function:
    """Read the coefficient of a Robin side: a number or a formula of the place, 0 or more."""
    where, places = f"{field}.coefficient", tuple(name for name in variables if name != TIME)
    if not isinstance(given, Mapping) or "coefficient" not in given:
        text, hint = "'coefficient' is missing", '{"type": "robin", "coefficient": 2, "value": 0}'
        raise Problem("invalid_input", text, field=where, hint=hint)
    found = functions.read(given["coefficient"], where, places, parameters)
    coefficients.check_sign(found, above=False, why="what leaves would come back many times over")
    return found


def refinement(grid: Grid) -> int:
    """How many times finer than asked a small grid is computed on, so that refinement can tell the error."""
    least = _LEAST_CELLS[grid.ndim - 1]
    factor = 1
    while min(axis.cells for axis in grid.axes) * factor < least and grid.size * (2 * factor) ** grid.ndim <= 2e6:
        factor *= 2
    for i, axis in enumerate(grid.axes):
        if axis.cells * factor < _LEAST_CELLS[2]:
            text = f"{axis.count} points on one axis of a grid of {grid.size}"
            hint = f"{_LEAST_CELLS[2] + 1} points or more on each axis"
            raise Problem("invalid_input", text, field=f"inputs.shape[{i}]", hint=hint)
    return factor
