"""One-dimensional integrals: adaptive Gauss–Kronrod quadrature of a program over finite and infinite ranges."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

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
    panels, count = _first_panels(edges, limit)
    evaluations = 0
    while True:
        count, status, made = kernel.refine(  # type: ignore[no-untyped-call]
            program.code, program.constants, program.n_registers, program.outputs, place, inputs, panels, count,
            epsabs, epsrel, min(limit, count + _CHUNK),
        )  # fmt: skip
        evaluations += made
        if status != LIMIT or count >= limit:
            break
        watch(count / limit, "bisect")
    used = panels[:count]
    worst = used[used[:, 3].argmax()]
    with np.errstate(over="ignore"):
        value, error = float(used[:, 2].sum()), float(used[:, 3].sum())
    return Integral(value, error, status, count, evaluations, _where(worst))


def _first_panels(edges: Sequence[float], limit: int) -> tuple[Array, int]:
    """Split the ranges between the edges; one without any end is split at 0."""
    if len(edges) == 2 and math.isinf(edges[0]) and math.isinf(edges[1]):
        edges = [edges[0], 0.0, edges[1]]
    each = max(1, _FIRST // (len(edges) - 1))
    count = each * (len(edges) - 1)
    panels = np.zeros((max(limit, count), 9))
    panels[:count, 4] = 1.0
    for i, (low, high) in enumerate(pairwise(edges)):
        mine = panels[i * each : (i + 1) * each]
        if math.isinf(low) or math.isinf(high):
            mine[:, 5] = 1.0 if math.isinf(high) else -1.0
            mine[:, 6] = low if math.isinf(high) else high
            low, high = 0.0, 1.0  # noqa: PLW2901 - the range in u
        cuts = low + (high - low) * (np.arange(each + 1) / each)
        mine[:, 0], mine[:, 1] = cuts[:-1], cuts[1:]
        mine[-1, 1] = high
    return panels, count


def _where(panel: Array) -> float:
    """The middle of a panel, in x."""
    middle = 0.5 * float(panel[0] + panel[1])
    return middle if panel[5] == 0.0 else float(panel[6] + panel[5] * (1.0 / middle - 1.0))
