"""Readings: a signal over all its groups at once, each function here one of the kinds in the table of `signals`.

A reading has two columns over the groups of an index: whether there is anything to say of a group, and the value, NaN
while that is unknown. `span` is (after, until].
"""

from typing import NamedTuple, Self

import numpy as np

from alerting.families import Family
from alerting.index import Floats, Index, Integers, Mask
from alerting.samples import Tallies, counts, quantile, sums

Span = tuple[float, float]


class Reading(NamedTuple):
    """A signal of every group."""

    present: Mask
    values: Floats

    @classmethod
    def nothing(cls, size: int = 0) -> Self:
        """A reading of groups of which nothing is known."""
        return cls(np.zeros(size, np.bool_), np.full(size, np.nan))

    def over(self, size: int) -> "Reading":
        """The same for `size` groups: those that came later are not present."""
        missing = size - len(self.present)
        if not missing:
            return self
        more = Reading.nothing(missing)
        return Reading(np.concatenate([self.present, more.present]), np.concatenate([self.values, more.values]))

    def before(self, other: "Reading") -> "Reading":
        """Take this where it is known, `other` elsewhere."""
        size = max(len(self.present), len(other.present))
        first, second = self.over(size), other.over(size)
        values = np.where(np.isnan(first.values), second.values, first.values)
        return Reading(first.present | second.present, values)


def known(family: Family, column: Integers, groups: Index) -> Mask:
    """The groups of which there is any sample, in the window or not."""
    return counts(column[family.samples.counts(len(column)) > 0], len(groups)) > 0


def mean(family: Family, column: Integers, groups: Index, span: Span, least: int) -> Reading:
    """The mean of the samples; unknown where there are fewer than `least`."""
    rows, values = family.samples.between(*span)
    of, size = column[rows], len(groups)
    found = counts(of, size)
    total = sums(of, values, size)
    made = np.divide(total, found, out=np.full(size, np.nan), where=found >= least)
    return Reading(known(family, column, groups), made)


def total(family: Family, column: Integers, groups: Index, span: Span) -> Reading:
    """The sum of the samples, 0 without any."""
    rows, values = family.samples.between(*span)
    return Reading(known(family, column, groups), sums(column[rows], values, len(groups)))


def latest(family: Family, column: Integers, groups: Index, span: Span) -> Reading:
    """The sum of each label set's latest value; unknown without any."""
    rows, _, values = family.samples.latest(*span)
    of, size = column[rows], len(groups)
    made = np.where(counts(of, size) > 0, sums(of, values, size), np.nan)
    return Reading(known(family, column, groups), made)


def alive(family: Family, column: Integers, groups: Index, now: float) -> Reading:
    """The share of label sets whose last sample is younger than it says itself."""
    rows, times, values = family.samples.latest(-np.inf, now)
    of, size = column[rows], len(groups)
    there = counts(of, size)
    up = counts(of[now < times + values], size)
    return Reading(there > 0, np.divide(up, there, out=np.full(size, np.nan), where=there > 0))


def results(tallies: Tallies, column: Integers, groups: Index, span: Span) -> Integers:
    """How many results there were."""
    rows, found, *_ = tallies.between(*span)
    return np.bincount(column[rows], found, len(groups) + 1)[1:].astype(np.int64)


def seconds(tallies: Tallies, column: Integers, groups: Index, span: Span, least: int) -> Reading:
    """The mean run time of the computed ones; unknown where there are fewer than `least`."""
    rows, found, timed, run_s = tallies.between(*span)
    of, size = column[rows], len(groups)
    total = np.bincount(of, timed, size + 1)[1:]
    made = np.divide(np.bincount(of, run_s, size + 1)[1:], total, out=np.full(size, np.nan), where=total >= least)
    return Reading(np.bincount(of, found, size + 1)[1:] > 0, made)


def percentile(tallies: Tallies, column: Integers, groups: Index, span: Span, least: int, share: float) -> Reading:
    """A quantile of the run times; unknown where there are fewer than `least`."""
    there, mean_s = seconds(tallies, column, groups, span, least)
    rows, bins, found = tallies.bins(*span)
    of, size = column[rows], len(groups)
    made = np.where(np.isnan(mean_s), np.nan, quantile(of, bins, found, size, share))
    return Reading(there, made)
