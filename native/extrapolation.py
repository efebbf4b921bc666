"""Integrals with singular ends that are not at 0: there x cannot come near enough, and the rest is extrapolated.

Beside an end e the smallest t = x - e that can be told from 0 is about 1e-16 |e|; of 1/√t that leaves 2e-8 unseen.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from native import quadrature
from native.formula import Program
from native.formula.program import Array
from native.quadrature import CONVERGED, TOO_NARROW, Integral, Watch

_SHELLS = 26
"""Halvings toward an end: to t = 1.5e-8 of the distance, where x still has eight digits of it."""
_COLUMNS = 6
_COMPARED = 3
"""Values of a column that are to agree."""
_TABLE = 2 * _COLUMNS + _COMPARED
_SLOWEST = 0.97
"""Ratio of successive shells from which on the integral is taken not to exist."""
_RELATIVE, _PANELS = 1e-11, 4 * _SHELLS
"""What the shells are integrated to, relative; the rounding of points beside an end leaves about as much."""


def integrate(
    program: Program, place: int, inputs: Array, edges: Sequence[float], epsabs: float, epsrel: float, limit: int,
    watch: Watch,
) -> Integral:  # fmt: skip
    """Integrate as `native.quadrature.integrate` does, each half of each range apart, with its end extrapolated."""
    parts = []
    pieces = list(_halves(edges))
    for end, other in pieces:
        low, high = min(end, other), max(end, other)
        made = quadrature.integrate(program, place, inputs, (low, high), epsabs / len(pieces), epsrel, limit, watch)
        if made.status == TOO_NARROW and math.isfinite(high - low):
            made = _toward(program, place, inputs, end, other, made, watch)
        if not math.isfinite(made.error):
            return made
        parts.append(made)
    value, error = math.fsum(one.value for one in parts), math.fsum(one.error for one in parts)
    worst = max(parts, key=lambda one: one.error)
    status = CONVERGED if error <= max(epsabs, epsrel * abs(value)) else TOO_NARROW
    panels, evaluations = sum(one.panels for one in parts), sum(one.evaluations for one in parts)
    return Integral(value, error, status, panels, evaluations, worst.worst)


def _halves(edges: Sequence[float]) -> list[tuple[float, float]]:
    """Cut each range in two: (the edge, the other side)."""
    found = []
    for low, high in pairwise(edges):
        if math.isinf(low) and math.isinf(high):
            middle = 0.0
        elif math.isinf(high):
            middle = low + max(1.0, abs(low))
        elif math.isinf(low):
            middle = high - max(1.0, abs(high))
        else:
            middle = 0.5 * low + 0.5 * high
        found += [(low, middle), (high, middle)]
    return found


def _toward(
    program: Program, place: int, inputs: Array, end: float, other: float, before: Integral, watch: Watch
) -> Integral:
    """Integrate shells that halve toward an end, and extrapolate their sum; where that fails, what was there before."""
    cuts = end + (other - end) * 2.0 ** -np.arange(_SHELLS + 1)
    rising = cuts if end > other else cuts[::-1]
    panels, count, _, made, _, error = quadrature.refined(
        program, place, inputs, rising.tolist(), 0.0, _RELATIVE, _PANELS, watch, 1
    )  # fmt: skip
    if not math.isfinite(error):
        return before
    evaluations = before.evaluations + made
    shell = np.searchsorted(rising, panels[:count, 0], side="right") - 1
    values, errors = (np.bincount(shell, panels[:count, column], _SHELLS) for column in (2, 3))
    if end < other:
        values, errors = values[::-1], errors[::-1]
    sizes = np.abs(values)
    last = sizes[-6:]
    if not (last > 0.0).all():
        return before
    ratio = float((last[1:] / last[:-1]).max())
    if ratio >= _SLOWEST:
        return before
    value, spread = limit_of(np.cumsum(values))
    error = 10.0 * spread + float(errors.sum()) / (1.0 - ratio) ** 2 + 1e-15 * float(sizes.sum())
    return Integral(value, error, CONVERGED, before.panels + count, evaluations, end)


def limit_of(sums: Array) -> tuple[float, float]:
    """Limit of partial sums by Wynn's epsilon algorithm (1956), and how far its last three values differ.

    Sums of geometric series, such as those of algebraic singularities, are found from a few terms. Of the table's
    columns the one counts whose last values agree best.
    """
    # plain floats: the tables are small, and a call of NumPy takes as long as a column
    here: list[float] = sums[-_TABLE:].tolist()
    before = [0.0] * (len(here) + 1)
    best = here[-1], max(abs(here[-1] - here[-2]), abs(here[-2] - here[-3]))
    for column in range(1, 2 * _COLUMNS + 1):
        steps = [above - below for below, above in pairwise(here)]
        if len(steps) < _COMPARED or not all(steps):
            break
        before, here = here, [old + 1.0 / step for old, step in zip(before[1:], steps, strict=False)]
        spread = max(abs(here[-1] - here[-2]), abs(here[-2] - here[-3]))
        if column % 2 == 0 and spread < best[1]:
            best = here[-1], spread
    return best
