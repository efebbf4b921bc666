"""Direct solution for one diffusivity everywhere: the stencil's eigenvectors are sines, cosines or waves."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import fft

from native.pde.grid import VALUE, Array, Axis, Grid

Watch = Callable[[float, str], None]
METHOD = "fast Fourier transforms"
_KINDS: dict[tuple[int, int], tuple[Callable[..., Any], Callable[..., Any], int]] = {
    (1, 1): (fft.dst, fft.idst, 1), (2, 2): (fft.dct, fft.idct, 1),
    (1, 2): (fft.dst, fft.idst, 3), (2, 1): (fft.dct, fft.idct, 3),
}  # fmt: skip
"""The transform whose inverse sums the eigenvectors, and its type, by the kinds of the ends (1 value, 2 slope)."""


def eigenvalues(axis: Axis) -> Array:
    """The eigenvalues of -d²/dx² as the stencil has it, in the order of the transform."""
    n = axis.cells
    if axis.periodic:
        angle = np.pi * np.arange(n) * 2.0 / n
    elif axis.ends[0] != axis.ends[1]:
        angle = np.pi * (np.arange(n) + 0.5) / n
    else:
        angle = np.pi * (np.arange(1, n) if axis.ends[0] == VALUE else np.arange(n + 1)) / n
    return 4.0 * np.sin(0.5 * angle) ** 2 / axis.spacing**2


def solve(grid: Grid, diffusivity: float, shift: float, right: Array, watch: Watch) -> Array:
    """Solve shift u - d div grad u = right with zero values and slopes at the ends.

    When the equations are singular (no given value, no shift) the part of `right` that has no solution is dropped, and
    the solution has mean zero. Source: Swarztrauber 1977 (SIAM Review 19, 490) for the pairs of ends.
    """
    inner = tuple(
        slice(1 if axis.ends[0] == VALUE else 0, -1 if axis.ends[1] == VALUE else None) for axis in grid.axes
    )  # fmt: skip
    offset = 3 - grid.ndim
    index = (slice(None),) * offset + inner
    values: Any = right[index]
    waves = [offset + k for k, axis in enumerate(grid.axes) if axis.periodic]
    others = [(offset + k, _KINDS[axis.ends]) for k, axis in enumerate(grid.axes) if not axis.periodic]
    for place, (forward, _, kind) in others:
        watch(0.1 * place, "transform")
        values = forward(values, type=kind, axis=place)
    shape = values.shape
    if waves:
        values = fft.rfftn(values, axes=waves)
    total = np.full((1, 1, 1), shift)
    for k, axis in enumerate(grid.axes):
        one = diffusivity * eigenvalues(axis)
        size = [1, 1, 1]
        size[offset + k] = -1
        total = total + one[: values.shape[offset + k]].reshape(size)
    singular = shift == 0.0 and all(VALUE not in axis.ends for axis in grid.axes)
    if singular:
        total[0, 0, 0] = 1.0
    watch(0.4, "divide")
    values = values / total
    if singular:
        values[0, 0, 0] = 0.0
    if waves:
        values = fft.irfftn(values, s=[shape[place] for place in waves], axes=waves)
    for place, (_, backward, kind) in reversed(others):
        watch(0.9 - 0.1 * place, "transform")
        values = backward(values, type=kind, axis=place, overwrite_x=True)
    found = np.zeros(grid.shape)
    found[index] = values
    return found


def rounding(grid: Grid) -> float:
    """How large rounding errors may be beside the solution: the condition of the equations, times the precision."""
    return 1e-16 * float(sum(axis.cells**2 for axis in grid.axes)) + 1e-15
