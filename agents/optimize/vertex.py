"""From HiGHS's floating-point answer to the vertex it means: solved for again, checked, and its error bounded."""

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from agents.arrays import Array
from agents.optimize.linear import LinearProgram, Mask
from agents.optimize.residuals import EPS

_ACTIVE = 1e-7
_DENSE_LIMIT = 1500
"""Most active rows and free variables for which the vertex is solved for again."""
_FEASIBLE = 1e-9


@dataclass(frozen=True, eq=False)
class Vertex:
    """A point of the program's feasible set; `error` bounds its distance to the face on which these rows are active.

    It is infinite where the system is too large; `violation` is the largest of a row or bound, relative to its terms.
    """

    x: Array
    error: float
    violation: float

    @property
    def feasible(self) -> bool:
        """Whether no row and no bound is violated, but by rounding."""
        return self.violation <= _FEASIBLE


def settle(program: LinearProgram, x: Array, held: Mask | None = None) -> Vertex:
    """Solve for the vertex near x again; variables in `held` stay."""
    size = np.maximum(1.0, np.abs(x))
    low, high = program.low, program.high
    at_low, at_high = x - low <= _ACTIVE * size, high - x <= _ACTIVE * size
    x = np.where(at_low, low, np.where(at_high, high, x))
    fixed = at_low | at_high
    if held is not None:
        fixed |= held
    slack, scales = program.slack(x), np.maximum(program.scales(x), 1e-300)
    active = np.flatnonzero(program.equality | (slack <= _ACTIVE * scales))
    free = np.flatnonzero(~fixed)
    error = 0.0
    if max(len(active), len(free)) > _DENSE_LIMIT:
        error = np.inf
    elif len(free):
        rows = program.dense(active)[:, free]
        inverse = np.linalg.pinv(rows, rcond=1e-11)
        x = x.copy()
        for _ in range(3):
            left = program.slack(x)[active]
            if not left.any():
                break
            x[free] += inverse @ left
        rounding = 2.0 * EPS * program.scales(x)[active] * (1.0 + 0.01 * len(free))
        error = 2.0 * float((np.abs(inverse) @ (np.abs(program.slack(x)[active]) + rounding)).max(initial=0.0))
        error += EPS * float(np.abs(x[free]).max(initial=0.0))
    return Vertex(x, error, _violation(program, x))


def multipliers(program: LinearProgram, x: Array) -> Array | None:
    """Find multipliers of the rows, 0 or less for inequalities, that prove x optimal; None where there are none."""
    active = np.flatnonzero(program.equality | (program.slack(x) <= _FEASIBLE * program.scales(x)))
    rows = program.dense(active)
    norms = np.maximum(np.sqrt(np.einsum("ij,ij->i", rows, rows)), 1e-300)
    even, unit = program.equality[active], np.eye(program.n)
    rows = rows / norms[:, None]
    columns = np.concatenate([-rows, rows[even], unit[x <= program.low], -unit[x >= program.high]])
    found = np.zeros(len(program.right))
    if len(columns) == 0:
        return found
    try:
        weights = optimize.nnls(columns.T, program.c, maxiter=10 * (len(columns) + program.n))[0]
    except RuntimeError:  # too many steps
        return None
    count = len(active)
    found[active] -= weights[:count] / norms
    found[active[even]] += weights[count : count + int(even.sum())] / norms[even]
    return found


def _violation(program: LinearProgram, x: Array) -> float:
    slack, scales = program.slack(x), np.maximum(program.scales(x), 1e-300)
    rows = np.where(program.equality, np.abs(slack), np.maximum(-slack, 0.0)) / scales
    size = np.maximum(1.0, np.abs(x))
    bounds = np.maximum(np.maximum(program.low - x, x - program.high), 0.0) / size
    return float(max(rows.max(initial=0.0), bounds.max(initial=0.0)))
