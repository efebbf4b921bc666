"""Equations of one unknown u and its derivatives over a box, as formulas; the conditions that go with them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from agents import arrays, draws, formulas
from agents.arrays import Array
from agents.outcome import Problem
from native.formula import Program

_ORDER = 4
_COORDINATES = 4
_CONDITIONS = 50
_UNKNOWN = re.compile(r"\bu(?:_[A-Za-z]+)?\b")


class Condition(msgspec.Struct, forbid_unknown_fields=True):
    """`equation` holds where the coordinates of `at` have the values given; the others run over the domain."""

    at: dict[str, float]
    equation: str


@dataclass(frozen=True, eq=False)
class Box:
    """The domain: its coordinates, each a letter, and their bounds (d)."""

    names: tuple[str, ...]
    low: Array
    high: Array

    def points(self, count: int, seed: int, stream: int, fixed: Mapping[str, float] | None = None) -> Array:
        """Points (d, count) spread evenly (a Kronecker sequence by the seed), with the coordinates of `fixed` there."""
        start = draws.uniforms(seed, 0, 1, len(self.names), stream)[0]
        unit = (start[:, None] + np.arange(count) * _ratios(len(self.names))[:, None]) % 1.0
        found = self.low[:, None] + unit * (self.high - self.low)[:, None]
        for name, value in (fixed or {}).items():
            found[self.names.index(name)] = value
        return np.asarray(found)

    def grid(self, sizes: Sequence[int]) -> tuple[dict[str, Array], Array]:
        """Axes and the points (d, n) of a full grid."""
        bounds = zip(self.low, self.high, sizes, strict=True)
        axes = [np.linspace(low, high, size) for low, high, size in bounds]
        mesh = np.meshgrid(*axes, indexing="ij")
        return dict(zip(self.names, axes, strict=True)), np.stack([one.ravel() for one in mesh])


@dataclass(frozen=True, eq=False)
class Equation:
    """A formula that is to be zero: of the derivatives `orders` of u (multi-indices), unknown parameters, coordinates.

    The program's outputs are the formula, then its derivatives by those of u and by the unknown parameters.
    """

    field: str
    program: Program
    orders: tuple[tuple[int, ...], ...]
    values: Array

    def evaluate(self, points: Array, unknown: Sequence[Array], free: Array) -> tuple[Array, Array]:
        """Residuals (n) and their derivatives (k, n) where the derivatives of u are `unknown`, k arrays (n)."""
        n = points.shape[1]
        constant = np.repeat(np.concatenate([free])[:, None], n, axis=1)
        rest = np.repeat(self.values[:, None], n, axis=1)
        made = self.program.evaluate(np.concatenate([np.array(unknown).reshape(-1, n), constant, points, rest]))
        return made[0], made[1:]


def read_box(domain: Mapping[str, Any], field: str = "inputs.domain") -> Box:
    """Read a domain: {"x": [0, 1], "t": [0, 2]}, one to four coordinates of one letter each."""
    if not 0 < len(domain) <= _COORDINATES:
        hint = f'1 to {_COORDINATES}, such as {{"x": [0, 1], "t": [0, 2]}}'
        raise Problem("invalid_input", f"{len(domain)} coordinates", field=field, hint=hint)
    bounds = []
    for name, value in domain.items():
        where = f"{field}.{name[:80]}"
        if len(name) != 1 or not name.isalpha() or not name.isascii() or name in {"u", "e"}:
            text = f"{name[:80]!r} cannot be a coordinate"
            raise Problem("invalid_input", text, field=where, hint="one letter, such as x, y, z, t; not u or e")
        if not isinstance(value, list) or len(value) != 2:
            raise Problem("invalid_input", "not bounds", field=where, hint="[low, high]")
        low, high = (arrays.number(one, f"{where}[{i}]") for i, one in enumerate(value))
        if not (low < high and np.isfinite(high - low)):
            raise Problem("invalid_input", "an empty range", field=where, hint="[low, high] with low below high")
        bounds.append((low, high))
    both = np.array(bounds)
    return Box(tuple(domain), both[:, 0].copy(), both[:, 1].copy())


def read_parameters(given: Mapping[str, Any], box: Box, field: str = "inputs.parameters") -> dict[str, float]:
    """Read named numbers; no name is taken twice, and none looks like a derivative of u."""
    taken = {**dict.fromkeys(box.names, "a coordinate already"), "u": "the unknown"}
    formulas.check_names(given, field, taken=taken)
    for name in given:
        if _UNKNOWN.fullmatch(name):
            text = f"{name[:80]!r} would be a derivative of u"
            raise Problem("invalid_input", text, field=f"{field}.{name[:80]}", hint="choose another name")
    return formulas.numbers(given, field)


def read_equation(
    text: str, field: str, box: Box, parameters: Mapping[str, float], free: Sequence[str] = ()
) -> Equation:
    """Compile an equation: a formula that is to be zero, or two sides with == between them."""
    left, equals, right = text.partition("==")
    if equals and "==" not in right:
        text = f"{left}-({right})"  # as long as it was: columns in errors stay right
    named = {name: _order_of(name, box) for name in dict.fromkeys(_UNKNOWN.findall(text))}
    derivatives = {name: order for name, order in named.items() if order is not None}
    if not derivatives:
        hint = f"u, u_{box.names[0]}, u_{box.names[0] * 2}"
        raise Problem("invalid_input", "the equation has no u in it", field=field, hint=hint)
    if any(sum(order) > _ORDER for order in derivatives.values()):
        raise Problem("invalid_input", f"a derivative above order {_ORDER}", field=field, hint="split the equation")
    program = formulas.compiled({field: text}, (*derivatives, *free), (*box.names, *parameters), jacobian=True)
    return Equation(field, program, tuple(derivatives.values()), np.array(list(parameters.values())))


def read_conditions(
    conditions: Sequence[Condition], box: Box, parameters: Mapping[str, float], free: Sequence[str] = ()
) -> list[tuple[Equation, dict[str, float]]]:
    """Read the conditions: equations on planes of the domain."""
    if len(conditions) > _CONDITIONS:
        text = f"{len(conditions)} conditions"
        raise Problem("invalid_input", text, field="inputs.conditions", hint=f"at most {_CONDITIONS}")
    found = []
    for i, condition in enumerate(conditions):
        where = f"inputs.conditions[{i}]"
        for name, value in condition.at.items():
            if name not in box.names:
                text = f"no coordinate is called {name[:80]!r}"
                raise Problem("invalid_input", text, field=f"{where}.at", hint=f"known: {', '.join(box.names)}")
            place = box.names.index(name)
            if not box.low[place] <= value <= box.high[place]:
                hint = f"{box.low[place]:g} to {box.high[place]:g}"
                raise Problem("invalid_input", "outside the domain", field=f"{where}.at.{name}", hint=hint)
        if not condition.at:
            hint = 'such as {"x": 0}; what holds everywhere is the equation'
            raise Problem("invalid_input", "the condition is nowhere", field=f"{where}.at", hint=hint)
        found.append((read_equation(condition.equation, f"{where}.equation", box, parameters, free), condition.at))
    return found


def _order_of(name: str, box: Box) -> tuple[int, ...] | None:
    """The multi-index of a derivative's name; None when a letter is no coordinate."""
    letters = name[2:]
    if any(letter not in box.names for letter in letters):
        return None
    return tuple(letters.count(coordinate) for coordinate in box.names)


def _ratios(d: int) -> Array:
    """Steps of Roberts' sequence: powers of the root of xᵈ⁺¹ = x + 1."""
    root = 2.0
    for _ in range(60):
        root = (1.0 + root) ** (1.0 / (d + 1))
    return root ** -np.arange(1.0, d + 1)
