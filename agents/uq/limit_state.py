"""A limit state: how far a model is from an event, over standard normal variables."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import special

from agents.arrays import Array
from agents.uq.model import Model, check_finite


@dataclass(frozen=True, eq=False, slots=True)
class LimitState:
    """The event is model > threshold or, with `below`, model <= threshold."""

    model: Model
    threshold: float
    below: bool

    @property
    def dimensions(self) -> int:
        """How many variables there are."""
        return len(self.model.names)

    def points(self, u: Array) -> Array:
        """Turn standard normal points (k, d) into values of the variables (d, k)."""
        made: Array = np.stack([one.of_normal(u[:, j]) for j, one in enumerate(self.model.distributions.values())])
        return made

    def excess(self, u: Array) -> Array:
        """By how much the event happens at standard normal points (k, d); raises `Problem` where that is not finite."""
        points = self.points(u)
        values = self.model.evaluate(points)
        finite = self.model.finite
        finite.look(points, values)
        check_finite(finite)
        return self.threshold - values if self.below else values - self.threshold

    def happens(self, excess: Array) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Say where the event happens."""
        return excess >= 0.0 if self.below else excess > 0.0

    def named(self, u: Array) -> Mapping[str, float]:
        """Name the coordinates of one standard normal point (d,), as values of the variables."""
        return dict(zip(self.model.names, self.points(u[None])[:, 0].tolist(), strict=True))


def reliability_index(probability: float) -> float | None:
    """Normal quantile of 1 - probability; none of 0 and 1."""
    return float(-special.ndtri(probability)) if 0.0 < probability < 1.0 else None
