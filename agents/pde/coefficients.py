"""Coefficients of equations: named numbers and formulas, and what of them makes a problem ill-posed."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import numpy as np

from agents.arrays import Array
from agents.outcome import Problem
from agents.pde import functions
from agents.pde.functions import AXES, Function
from native.pde.grid import Grid


def read(
    given: Any, known: Mapping[str, float | None], variables: tuple[str, ...], parameters: Mapping[str, float],
) -> dict[str, Function]:  # fmt: skip
    """Read coefficients by name, `known` with their defaults (None: must be given); a bare number is the first one."""
    first = next(iter(known))
    field = "inputs.coefficients"
    if given is None:
        given = {}
    if not isinstance(given, Mapping):
        if isinstance(given, list) or given is True or given is False:
            raise Problem("invalid_input", "not coefficients", field=field, hint=f'{{"{first}": 1.0}}')
        given = {first: given}
    for name in given:
        if name not in known:
            near = get_close_matches(str(name)[:80], known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            raise Problem(
                "invalid_input", f"no coefficient {str(name)[:80]!r}", field=f"{field}.{name[:80]}", hint=hint
            )
    found = {}
    for name, default in known.items():
        if name not in given and default is None:
            raise Problem(
                "invalid_input", f"{name!r} is missing", field=f"{field}.{name}", hint="a number or a formula"
            )
        found[name] = functions.read(given.get(name), f"{field}.{name}", variables, parameters, default)
    return found


def check_sign(function: Function, *, above: bool, why: str) -> None:
    """Refuse a number below 0, and 0 too with `above`, before computing."""
    if function.constant and (function.value < 0.0 or (above and function.value == 0.0)):
        hint = "a positive number" if above else "0 or more"
        raise Problem("invalid_input", f"{function.value:g}: {why}", field=function.field, hint=hint)


def check_values(values: Array, function: Function, grid: Grid, *, above: bool, why: str, time: float = 0.0) -> None:
    """Refuse what a formula gives on the grid: what is not finite, negative, or 0 with `above`."""
    flat = values.ravel()
    bad = ~np.isfinite(flat)
    if bad.any():
        raise Problem("non_finite", f"the formula gives {flat[bad.argmax()]} at {place(grid, int(bad.argmax()), time)}",
                      field=function.field, hint="a formula that is finite on the whole domain")  # fmt: skip
    bad = flat <= 0.0 if above else flat < 0.0
    if bad.any():
        where = int(flat.argmin())
        text = f"{flat[where]:g} at {place(grid, where, time)}: {why}"
        hint = "a formula that is positive everywhere" if above else "a formula that is nowhere negative"
        raise Problem("infeasible", text, field=function.field, hint=hint)


def check_finite(values: Array, field: str, points: Array, time: float | None = None) -> None:
    """Refuse a formula that is not finite at one of `points` (ndim, k)."""
    bad = ~np.isfinite(values)
    if bad.any():
        k = int(bad.argmax())
        where = ", ".join(f"{name} = {x:.6g}" for name, x in zip(AXES, points[:, k], strict=False))
        at = where if time is None else f"{where}, t = {time:.6g}"
        text = f"the formula gives {values[k]} at {at}"
        raise Problem("non_finite", text, field=field, hint="a formula that is finite on the whole domain")


def place(grid: Grid, k: int, time: float) -> str:
    """Say where node k is."""
    parts = [f"{name} = {x:.6g}" for name, x in zip(AXES, grid.points[:, k], strict=False)]
    return ", ".join([*parts, f"t = {time:.6g}"] if time else parts)
