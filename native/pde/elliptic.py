"""Solvers of shift u - div(d grad u) = f behind one front: transforms, one banded system, or multigrid.

Where sides exchange with the outside (Robin), their terms on the diagonal are left to conjugate gradients. One of those
solvers is the preconditioner: for the mean exchange everywhere, and for given values at sides whose exchange is strong,
so that the number of steps hardly grows with the grid or with the exchange.
"""

from dataclasses import replace

import numpy as np
from scipy.linalg import lapack

from native.pde import direct, multigrid, operators
from native.pde.grid import PERIODIC, SLOPE, VALUE, Array, Grid
from native.pde.multigrid import Multigrid, Solved, Watch

BANDED = "tridiagonal (LAPACK gtsv)"
_STEPS = 300
"""Most steps of conjugate gradients."""
_STRONG = 100.0
"""Exchange, by the axis' length over the diffusivity, from which a side is nearer to one with a given value."""


class Elliptic:
    """The solver that suits a diffusivity: a number, or an array of the grid's shape.

    `exchange`, of that shape, is what Robin sides add to the diagonal at their nodes, 0 elsewhere.
    """

    def __init__(self, grid: Grid, diffusivity: Array | float, exchange: Array | None = None) -> None:
        self.grid = grid
        self.diffusivity = diffusivity
        self.exchange = exchange if exchange is not None and exchange.any() else None
        self.multigrid: Multigrid | None = None
        line = grid.ndim == 1 and grid.axes[0].ends[0] != PERIODIC
        if line and (self.exchange is not None or not isinstance(diffusivity, float)):
            self.method = BANDED
        elif isinstance(diffusivity, float):
            self.method = direct.METHOD
        else:
            self.multigrid = Multigrid(grid, diffusivity)
            self.method = multigrid.METHOD
        self._near: _Near | None = None
        if self.exchange is not None and not line:
            self._near = _Near(grid, diffusivity, self.exchange)
            self.method = f"conjugate gradients, {self.method}"

    @property
    def singular(self) -> bool:
        """Whether the equations without a shift determine a solution only up to a constant."""
        return self.exchange is None and all(VALUE not in axis.ends for axis in self.grid.axes)

    def solve(self, shift: float, right: Array, watch: Watch, tolerance: float) -> Solved:
        """Solve with zero values and slopes at the ends; what is singular gets the solution with mean zero."""
        if self.method == BANDED:
            watch(0.5, "solve")
            return Solved(self._banded(shift, right), 1, 0.0, converged=True)
        if self._near is not None:
            return self._exchanging(self._near, shift, right, watch, tolerance)
        if self.multigrid is not None:
            return self.multigrid.solve(shift, right, watch, tolerance)
        assert isinstance(self.diffusivity, float)
        return Solved(direct.solve(self.grid, self.diffusivity, shift, right, watch), 1, 0.0, converged=True)

    def _exchanging(self, near: "_Near", shift: float, right: Array, watch: Watch, tolerance: float) -> Solved:
        """Flexible conjugate gradients, in the inner product of the nodes' volumes."""
        grid, volumes = self.grid, self.grid.volumes
        diagonal = shift + near.exchange
        u, search, image = np.zeros(grid.shape), np.zeros(grid.shape), np.empty(grid.shape)
        residual = right.copy()
        grid.clear(residual)
        kept, before, correction = residual, 1.0, 0.0
        for step in range(_STEPS):
            watch(step / _STEPS, "exchange at the sides")
            z = near.solve(shift, residual, watch)
            weighted = volumes * z
            now = _dot(residual, weighted)
            if now <= 0.0 or not np.isfinite(now):
                return Solved(u, step, 0.0, converged=bool(now == 0.0))
            search *= (now - _dot(kept, weighted)) / before if step else 0.0
            search += z
            operators.diffuse(search, self.diffusivity, grid, image)
            applied = diagonal * search - image
            alpha = now / _dot(search, volumes * applied)
            u += alpha * search
            kept, before = residual, now
            residual = residual - alpha * applied
            correction, size = abs(alpha) * float(np.abs(search).max()), float(np.abs(u).max())
            if correction <= tolerance * size:
                return Solved(u, step + 1, correction, converged=True)
        return Solved(u, _STEPS, correction, converged=False)

    def _banded(self, shift: float, right: Array) -> Array:
        axis = self.grid.axes[0]
        d = np.broadcast_to(np.asarray(self.diffusivity, dtype=np.float64).ravel(), (axis.count,))
        face = 0.5 * (d[1:] + d[:-1]) / axis.spacing**2
        diagonal = np.full(d.size, shift) + (0.0 if self.exchange is None else self.exchange.ravel())
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


class _Near:
    """Equations near those with exchange at the sides, which the solvers without it solve."""

    def __init__(self, grid: Grid, diffusivity: Array | float, exchange: Array) -> None:
        self.exchange = exchange
        self._apart = np.zeros(grid.shape, dtype=bool)
        axes = []
        for place, axis in enumerate(grid.axes):
            ends = list(axis.ends)
            for high in (False, True):
                index = grid.side(place, high)
                d = diffusivity if isinstance(diffusivity, float) else diffusivity[index]
                # the median: nodes at the edges of this side may exchange through others
                rate = 0.5 * axis.spacing * float(np.median(exchange[index])) / max(float(np.mean(d)), 1e-300)
                if ends[high] == SLOPE and rate * (axis.high - axis.low) > _STRONG:
                    ends[high] = VALUE
                    self._apart[index] = True
            axes.append(replace(axis, ends=(ends[0], ends[1])))
        grid.clear(self._apart)
        near = Grid(tuple(axes))
        rest = np.where(self._apart, 0.0, exchange)
        self._shift = float((rest * near.volumes).sum() / near.volumes.sum())
        self._diagonal = exchange + 2.0 * diffusivity * float(grid.weights.sum())
        self._inner = Elliptic(near, diffusivity)

    def solve(self, shift: float, right: Array, watch: Watch) -> Array:
        """Solve roughly: nodes of sides with strong exchange each by itself, the others together."""
        inner = self._inner
        if inner.multigrid is not None:
            inside = np.where(self._apart, 0.0, right)
            found = inner.multigrid.cycle(0, shift + self._shift, inside, watch)
        else:
            found = inner.solve(shift + self._shift, right, lambda _, __: None, 1e-12).u
        return np.where(self._apart, right / (shift + self._diagonal), found)


def _dot(a: Array, b: Array) -> float:
    return float(np.einsum("ijk,ijk->", a, b))  # no BLAS: its threads cost more than they give, beside other processes
