"""Equilibria by Newton's method from many starts at once, with bounds of their errors, and what kind they are."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.arrays import Array
from native.formula import Program

_EPS = float(np.finfo(float).eps)
_ITERATIONS = 80
_HALVINGS = 12
_STILL = 1e-14
"""A Newton step of this size, relative, is rounding."""
_SMALL = 1e-6
_SLOW = 20.0
"""A root of multiplicity m is m - 1 steps away, also when the steps shrink slowly."""
_KANTOROVICH = 0.45
_LEAST = 1e-10


@dataclass(frozen=True, eq=False, slots=True)
class Field:
    """The right-hand sides and their derivatives, at many points at once."""

    program: Program
    jacobian: Program
    parameters: Array

    def values(self, points: Array) -> Array:
        """Right-hand sides (n, k) at `points` (n, k)."""
        return self.program.evaluate(self._inputs(points))

    def derivatives(self, points: Array) -> Array:
        """Jacobian matrices (k, n, n) at `points` (n, k)."""
        n, k = points.shape
        return np.ascontiguousarray(
            self.jacobian.evaluate(self._inputs(points))[n:].reshape(n, n, k).transpose(2, 0, 1)
        )

    def _inputs(self, points: Array) -> Array:
        fixed = np.broadcast_to(self.parameters[:, None], (self.parameters.size, points.shape[1]))
        return np.concatenate([points, fixed])


@dataclass(frozen=True, eq=False, slots=True)
class Equilibrium:
    """A point, a bound of its error in the maximum norm, the eigenvalues of the Jacobian there, and their kind."""

    point: Array
    bound: float
    residual: float
    eigenvalues: Any
    classification: str


def search(field: Field, starts: Array, watch: Any) -> tuple[Array, int]:
    """Newton's method with halved steps from `starts` (n, k); gives where it rests (n, m), and the iterations."""
    points = starts
    values = field.values(points)
    resting: list[Array] = []
    for iteration in range(_ITERATIONS):
        sizes = np.abs(values).max(axis=0)
        good = np.isfinite(sizes)
        points, values, sizes = points[:, good], values[:, good], sizes[good]
        if not points.size:
            break
        watch(iteration / _ITERATIONS, "Newton")
        steps = _solve(field.derivatives(points), values)
        still = (np.abs(steps) <= _STILL * (1.0 + np.abs(points))).all(axis=0) | (sizes == 0.0)
        resting.append(points[:, still])
        on = ~still & np.isfinite(steps).all(axis=0)
        points, values = _descend(field, points[:, on], values[:, on], steps[:, on], watch)
    near = (np.abs(_solve(field.derivatives(points), values)) <= _SMALL * (1.0 + np.abs(points))).all(axis=0)
    return np.concatenate([*resting, points[:, near]], axis=1), iteration + 1


def _solve(matrices: Array, values: Array) -> Array:
    """Newton steps (n, k); those of least size where a matrix is singular, NaN where it is not finite."""
    found = np.full_like(values, np.nan)
    good = np.flatnonzero(np.isfinite(matrices).all(axis=(1, 2)) & np.isfinite(values).all(axis=0))
    if not good.size:
        return found
    right = -values.T[good, :, None]
    try:
        made = np.linalg.solve(matrices[good], right)
    except np.linalg.LinAlgError:
        try:
            made = np.linalg.pinv(matrices[good], rcond=1e-13) @ right
        except np.linalg.LinAlgError:
            return found
    found[:, good] = made[:, :, 0].T
    return found


def _descend(field: Field, points: Array, values: Array, steps: Array, watch: Any) -> tuple[Array, Array]:
    """Halve each step until the right-hand side is smaller; a point at the border of rounding goes the whole way."""
    if not points.size:
        return points, values
    best, at = points + steps, field.values(points + steps)
    size = np.sqrt((values * values).sum(axis=0))
    share = np.ones(points.shape[1])
    tiny = (np.abs(steps) <= _SMALL * (1.0 + np.abs(points))).all(axis=0)
    for _ in range(_HALVINGS):
        ahead = np.sqrt((at * at).sum(axis=0))
        worse = ~(ahead <= (1.0 - 0.25 * share) * size) & ~(tiny & np.isfinite(ahead))
        if not worse.any():
            break
        watch(0.5, "Newton")
        share[worse] *= 0.5
        best[:, worse] = points[:, worse] + share[worse] * steps[:, worse]
        at[:, worse] = field.values(best[:, worse])
    return best, at


