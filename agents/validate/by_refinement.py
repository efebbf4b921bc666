"""Fields on another grid: finer where that is cheap, or else coarser; both errors bound how far they are apart.

The solver compares three grids of its own, each with twice the points of the one before: this grid is none of them
where its cells are not a power of two times theirs.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.interpolate import make_interp_spline

from agents.inner import Inner
from agents.outcome import Problem
from agents.task import Watch
from agents.validate.findings import Claim, Road
from agents.validate.values import Leaves, Numbers, leaves

_CHEAP = 2.0
"""How many times the request's own cost a finer grid may take."""
_ANYWAY = 1e9
"""Operations that another grid may take however cheap the request is: about half a second."""
_LEAST = 16
_RATIOS = ((2, 1), (3, 2), (3, 4), (2, 3), (1, 2))
_SMOOTH = 0.5
"""How much of the difference to straight lines a cubic spline may be wrong by between the points."""
_WRAPPED = 8
_SHARED = 4
"""Points along each axis that both grids have to have, for those alone to be compared."""
_STOPPED = {"timed_out", "cancelled"}
_NAMES = "xyz"


def field(claim: Claim, watch: Watch) -> None:
    """Solve on the other grid and compare at the points that both have."""
    inner = claim.inner
    shape = inner.inputs["shape"]
    counts = [shape] if isinstance(shape, int) else list(shape)
    periodic = [_periodic(inner.inputs.get("boundary"), name) for name in _NAMES[: len(counts)]]
    cells = [count if wrapped else count - 1 for count, wrapped in zip(counts, periodic, strict=True)]
    for ratio in _RATIOS:
        if any(one * ratio[0] % ratio[1] or one * ratio[0] // ratio[1] < _LEAST for one in cells):
            continue
        if _solved(claim, [one * ratio[0] // ratio[1] for one in cells], periodic, watch):
            break
    else:  # no points in common: splines go between those of the other grid
        for share in (1.5, 0.75):
            if min(cells) * share >= _LEAST and _solved(claim, [round(share * one) for one in cells], periodic, watch):
                break
    _points(claim, counts, periodic)
    _statistics(claim)


def _points(claim: Claim, counts: list[int], periodic: list[bool]) -> None:
    """Axes and times are those of the request, or every n-th of the points."""
    domain = claim.inner.inputs["domain"]
    domain = domain if isinstance(domain[0], list) else [domain]
    for name, (low, high), count, wrapped in zip(_NAMES, domain, counts, periodic, strict=False):
        whole = low + (high - low) * np.arange(count) / (count if wrapped else count - 1)
        found = claim.numbers(f"axes.{name}")
        step = -(-count // found.size) if found.size else 1
        steps = [one for one in (step, step - 1, step + 1) if one > 0 and whole[::one].size == found.size]
        off = min((float(np.abs(whole[::one] - found).max()) for one in steps), default=math.inf)
        claim.add(f"axes.{name}", off, 1e-12 * (abs(low) + abs(high)), "even steps from end to end")
    if "t_span" not in claim.inner.inputs:
        return
    start, end = (float(one) for one in claim.inner.inputs["t_span"])
    given = claim.inner.inputs.get("t_eval")
    times = np.linspace(start, end, int(claim.inner.inputs.get("n_times") or 11)) if given is None else np.array(given)
    found = claim.numbers("t")
    wanted = times[-1:] if found.ndim == 0 else times if times.size == found.size else np.append(start, times)
    claim.agree("t", wanted, 1e-12 * (abs(start) + abs(end)), "the request's times")


def _periodic(boundary: Any, name: str) -> bool:
    if isinstance(boundary, Mapping) and "type" not in boundary:
        boundary = boundary.get(name)
        if isinstance(boundary, Mapping) and "low" in boundary:
            boundary = boundary["low"]
    return boundary == "periodic" or (isinstance(boundary, Mapping) and boundary.get("type") == "periodic")


def _changed(inner: Inner, shape: list[int]) -> Inner | None:
    try:
        return inner.changed(inputs={"shape": shape})
    except Problem as problem:
        if problem.code in _STOPPED:
            raise
        return None


def _solved(claim: Claim, cells: list[int], periodic: list[bool], watch: Watch) -> bool:
    """Solve with so many cells and compare; gives whether that could be done."""
    shape = [one if wrapped else one + 1 for one, wrapped in zip(cells, periodic, strict=True)]
    road = _changed(claim.inner, shape)
    if road is None or road.cost > _CHEAP * claim.inner.cost + _ANYWAY:
        return False
    watch(0.2, "another grid")
    outcome = road.compute(lambda fraction, stage: watch(0.2 + 0.7 * fraction, stage), claim.kept)
    error = outcome.diagnostics.error_estimate
    if outcome.outputs is None or error is None:
        return False
    found = leaves(outcome.outputs, "", "inputs.result.outputs")
    how = f"on a grid of {'×'.join(map(str, shape))} points; apart by no more than both errors"
    ndim = len(periodic)
    _alike(claim, found, error, ndim, how)
    axes = [tuple(one.numbers[f"axes.{name}"] for one in (claim.outputs, found)) for name in _NAMES[:ndim]]
    shared = [_shared(points, known) for points, known in axes]
    common = all(mine.size >= _SHARED for mine, _ in shared)
    for path in [one for one in claim.outputs.numbers if one == "u" or one.startswith("u.")]:
        here, other = claim.numbers(path), found.numbers[path]
        if common:
            lead = [np.arange(count) for count in here.shape[: here.ndim - ndim]]
            here = here[np.ix_(*lead, *(mine for mine, _ in shared))]
            other, blur = other[np.ix_(*lead, *(theirs for _, theirs in shared))], 0.0
        else:
            first = 1 if here.ndim > ndim and len(here) > 1 else 0  # at the start a jump is no spline's
            here, other, blur = _interpolated(claim, here[first:] if first else here, other[first:] if first else other,
                                              axes, periodic)  # fmt: skip
        size = float(np.abs(other).max(initial=0.0))
        off = float(np.abs(here - other).max(initial=0.0))
        claim.add(path, off, (claim.error or 0.0) + error + blur + 1e-12 * size, how)
    return True


def _alike(claim: Claim, found: Leaves, error: float, ndim: int, how: str) -> None:
    """Statistics of both grids, up to what a field may do between its points: second differences bound that."""
    for path in [one for one in claim.outputs.numbers if one == "u" or one.startswith("u.")]:
        u = claim.numbers(path)
        between = max(
            float(np.abs(np.diff(u, 2, axis=axis)).max(initial=0.0)) for axis in range(u.ndim - ndim, u.ndim)
        )  # fmt: skip
        for name in ("minimum", "maximum", "mean"):
            place = f"statistics{path[1:]}.{name}"
            if place in claim.outputs.numbers and place in found.numbers:
                claim.agree(place, found.numbers[place], (claim.error or 0.0) + error + between, how)


def _shared(points: Numbers, known: Numbers) -> tuple[Any, Any]:
    """Places in both of the points that both have."""
    reach = 1e-9 * float(np.ptp(known))
    place = np.clip(np.searchsorted(known, points - reach), 0, known.size - 1)
    same = np.abs(known[place] - points) <= reach
    return np.flatnonzero(same), place[same]


def _interpolated(
    claim: Claim, here: Numbers, other: Numbers, axes: list[Any], periodic: list[bool]
) -> tuple[Numbers, Numbers, float]:
    """The other solution at the request's points, and how wrong splines may be about it."""
    plain = other
    for place, wrapped in enumerate(periodic):
        axis = here.ndim - len(periodic) + place
        low, high = _ends(claim, place)
        period = high - low if wrapped else 0.0
        other = _between(other, axes[place], axis, period, degree=3)
        plain = _between(plain, axes[place], axis, period, degree=1)
    return here, other, _SMOOTH * float(np.abs(other - plain).max(initial=0.0))


def _ends(claim: Claim, place: int) -> tuple[float, float]:
    domain = claim.inner.inputs["domain"]
    low, high = domain[place] if isinstance(domain[0], list) else domain
    return float(low), float(high)


def _between(values: Numbers, at: tuple[Numbers, Numbers], axis: int, period: float, *, degree: int) -> Numbers:
    """Values along an axis at the first points, known at the second, by a spline of that degree."""
    points, known = at
    if period:
        more = min(_WRAPPED, known.size)
        first, last = (np.take(values, some, axis=axis) for some in (range(more), range(-more, 0)))
        known = np.concatenate([known[-more:] - period, known, known[:more] + period])
        values = np.concatenate([last, values, first], axis=axis)
    made: Any = make_interp_spline(known, values, k=degree, axis=axis)
    return np.asarray(made(points))


def _statistics(claim: Claim) -> None:
    """Extremes of the whole grid are not inside those of the points that are shown; the mean lies between them."""
    for path in [one for one in claim.outputs.numbers if one == "u" or one.startswith("u.")]:
        below = f"statistics{path[1:]}"
        if f"{below}.minimum" not in claim.outputs.numbers:
            continue
        low, high, mean = (claim.numbers(f"{below}.{name}") for name in ("minimum", "maximum", "mean"))
        u = claim.numbers(path)
        rows = u.reshape(low.size, -1)
        size = float(np.abs(u).max(initial=0.0))
        off = max(float((low.ravel() - rows.min(axis=1)).max()), float((rows.max(axis=1) - high.ravel()).max()))
        off = max(off, float((low - mean).max()), float((mean - high).max()))
        claim.add(below, off, 1e-12 * size, "the points shown lie between the extremes, and so does the mean")


_TASKS = ("heat", "wave", "poisson", "advection_diffusion", "reaction_diffusion")
ROADS: Mapping[tuple[str, str], Road] = {("pde", name): field for name in _TASKS}
