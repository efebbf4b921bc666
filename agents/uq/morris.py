"""Elementary effects: by how much a model changes when one input moves half across its range (Morris, 1991)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from scipy import special

from agents import draws, expectation
from agents.arrays import Array
from agents.finite import Finite, Seen
from agents.outcome import Diagnostics, Outcome
from agents.task import Watch
from agents.uq.model import COMPILED, KERNEL, Model, check_finite

_CHUNKS = 8
"""Of one block."""


class MorrisState(msgspec.Struct, frozen=True):
    """What a block leaves: the change of the model per unit of probability, along each variable: (trajectories, d)."""

    found: Array
    seen: Seen


@dataclass(frozen=True, eq=False, slots=True)
class Effects:
    """The effects from `count` random trajectories (Campolongo et al., 2007)."""

    model: Model
    count: int
    levels: int
    seed: int
    level: float

    @property
    def most(self) -> int:
        """Trajectories of a chunk."""
        return max(1, self.model.chunk // (len(self.model.names) + 1))

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return -(-self.count // (_CHUNKS * self.most))

    @property
    def state_bytes(self) -> int:
        """About how large a block's state is."""
        return 8 * len(self.model.names) * min(self.count, _CHUNKS * self.most) + 1000

    def block(self, number: int, watch: Watch) -> MorrisState:
        """Follow the trajectories of one block."""
        finite = self.model.finite
        begin, found = number * _CHUNKS * self.most, []
        for i, first in enumerate(range(begin, min(self.count, begin + _CHUNKS * self.most), self.most)):
            watch(i / _CHUNKS, "trajectories")
            found.append(self._elementary(first, min(self.most, self.count - first), finite))
        return MorrisState(np.concatenate(found), finite.seen)

    def merge(self, states: Sequence[MorrisState], _: Watch) -> Outcome:
        """Average over all trajectories."""
        finite = self.model.finite
        for state in states:
            finite.add(state.seen)
        check_finite(finite)
        return _outcome(self.model, np.concatenate([state.found for state in states]), self.level)

    def _elementary(self, first: int, size: int, finite: Finite) -> Array:
        model, d = self.model, len(self.model.names)
        step = self.levels / (2.0 * (self.levels - 1)) if _bounded(model) else 0.5
        start, end, order = _trajectories(model, draws.uniforms(self.seed, first, size, 3 * d), self.levels)
        moved = order[:, None, :] < np.arange(d + 1)[None, :, None]
        units = np.where(moved, end[:, None, :], start[:, None, :])
        points = model.points(units.reshape(-1, d))
        values = model.evaluate(points)
        finite.look(points, values)
        changes = np.diff(values.reshape(size, d + 1), axis=1)
        along: Array = np.take_along_axis(changes, order, axis=1)
        return along / (step * np.sign(end - start))


def _outcome(model: Model, found: Array, level: float) -> Outcome:
    count = len(found)
    sizes = np.abs(found)
    errors = sizes.std(axis=0, ddof=1) / np.sqrt(count)
    half = float(special.stdtrit(count - 1, 0.5 + 0.5 * level)) * errors
    mu_star = sizes.mean(axis=0)

    def named(values: Array) -> dict[str, float]:
        return dict(zip(model.names, values.tolist(), strict=True))

    outputs: dict[str, Any] = {
        "mu": named(found.mean(axis=0)), "mu_star": named(mu_star), "sigma": named(found.std(axis=0, ddof=1)),
        "mu_star_confidence": {
            name: [float(mu_star[i] - half[i]), float(mu_star[i] + half[i])] for i, name in enumerate(model.names)
        },
        "n_samples": count,
    }  # fmt: skip
    tail = 0.5 * (1.0 - expectation.CONFIDENCE) / len(model.names)
    bound = 2.0 * float(special.stdtrit(count - 1, 1.0 - tail)) * errors + 4e-15 * mu_star
    diagnostics = Diagnostics(
        evaluations=count * (len(model.names) + 1), error_estimate=float(bound.max()), method="morris"
    )
    return Outcome(outputs, KERNEL, COMPILED, diagnostics)


def _bounded(model: Model) -> bool:
    return all(np.isfinite(one.support).all() for one in model.distributions.values())


def _trajectories(model: Model, uniforms: Array, levels: int) -> tuple[Array, Array, np.ndarray[Any, Any]]:
    """Start and end of trajectories on the grid, and when each variable moves: three times (count, d).

    The grid contains both ends where all distributions are bounded, and else the middles of `levels` equal parts.
    """
    d = uniforms.shape[1] // 3
    low = np.floor(uniforms[:, :d] * (levels // 2))
    high = low + levels // 2
    low, high = (one / (levels - 1) if _bounded(model) else (one + 0.5) / levels for one in (low, high))
    upwards = uniforms[:, d : 2 * d] < 0.5
    order = np.argsort(np.argsort(uniforms[:, 2 * d :], axis=1, kind="stable"), axis=1, kind="stable")
    return np.where(upwards, low, high), np.where(upwards, high, low), order
