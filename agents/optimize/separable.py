"""Variable projection: the parameters in which a model is linear are solved for, and the others alone are searched.

Source: Golub & Pereyra, The differentiation of pseudo-inverses and nonlinear least squares problems whose variables
separate (1973), with Kaufman's Jacobian (1975).
"""

import numpy as np

from agents.arrays import Array
from agents.optimize.residuals import Residuals
from agents.optimize.structure import dependencies
from native.formula import Program


def linear_parameters(program: Program, n: int) -> list[int]:
    """Return parameters in which the model is linear together; `program` has it and its derivatives by the first n."""
    needs = dependencies(program)[1:]
    chosen: list[int] = []
    taken = 0
    for j in range(n):
        mask = taken | 1 << j
        if needs[j] & mask == 0 and all(needs[k] & mask == 0 for k in chosen):
            chosen.append(j)
            taken = mask
    return chosen


class Separable:
    """The residuals as a function of the nonlinear parameters q alone, the linear ones being the best there are."""

    def __init__(self, residuals: Residuals, linear: list[int]) -> None:
        self._residuals = residuals
        self._linear = np.array(linear)
        self.nonlinear = np.array([j for j in range(residuals.n) if j not in set(linear)], dtype=np.int64)
        self._zero = np.zeros(residuals.n)

    def complete(self, q: Array) -> Array:
        """All parameters: q and the linear ones that fit best."""
        p = self._zero.copy()
        p[self.nonlinear] = q
        r, jacobian = self._residuals.at(p)
        part = jacobian[:, self._linear]
        if np.isfinite(part).all() and np.isfinite(r).all():
            scale = np.sqrt(np.einsum("ij,ij->j", part, part))
            scale[scale == 0.0] = 1.0
            p[self._linear] = np.linalg.lstsq(part / scale, -r, rcond=1e-13)[0] / scale
        return p

    def at(self, q: Array) -> tuple[Array, Array]:
        """Residuals and Kaufman's Jacobian by q."""
        r, jacobian = self._residuals.at(self.complete(q))
        part = jacobian[:, self._linear]
        rest = jacobian[:, self.nonlinear]
        if not (np.isfinite(part).all() and np.isfinite(rest).all()):
            return r, rest
        scale = np.sqrt(np.einsum("ij,ij->j", part, part))
        left, values, _ = np.linalg.svd(part / np.where(scale == 0.0, 1.0, scale), full_matrices=False)
        left = left[:, values > 1e-13 * max(values[0], 1e-300)]
        return r, rest - left @ (left.T @ rest)
