"""Bounds of named variables."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from agents import arrays, formulas
from agents.arrays import Array
from agents.outcome import Problem


def read(bounds: Mapping[str, Any], names: tuple[str, ...], field: str) -> tuple[Array, Array]:
    """Read {name: [low, high]} as two arrays, infinite where open; raises `Problem`."""
    low, high = np.full(len(names), -np.inf), np.full(len(names), np.inf)
    places = {name: i for i, name in enumerate(names)}
    for name, pair in bounds.items():
        where = f"{field}.{name[:80]}"
        if name not in places:
            formulas.check_same([name], names, field)
        low[places[name]], high[places[name]] = read_pair(pair, where)
    return low, high


def read_pair(pair: Any, where: str) -> tuple[float, float]:
    """Read one [low, high], null or infinite for an open end."""
    if not isinstance(pair, list) or len(pair) != 2:
        raise Problem("invalid_input", "not bounds", field=where, hint="[low, high], null for an open end")
    ends = [
        arrays.number(open_end if one is None else one, f"{where}[{i}]", infinite=True)
        for i, (one, open_end) in enumerate(zip(pair, ("-Infinity", "Infinity"), strict=True))
    ]
    if ends[0] > ends[1] or ends[0] == np.inf or ends[1] == -np.inf:
        raise Problem("invalid_input", f"no number lies between {ends[0]:g} and {ends[1]:g}", field=where,
                      hint="[low, high] with low <= high")  # fmt: skip
    return ends[0], ends[1]


def inside(x: Array, low: Array, high: Array) -> Array:
    """Return the nearest point inside the bounds."""
    return np.minimum(np.maximum(x, low), high)


def active(x: Array, low: Array, high: Array, names: tuple[str, ...]) -> dict[str, str]:
    """Say which variables are at a bound, and at which."""
    at = {}
    for i, name in enumerate(names):
        if x[i] == low[i]:
            at[name] = "low"
        elif x[i] == high[i]:
            at[name] = "high"
    return at
