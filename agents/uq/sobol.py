"""Sobol' indices: the shares of a model's variance that come from its inputs, alone and together with others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from scipy import special

from agents import draws, expectation
from agents.arrays import Array
from agents.finite import Seen
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.points import Points, power_of_two
from agents.task import Watch
from agents.uq.model import COMPILED, KERNEL, Model, check_finite

_CHUNKS = 8
"""Of one block of evaluations."""
_BLOCKS = 32
_RESAMPLED = 1000
_RESAMPLING = 2**42
"""Stream of the bootstrap."""


class SobolState(msgspec.Struct, frozen=True):
    """What a block leaves: the model's values (sets, points)."""

    values: Array
    seen: Seen


@dataclass(frozen=True, eq=False, slots=True)
class Indices:
    """The indices from `count` scrambled Sobol' points of 2 d coordinates.

    First order after Saltelli et al. (Variance based sensitivity analysis of model output, 2010, table 2 b), total
    order after Jansen (Analysis of variance designs for model output, 1999), second order after Saltelli (2002). The
    bootstrap resamples 32 blocks of consecutive points, each a net of low discrepancy by itself, as if they were
    independent: as they complement each other it overestimates the error. With Student's quantiles for so few.
    """

    model: Model
    points: Points
    level: float
    second_order: bool

    @property
    def sets(self) -> int:
        """How often the model is evaluated a point: at A, B, each A with a column of B, each B with a column of A."""
        d = len(self.model.names)
        return 2 + (2 * d if self.second_order else d)

    @property
    def most(self) -> int:
        """Points of a chunk."""
        return max(16, self.model.chunk // self.sets)

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return self.points.blocks(self.most, _CHUNKS)

    @property
    def state_bytes(self) -> int:
        """About how large a block's state is."""
        return 8 * self.sets * min(self.points.size, self.most * _CHUNKS) + 1000

    def block(self, number: int, watch: Watch) -> SobolState:
        """Evaluate at the points of one block."""
        finite = self.model.finite
        values = []
        for i, (_, first, count) in enumerate(self.points.chunks(self.most, _CHUNKS, number)):
            watch(i / _CHUNKS, "sample")
            flat = self._designs(self.points.take(0, first, count))
            found = self.model.evaluate(flat)
            finite.look(flat, found)
            values.append(found.reshape(self.sets, count))
        return SobolState(np.concatenate(values, axis=1), finite.seen)

    def merge(self, states: Sequence[SobolState], watch: Watch) -> Outcome:
        """Estimate the indices from all values."""
        model, d = self.model, len(self.model.names)
        finite = model.finite
        for state in states:
            finite.add(state.seen)
        check_finite(finite)
        values = np.concatenate([state.values for state in states], axis=1)
        base = values[:2].ravel()
        mean = float(base.mean())
        if not float(base.std()) > 1e-13 * float(np.abs(base).max()):
            text, hint = "the model does not vary: it has no indices", "distributions over which it varies"
            raise Problem("singular", text, field="inputs.model", hint=hint)
        tail = expectation.tail(base)
        if not tail.has_variance:
            text = f"no variance shows in this sample: the tail's index is {tail.index:.2g}, it needs more than 2"
            raise Problem("not_converged", text, field="inputs.model", hint="a bounded function of it, or propagate")
        scale = float(np.abs(base - mean).max())
        blocks = _block_sums(_products((values - mean) / scale, d, self.second_order))
        found = _shares(blocks.sum(axis=0)[None], d)[0]
        again = np.concatenate(list(_resampled(blocks, d, self.points.seed, watch)))
        of_value = (mean, float(base.var()))
        errors = again.std(axis=0, ddof=1)
        return _outcome(model, found, errors, self.level, of_value, values.size, self.points.size)

    def _designs(self, units: Array) -> Array:
        """Lay out A, B and their mixtures, one after the other: (d, sets × count)."""
        d, count = len(self.model.names), len(units)
        a, b = self.model.points(units[:, :d]), self.model.points(units[:, d:])
        every = np.empty((d, self.sets, count))
        every[:, 0], every[:, 1] = a, b
        for i in range(d):
            every[:, 2 + i] = a
            every[i, 2 + i] = b[i]
            if self.second_order:
                every[:, 2 + d + i] = b
                every[i, 2 + d + i] = a[i]
        return every.reshape(d, self.sets * count)


def _products(values: Array, d: int, second_order: bool) -> Array:
    """Compute what is averaged: the sum and squares of A and B, then first, total and second order terms: (k, N)."""
    a, b, ab = values[0], values[1], values[2 : 2 + d]
    parts = [0.5 * (a + b)[None], 0.5 * (a * a + b * b)[None], b * (ab - a), 0.5 * np.square(a - ab)]
    if second_order:
        ba = values[2 + d :]
        parts += [(ba[i] * ab[j] - a * b)[None] for i in range(d) for j in range(i + 1, d)]
    return np.concatenate(parts)


def _block_sums(products: Array) -> Array:
    """Sum over blocks of consecutive points; the last column is how many there are: (blocks, k + 1)."""
    n = products.shape[1]
    starts = np.arange(min(n, _BLOCKS)) * n // min(n, _BLOCKS)
    sums = np.add.reduceat(products, starts, axis=1)
    return np.concatenate([sums, np.diff(np.append(starts, n))[None]]).T


def _shares(sums: Array, d: int) -> Array:
    """Turn sums (m, k + 1) into first, total and second order indices (m, 2 d + …)."""
    means = sums[:, :-1] / sums[:, -1:]
    variance = means[:, 1] - np.square(means[:, 0])
    shares = means[:, 2:] / np.maximum(variance, 1e-300)[:, None]
    pairs = [(i, j) for i in range(d) for j in range(i + 1, d)]
    for place, (i, j) in enumerate(pairs[: shares.shape[1] - 2 * d]):
        shares[:, 2 * d + place] -= shares[:, i] + shares[:, j]
    return shares


def _resampled(blocks: Array, d: int, seed: int, watch: Watch) -> Any:
    """Resample the blocks with replacement; yields indices (some, k)."""
    generator = draws.generator(seed, _RESAMPLING)
    n = blocks.shape[0]
    for first in range(0, _RESAMPLED, 100):
        watch(first / _RESAMPLED, "bootstrap")
        weights = generator.multinomial(n, np.full(n, 1.0 / n), size=100).astype(np.float64)
        yield _shares(weights @ blocks, d)


def _outcome(
    model: Model, found: Array, errors: Array, level: float, of_value: tuple[float, float], evaluations: int, count: int
) -> Outcome:
    names = model.names
    d = len(names)
    half = float(special.stdtrit(_BLOCKS - 1, 0.5 + 0.5 * level)) * errors

    def named(values: Callable[[int], Any], first: int) -> dict[str, Any]:
        return {name: values(first + i) for i, name in enumerate(names)}

    def index(place: int) -> float:
        return float(found[place])

    def interval(place: int) -> list[float]:
        return [float(found[place] - half[place]), float(found[place] + half[place])]

    outputs: dict[str, Any] = {
        "first_order": named(index, 0), "total_order": named(index, d),
        "first_order_confidence": named(interval, 0), "total_order_confidence": named(interval, d),
        "mean": of_value[0], "variance": of_value[1], "n_samples": count,
    }  # fmt: skip
    if found.size > 2 * d:
        for key, take in (("second_order", index), ("second_order_confidence", interval)):
            rows: dict[str, dict[str, Any]] = {name: {} for name in names[:-1]}
            places = iter(range(2 * d, found.size))
            for i, name in enumerate(names):
                for other in names[i + 1 :]:
                    rows[name][other] = take(next(places))
            outputs[key] = rows
    quantile = float(special.stdtrit(_BLOCKS - 1, 1.0 - 0.5 * (1.0 - expectation.CONFIDENCE) / (2 * d)))
    error = quantile * float(errors[: 2 * d].max()) + 1e-14
    shares = all(found[i] <= found[d + i] + half[i] + half[d + i] for i in range(d))
    diagnostics = Diagnostics(
        evaluations=evaluations, error_estimate=error, method="sobol", checks=[Check("first_below_total", shares)]
    )
    warnings = (
        [] if count == power_of_two(count) else ["the indices converge fastest where n_samples is a power of two"]
    )
    return Outcome(outputs, KERNEL, COMPILED, diagnostics, warnings)
