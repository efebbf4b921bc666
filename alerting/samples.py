"""Samples in event time: exact series for events, tallies in short buckets for results."""

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Sequence
from math import ceil, floor, log

_GROWTH = 1.02  # of the bins that execution times are counted in: a quantile is right within 1 %
_LOG_GROWTH = log(_GROWTH)
_SMALLEST = 1e-9


class Series:
    """The samples of one label set, in order of event time; one that comes twice counts once."""

    __slots__ = ("_samples",)

    def __init__(self) -> None:
        self._samples: list[tuple[float, float]] = []

    def __bool__(self) -> bool:
        return bool(self._samples)

    def add(self, instant: float, value: float) -> None:
        """Put a sample in its place."""
        sample = (instant, value)
        at = bisect_left(self._samples, sample)
        if at == len(self._samples) or self._samples[at] != sample:
            insort(self._samples, sample)

    def between(self, after: float, until: float) -> Sequence[float]:
        """Values in (after, until]."""
        first = bisect_right(self._samples, (after, float("inf")))
        last = bisect_right(self._samples, (until, float("inf")))
        return [value for _, value in self._samples[first:last]]

    def latest(self, until: float) -> tuple[float, float] | None:
        """The last sample not after `until`."""
        at = bisect_right(self._samples, (until, float("inf")))
        return self._samples[at - 1] if at else None

    def forget(self, before: float) -> None:
        """Drop what is older than `before`."""
        del self._samples[: bisect_left(self._samples, (before, float("-inf")))]


class Tally:
    """How many results there were, and how long the computed ones ran."""

    __slots__ = ("bins", "count", "seconds", "timed")

    def __init__(self) -> None:
        self.count = 0
        self.timed = 0
        self.seconds = 0.0
        self.bins: Counter[int] = Counter()

    def add(self, run_s: float | None) -> None:
        """Count a result; `run_s` is None for one that was not computed."""
        self.count += 1
        if run_s is not None:
            self.timed += 1
            self.seconds += run_s
            self.bins[ceil(log(max(run_s, _SMALLEST)) / _LOG_GROWTH)] += 1

    def merge(self, other: "Tally", *, bins: bool) -> None:
        """Add another tally to this one; `bins` only where a quantile is asked for, they cost the most."""
        self.count += other.count
        self.timed += other.timed
        self.seconds += other.seconds
        if bins:
            self.bins.update(other.bins)

    def quantile(self, share: float) -> float | None:
        """Nearest-rank quantile of the run times, to the precision of the bins."""
        rank = max(1, ceil(share * self.timed))
        passed = 0
        for index in sorted(self.bins):
            passed += self.bins[index]
            if passed >= rank:
                return float(_GROWTH ** (index - 0.5))
        return None


class Tallies:
    """Tallies of one label set, a bucket of `width` seconds each; the window is as exact as the buckets."""

    __slots__ = ("_buckets", "_width")

    def __init__(self, width: float) -> None:
        self._width = width
        self._buckets: dict[int, Tally] = {}

    def __bool__(self) -> bool:
        return bool(self._buckets)

    def add(self, instant: float, run_s: float | None) -> None:
        """Count a result at its completion."""
        index = floor(instant / self._width)
        tally = self._buckets.get(index)
        if tally is None:
            tally = self._buckets[index] = Tally()
        tally.add(run_s)

    def between(self, after: float, until: float, *, bins: bool = False) -> Tally:
        """All that completed in (after, until]; with `bins`, quantiles too."""
        total = Tally()
        first, last = floor(after / self._width) + 1, floor(until / self._width)
        for index in range(first, last + 1) if last - first < len(self._buckets) else sorted(self._buckets):
            tally = self._buckets.get(index)
            if tally is not None and first <= index <= last:
                total.merge(tally, bins=bins)
        return total

    def forget(self, before: float) -> None:
        """Drop the buckets that ended before `before`."""
        first = floor(before / self._width)
        self._buckets = {index: tally for index, tally in self._buckets.items() if index >= first}
