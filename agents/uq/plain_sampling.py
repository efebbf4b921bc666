"""The probability of an event, by counting."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from scipy import special

from agents import draws, expectation
from agents.arrays import Array
from agents.outcome import Diagnostics, Outcome
from agents.task import Watch
from agents.uq.limit_state import LimitState, reliability_index
from agents.uq.model import COMPILED, KERNEL

_CHUNKS = 8
"""Of one block."""
_FEW = 10
_NOWHERE: Array = np.empty(0)


class CountState(msgspec.Struct, frozen=True):
    """What a block leaves: how often the event was seen, and the likeliest point of it (d), none where it was not."""

    seen: int
    closest: Array


@dataclass(frozen=True, eq=False, slots=True)
class Counted:
    """Counts among `count` independent samples; the bounds are exact (Clopper & Pearson, 1934)."""

    state: LimitState
    count: int
    seed: int
    level: float

    @property
    def size(self) -> int:
        """Samples of a block."""
        return _CHUNKS * self.state.model.chunk

    def block(self, number: int, watch: Watch) -> CountState:
        """Count in one block; raises `Problem` where the model is not finite."""
        state, chunk = self.state, self.state.model.chunk
        begin, end = number * self.size, min(self.count, (number + 1) * self.size)
        seen, closest = 0, _NOWHERE
        for first in range(begin, end, chunk):
            watch((first - begin) / self.size, "sample")
            units = draws.uniforms(self.seed, first, min(chunk, end - first), state.dimensions)
            u = special.ndtri(units)
            inside = u[state.happens(state.excess(u))]
            seen += len(inside)
            if len(inside):
                closest = _closer(closest, inside[np.square(inside).sum(axis=1).argmin()])
        return CountState(seen, closest)

    def merge(self, states: Sequence[CountState], _: Watch) -> Outcome:
        """Add the counts up."""
        seen, count, closest = sum(one.seen for one in states), self.count, _NOWHERE
        for one in states:
            closest = _closer(closest, one.closest)
        share = seen / count
        low, high = exact_interval(seen, count, expectation.CONFIDENCE)
        variation = float(np.sqrt((1.0 - share) / seen)) if seen else None
        outputs: dict[str, Any] = {
            "probability": share, "coefficient_of_variation": variation,
            "confidence_interval": list(exact_interval(seen, count, self.level)),
            "reliability_index": reliability_index(share),
            "most_likely_point": dict(self.state.named(closest)) if closest.size else None, "levels": [],
        }  # fmt: skip
        few = f"the event was seen {seen} times in {count} samples: subset is for such events"
        error = max(high - share, share - low)
        diagnostics = Diagnostics(evaluations=count, error_estimate=error, method="monte_carlo")
        return Outcome(outputs, KERNEL, COMPILED, diagnostics, [] if seen >= _FEW else [few])


def _closer(one: Array, other: Array) -> Array:
    """The likelier of two points, where there are two; of equal ones the first."""
    if not one.size or not other.size:
        return one if one.size else other
    return other if other @ other < one @ one else one


def exact_interval(seen: int, count: int, level: float) -> tuple[float, float]:
    """Interval of a probability from a count, at least as sure as `level`."""
    half = 0.5 * (1.0 - level)
    low = float(special.betaincinv(seen, count - seen + 1, half)) if seen else 0.0
    high = float(special.betaincinv(seen + 1, count - seen, 1.0 - half)) if seen < count else 1.0
    return low, high
