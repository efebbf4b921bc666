"""Samples in event time, as columns: exact ones of events, tallies a second each of results.

A sample costs 20 bytes. What came since the last look is put in its place when somebody looks: nearly always at the
end, so that a look costs what is new and what lies in the window, and nothing for each label set.
"""

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from alerting.index import Floats, Integers

_GROWTH = 1.02  # of the bins that execution times are counted in: a quantile is right within 1 %
_LOG_GROWTH = np.log(_GROWTH)
_SMALLEST, _LARGEST = 1e-9, 1e9
_UNSETTLED = 65_536
"""So many samples wait until somebody looks, or an eighth of those that are in place: more are put there at once."""
_AT_ONCE = 1 << 19
"""So many are counted or added in one go: other threads wait for it."""
_ROOM = 1.25
_HIGH = np.int64(-1) << np.int64(26)

Rows = tuple[NDArray[Any], ...]


class Columns:
    """Arrays of one length, in order of the first of them, that grow at the end and shrink at the beginning."""

    __slots__ = ("_arrays", "_end", "_first")

    def __init__(self, *types: DTypeLike) -> None:
        self._arrays = [np.empty(0, kind) for kind in types]
        self._first = self._end = 0

    def __len__(self) -> int:
        return self._end - self._first

    def place(self, value: float, *, after: bool = False) -> int:
        """How many rows have less than `value` in the first column; with `after`, no more than it."""
        found = np.searchsorted(self._arrays[0][self._first : self._end], value, "right" if after else "left")
        return int(found)

    def rows(self, first: int = 0, last: int | None = None) -> Rows:
        """Rows by their places, as views."""
        end = self._end if last is None else self._first + last
        return tuple(array[self._first + first : end] for array in self._arrays)

    def replace(self, first: int, rows: Rows) -> None:
        """Put rows in the place of all from `first` on."""
        need = first + len(rows[0])
        if self._first + need > len(self._arrays[0]):
            room = max(16, int(need * _ROOM))
            for number, old in enumerate(self._arrays):  # one after the other: the peak is one column
                new = np.empty(room, old.dtype)
                new[:first] = old[self._first : self._first + first]
                self._arrays[number] = new
            self._first = 0
        for column, values in zip(self._arrays, rows, strict=True):
            column[self._first + first : self._first + need] = values
        self._end = self._first + need

    def forget(self, count: int) -> None:
        """Drop rows at the beginning."""
        self._first += count
        if self._first > len(self._arrays[0]) // 2:
            rows = self.rows()
            self._arrays = [column[:0] for column in self._arrays]
            self._first = self._end = 0
            self.replace(0, rows)


