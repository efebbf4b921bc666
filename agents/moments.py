"""Mean and variance of many values, from chunks: merged in a fixed order they do not depend on who computed which."""

import msgspec
import numpy as np

from agents.arrays import Array


class Moments(msgspec.Struct, frozen=True):
    """Count, mean, sums of squared and cubed deviations from it, mean of the absolute values.

    Source: Chan, Golub & LeVeque, Updating formulae and a pairwise algorithm for computing sample variances (1979);
    the third moment after Pébay, Formulas for robust, one-pass parallel computation of covariances (2008).
    """

    count: int
    mean: float
    squares: float
    cubes: float
    size: float

    @property
    def variance(self) -> float:
        """The variance, with n - 1; 0 of one value."""
        return self.squares / (self.count - 1) if self.count > 1 else 0.0

    @property
    def skewness(self) -> float:
        """The skewness; 0 where the variance is 0."""
        return float(np.sqrt(self.count) * self.cubes / self.squares**1.5) if self.squares > 0 else 0.0


def of(values: Array) -> Moments:
    """Take the moments of one chunk."""
    mean = float(values.mean())
    away = values - mean
    squares = away * away
    return Moments(values.size, mean, float(squares.sum()), float((squares * away).sum()), float(np.abs(values).mean()))


def merged(parts: list[Moments]) -> Moments:
    """Merge the moments of all chunks, pairwise."""
    while len(parts) > 1:
        pairs = [_merge(parts[i], parts[i + 1]) for i in range(0, len(parts) - 1, 2)]
        parts = pairs + parts[2 * len(pairs) :]
    return parts[0]


def _merge(a: Moments, b: Moments) -> Moments:
    count = a.count + b.count
    part = b.count / count
    away = b.mean - a.mean
    between = away * away * a.count * part
    cubes = (
        a.cubes + b.cubes + between * away * (a.count - b.count) / count
        + 3.0 * away * (a.count * b.squares - b.count * a.squares) / count
    )  # fmt: skip
    size = a.size + (b.size - a.size) * part
    return Moments(count, a.mean + away * part, a.squares + b.squares + between, cubes, size)
