"""What a solution looks like in a result: thinned to what a message carries, with its axes."""

from typing import Any

import numpy as np

from agents.arrays import Array
from agents.outcome import Problem
from agents.pde.functions import AXES
from native.pde.grid import Grid

NUMBERS_LIMIT = 500_000
"""Most numbers of a solution in a result."""


def stride(grid: Grid, frames: int, asked: int | None) -> int:
    """Every how many points per axis are given: what was asked for, or the least that fits; raises `Problem`."""
    steps = asked or 1
    while _count(grid, steps) * frames > NUMBERS_LIMIT:
        if asked is not None or steps > 2_000_000:
            text = f"{_count(grid, steps) * frames} numbers in the result"
            hint = f"at most {NUMBERS_LIMIT}: fewer times, a larger thin, or output: final"
            raise Problem("budget_exceeded", text, field="options.thin" if asked else "inputs", hint=hint)
        steps += 1
    return steps


def _count(grid: Grid, steps: int) -> int:
    return int(np.prod([-(-axis.count // steps) for axis in grid.axes]))


def thinned(values: Array, grid: Grid, fine: int, steps: int) -> Array:
    """Take the request's points out of a solution on the grid that is `fine` times finer, and every `steps`-th."""
    index = [slice(None)] * (3 - grid.ndim) + [slice(None, None, fine * steps)] * grid.ndim
    kept = values[tuple(index)]
    made: Array = kept.reshape(kept.shape[3 - grid.ndim :]).copy()
    return made


def axes(grid: Grid, steps: int) -> dict[str, Any]:
    """The coordinates of the points in the result."""
    return {name: axis.nodes[::steps].copy() for name, axis in zip(AXES, grid.axes, strict=False)}


def statistics(values: Array, grid: Grid) -> tuple[float, float, float]:
    """Minimum, maximum and mean over the whole grid."""
    mean = float(np.einsum("ijk,ijk->", values, grid.volumes) / grid.volumes.sum())
    return float(values.min()), float(values.max()), mean


def thin_warning(steps: int) -> str:
    """Say that not all points are in the result."""
    return f"the result holds every {steps}th point of each axis; statistics and the error estimate are over all points"
