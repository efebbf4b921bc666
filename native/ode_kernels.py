"""The integrators' kernels, called alike: which there are, what a step costs, and how many lanes a block may have."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from native import is_compiled
from native.formula import Program
from native.formula.program import LANES, PACK, Array
from native.kernels import dop853, dopri5, radau, rodas4

Method = Literal["auto", "dopri5", "dop853", "radau", "rodas4"]
Indices = np.ndarray[Any, np.dtype[np.int64]]

COMPILED = all(is_compiled(kernel) for kernel in (dopri5, dop853, radau, rodas4))
EXPLICIT, IMPLICIT = ("dopri5", "dop853"), ("rodas4", "radau")
METHODS: tuple[Method, ...] = ("auto", "dopri5", "dop853", "radau", "rodas4")
RADAU_LIMIT = 200
"""Most equations for radau: a factorization of 2 n equations stays below a tenth of a second."""
_SMALL = 30
_TIGHT = 1e-7
"""From here on the higher orders are faster for the same error: Lorenz, Kepler, Robertson, HIRES, van der Pol."""
_BLOCK_NUMBERS = 8_000_000
_ORDERS = {"dopri5": 5.0, "dop853": 8.0, "rodas4": 4.0, "radau": 5.0}
_MODULES: dict[str, Any] = {"dopri5": dopri5, "dop853": dop853, "radau": radau, "rodas4": rodas4}
_STAGES = {"dopri5": 6, "dop853": 12, "rodas4": 6, "radau": 0}


def resolve(method: Method, rtol: float, equations: int) -> tuple[str, ...]:
    """Say what a method means: one kernel, or the explicit and the implicit one that `auto` goes to and fro between.

    The higher orders pay for themselves at tighter tolerances, radau's larger matrices where equations are few.
    """
    if method != "auto":
        return (method,)
    tight = rtol <= _TIGHT
    return "dop853" if tight else "dopri5", "radau" if tight and equations <= _SMALL else "rodas4"


class Block(Protocol):
    """Lanes that a kernel works on, as `native.ode` takes them out of an ensemble."""

    parameters: Array
    lanes: Array
    counts: Indices
    state: Array
    slope: Array
    log: Array
    logged: Indices


@dataclass(frozen=True, eq=False, slots=True)
class Kernel:
    """One kernel with its programs: `detect` makes it leave members that are better off with the other kind.

    `order` of the method; `parts` of its interpolant; `width` of a block; `cost` of a step in operations.
    """

    name: str
    order: float
    stages: int
    parts: int
    width: int
    cost: int
    _call: Callable[..., Any]
    _programs: tuple[Any, ...]
    _detect: int

    def __call__(self, block: Block, grids: Array, found: Array, iterations: int, enough: int) -> int:
        """Advance a block; gives how many lanes still run."""
        slope = (block.slope,) if self.name in EXPLICIT else ()
        made: int = self._call(
            *self._programs, block.parameters, block.lanes, block.counts, block.state, *slope, grids, found, block.log,
            block.logged, self._detect, iterations, enough,
        )  # fmt: skip
        return made


def kernel_of(name: str, program: Program, jacobian: Callable[[], Program], *, detect: bool) -> Kernel:
    """Make a kernel ready; the Jacobian's program is asked for only when it takes one."""
    n, size = len(program.outputs), len(program.code)
    programs: tuple[Any, ...] = parts_of(program)
    numbers = program.n_registers
    if name in IMPLICIT:
        derivatives = jacobian()
        programs = (*programs, *parts_of(derivatives))
        numbers += derivatives.n_registers
        cost = 6 * (size + 10 * n) + len(derivatives.code) + n * n * (n + 20)
        numbers += 2 * n * (n + 10)
        if name == "radau":
            cost, numbers = 2 * cost + 5 * n * n * (n + 15), numbers + 4 * n * n + 20 * n
    else:
        stages = _STAGES[name] + 1
        cost, numbers = stages * (size + 10 * n), numbers + 3 * stages * n
    parts = {"dop853": 8, "radau": 4}.get(name, 5)
    return Kernel(
        name, _ORDERS[name], _STAGES[name], parts, _width(numbers), cost, _MODULES[name].advance, programs, int(detect)
    )


def _width(numbers: int) -> int:
    """Lanes of a block, so that what a kernel keeps for it, so many numbers a lane, stays within bounds."""
    return max(PACK, min(LANES, _BLOCK_NUMBERS // numbers // PACK * PACK))


def begin(program: Program, block: Block, order: float) -> None:
    """Compute each lane's slope at the start and first step."""
    dopri5.begin(  # type: ignore[no-untyped-call]
        *parts_of(program), block.parameters, block.lanes, block.counts, block.state, block.slope, order
    )


def parts_of(program: Program) -> tuple[Any, Array, int, Indices]:
    """Take a program apart, as kernels want it."""
    return program.code, program.constants, program.n_registers, program.outputs
