"""Least squares of one model at few rows of data by one native call, with the bound of the parameters' error."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from native import is_compiled
from native.formula import Program
from native.kernels import levmar as kernel

ROWS = 256
"""Most rows of data."""
PARAMETERS = 10
LONGEST = 300
"""Most instructions: the call looks at no watch, and with so many it takes some milliseconds."""
EVALUATIONS = 300
TURNS = 4
"""How many roundings are computed with: the values that are meant, and three with their last places changed."""
COMPILED = is_compiled(kernel)
KERNEL = "native.kernels.levmar.fit"

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Ended:
    """Where the iteration ended: parameters p with a bound of their `error` (n), residuals r (m), the Jacobian (m, n).

    `settled`: it is a regular minimum. Where it is not, nothing else is to be read. jacobian @ back is `u`, whose
    columns are orthonormal.
    """

    p: Array
    error: Array
    r: Array
    jacobian: Array
    u: Array
    back: Array
    settled: bool
    steps: int
    evaluations: int
    condition: float


def fits(program: Program, n: int, m: int) -> bool:
    """Whether the call takes problems of this size."""
    return n <= PARAMETERS and n <= m <= ROWS and len(program.code) <= LONGEST


def fit(
    program: Program, constants: Array, start: Array, data: Array, weights: Array, factors: Array, size: float,
    limit: int,
) -> Ended:  # fmt: skip
    """Search from `start` (n); `program` has the model and its n derivatives.

    `data` (TURNS, d + 1, m) are columns and, last, what is observed; with `constants` (TURNS, c) and `factors`
    (TURNS, n), which the parameters are multiplied by, the first is what is meant, the others are changed in the last
    place. `size` is the norm of what is observed.
    """
    found, r, jacobian, u, back, told = kernel.fit(  # type: ignore[no-untyped-call]
        program.code, constants, program.n_registers, program.outputs, start, data, weights, factors, size,
        min(limit, EVALUATIONS),
    )  # fmt: skip
    return Ended(
        found[0], found[1], r, jacobian.T, u.T, back, told[0] == 1.0, int(told[1]), int(told[2]), float(told[3])
    )