class Samples:
    """The samples of many label sets (by number), in order of event time; one that comes twice counts once."""

    __slots__ = ("_columns", "_counts", "_most", "_rows", "_taken", "_times", "_values")

    def __init__(self) -> None:
        self._columns = Columns(np.float64, np.int32, np.float64)
        self._taken: list[Rows] | None = None
        self._counts: Integers = np.zeros(0, np.int64)
        self._most = _UNSETTLED
        self._times, self._rows, self._values = array("d"), array("i"), array("d")

    def __len__(self) -> int:
        return len(self._columns) + len(self._times)

    def add(self, row: int, instant: float, value: float) -> None:
        """Take a sample of a label set."""
        self._times.append(instant)
        self._rows.append(row)
        self._values.append(value)
        if len(self._times) >= self._most:
            self._settle()

    def extend(self, times: Floats, rows: NDArray[np.int32], values: Floats) -> None:
        """Take samples that are known already: they are not among those that `taken` tells."""
        self._settle()
        if len(times):
            self._merge(times, rows, values)

    def note(self, *, on: bool = True) -> None:
        """Remember from now on what comes, for `taken`; or do not any more."""
        self._taken = [] if on else None

    @property
    def untold(self) -> bool:
        """Whether there is something for `taken` to tell, or nobody knows yet."""
        return bool(self._times or self._taken)

    def taken(self) -> Rows:
        """Times, label sets and values of the samples that were added since the last call."""
        self._settle()
        pieces = self._taken or []
        if self._taken is not None:
            self._taken = []
        return _joined(pieces, np.float64, np.int32, np.float64)

    def counts(self, size: int) -> Integers:
        """How many samples each of `size` label sets has."""
        self._settle()
        if len(self._counts) < size:
            self._counts = np.concatenate([self._counts, np.zeros(size - len(self._counts), np.int64)])
        return self._counts

    def between(self, after: float, until: float) -> tuple[NDArray[np.int32], Floats]:
        """Label sets and values of the samples in (after, until], in order of time."""
        self._settle()
        _, rows, values = self._columns.rows(
            self._columns.place(after, after=True), self._columns.place(until, after=True)
        )
        return rows, values

    def latest(self, after: float, until: float) -> tuple[NDArray[np.int32], Floats, Floats]:
        """Label set, time and value of the last sample in (after, until] of each label set that has one."""
        self._settle()
        times, rows, values = self._columns.rows(
            self._columns.place(after, after=True), self._columns.place(until, after=True)
        )
        last = _last(rows, len(self._counts))
        return rows[last], times[last], values[last]

    def forget(self, before: float) -> None:
        """Drop what is older than `before`."""
        self._settle()
        self.forget_oldest(self._columns.place(before))

    def forget_oldest(self, count: int) -> None:
        """Drop the oldest samples."""
        self._settle()
        if count:
            self._counts -= np.bincount(self._columns.rows(0, count)[1], minlength=len(self._counts))
            self._columns.forget(count)

    def thin(self, before: float) -> None:
        """Of what is older than `before`, keep the last sample of each label set alone."""
        self._settle()
        old = self._columns.rows(0, self._columns.place(before))
        last = _last(old[1], len(self._counts))
        if len(old[0]) > 2 * len(last):
            rows = tuple(np.concatenate([column[last], column[len(old[0]) :]]) for column in self._columns.rows())
            self._columns.replace(0, rows)
            self._counts = np.bincount(rows[1], minlength=len(self._counts))

    def renumber(self, numbers: Integers, size: int) -> None:
        """Give label sets other numbers: `numbers` has the new one for each."""
        times, rows, values = self._columns.rows()
        self._columns.replace(0, (times, numbers[rows], values))
        self._counts = np.bincount(self._columns.rows()[1], minlength=size)

    def _settle(self) -> None:
        """Put new samples in their places."""
        if not self._times:
            return
        new = np.array(self._times), np.array(self._rows, np.int32), np.array(self._values)
        self._times, self._rows, self._values = array("d"), array("i"), array("d")
        if self._taken is not None:
            self._taken.append(new)
        self._merge(*new)

    def _merge(self, *new: NDArray[Any]) -> None:
        first = self._columns.place(float(new[0].min()))
        tail = self._columns.rows(first)
        rows = _distinct(*(np.concatenate(pair) for pair in zip(tail, new, strict=True)))
        size = max(len(self._counts), int(new[1].max()) + 1)
        counts = np.bincount(rows[1], minlength=size) - np.bincount(tail[1], minlength=size)
        counts[: len(self._counts)] += self._counts
        self._counts = counts
        self._columns.replace(first, rows)
        self._most = max(_UNSETTLED, len(self._columns) // 8)


def _joined(pieces: Sequence[Rows], *types: DTypeLike) -> Rows:
    """Put rows one after the other."""
    if len(pieces) == 1:
        return pieces[0]
    return tuple(np.concatenate([np.empty(0, kind), *column]) for kind, *column in zip(types, *pieces, strict=True))


def _distinct(times: Floats, rows: NDArray[np.int32], values: Floats) -> Rows:
    """Order samples by time, then label set and value, each once."""
    order = np.argsort(times, kind="stable")
    times, rows, values = times[order], rows[order], values[order]
    same = times[1:] == times[:-1]
    if not same.any():
        return times, rows, values
    at = np.flatnonzero(np.concatenate([same, [False]]) | np.concatenate([[False], same]))
    by = at[np.lexsort((values[at], rows[at], times[at]))]
    rows[at], values[at] = rows[by], values[by]
    again = same & (rows[1:] == rows[:-1]) & (values[1:] == values[:-1])
    kept = np.concatenate([[True], ~again])
    return times[kept], rows[kept], values[kept]


def _last(rows: NDArray[np.int32], size: int) -> Integers:
    """Where each label set's last sample is, in order."""
    places = np.full(size, -1, np.int64)
    places[rows] = np.arange(len(rows))  # of several values for one place the last one stays
    return np.sort(places[places >= 0])


def sums(groups: Integers, values: Floats, size: int) -> Floats:
    """Add the values of each of `size` groups (numbered from 1; 0 is left out), nearly as if rounded once.

    Each value is parted into its upper 27 bits, whose sums are exact where values are of like size, and the rest.
    """
    total = np.zeros(size + 1)
    for first in range(0, len(values), _AT_ONCE):
        of, some = groups[first : first + _AT_ONCE], values[first : first + _AT_ONCE]
        upper: Floats = (some.view(np.int64) & _HIGH).view(np.float64)
        total += np.bincount(of, upper, size + 1) + np.bincount(of, some - upper, size + 1)
    return total[1:]


def counts(groups: Integers, size: int) -> Integers:
    """How many there are of each of `size` groups (numbered from 1; 0 is left out)."""
    found = np.zeros(size + 1, np.int64)
    for first in range(0, len(groups), _AT_ONCE):
        found += np.bincount(groups[first : first + _AT_ONCE], minlength=size + 1)
    return found[1:]


class Tallies:
    """How many results there were, and how long the computed ones ran: by label set and by buckets of `width` seconds.

    The window is as exact as the buckets.
    """

    __slots__ = ("_bins", "_buckets", "_counts", "_rows", "_runs", "_taken", "width")

    def __init__(self, width: float) -> None:
        self.width = width
        self._counts, self._bins = _of_results()
        self._taken: tuple[Columns, Columns] | None = None
        self._buckets, self._rows, self._runs = array("q"), array("i"), array("d")

    def __len__(self) -> int:
        return len(self._counts) + len(self._bins) + len(self._buckets)

    def add(self, row: int, instant: float, run_s: float) -> None:
        """Count a result at its completion; `run_s` is NaN for one that was not computed."""
        self._buckets.append(int(instant // self.width))
        self._rows.append(row)
        self._runs.append(run_s)
        if len(self._buckets) >= _UNSETTLED:
            self._settle()

    def extend(self, counts: Rows, bins: Rows) -> None:
        """Add what `taken` told of others: it is not told again."""
        self._settle()
        _count(self._counts, self._bins, counts, bins)

    def note(self, *, on: bool = True) -> None:
        """Remember from now on what comes, for `taken`; or do not any more."""
        self._taken = _of_results() if on else None

    def taken(self) -> tuple[Rows, Rows]:
        """What was added since the last call: bucket, label set, results, computed ones and their seconds; and bins."""
        self._settle()
        counts, bins = self._taken or _of_results()
        if self._taken is not None:
            self._taken = _of_results()
        return counts.rows(), bins.rows()

    def between(self, after: float, until: float) -> Rows:
        """Label set, results, computed ones and their seconds, of all that completed in (after, until]."""
        return self._window(self._counts, after, until)[1:]

    def bins(self, after: float, until: float) -> Rows:
        """Label set, bin of the run time, and how many, of all that completed in (after, until]."""
        return self._window(self._bins, after, until)[1:]

    def forget(self, before: float) -> None:
        """Drop the buckets that ended before `before`."""
        self._settle()
        for columns in (self._counts, self._bins):
            columns.forget(columns.place(before // self.width))

    def forget_oldest(self, share: float) -> int:
        """Drop a share of the time that is kept; returns how many results that were."""
        self._settle()
        buckets, _, results, *_ = self._counts.rows()
        if not len(buckets):
            return 0
        before = int(buckets[0] + share * (buckets[-1] - buckets[0])) + 1
        dropped = int(results[: self._counts.place(before)].sum())
        self.forget(before * self.width)
        return dropped

    def present(self, size: int) -> Integers:
        """By label set, whether anything of it is kept."""
        self._settle()
        return np.bincount(self._counts.rows()[1], minlength=size)

    def renumber(self, numbers: Integers) -> None:
        """Give label sets other numbers: `numbers` has the new one for each."""
        for columns in (self._counts, self._bins):
            first, rows, *others = columns.rows()
            columns.replace(0, (first, numbers[rows], *others))

    def _window(self, columns: Columns, after: float, until: float) -> Rows:
        self._settle()
        return columns.rows(columns.place(after // self.width + 1), columns.place(until // self.width, after=True))

    def _settle(self) -> None:
        if not self._buckets:
            return
        buckets, rows, runs = np.array(self._buckets), np.array(self._rows, np.int32), np.array(self._runs)
        self._buckets, self._rows, self._runs = array("q"), array("i"), array("d")
        timed = ~np.isnan(runs)
        ones = np.ones(len(rows), np.int64)
        bins = np.ceil(np.log(np.clip(runs[timed], _SMALLEST, _LARGEST)) / _LOG_GROWTH).astype(np.int16)
        counted = buckets, rows, ones, timed.astype(np.int64), np.where(timed, runs, 0.0)
        binned = buckets[timed], rows[timed], bins, ones[timed]
        _count(self._counts, self._bins, counted, binned)
        if self._taken is not None:
            _count(*self._taken, counted, binned)


def _of_results() -> tuple[Columns, Columns]:
    return Columns(np.int64, np.int32, np.int64, np.int64, np.float64), Columns(np.int64, np.int32, np.int16, np.int64)


def _count(counts: Columns, bins: Columns, counted: Rows, binned: Rows) -> None:
    """Add results and bins of their run times."""
    if len(counted[0]):
        _merge(counts, 2, counted)
    if len(binned[0]):
        _merge(bins, 3, binned)


def _merge(columns: Columns, keys: int, new: Rows) -> None:
    """Add rows to those that have the same first `keys` columns."""
    first = columns.place(int(new[0].min()))
    rows = [np.concatenate(pair) for pair in zip(columns.rows(first), new, strict=True)]
    order = np.lexsort(rows[:keys][::-1])
    rows = [column[order] for column in rows]
    other = np.zeros(len(order), np.bool_)
    other[0] = True
    for column in rows[:keys]:
        other[1:] |= column[1:] != column[:-1]
    starts = np.flatnonzero(other)
    added = (np.add.reduceat(column, starts) for column in rows[keys:])
    columns.replace(first, (*(column[starts] for column in rows[:keys]), *added))


def quantile(groups: Integers, bins: NDArray[np.int16], numbers: Integers, size: int, share: float) -> Floats:
    """Nearest-rank quantile of the run times of each of `size` groups (from 1), to the precision of the bins."""
    order = np.lexsort((bins, groups))
    groups, bins, passed = groups[order], bins[order], np.cumsum(numbers[order])
    totals = np.bincount(groups, numbers[order], size + 1)
    before = np.concatenate([[0.0], np.cumsum(totals)])[:-1]
    ranks = before + np.maximum(1.0, np.ceil(share * totals))
    found = np.full(size, np.nan)
    some = np.flatnonzero(totals[1:])
    found[some] = _GROWTH ** (bins[np.searchsorted(passed, ranks[some + 1])] - 0.5)
    return found
