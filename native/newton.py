"""Roots of small systems of formulas by one native call: Newton's iteration and the bound of its error."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from native import is_compiled
from native.formula import Program
from native.kernels import newton as kernel

SMALL = 16
"""Most variables: above it LAPACK's blocking wins."""
LONGEST = 2000
"""Most instructions: an iteration looks at no watch, and 80 steps of so many take a few milliseconds."""
TURNS = 4
"""How many roundings are computed with: the values that are meant, and three with their last places changed."""
COMPILED = is_compiled(kernel)
KERNEL = "native.kernels.newton.polish"

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Ended:
    """Where the iteration ended, and what is 0 there.

    `settled`: it is a root near the start, with a regular Jacobian. Where it is not, nothing else is to be read.
    `error` (n) bounds the distance of each coordinate to the root.
    """

    x: Array
    values: Array
    error: Array
    settled: bool
    steps: int
    condition: float


def fits(program: Program, n: int) -> bool:
    """Whether the call takes systems of this size."""
    return n <= SMALL and len(program.code) <= LONGEST


def polish(program: Program, constants: Array, start: Array, parameters: Array, factors: Array) -> Ended:
    """Iterate from `start` (n); `program` has n values, then their n × n derivatives.

    `constants` (TURNS, c), `parameters` (TURNS, p) and `factors` (TURNS, n), which the variables are multiplied by, are
    in the first row what is meant, in the others the same changed in the last place.
    """
    found, told = kernel.polish(  # type: ignore[no-untyped-call]
        program.code, constants, program.n_registers, program.outputs, start, parameters, factors
    )
    return Ended(found[0], found[1], found[2], told[0] == 1.0, int(told[1]), float(told[2]))
