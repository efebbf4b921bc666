"""One-dimensional integrals: adaptive Gauss–Kronrod quadrature of a program over finite and infinite ranges."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from native import is_compiled
from native.formula import Program
from native.formula.program import Array
from native.kernels import quadrature as kernel

COMPILED = is_compiled(kernel)
KERNEL = "native.quadrature.gauss_kronrod_21"
CONVERGED, LIMIT, TOO_NARROW = range(3)
_CHUNK = 500
"""Panels between two looks at the watch: at most about 5 ms of work."""
_ROOM = 120
"""Panels that there is room for at first."""
_RULES = kernel.table()  # type: ignore[no-untyped-call]
_FIRST = 8
"""Panels that a range begins with, so that what is narrow is less likely to be stepped over."""

Watch = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Integral:
    """The value, a bound of its error, and how it ended; `worst` is the x of the panel with the largest error."""

    value: float
    error: float
    status: int
    panels: int
    evaluations: int
    worst: float


def integrate(
    program: Program, place: int, inputs: Array, edges: Sequence[float], epsabs: float, epsrel: float, limit: int,
    watch: Watch,
) -> Integral:  # fmt: skip
    """Integrate over [edges[0], edges[-1]]; the edges between them, in rising order, are where it is split first.

    `inputs` are the program's inputs, of which `place` is x. `limit` is the most panels; `watch` is called every few
    milliseconds and may raise. The value is within tolerance only when `status` is `CONVERGED`.
    """
    if len(edges) == 2 and math.isinf(edges[0]) and math.isinf(edges[1]):
        edges = (edges[0], 0.0, edges[1])
    panels, count, status, evaluations, value, error = refined(
        program, place, inputs, edges, epsabs, epsrel, limit, watch, max(1, _FIRST // (len(edges) - 1))
    )
    return Integral(value, error, status, count, evaluations, _where(panels[panels[:count, 3].argmax()]))


def refined(
    program: Program, place: int, inputs: Array, edges: Sequence[float], epsabs: float, epsrel: float, limit: int,
    watch: Watch, each: int,
) -> tuple[Array, int, int, int, float, float]:  # fmt: skip
    """Integrate as `integrate` does, from `each` panels between two edges; gives the panels, how many, and the rest."""
    parts = (program.code, program.constants, program.n_registers, program.outputs, place, inputs, _RULES)
    count = each * (len(edges) - 1)
    capacity = max(count, min(limit, count + _ROOM))
    panels, made = kernel.begin(*parts, np.array(edges, dtype=np.float64), each, capacity, epsabs, epsrel)  # type: ignore[no-untyped-call]
    count, status, evaluations, value, error = made
    while status == LIMIT and count < limit:
        watch(count / limit, "bisect")
        more = min(limit - count, _CHUNK)
        panels = np.concatenate([panels, np.zeros((more, panels.shape[1]))])
        count, status, again, value, error = kernel.refine(  # type: ignore[no-untyped-call]
            *parts, panels, count, epsabs, epsrel, len(panels)
        )
        evaluations += again
    return panels, count, status, evaluations, value, error


def _where(panel: Array) -> float:
    """The middle of a panel, in x."""
    middle = 0.5 * float(panel[0] + panel[1])
    return middle if panel[5] == 0.0 else float(panel[6] + panel[5] * (1.0 / middle - 1.0))
