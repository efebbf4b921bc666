"""Subset simulation: a small probability as a product of large ones, each by Markov chains from the last level."""

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from agents import draws, moments
from agents.arrays import Array
from agents.expectation import LIGHT, Expectation
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.task import Watch
from agents.uq.limit_state import LimitState, reliability_index
from agents.uq.model import COMPILED, KERNEL

RUNS = 16
_KEPT = 0.1
"""Of the samples of a level, what the next one starts from."""
_MOST_LEVELS = 60
_ACCEPTED = 0.44
_STREAM = 2**43


class Run(msgspec.Struct):
    """One run: the event's probability, the levels on the way to it, and the likeliest point seen of it (d)."""

    probability: float = 1.0
    evaluations: int = 0
    levels: list[dict[str, float]] = msgspec.field(default_factory=list)
    closest: Array = msgspec.field(default_factory=lambda: np.empty(0))


def outcome(state: LimitState, runs: Sequence[Run], level: float) -> Outcome:
    """Estimate by independent runs, each a block.

    Source: Au & Beck, Estimation of small failure probabilities in high dimensions by subset simulation (2001); chains
    by conditional sampling (Papaioannou et al., MCMC algorithms for subset simulation, 2015), whose step is adapted
    between levels. The error is that of the mean of the runs: no correlation within a run is neglected.
    """
    found = moments.of(np.array([run.probability for run in runs]))
    mean = Expectation(found, len(runs), math.sqrt(found.variance / len(runs)), found.skewness, LIGHT)
    half = mean.half_width(level)
    closest = min((run.closest for run in runs), key=lambda u: float(u @ u))
    outputs: dict[str, Any] = {
        "probability": found.mean, "coefficient_of_variation": mean.standard_error / found.mean,
        "confidence_interval": [max(0.0, found.mean - half), min(1.0, found.mean + half)],
        "reliability_index": reliability_index(found.mean), "most_likely_point": dict(state.named(closest)),
        "levels": runs[0].levels,
    }  # fmt: skip
    diagnostics = Diagnostics(
        iterations=max(len(run.levels) for run in runs), evaluations=sum(run.evaluations for run in runs),
        error_estimate=max(mean.bound, 1e-15 * found.mean), method="subset",
        checks=[Check("every_run_reached_the_event", passed=True)],
    )  # fmt: skip
    return Outcome(outputs, KERNEL, COMPILED, diagnostics)


def run(state: LimitState, count: int, seed: int, number: int, watch: Watch) -> Run:
    """Simulate once, with `count` samples a level; raises `Problem` when the event is not reached."""
    generator = draws.generator(seed, _STREAM + number)
    made = Run(evaluations=count)
    u = generator.standard_normal((count, state.dimensions))
    y = _excess(state, u, watch, 0.0)
    scale = 0.6
    for _ in range(_MOST_LEVELS):
        happened = state.happens(y)
        if happened.mean() >= _KEPT:
            made.probability *= float(happened.mean())
            made.levels.append({"threshold": state.threshold, "probability": made.probability})
            inside = u[happened]
            made.closest = inside[np.square(inside).sum(axis=1).argmin()]
            return made
        level = float(np.partition(y, count - int(_KEPT * count))[count - int(_KEPT * count)])
        seeds = np.flatnonzero(y >= level)
        if seeds.size == count:
            break
        made.probability *= seeds.size / count
        excess = level if not state.below else -level
        made.levels.append({"threshold": state.threshold + excess, "probability": made.probability})
        u, y, accepted = _chains(state, u, y, generator.permutation(seeds), level, scale, generator, watch)
        made.evaluations += count - seeds.size
        scale = min(1.0, scale * math.exp(accepted - _ACCEPTED))
    best = float(y.max())
    text = (
        f"the event was not reached in {len(made.levels)} levels, to a probability of {made.probability:.1g}: the "
        f"model comes no closer than {abs(best):.3g}"
    )
    hint = "a threshold that the model can reach, or monte_carlo where it takes few values"
    raise Problem("not_converged", text, field="inputs.threshold", hint=hint)


def _chains(
    state: LimitState, u: Array, y: Array, seeds: Any, level: float, scale: float, generator: np.random.Generator,
    watch: Watch,
) -> tuple[Array, Array, float]:  # fmt: skip
    """Draw as many samples above `level` as there were, by chains from the seeds; gives the share accepted too.

    A proposal keeps √(1 - scale²) of the point and adds `scale` of a new one: both are standard normal, so that what is
    above the level is accepted.
    """
    count = len(u)
    points, values = [u[seeds]], [y[seeds]]
    made, accepted = seeds.size, 0
    keep = math.sqrt(1.0 - scale * scale)
    while made < count:
        size = min(seeds.size, count - made)
        here, there = points[-1][:size], values[-1][:size]
        proposed = keep * here + scale * generator.standard_normal((size, u.shape[1]))
        excess = _excess(state, proposed, watch, 0.0)
        good = excess >= level
        points.append(np.where(good[:, None], proposed, here))
        values.append(np.where(good, excess, there))
        accepted += int(good.sum())
        made += size
    return np.concatenate(points), np.concatenate(values), accepted / max(1, count - seeds.size)


def _excess(state: LimitState, u: Array, watch: Watch, fraction: float) -> Array:
    """Evaluate in chunks."""
    made = np.empty(len(u))
    chunk = state.model.chunk
    for first in range(0, len(u), chunk):
        watch(fraction, "levels")
        made[first : first + chunk] = state.excess(u[first : first + chunk])
    return made