def judge(field: Field, point: Array) -> Equilibrium | None:
    """Bound the error of a point where Newton's method rests; None when no equilibrium is near.

    Source: Kantorovich's theorem (Ortega & Rheinboldt, 12.6): with the step η, ‖J⁻¹‖ = β and the Lipschitz constant K
    of J, taken from J at the corners' axes of a box around the point, an equilibrium lies within 2 η if β η K ≤ 1/2.
    η takes in the rounding error of the right-hand side, as seen at points a few units of rounding away. Where J is
    singular, the steps of the last iterations are what there is to go by.
    """
    value, matrix = field.values(point[:, None])[:, 0], field.derivatives(point[:, None])[0]
    if not (np.isfinite(matrix).all() and np.isfinite(value).all()):
        return None
    noise = _rounding(field, point, value, matrix)
    scale = 1.0 + float(np.abs(point).max())
    try:
        inverse = np.linalg.inv(matrix)
    except np.linalg.LinAlgError:
        inverse = np.full_like(matrix, np.inf)
    with np.errstate(all="ignore"):
        eta = float((np.abs(inverse) @ (np.abs(value) + noise)).max())
        beta = float(np.abs(inverse).sum(axis=1).max())
    bound = lipschitz = float("inf")
    if np.isfinite(eta) and eta < _SMALL * scale:
        radius = max(4.0 * eta, 1e-7 * scale)
        lipschitz = _lipschitz(field, point, matrix, radius)
        if beta * eta * lipschitz <= _KANTOROVICH:
            bound = 2.0 * eta
    if not np.isfinite(bound):
        found = _bound_slow(field, point, noise)
        if found is None:
            return None
        bound, lipschitz = found, _lipschitz(field, point, matrix, max(found, 1e-7 * scale))
    values = np.linalg.eigvals(matrix)
    doubt = 10.0 * lipschitz * bound + _LEAST * float(np.abs(matrix).sum(axis=1).max())
    residual = float(np.abs(value).max())
    return Equilibrium(point, bound, residual, _sorted(values), classify(values, doubt))


def _rounding(field: Field, point: Array, value: Array, matrix: Array) -> Array:
    """Rounding errors of the right-hand sides (n)."""
    shifts = np.concatenate([s * np.diag(np.abs(point) + 1e-300) for s in (-3.0 * _EPS, -_EPS, _EPS, 2 * _EPS)], axis=1)
    near = point[:, None] + shifts
    off = np.abs(field.values(near) - value[:, None] - matrix @ (near - point[:, None]))
    seen = np.where(np.isfinite(off), off, 0.0).max(axis=1)
    made: Array = 2.0 * seen + 2.0 * _EPS * (np.abs(matrix) @ np.abs(point))
    return made


def _lipschitz(field: Field, point: Array, matrix: Array, radius: float) -> float:
    """Lipschitz constant of the Jacobian (row sums) over a box, from its values in the axes and on two diagonals."""
    n = point.size
    ways = np.concatenate([np.eye(n), -np.eye(n), np.ones((n, 1)), -np.ones((n, 1))], axis=1)
    around = field.derivatives(point[:, None] + radius * ways)
    change = np.abs(around - matrix).sum(axis=2).max(axis=1) / radius
    found = float(change.max())
    return n * found if np.isfinite(found) else float("inf")


def _bound_slow(field: Field, point: Array, noise: Array) -> float | None:
    """Bound the error where the Jacobian is singular, by the steps that Newton's method takes from beside the point."""
    scale = 1.0 + float(np.abs(point).max())
    away = point[:, None] + 1e-3 * scale * np.stack([np.cos(np.arange(point.size)), -np.ones(point.size)], axis=1)
    start = np.abs(field.values(away)).max(axis=0)
    here = float(np.abs(field.values(point[:, None])).max())
    if not here <= 1e-3 * float(start.max()) + float(noise.max()):
        return None
    smallest = np.linalg.svd(field.derivatives(point[:, None])[0], compute_uv=False)[-1]
    curved = _lipschitz(field, point, field.derivatives(point[:, None])[0], 1e-3 * scale)
    flat = here + float(noise.max())
    bound = _SLOW * np.sqrt(2.0 * flat / max(curved, 1e-300)) if curved > 0.0 else 0.0
    bound = max(bound, _SLOW * smallest / max(curved, 1e-300) if curved > 0.0 else 0.0, _SLOW * _STILL * scale)
    step = np.abs(_solve(field.derivatives(point[:, None]), field.values(point[:, None]))).max()
    bound = max(bound, _SLOW * float(step)) if np.isfinite(step) else bound
    return float(bound) if bound < 0.1 * scale else None


def classify(eigenvalues: Any, doubt: float) -> str:
    """Name the kind of an equilibrium; real parts up to `doubt` are as good as zero.

    `center`: all are imaginary; `degenerate`: some are zero, or imaginary beside others, and the linearised system
    decides nothing.
    """
    real, turning = eigenvalues.real, np.abs(eigenvalues.imag) > doubt
    zero = np.abs(real) <= doubt
    if zero.any():
        return "center" if (zero & turning).all() else "degenerate"
    if (real < 0).all():
        return "stable_focus" if turning.any() else "stable_node"
    if (real > 0).all():
        return "unstable_focus" if turning.any() else "unstable_node"
    return "saddle"


def _sorted(values: Any) -> Any:
    return values[np.lexsort((values.imag, values.real))]
