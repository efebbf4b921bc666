"""The empirical variogram, and the model fitted to it by weighted least squares.

Sources: Matheron (1962); Cressie, Fitting variogram models by weighted least squares (1985): weights N(h) / γ(h)².
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize
from scipy.spatial.distance import pdist

from agents.arrays import Array
from agents.surrogate.kernels import VARIOGRAM
from agents.task import Watch

_RANGES = 60


@dataclass(frozen=True, eq=False, slots=True)
class Empirical:
    """Mean `lags`, semivariances `gamma` and numbers of pairs `counts` of the bins that have pairs."""

    lags: Array
    gamma: Array
    counts: Array


@dataclass(frozen=True, slots=True)
class Variogram:
    """`nugget` + `partial_sill` (1 - ρ(h / `range_`)); `misfit` is the weighted sum of squares it was chosen by."""

    model: str
    nugget: float
    partial_sill: float
    range_: float
    misfit: float | None = None

    def gamma(self, lags: Array) -> Array:
        """Semivariances at lags above 0."""
        rest: Array = 1.0 - VARIOGRAM[self.model]((lags / self.range_) ** 2, 1.0)
        return self.nugget + self.partial_sill * rest


def empirical(x: Array, y: Array, bins: int) -> Empirical:
    """Bin half the squared differences of all pairs up to half the largest distance, `y` (n, m) summed up."""
    distance = pdist(x)
    half = 0.5 * sum(pdist(y[:, [j]], "sqeuclidean") for j in range(y.shape[1]))
    edges = np.linspace(0.0, 0.5 * float(distance.max()) * (1.0 + 1e-12), bins + 1)
    place = np.digitize(distance, edges) - 1
    near = (place >= 0) & (place < bins)
    counts = np.bincount(place[near], minlength=bins)
    some = counts > 0
    totals = np.maximum(counts[some], 1)
    lags = np.bincount(place[near], distance[near], minlength=bins)[some] / totals
    gamma = np.bincount(place[near], np.broadcast_to(half, distance.shape)[near], minlength=bins)[some] / totals
    return Empirical(lags, np.asarray(gamma, dtype=np.float64), counts[some].astype(np.float64))


def fit(found: Empirical, models: tuple[str, ...], watch: Watch) -> Variogram:
    """Fit each model: for every range of a grid nugget and sill by non-negative least squares, then refine."""
    best: Variogram | None = None
    top = float(found.lags.max())
    for model in models:
        for range_ in top * np.geomspace(0.05, 4.0, _RANGES):
            watch(0.1, "fit the variogram")
            tried = _linear(found, model, float(range_))
            if best is None or _misfit(tried) < _misfit(best):
                best = tried
    assert best is not None
    model, middle = best.model, best.range_
    minimize: Any = optimize.minimize_scalar
    made = minimize(
        lambda log: _misfit(_linear(found, model, float(np.exp(log)))),
        bounds=(np.log(middle / 1.2), np.log(middle * 1.2)), method="bounded", options={"xatol": 1e-8},
    )  # fmt: skip
    refined = _linear(found, model, float(np.exp(made.x)))
    return min(best, refined, key=_misfit)


def _misfit(variogram: Variogram) -> float:
    return float("inf") if variogram.misfit is None else variogram.misfit


def _linear(found: Empirical, model: str, range_: float) -> Variogram:
    """Fit nugget and partial sill, with Cressie's weights from the fit before, three times."""
    shape = 1.0 - VARIOGRAM[model]((found.lags / range_) ** 2, 1.0)
    columns = np.stack([np.ones_like(shape), shape], axis=1)
    level = float(np.average(found.gamma, weights=found.counts))
    current = np.full_like(shape, level)
    values = np.zeros(2)
    for _ in range(3):
        weight = np.sqrt(found.counts) / np.maximum(current, 1e-3 * level)
        values = optimize.nnls(columns * weight[:, None], found.gamma * weight)[0]
        current = columns @ values
    relative = found.gamma / np.maximum(current, 1e-3 * level) - 1.0
    misfit = float(found.counts @ (relative * relative))
    return Variogram(model, float(values[0]), float(values[1]), range_, misfit)
