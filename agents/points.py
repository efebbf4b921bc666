"""Points of the unit cube: at random, in Latin hypercubes, or of low discrepancy; each by its index."""

import math
import warnings
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import scipy

from agents import draws
from agents.arrays import Array

Sampler = Literal["random", "lhs", "sobol", "halton"]

REPLICATES = 16
"""Independent repetitions of a sampler whose own points are not independent: their means tell its error."""
CHUNK = 8192
"""Points drawn at once."""
_JITTER, _SHUFFLE = 2**40, 2**41
"""Streams of a seed, apart from those of the replicates."""


class Points:
    """Points inside (0, 1)^d, in one replicate (`random`) or `replicates` independent ones, of `size` points each.

    Point i of replicate r is the same whatever is drawn before it. `sobol` and `halton` are scrambled (Owen, 1998;
    Matoušek, 1998), so that each point is uniform; `lhs` is a Latin hypercube a replicate (McKay et al., 1979).
    """

    def __init__(
        self, sampler: Sampler, seed: int, dimensions: int, at_least: int, *, replicates: int = REPLICATES
    ) -> None:
        self.sampler = sampler
        self.seed = seed
        self.dimensions = dimensions
        self.replicates = 1 if sampler == "random" else replicates
        self.size = -(-at_least // self.replicates)
        self._made: tuple[int, Any] | None = None

    @property
    def count(self) -> int:
        """How many points there are: `at_least`, rounded up to whole replicates."""
        return self.replicates * self.size

    @property
    def balanced(self) -> bool:
        """Whether each replicate has the number of points for which the sampler is best."""
        return self.sampler != "sobol" or self.size & (self.size - 1) == 0

    def blocks(self, most: int, chunks: int) -> int:
        """Into how many blocks of so many chunks of at most `most` points all points are cut."""
        return -(-self.replicates * -(-self.size // most) // chunks)

    def chunks(self, most: int = CHUNK, chunks: int | None = None, block: int = 0) -> Iterator[tuple[int, int, int]]:
        """Cut all points up, or those of one block, always at the same places: (replicate, first, count)."""
        each = -(-self.size // most)
        whole = self.replicates * each
        first, end = (0, whole) if chunks is None else (block * chunks, min(whole, (block + 1) * chunks))
        for number in range(first, end):
            replicate, place = divmod(number, each)
            yield replicate, place * most, min(most, self.size - place * most)

    def take(self, replicate: int, first: int, count: int) -> Array:
        """Draw points of one replicate: (count, d)."""
        if self.sampler == "random":
            return draws.uniforms(self.seed, first, count, self.dimensions, replicate)
        if self.sampler == "lhs":
            strata = self._strata(replicate)[first : first + count]
            jitter = draws.uniforms(self.seed, first, count, self.dimensions, _JITTER + replicate)
            return np.clip((strata + jitter) / self.size, 2.0**-54, 1.0 - 2.0**-53)
        engine = self._engine(replicate)
        if engine.num_generated != first:
            engine.reset()
            if first:  # SciPy's own overflows at 0
                engine.fast_forward(first)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the balance of Sobol' points is told by `balanced`
            points: Array = engine.random(count)
        if self.sampler == "sobol":  # multiples of 2^-30, 0 too: to the middle of what they stand for
            return np.asarray(points + 2.0**-31, dtype=np.float64)
        return np.clip(points, 2.0**-54, 1.0 - 2.0**-53)

    def _strata(self, replicate: int) -> Array:
        """Return which stratum each point of a Latin hypercube lies in, in each dimension."""
        made = self._made
        if made is None or made[0] != replicate or not isinstance(made[1], np.ndarray):
            generator = draws.generator(self.seed, _SHUFFLE + replicate)
            strata = np.empty((self.size, self.dimensions))
            for j in range(self.dimensions):
                strata[:, j] = generator.permutation(self.size)
            self._made = (replicate, strata)
            return strata
        return np.asarray(made[1])

    def _engine(self, replicate: int) -> Any:
        made = self._made
        if made is None or made[0] != replicate or isinstance(made[1], np.ndarray):
            kind = scipy.stats.qmc.Sobol if self.sampler == "sobol" else scipy.stats.qmc.Halton
            engine = kind(self.dimensions, scramble=True, rng=draws.spawning(self.seed, 1 + replicate))
            self._made = (replicate, engine)
            return engine
        return made[1]


def power_of_two(count: int) -> int:
    """Round up to a power of two."""
    return 1 << max(0, math.ceil(math.log2(max(1, count))))
