"""Integrals over the unit cube: adaptive cubature that refines many regions at once, in calls of many points."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from native.cubature_rules import Rule
from native.formula.program import Array

CONVERGED, LIMIT, NOT_FINITE = range(3)
_CHUNK = 16_384
"""Points evaluated between two looks at the watch."""
_SHARE = 0.5
"""Of the error, what the regions hold that are split at once (Dörfler's marking)."""
_NARROW = 2.0**-48
_SMOOTH = 1.0 / 16.0
_LOOKS_SMOOTH = 1e-3
"""Up to which disagreement, relative to the values, the faces of a region are looked at: elsewhere it is refined."""

_PEAK, _ASPECT = 100.0, 16.0
"""Regions of that many times the mean value are kept that compact: a thin one steps over what is in its corner."""
_DOUBT, _HIGH = 2.0, 4.0
"""How many times the disagreement is taken beside a pole, and in thin regions of that many times the mean value."""

Integrand = Callable[[Array], Array]
Watch = Callable[[float, str], None]
Indices = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Integral:
    """The value, a bound of its error, how it ended; `worst` is the centre of the region with the largest error."""

    value: float
    error: float
    status: int
    regions: int
    evaluations: int
    worst: Array


@dataclass(slots=True)
class _Regions:
    """Regions, one a row; `ratio` is by how much a bisection reduces the rules' disagreement, smoothed."""

    centre: Array
    half: Array
    value: Array
    disagreement: Array
    error: Array
    rounding: Array
    ratio: Array
    axis: Indices

    def put(self, rows: Indices, other: "_Regions") -> None:
        """Replace rows by those of another set."""
        for name in self.__slots__:
            getattr(self, name)[rows] = getattr(other, name)

    def joined(self, other: "_Regions") -> "_Regions":
        """Append another set."""
        return _Regions(*(np.concatenate([getattr(self, name), getattr(other, name)]) for name in self.__slots__))


def integrate(
    integrand: Integrand, rule: Rule, low: Array, high: Array, epsabs: float, epsrel: float, limit: int, watch: Watch
) -> Integral:
    """Integrate over boxes [low, high] (n, d) until the error is at most max(epsabs, epsrel |value|).

    `integrand` takes points (d, k) to (k,); it need not be finite where a rule has a point, as long as that point is
    no longer one after bisection. `limit` is the most evaluations, but for the first ones.
    """
    d = rule.points.shape[1]
    regions = _apply(integrand, rule, 0.5 * (low + high), 0.5 * (high - low), watch, 0.0)
    regions.error = regions.disagreement + regions.rounding
    evaluations = rule.weights.size * len(low)
    while True:
        value, error = float(regions.value.sum()), float(regions.error.sum())
        tolerance = max(epsabs, epsrel * abs(value))
        worst = regions.centre[int(regions.error.argmax())]
        if error <= tolerance and regions.error.size >= rule.fewest:
            return Integral(value, error, CONVERGED, regions.error.size, evaluations, worst)
        affordable = (limit - evaluations) // (2 * rule.weights.size)
        rows = _marked(regions, error, affordable)
        if affordable < 1 or regions.half[rows].max(axis=1).min() < _NARROW:
            status = LIMIT if math.isfinite(error) else NOT_FINITE
            return Integral(value, error, status, regions.error.size, evaluations, worst)
        left, right = _bisected(regions, rows)
        both = _apply(integrand, rule, np.concatenate([left[0], right[0]]), np.concatenate([left[1], right[1]]), watch,
                      evaluations / limit)  # fmt: skip
        _judge(both, regions, rows, d)
        evaluations += rule.weights.size * 2 * rows.size
        parts = [_Regions(*(getattr(both, name)[half] for name in both.__slots__))
                 for half in (slice(rows.size), slice(rows.size, None))]  # fmt: skip
        regions.put(rows, parts[0])
        regions = regions.joined(parts[1])


def _apply(integrand: Integrand, rule: Rule, centre: Array, half: Array, watch: Watch, fraction: float) -> _Regions:
    """Apply the rule to regions; one with a value that is not finite has an infinite error."""
    count, d = centre.shape
    n = rule.weights.size
    forms = np.concatenate([rule.weights[None], rule.differences, rule.axes, rule.edges]).T
    inside = n - 2 * d
    found = np.empty((count, forms.shape[1]))
    sizes = np.empty(count)
    finite = np.empty(count, dtype=bool)
    step = max(1, _CHUNK // n)
    for first in range(0, count, step):
        watch(min(fraction, 1.0), "refine")
        part = slice(first, first + step)
        points = (centre[part, None, :] + half[part, None, :] * rule.points).reshape(-1, d).T
        values = _values(integrand, np.ascontiguousarray(points), watch, fraction).reshape(-1, n)
        finite[part] = np.isfinite(values[:, :inside]).all(axis=1)
        values[~finite[part]] = 0.0
        faces = np.isfinite(values[:, inside:]).all(axis=1)
        values[~faces, inside:] = 0.0
        found[part] = values @ forms
        found[part, -len(rule.edges) :][~faces] = 0.0
        sizes[part] = np.abs(values) @ np.abs(rule.weights)
    return _regions(rule, centre, half, found, sizes, finite)


def _regions(rule: Rule, centre: Array, half: Array, found: Array, sizes: Array, finite: Array) -> _Regions:
    """Make regions of what the rule's forms have found."""
    volume = np.prod(2.0 * half, axis=1)
    m = len(rule.differences)
    relative = np.abs(found[:, 1 : 1 + m]).max(axis=1)
    hidden = np.abs(found[:, -len(rule.edges) :]).max(axis=1)
    relative = np.where(relative <= _LOOKS_SMOOTH * sizes, np.maximum(relative, hidden), relative)
    rough = np.abs(found[:, 1 + m : -len(rule.edges)])
    at_faces = np.abs(found[:, -len(rule.edges) :]).reshape(len(sizes), -1, rough.shape[1]).max(axis=1)
    rough = np.where(((hidden >= relative) & (hidden > 0.0))[:, None], at_faces, rough)
    axis = np.where(rough.max(axis=1) > 1e-14 * sizes, _roughest(rough, half), half.argmax(axis=1))
    axis = np.where(finite, axis, half.argmax(axis=1))
    disagreement = volume * relative + np.where(finite, 0.0, np.inf)
    return _Regions(
        centre, half, volume * found[:, 0], disagreement, disagreement.copy(), 2e-15 * volume * sizes,
        np.full(len(sizes), _SMOOTH), axis.astype(np.int64),
    )  # fmt: skip


def _values(integrand: Integrand, points: Array, watch: Watch, fraction: float) -> Array:
    """Evaluate in calls of bounded size, where one region has many points."""
    if points.shape[1] <= _CHUNK:
        return integrand(points)
    parts = []
    for first in range(0, points.shape[1], _CHUNK):
        watch(min(fraction, 1.0), "refine")
        parts.append(integrand(np.ascontiguousarray(points[:, first : first + _CHUNK])))
    return np.concatenate(parts)


def _roughest(rough: Array, half: Array) -> Indices:
    """Choose the axis to split: of the roughest ones the longest."""
    close = rough >= 0.9 * rough.max(axis=1, keepdims=True)
    return np.asarray(np.where(close, half, 0.0).argmax(axis=1))


def _marked(regions: _Regions, total: float, most: int) -> Indices:
    """Choose the fewest regions that hold half of the error, at most `most`."""
    order = np.argsort(-regions.error, kind="stable")
    if math.isfinite(total):
        count = 1 + int(np.searchsorted(np.cumsum(regions.error[order]), _SHARE * total))
    else:
        count = int(np.isinf(regions.error).sum())
    return order[: max(1, min(count, most, order.size))]


def _bisected(regions: _Regions, rows: Indices) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Split regions along their axes: centres and half widths of the left and of the right parts."""
    each = np.arange(rows.size)
    half = regions.half[rows].copy()
    volume = np.prod(2.0 * regions.half, axis=1)
    mean = regions.rounding.sum() / volume.sum()
    peaked = regions.rounding[rows] > _PEAK * mean * volume[rows]
    longest = half.argmax(axis=1)
    thin = half[each, longest] > _ASPECT * half[each, regions.axis[rows]]
    axis = np.where(peaked & thin, longest, regions.axis[rows])
    half[each, axis] *= 0.5
    left, right = regions.centre[rows].copy(), regions.centre[rows].copy()
    left[each, axis] -= half[each, axis]
    right[each, axis] += half[each, axis]
    return (left, half), (right, half.copy())


def _thin(both: _Regions, before: _Regions) -> Any:
    """Say which regions are thin and high: what is in the corner of such a one may be stepped over."""
    mean = before.rounding.sum() / np.prod(2.0 * before.half, axis=1).sum()
    high = both.rounding > _HIGH * mean * np.prod(2.0 * both.half, axis=1)
    return high & (both.half.max(axis=1) > _ASPECT * both.half.min(axis=1))


def _judge(both: _Regions, before: _Regions, rows: Indices, d: int) -> None:
    """Set the errors of the parts: the rules' disagreement, or more where bisection shows that they converge slowly.

    At a singularity the change that a bisection makes falls by about one ratio r each time (by 2^-(d - s) in d times
    at r^-s), so that r / (1 - r) of it is still to come; three times as much is taken. Where r is not below 1 the
    integral does not exist, and no error is small enough. Where the whole's disagreement was less than the change, or
    infinite, the parts' are not trusted either, and raised.
    """
    n = rows.size
    moved = np.abs(before.value[rows] - both.value[:n] - both.value[n:])
    parent = np.concatenate([before.disagreement[rows]] * 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        once = np.clip(both.disagreement / parent, 1e-6, 4.0)
    once = np.where(np.isfinite(parent) & np.isfinite(both.disagreement) & (parent > 0.0), once, _SMOOTH)
    kept = np.concatenate([before.ratio[rows]] * 2)
    both.ratio = np.clip(kept ** (1.0 - 1.0 / d) * once ** (1.0 / d), 1e-3, 4.0)
    ratio = np.clip(both.ratio, _SMOOTH, 0.999)
    known = np.where(np.isfinite(parent), np.concatenate([moved, moved]), 0.0)
    clear = known > 10.0 * np.concatenate([before.rounding[rows]] * 2)
    slow = np.where(clear, 3.0 * known * ratio / (1.0 - ratio), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        missed = np.where(clear & (parent > 0.0), np.clip(2.0 * known / parent, 1.0, 100.0), 1.0)
    missed = np.where(np.isfinite(parent) & ~_thin(both, before), missed, np.maximum(missed, _DOUBT))
    both.error = np.maximum(missed * both.disagreement, slow) + both.rounding
