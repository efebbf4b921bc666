"""From one grid to another: cubic interpolation for comparing solutions, linear for multigrid."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from native.kernels import multigrid as kernel
from native.pde.grid import Array, Axis, Grid

Places = np.ndarray[Any, np.dtype[np.int64]]


def sample(values: Array, source: Grid, target: Grid) -> Array:
    """Interpolate an array of `source` at the nodes of `target` with cubic polynomials; exact where nodes coincide."""
    for place, (axis, wanted) in enumerate(zip(source.axes, target.axes, strict=True)):
        if axis != wanted:
            values = _along(values, 3 - source.ndim + place, axis, wanted)
    return np.ascontiguousarray(values)


def _along(values: Any, place: int, axis: Axis, wanted: Axis) -> Any:
    exact, rest = divmod(axis.cells, wanted.cells)
    if rest == 0:
        index: list[Any] = [slice(None)] * 3
        index[place] = slice(None, None, exact)
        return values[tuple(index)]
    at = np.arange(wanted.count) * (axis.cells / wanted.cells)
    first = np.floor(at).astype(np.int64) - 1
    if not axis.periodic:
        first = np.clip(first, 0, axis.count - 4)
    share = at - first
    shape = [1, 1, 1]
    shape[place] = -1
    total = np.zeros(1)
    for k in range(4):
        weight = np.ones_like(share)
        for m in range(4):
            if m != k:
                weight *= (share - m) / (k - m)
        total = total + weight.reshape(shape) * np.take(values, (first + k) % axis.count, axis=place)
    return total


@dataclass(frozen=True, eq=False, slots=True)
class Line:
    """Linear interpolation along one axis: between which coarse nodes each fine node lies, and where."""

    place: int
    low: Places
    high: Places
    share: Array
    volume: Array
    inverse: Array


def lines(fine: Grid, coarse: Grid) -> list[Line]:
    """The interpolation from `coarse` to `fine`, axis by axis."""
    found = []
    for place, (axis, below) in enumerate(zip(fine.axes, coarse.axes, strict=True)):
        if axis == below:
            continue
        at = np.arange(axis.count) * (below.cells / axis.cells)
        low = np.minimum(np.floor(at).astype(np.int64), below.cells - 1)
        volume, inverse = axis.volumes / axis.cells, below.cells / below.volumes
        found.append(Line(3 - fine.ndim + place, low, (low + 1) % below.count, at - low, volume, inverse))
    return found


def prolong(values: Array, ways: list[Line]) -> Array:
    """Interpolate from the coarse grid."""
    for way in ways:
        a, _, b = _parted(values.shape, way.place)
        made = np.empty((a, way.low.size, b))
        kernel.interpolate(values.reshape(a, -1, b), way.low, way.high, way.share, made)  # type: ignore[no-untyped-call]
        values = made.reshape(*values.shape[: way.place], way.low.size, *values.shape[way.place + 1 :])
    return values


def restrict(values: Array, ways: list[Line]) -> Array:
    """Apply the adjoint of `prolong` with respect to the volumes of the nodes."""
    for way in reversed(ways):
        a, n, b = _parted(values.shape, way.place)
        made = np.empty((a, way.inverse.size, b))
        whole = values.reshape(a, n, b)
        kernel.gather(whole, way.low, way.high, way.share, way.volume, way.inverse, made)  # type: ignore[no-untyped-call]
        values = made.reshape(*values.shape[: way.place], way.inverse.size, *values.shape[way.place + 1 :])
    return values


def _parted(shape: tuple[int, ...], place: int) -> tuple[int, int, int]:
    return math.prod(shape[:place]), shape[place], math.prod(shape[place + 1 :])
