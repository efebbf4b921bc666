"""Statistics of many samples at once, and of a sample without each of its values in turn."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from agents.arrays import Array


@dataclass(frozen=True, slots=True)
class Statistic:
    """`of` takes samples (k, n) to (k,); `without_each` takes a sample (n,) to its n statistics of n - 1 values."""

    of: Callable[[Array], Array]
    without_each: Callable[[Array], Array]


def moment_statistic(name: str) -> Statistic:
    """Return mean, std and variance (n - 1), skewness or kurtosis (the excess), which follow from power sums."""

    def of(samples: Array) -> Array:
        mean: Array = samples.mean(axis=1)
        if name == "mean":
            return mean
        away = samples - mean[:, None]
        squares = away * away
        powers = [squares.sum(axis=1), (squares * away).sum(axis=1), (squares * squares).sum(axis=1)]
        return _from_sums(name, samples.shape[1], mean, *powers)

    def without_each(sample: Array) -> Array:
        n = sample.size - 1
        centre = sample.mean()
        away = sample - centre
        shift = -away / n  # of the mean, when one value is left out
        raw = [np.power(away, k).sum() - np.power(away, k) for k in (1, 2, 3, 4)]
        second = raw[1] - n * shift**2
        third = raw[2] - 3 * shift * raw[1] + 2 * n * shift**3
        fourth = raw[3] - 4 * shift * raw[2] + 6 * shift**2 * raw[1] - 3 * n * shift**4
        return _from_sums(name, n, centre + shift, second, third, fourth)

    return Statistic(of, without_each)


def _from_sums(name: str, n: int, mean: Array, second: Array, third: Array, fourth: Array) -> Array:
    if name == "mean":
        return mean
    variance = second / max(n - 1, 1)
    if name == "variance":
        return variance
    if name == "std":
        return np.sqrt(np.maximum(variance, 0.0))
    spread = np.maximum(second / n, 0.0)
    safe = np.where(spread > 0.0, spread, 1.0)
    ratio = third / n / safe**1.5 if name == "skewness" else fourth / n / safe**2 - 3.0
    return np.where(spread > 0.0, ratio, 0.0)


def quantile_statistic(q: float) -> Statistic:
    """Return the quantile with linear interpolation between values, as `numpy.quantile` takes it."""

    def of(samples: Array) -> Array:
        return np.asarray(np.quantile(samples, q, axis=1))

    def without_each(sample: Array) -> Array:
        ordered = np.sort(sample)
        place = np.argsort(np.argsort(sample, kind="stable"), kind="stable")
        at = (sample.size - 2) * q
        low = int(at)
        high = min(low + 1, sample.size - 2)
        below, above = (ordered[k + (place <= k)] for k in (low, high))
        return np.asarray(below + (at - low) * (above - below))

    return Statistic(of, without_each)
