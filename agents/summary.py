"""Mean, spread and quantiles of many values from blocks of them, each summed up by itself."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from agents.arrays import Array


class Summary(msgspec.Struct, frozen=True):
    """What a block of `count` values leaves, of each of s quantities.

    `mean` and `squares` (s; the sum of squared deviations from it), `low` and `high` (s; the extremes), and `kept`
    (s, k): k order statistics, evenly spaced by rank, or all values where there are no more than that.
    """

    count: int
    mean: Array
    squares: Array
    low: Array
    high: Array
    kept: Array


def of(values: Array, most: int) -> Summary:
    """Sum up values (s, count), keeping at most `most` of each quantity.

    Of count values the k kept are those of rank ⌊(2j + 1) count / 2k⌋, each for count/k of them: how many values are
    below any x is then known to within count/2k (an equi-depth summary; Munro & Paterson, Selection and sorting with
    limited storage, 1980; mergeable: Agarwal et al., Mergeable summaries, 2013).
    """
    size, count = values.shape
    if not count:
        empty = np.full(size, np.nan)
        return Summary(0, empty, empty, empty, empty, np.empty((size, 0)))
    mean = values.mean(axis=1)
    away = values - mean[:, None]
    ordered = np.sort(values, axis=1)
    if count > most:
        kept = np.ascontiguousarray(ordered[:, (2 * np.arange(most) + 1) * count // (2 * most)])
    else:
        kept = ordered
    squares = np.square(away, out=away).sum(axis=1)
    return Summary(count, mean, squares, ordered[:, 0].copy(), ordered[:, -1].copy(), kept)


@dataclass(frozen=True, eq=False, slots=True)
class Together:
    """What all blocks say together: `mean`, `std` (n - 1; NaN of one value), and quantiles.

    `rank_error` bounds by how much the share of values below a quantile given differs from its level; 0: exact.
    """

    count: int
    mean: Array
    std: Array
    rank_error: float
    _parts: Sequence[Summary]

    def quantiles(self, levels: Sequence[float]) -> tuple[Array, Array]:
        """Quantiles (levels, s), as `numpy.quantile` interpolates them, and bounds (levels, s) of their errors."""
        found = np.empty((2, len(levels), self.mean.size))
        if not levels:
            return found[0], found[1]
        for j in range(self.mean.size):
            kept = np.concatenate([part.kept[j] for part in self._parts])
            if self.rank_error == 0.0:
                found[0, :, j], found[1, :, j] = np.quantile(kept, levels), 0.0
            else:
                found[:, :, j] = self._between(j, kept, np.asarray(levels))
        return found[0], found[1]

    def _between(self, j: int, kept: Array, levels: Array) -> Array:
        """Interpolate in the kept values, each in the middle of the ranks it stands for."""
        weights = np.repeat([part.count / part.kept.shape[1] for part in self._parts], [
            part.kept.shape[1] for part in self._parts
        ])  # fmt: skip
        order = np.argsort(kept, kind="stable")
        weights = weights[order]
        low, high = min(part.low[j] for part in self._parts), max(part.high[j] for part in self._parts)
        places = np.concatenate([[0.0], np.cumsum(weights) - 0.5 * weights, [float(self.count)]])
        values = np.concatenate([[low], kept[order], [high]])
        at, reach = levels * self.count, self.rank_error * self.count
        below, value, above = (np.interp(at + shift, places, values) for shift in (-reach, 0.0, reach))
        return np.stack([value, np.maximum(value - below, above - value)])


def together(parts: Sequence[Summary]) -> Together:
    """Merge the summaries of all blocks, pairwise in their order (Chan, Golub & LeVeque, 1979); one at least counts."""
    parts = [part for part in parts if part.count]
    sums = [(part.count, part.mean, part.squares) for part in parts]
    while len(sums) > 1:
        pairs = [_pair(sums[i], sums[i + 1]) for i in range(0, len(sums) - 1, 2)]
        sums = pairs + sums[2 * len(pairs) :]
    count, mean, squares = sums[0]
    std = np.sqrt(squares / (count - 1)) if count > 1 else np.full(mean.shape, np.nan)
    return Together(count, mean, std, _rank_error(parts, count), parts)


def _rank_error(parts: Sequence[Summary], count: int) -> float:
    """Half of what a kept value stands for, over all blocks, half of one for interpolating, and numpy's own place."""
    if all(part.kept.shape[1] == part.count for part in parts):
        return 0.0
    each = [float(part.count / part.kept.shape[1]) for part in parts]
    return float((0.5 * sum(each) + 0.5 * max(each) + 1.0) / count)


def _pair(a: tuple[int, Array, Array], b: tuple[int, Array, Array]) -> tuple[int, Array, Array]:
    count = a[0] + b[0]
    part = b[0] / count
    away = b[1] - a[1]
    return count, a[1] + away * part, a[2] + b[2] + away * away * (a[0] * part)
