"""The operators of space on a grid, compiled."""

import math
from typing import Any

import numpy as np

from native import is_compiled
from native.kernels import stencil as kernel
from native.pde.grid import SLOPE, Array, Grid

COMPILED = is_compiled(kernel)
KERNEL = "native.kernels.stencil"


def diffuse(u: Array, diffusivity: Array | float, grid: Grid, out: Array) -> None:
    """Set `out` to div(d grad u) at nodes that move and to 0 at those with given values; given slopes count as 0."""
    if isinstance(diffusivity, float):
        kernel.laplace(u, diffusivity, out, grid.weights, grid.ends)  # type: ignore[no-untyped-call]
    else:
        kernel.diffuse(u, diffusivity, out, grid.weights, grid.ends)  # type: ignore[no-untyped-call]


def advect(u: Array, velocity: Array, grid: Grid, axis: int, out: Array) -> None:
    """Take velocity · du/d(axis) from `out`; what this leaves at nodes with given values is the caller's to clear."""
    one = grid.axes[axis]
    place = 3 - grid.ndim + axis
    shape = (math.prod(grid.shape[:place]), one.count, math.prod(grid.shape[place + 1 :]))
    parts = (u.reshape(shape), velocity.reshape(shape), out.reshape(shape))
    kernel.advect(*parts, 1.0 / one.spacing, *one.ends)  # type: ignore[no-untyped-call]


def add_slope(out: Array, slope: Any, diffusivity: Array | float, grid: Grid, axis: int, high: bool) -> None:
    """Add the flux of a given outward slope (over the nodes of a side) to the half cells behind it."""
    index = grid.side(axis, high)
    if grid.axes[axis].ends[high] == SLOPE:
        there = diffusivity if isinstance(diffusivity, float) else diffusivity[index]
        out[index] += 2.0 / grid.axes[axis].spacing * there * np.reshape(slope, out[index].shape)


def leap(u: Array, v: Array, acceleration: Array, kick: float, drift: float, fade: float) -> None:
    """Set v to fade v + kick acceleration, then u to u + drift v, in place."""
    kernel.leap(u.ravel(), v.ravel(), acceleration.ravel(), kick, drift, fade)  # type: ignore[no-untyped-call]
