"""The probability of an event, by counting."""

from typing import Any

import numpy as np
from scipy import special

from agents import draws, expectation
from agents.outcome import Diagnostics, Outcome
from agents.task import Watch
from agents.uq.limit_state import LimitState, reliability_index
from agents.uq.model import COMPILED, KERNEL


def probability(state: LimitState, count: int, seed: int, level: float, watch: Watch) -> Outcome:
    """Count among independent samples; the bounds are exact (Clopper & Pearson, 1934)."""
    seen = 0
    closest = None
    chunk = state.model.chunk
    for first in range(0, count, chunk):
        watch(first / count, "sample")
        size = min(chunk, count - first)
        u = special.ndtri(draws.uniforms(seed, first, size, state.dimensions))
        inside = u[state.happens(state.excess(u))]
        seen += len(inside)
        if len(inside):
            nearest = inside[np.square(inside).sum(axis=1).argmin()]
            closest = nearest if closest is None or nearest @ nearest < closest @ closest else closest
    share = seen / count
    low, high = exact_interval(seen, count, expectation.CONFIDENCE)
    outputs: dict[str, Any] = {
        "probability": share, "coefficient_of_variation": float(np.sqrt((1.0 - share) / seen)) if seen else None,
        "confidence_interval": list(exact_interval(seen, count, level)), "reliability_index": reliability_index(share),
        "most_likely_point": None if closest is None else dict(state.named(closest)), "levels": [],
    }  # fmt: skip
    warnings = [] if seen >= 10 else [f"the event was seen {seen} times in {count} samples: subset is for such events"]
    error = max(high - share, share - low)
    diagnostics = Diagnostics(evaluations=count, error_estimate=error, method="monte_carlo")
    return Outcome(outputs, KERNEL, COMPILED, diagnostics, warnings)


def exact_interval(seen: int, count: int, level: float) -> tuple[float, float]:
    """Interval of a probability from a count, at least as sure as `level`."""
    half = 0.5 * (1.0 - level)
    low = float(special.betaincinv(seen, count - seen + 1, half)) if seen else 0.0
    high = float(special.betaincinv(seen + 1, count - seen, 1.0 - half)) if seen < count else 1.0
    return low, high
