"""Values of a function at the points of a sampler, in blocks: what each block leaves, and all of them together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from agents import moments
from agents.arrays import Array
from agents.finite import Finite, Seen
from agents.moments import Moments
from agents.points import Points
from agents.task import Watch

_BLOCK = 65_536
_MOST_CHUNKS = 400
"""Of one block: about how many points, and how many chunks (of about 25 ms each where the function is expensive)."""


class SampleState(msgspec.Struct, frozen=True):
    """What a block leaves: its values in order, their moments by chunk with its replicate, the points kept of it."""

    values: Array
    parts: list[tuple[int, Moments]]
    kept: Array
    seen: Seen


@dataclass(frozen=True, eq=False, slots=True)
class Sample:
    """Takes `points` in chunks of `most`, and of them `n_kept` evenly to be given (of `names`, in order).

    `at` takes points of the unit cube (k, d) to where the function is evaluated (d, k) and its values there (k,).
    """

    points: Points
    most: int
    names: Sequence[str]
    at: Callable[[Array], tuple[Array, Array]]
    n_kept: int = 0

    @property
    def chunks(self) -> int:
        """How many chunks make a block."""
        return max(1, min(_BLOCK // self.most, _MOST_CHUNKS))

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return self.points.blocks(self.most, self.chunks)

    @property
    def state_bytes(self) -> int:
        """About how large a block's state is."""
        largest = min(self.points.count, self.chunks * self.most)
        share = -(-self.n_kept * largest // self.points.count)
        return 8 * largest + 64 * self.chunks + 8 * len(self.names) * share + 1000

    @property
    def kept_at(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Places of the points that are kept."""
        return np.arange(self.n_kept) * self.points.count // max(self.n_kept, 1)

    def block(self, number: int, watch: Watch) -> SampleState:
        """Evaluate at the points of one block."""
        finite, kept_at = Finite(self.names), self.kept_at
        values: list[Array] = []
        parts: list[tuple[int, Moments]] = []
        kept: list[Array] = []
        for i, (replicate, first, count) in enumerate(self.points.chunks(self.most, self.chunks, number)):
            watch(i / self.chunks, "sample")
            where, found = self.at(self.points.take(replicate, first, count))
            if finite.look(where, found):
                parts.append((replicate, moments.of(found)))
            values.append(found)
            begin = replicate * self.points.size + first
            low, high = np.searchsorted(kept_at, [begin, begin + count])
            kept.append(where[:, kept_at[low:high] - begin])
        return SampleState(np.concatenate(values), parts, np.concatenate(kept, axis=1), finite.seen)


@dataclass(frozen=True, eq=False, slots=True)
class Sampled:
    """All values in order, their moments by chunk, and the points that were kept (d, n_kept)."""

    values: Array
    parts: list[tuple[int, Moments]]
    kept: Array
    finite: Finite


def together(names: Sequence[str], states: Sequence[SampleState]) -> Sampled:
    """Put the states of all blocks together; what is not finite is for the caller to refuse (`Finite.check`)."""
    finite = Finite(names)
    for state in states:
        finite.add(state.seen)
    values = np.concatenate([state.values for state in states])
    kept = np.concatenate([state.kept for state in states], axis=1)
    return Sampled(values, [part for state in states for part in state.parts], kept, finite)
