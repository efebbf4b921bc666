"""What three grids say about the error: the order they show, and a bound."""

from dataclasses import dataclass

import numpy as np

from agents.arrays import Array
from native.pde.grid import Grid
from native.pde.transfer import sample

_SAFETY = 3.0
_LEAST_RATIO = 1.6


@dataclass(frozen=True, slots=True)
class Verdict:
    """`error` bounds the finest solution's; `order` is None where rounding is all that is left."""

    error: float
    order: float | None
    converged: bool


def difference(fine: Array, fine_grid: Grid, coarse: Array, coarse_grid: Grid) -> float:
    """The largest difference of two solutions at the nodes of the coarse grid."""
    return float(np.abs(sample(fine, fine_grid, coarse_grid) - coarse).max())


def gap(fine: Array, fine_grid: Grid, coarse: Array, coarse_grid: Grid) -> float:
    """How far the fine solution is from what interpolation makes of the coarse one: large where it is not resolved.

    Comparing at common nodes alone, a wave too short for the grid may look like nothing at all.
    """
    return float(np.abs(sample(coarse, coarse_grid, fine_grid) - fine).max())


def judge(first: float, second: float, between: float, scale: float, floor: float = 0.0) -> Verdict:
    """Judge by the differences of three solutions, coarse to medium (`first`) and medium to fine (`second`).

    With order p the finest error is second / (2^p - 1) (Richardson), times a safety factor (Roache 1998: 1.25 to 3;
    here 3, as errors of space and time may cancel on one grid and not the next); p is what the ratio shows, at most 2.
    That a ratio is large by chance is guarded against by first / 8, more than what order 2
    makes of the first difference alone. A ratio below 1.6 is no convergence: then the sum of both, three times, is the
    honest estimate; likewise where the `gap` of the finest two is above a twentieth of the solution. `floor` is what
    rounding and inexact solution add, absolutely.
    """
    noise = 4e-15 * scale + floor
    if not np.isfinite(first + second + between):
        return Verdict(float("inf"), None, converged=False)
    if between > 0.05 * scale:
        return Verdict(3.0 * (first + second) + between + noise, None, converged=False)
    if max(first, second) <= 4.0 * noise:
        return Verdict(_SAFETY * max(first, second) + noise, None, converged=True)
    ratio = first / max(second, 1e-300)
    if ratio < _LEAST_RATIO and second > 4.0 * noise:
        return Verdict(3.0 * (first + second) + noise, float(np.log2(max(ratio, 1e-9))), converged=False)
    shown = min(max(ratio, _LEAST_RATIO), 4.0)
    error = max(_SAFETY * second / (shown - 1.0), first / 8.0) + noise
    return Verdict(error, float(np.log2(max(ratio, _LEAST_RATIO))), converged=True)


UNRESOLVED = (
    "the solution does not settle when the grid is refined (it is not smooth on this grid, or not resolved): the error "
    "estimate is rough; a finer grid (shape) would do"
)
