"""Solvers of shift u - div(d grad u) = f behind one front: transforms, one banded system, or multigrid."""

import numpy as np
from scipy.linalg import lapack

from native.pde import direct, multigrid
from native.pde.grid import PERIODIC, SLOPE, VALUE, Array, Grid
from native.pde.multigrid import Multigrid, Solved, Watch

BANDED = "tridiagonal (LAPACK gtsv)"


class Elliptic:
    """The solver that suits a diffusivity: a number, or an array of the grid's shape."""

    def __init__(self, grid: Grid, diffusivity: Array | float) -> None:
        self.grid = grid
        self.diffusivity = diffusivity
        self.multigrid: Multigrid | None = None
        if isinstance(diffusivity, float):
            self.method = direct.METHOD
        elif grid.ndim == 1 and grid.axes[0].ends[0] != PERIODIC:
            self.method = BANDED
        else:
            self.multigrid = Multigrid(grid, diffusivity)
            self.method = multigrid.METHOD

    @property
    def singular(self) -> bool:
        """Whether the equations without a shift determine a solution only up to a constant."""
        return all(VALUE not in axis.ends for axis in self.grid.axes)

    def solve(self, shift: float, right: Array, watch: Watch, tolerance: float) -> Solved:
        """Solve with zero values and slopes at the ends; what is singular gets the solution with mean zero."""
        if self.multigrid is not None:
            return self.multigrid.solve(shift, right, watch, tolerance)
        if isinstance(self.diffusivity, float):
            return Solved(direct.solve(self.grid, self.diffusivity, shift, right, watch), 1, 0.0, converged=True)
        watch(0.5, "solve")
        return Solved(self._banded(shift, right), 1, 0.0, converged=True)

    def _banded(self, shift: float, right: Array) -> Array:
        axis = self.grid.axes[0]
        d = np.asarray(self.diffusivity).ravel()
        face = 0.5 * (d[1:] + d[:-1]) / axis.spacing**2
        diagonal = np.full(d.size, shift)
        diagonal[1:] += face
        diagonal[:-1] += face
        lower, upper, known = -face, -face.copy(), right.ravel().copy()
        for place, end in ((0, axis.ends[0]), (-1, axis.ends[1])):
            beside = upper if place == 0 else lower
            if end == SLOPE:
                diagonal[place] += face[place]
                beside[place] *= 2.0
            else:
                diagonal[place], beside[place], known[place] = 1.0, 0.0, 0.0
        singular = shift == 0.0 and self.singular
        if singular:  # any value will do for the first node, the mean is taken away afterwards
            known -= float((known * axis.volumes).sum() / axis.volumes.sum())
            diagonal[0], upper[0], known[0] = 1.0, 0.0, 0.0
        found = lapack.dgtsv(lower, diagonal, upper, known)[3]
        if singular:
            found = found - float((found * axis.volumes).sum() / axis.volumes.sum())
        return np.ascontiguousarray(found).reshape(self.grid.shape)
