"""How far the mean of a sample may be from the mean it estimates, and whether there is one."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from agents import moments
from agents.arrays import Array
from agents.moments import Moments

CONFIDENCE = 0.999
"""With which probability an error estimate from samples bounds the error."""


@dataclass(frozen=True, slots=True)
class Tail:
    """Index of the tail of |values - median|: moments below it exist; with its standard error.

    `hidden` bounds what the values beyond the `top` largest add to a mean when the tail goes on as it does there.
    """

    index: float
    error: float
    hidden: float

    def has_mean(self, margin: float = 3.0) -> bool:
        """Whether the sample shows, by `margin` standard errors, that there is a mean."""
        return self.index - margin * self.error > 1.0

    @property
    def has_variance(self) -> bool:
        """Whether the sample does not show that the variance is infinite."""
        return self.index + 2.0 * self.error > 2.0


_FEWEST = 16
LIGHT = Tail(math.inf, 0.0, 0.0)


def tail(values: Array) -> Tail:
    """Estimate the tail from the √n values farthest from the median (Hill, 1975); few values tell nothing."""
    away = np.abs(values - np.median(values))
    top = math.isqrt(values.size)
    if top < _FEWEST:
        return LIGHT
    largest = np.partition(away, away.size - top - 1)[away.size - top - 1 :]
    start = float(largest[0])
    if not 0.0 < start < math.inf:
        return LIGHT
    spread = float(np.log(largest[1:] / start).mean())
    if spread <= 0.1:
        return LIGHT
    index = 1.0 / spread
    error = index / math.sqrt(top)
    low = index - error
    hidden = start * top / values.size * low / (low - 1.0) if 1.0 < low < 2.0 else 0.0
    return Tail(index, error, hidden)


@dataclass(frozen=True, slots=True)
class Expectation:
    """A mean and its standard error, from `replicates` independent means or, with one, from independent values.

    `skewness` is that of the means or values.
    """

    all: Moments
    replicates: int
    standard_error: float
    skewness: float
    tail: Tail

    @property
    def mean(self) -> float:
        """The mean."""
        return self.all.mean

    def half_width(self, level: float) -> float:
        """Half of the mean's confidence interval (Student's t)."""
        return self._quantile(level) * self.standard_error

    @property
    def bound(self) -> float:
        """Bound the error of the mean with probability `CONFIDENCE`.

        The interval is widened by the skewness (Johnson, Modified t tests, 1978) and by the rounding of the sum and
        what a heavy tail may hide; for replicates, whose means are not normal, it is doubled.
        """
        width = self._quantile(CONFIDENCE)
        skewed = abs(self.skewness) * (2.0 * width * width + 1.0) / (6.0 * math.sqrt(self._independent))
        if self.replicates > 1:
            width *= 2.0
        error = self.standard_error
        if error == 0.0:  # the replicates agree by chance, as where a jump is rare
            error = math.sqrt(self.all.variance / self.all.count)
        return (width + skewed) * error + 4e-16 * self.all.size + self.tail.hidden

    @property
    def _independent(self) -> int:
        return self.all.count if self.replicates == 1 else self.replicates

    def _quantile(self, level: float) -> float:
        return float(special.stdtrit(self._independent - 1, 0.5 + 0.5 * level))


def expectation(chunks: list[tuple[int, Moments]], values: Array) -> Expectation:
    """Estimate the mean from chunks (replicate, moments) and the values behind them.

    The error of the mean of replicates is Student's (L'Ecuyer et al., Confidence intervals for randomized quasi-Monte
    Carlo estimators, 2023).
    """
    each: dict[int, list[Moments]] = {}
    for replicate, part in chunks:
        each.setdefault(replicate, []).append(part)
    means = [moments.merged(parts) for parts in each.values()]
    everything = moments.merged(means)
    if len(means) == 1:
        error = math.sqrt(everything.variance / everything.count)
        return Expectation(everything, 1, error, everything.skewness, tail(values))
    between = moments.of(np.array([one.mean for one in means]))
    error = math.sqrt(between.variance / between.count)
    return Expectation(everything, len(means), error, between.skewness, tail(values))
