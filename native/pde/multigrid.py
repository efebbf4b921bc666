"""Geometric multigrid for shift u - div(d grad u) = f with a diffusivity that varies."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from native import is_compiled
from native.kernels import multigrid as kernel
from native.pde.grid import VALUE, Array, Grid
from native.pde.transfer import Line, lines, prolong, restrict

Watch = Callable[[float, str], None]
COMPILED = is_compiled(kernel)
METHOD = "multigrid conjugate gradients"
_COARSEST = 64
"""Nodes of a grid that is solved directly."""
_STRONG = 0.3
"""An axis is made coarser when its coupling is at least this much of the strongest."""


@dataclass(frozen=True, eq=False, slots=True)
class Level:
    """One grid with its diffusivity; `ways` lead from the next coarser."""

    grid: Grid
    diffusivity: Array
    ways: list[Line]


@dataclass(frozen=True, slots=True)
class Solved:
    """The solution, how many cycles it took, the last correction's maximum norm, and whether that was small enough."""

    u: Array
    cycles: int
    correction: float
    converged: bool


class Multigrid:
    """The hierarchy below one grid; axes coupled weakly are not made coarser (semi-coarsening).

    Restriction is the adjoint of linear interpolation, coarse equations are discretized anew, and one red-black sweep
    before and after in mirrored order makes the cycle a symmetric preconditioner of conjugate gradients.
    Source: Trottenberg, Oosterlee & Schüller, Multigrid (2001), chapters 2, 5.1 and 7.8.
    """

    def __init__(self, grid: Grid, diffusivity: Array) -> None:
        self.levels: list[Level] = []
        self._last: tuple[float, Any] | None = None
        while True:
            coarse = _coarser(grid)
            if grid.size <= _COARSEST or coarse == grid:
                self.levels.append(Level(grid, diffusivity, []))
                return
            ways = lines(grid, coarse)
            self.levels.append(Level(grid, diffusivity, ways))
            ones = restrict(np.ones(grid.shape), ways)
            grid, diffusivity = coarse, restrict(diffusivity, ways) / ones

    def solve(self, shift: float, right: Array, watch: Watch, tolerance: float, limit: int = 60) -> Solved:
        """Solve with zero values and slopes at the ends, until a correction is at most `tolerance` of the solution.

        When the equations are singular the part of `right` without a solution is dropped; the mean is zero then.
        """
        grid, volumes = self.levels[0].grid, self.levels[0].grid.volumes
        singular = shift == 0.0 and all(VALUE not in axis.ends for axis in grid.axes)
        u = np.zeros(grid.shape)
        residual = right.copy()
        grid.clear(residual)
        if singular:
            residual -= float((residual * volumes).sum() / volumes.sum())
        search = np.zeros(grid.shape)
        kept = residual
        before, correction = 1.0, 0.0
        for cycle in range(limit):
            watch(cycle / limit, "multigrid")
            z = self.cycle(0, shift, residual, watch)
            if singular:
                z -= float((z * volumes).sum() / volumes.sum())
            weighted = volumes * z
            now = _dot(residual, weighted)
            if now <= 0.0 or not np.isfinite(now):
                return Solved(u, cycle, 0.0, converged=bool(now == 0.0))
            # flexible (Polak–Ribière): a periodic axis with an odd number of nodes is not quite symmetric
            beta = (now - _dot(kept, weighted)) / before if cycle else 0.0
            search *= beta
            search += z
            kept = residual
            image = self._apply(shift, search)
            alpha = now / _dot(search, volumes * image)
            u += alpha * search
            residual = residual - alpha * image
            before = now
            correction, size = abs(alpha) * float(np.abs(search).max()), float(np.abs(u).max())
            if correction <= tolerance * size:
                return Solved(u, cycle + 1, correction, converged=True)
        return Solved(u, limit, correction, converged=False)

    def _apply(self, shift: float, u: Array) -> Array:
        top = self.levels[0]
        out = np.empty(top.grid.shape)
        kernel.defect(u, top.diffusivity, np.zeros(top.grid.shape), out, shift, top.grid.weights, top.grid.ends)  # type: ignore[no-untyped-call]
        return np.negative(out, out=out)

    def cycle(self, depth: int, shift: float, right: Array, watch: Watch) -> Array:
        """One V-cycle from zero."""
        level = self.levels[depth]
        if depth == len(self.levels) - 1:
            return self._coarsest(shift, right)
        grid = level.grid
        u = np.zeros(grid.shape)
        for colour in (0, 1):
            kernel.relax(u, level.diffusivity, right, shift, grid.weights, grid.ends, colour)  # type: ignore[no-untyped-call]
        if grid.size > 10**5:
            watch(0.0, "multigrid")
        defect = np.empty(grid.shape)
        kernel.defect(u, level.diffusivity, right, defect, shift, grid.weights, grid.ends)  # type: ignore[no-untyped-call]
        coarse = restrict(defect, level.ways)
        self.levels[depth + 1].grid.clear(coarse)
        u += prolong(self.cycle(depth + 1, shift, coarse, watch), level.ways)
        for colour in (1, 0):
            kernel.relax(u, level.diffusivity, right, shift, grid.weights, grid.ends, colour)  # type: ignore[no-untyped-call]
        return u

    def _coarsest(self, shift: float, right: Array) -> Array:
        level = self.levels[-1]
        grid = level.grid
        if self._last is None or self._last[0] != shift:
            self._last = (shift, _inverse(_matrix(level, shift)))
        found: Array = np.einsum("ij,j->i", self._last[1], right.ravel()).reshape(grid.shape)
        return found


def _dot(a: Array, b: Array) -> float:
    return float(np.einsum("ijk,ijk->", a, b))  # no BLAS: its threads cost more than they give, beside other processes


def _coarser(grid: Grid) -> Grid:
    weights = grid.weights[3 - grid.ndim :]
    able = [axis.cells >= 4 for axis in grid.axes]
    strongest = max((w for w, fit in zip(weights, able, strict=True) if fit), default=0.0)
    return Grid(tuple(
        replace(axis, cells=-(-axis.cells // 2)) if fit and w >= _STRONG * strongest else axis
        for axis, w, fit in zip(grid.axes, weights, able, strict=True)
    ))  # fmt: skip


def _inverse(matrix: Array) -> Array:
    """The inverse, not a number where there is none: the cycle ends with what is not finite, and says so."""
    try:
        found: Array = np.linalg.inv(matrix).astype(np.float64)
    except np.linalg.LinAlgError:
        return np.full_like(matrix, np.nan)
    return found


def _matrix(level: Level, shift: float) -> Array:
    """The equations of a small grid; nodes with given values have rows of the identity, constants are kept out."""
    grid = level.grid
    n = grid.size
    rows = np.zeros((n, n))
    unit, zero, out = np.zeros(grid.shape), np.zeros(grid.shape), np.zeros(grid.shape)
    flat = unit.ravel()
    for k in range(n):
        flat[k] = 1.0
        kernel.defect(unit, level.diffusivity, zero, out, shift, grid.weights, grid.ends)  # type: ignore[no-untyped-call]
        rows[:, k] = -out.ravel()
        flat[k] = 0.0
    moving = np.ones(grid.shape)
    grid.clear(moving)
    fixed = np.flatnonzero(moving.ravel() == 0.0)
    rows[fixed] = 0.0
    rows[fixed, fixed] = 1.0
    if not fixed.size and shift == 0.0:
        rows += np.abs(rows).max() / n * grid.volumes.ravel()
    return rows
