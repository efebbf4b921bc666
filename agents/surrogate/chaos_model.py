"""Polynomial chaos expansions: evaluation, moments and Sobol' indices from the coefficients.

Sources: Xiu & Karniadakis (2002); Sudret, Global sensitivity analysis using polynomial chaos expansions (2008).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents import distributions
from agents.arrays import Array
from agents.surrogate import samples
from agents.surrogate.model import Fields, Prediction
from agents.surrogate.orthogonal import Axis, axis
from agents.task import Watch

DEGREE_LIMIT = 30
TERMS_LIMIT = 5000
SAFETY = 3.0
"""How many of the largest leave-one-out residual the error is said to be at most."""
_NAMES = ("distributions", "indices", "coefficients", "residual", "deviation", "low", "high", "flat")
_CHUNK = 2_000_000


@dataclass(frozen=True, eq=False, slots=True)
class Chaos:
    """`indices` (p, d) of degrees, `coefficients` (p, m), and of the samples the range and the residuals (m)."""

    distributions: list[dict[str, Any]]
    axes: list[Axis]
    indices: Array
    coefficients: Array
    residual: Array
    deviation: Array
    low: Array
    high: Array
    flat: bool

    @property
    def dimensions(self) -> int:
        """Numbers a point has."""
        return len(self.axes)

    @property
    def outputs(self) -> int:
        """Numbers that are predicted at a point."""
        return int(self.coefficients.shape[1])

    @property
    def cost(self) -> float:
        """Operations of a thousand predictions."""
        return 1e6 + 2000.0 * self.indices.size

    def plain(self) -> dict[str, Any]:
        """Give the data."""
        return {name: getattr(self, name) for name in _NAMES}

    def predict(self, points: Array, watch: Watch) -> Prediction:
        """Predict; beyond the samples no bound is known."""
        mean = np.empty((len(points), self.outputs))
        rows = max(1, _CHUNK // max(1, self.indices.size))
        for first in range(0, len(points), rows):
            watch(first / len(points), "predict")
            mean[first : first + rows] = (
                terms(self.axes, self.indices, points[first : first + rows]) @ self.coefficients
            )
        std = np.broadcast_to(self.deviation, mean.shape).copy()
        beyond = int(((points < self.low) | (points > self.high)).any(axis=1).sum())
        size = np.abs(self.coefficients).sum(axis=0)
        bound = float((SAFETY * self.residual + 1e-14 * size).max())
        text = f"{beyond} points lie beyond the samples, where the error is not known"
        if self.flat:
            mean, std = mean[:, 0], std[:, 0]
        return Prediction(mean, std, None if beyond else bound, [text] if beyond else [])

    def sobol(self) -> tuple[Array, Array]:
        """First and total order indices, (d, m) each; NaN where nothing varies."""
        squares = self.coefficients**2
        degrees = self.indices > 0
        alone = degrees.sum(axis=1) == 1
        variance = squares[degrees.any(axis=1)].sum(axis=0)
        first = np.stack([squares[degrees[:, i] & alone].sum(axis=0) for i in range(self.dimensions)])
        total = np.stack([squares[degrees[:, i]].sum(axis=0) for i in range(self.dimensions)])
        with np.errstate(all="ignore"):
            return first / variance, total / variance

    def moments(self) -> tuple[Array, Array]:
        """Mean and standard deviation (m) under the inputs' distributions."""
        degrees = self.indices.any(axis=1)
        mean = self.coefficients[~degrees].sum(axis=0)
        return mean, np.sqrt((self.coefficients[degrees] ** 2).sum(axis=0))


def terms(axes: list[Axis], indices: Array, points: Array) -> Array:
    """Evaluate products of orthonormal polynomials: (n, p)."""
    degrees = indices.astype(np.int64)
    made = np.ones((len(points), len(degrees)))
    for i, one in enumerate(axes):
        top = int(degrees[:, i].max(initial=0))
        if top:
            made *= one.evaluate(points[:, i], top)[degrees[:, i]].T
    return made


def read(values: Mapping[str, Any], where: str) -> Chaos:
    """Validate a surrogate's data."""
    fields = Fields(values, _NAMES, where)
    given = values["distributions"]
    if not isinstance(given, list) or not 0 < len(given) <= samples.DIMENSIONS_LIMIT:
        raise fields.wrong("distributions", "not a list of distributions")
    found = [distributions.read(one, f"{fields.where('distributions')}[{i}]") for i, one in enumerate(given)]
    indices, coefficients = fields.array("indices", 2), fields.array("coefficients", 2)
    d = len(found)
    if indices.shape[1:] != (d,) or not 0 < len(indices) <= TERMS_LIMIT:
        raise fields.wrong("indices", f"1 to {TERMS_LIMIT} rows of {d} degrees expected")
    if not ((indices >= 0) & (indices <= DEGREE_LIMIT) & (indices == np.floor(indices))).all():
        raise fields.wrong("indices", f"not degrees of 0 to {DEGREE_LIMIT}")
    m = coefficients.shape[1]
    if len(coefficients) != len(indices) or not 0 < m <= samples.OUTPUTS_LIMIT:
        raise fields.wrong("coefficients", "not a row for each row of indices")
    residual, deviation = fields.array("residual", 1), fields.array("deviation", 1)
    low, high = fields.array("low", 1), fields.array("high", 1)
    for name, one, size in (("residual", residual, m), ("deviation", deviation, m), ("low", low, d), ("high", high, d)):
        if one.shape != (size,) or (size == m and (one < 0).any() and name in {"residual", "deviation"}):
            raise fields.wrong(name, f"{size} numbers expected, errors not negative")
    flat = fields.flag("flat")
    if flat and m != 1:
        raise fields.wrong("flat", "true only for one output")
    plain = [dict(one) for one in given]
    return Chaos(plain, [axis(one) for one in found], indices, coefficients, residual, deviation, low, high, flat)
