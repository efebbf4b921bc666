"""Proper orthogonal decomposition with coefficients that are interpolated over parameters."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.arrays import Array
from agents.surrogate import kernel_surrogate, samples
from agents.surrogate.kernel_surrogate import KernelSurrogate
from agents.surrogate.model import Fields, Prediction
from agents.task import Watch

_NAMES = ("modes", "mean", "rest", "missed", "coefficients")


@dataclass(eq=False, slots=True)
class Pod:
    """`modes` (m, k) and `mean` (m) of snapshots; `rest` is the largest number that the modes leave out.

    `missed` is the largest error of a snapshot predicted from the others; `coefficients` interpolates.
    """

    modes: Array
    mean: Array
    rest: float
    missed: float
    coefficients: KernelSurrogate

    @property
    def dimensions(self) -> int:
        """Numbers a point has."""
        return self.coefficients.dimensions

    @property
    def outputs(self) -> int:
        """Numbers of a snapshot."""
        return int(self.modes.shape[0])

    @property
    def cost(self) -> float:
        """Operations of the interpolation and of a thousand predictions."""
        return self.coefficients.cost + 2000.0 * self.modes.size

    def plain(self) -> dict[str, Any]:
        """Give the data."""
        return {
            "modes": self.modes, "mean": self.mean, "rest": self.rest, "missed": self.missed,
            "coefficients": self.coefficients.plain(),
        }  # fmt: skip

    def predict(self, points: Array, watch: Watch) -> Prediction:
        """Predict snapshots (q, m)."""
        made = self.coefficients.predict(points, watch)
        assert made.std is not None
        assert self.coefficients.fitted is not None
        coefficients, std = made.mean, made.std
        mean = self.mean + coefficients @ self.modes.T
        spread = np.sqrt(std**2 @ (self.modes**2).T)
        factor = self.coefficients.fitted.factor_of_confidence
        largest = float((std @ np.abs(self.modes).T).max(initial=0.0))
        bound = max(factor * largest, self.missed) + self.rest + self.coefficients.fitted.rounding
        return Prediction(mean, spread, bound, made.warnings)


def read(values: Mapping[str, Any], where: str) -> Pod:
    """Validate a surrogate's data."""
    fields = Fields(values, _NAMES, where)
    modes, mean = fields.array("modes", 2), fields.array("mean", 1)
    inner = values["coefficients"]
    if not isinstance(inner, Mapping):
        raise fields.wrong("coefficients", "not a surrogate")
    coefficients = kernel_surrogate.read_kind("rbf")(inner, fields.where("coefficients"))
    assert isinstance(coefficients, KernelSurrogate)
    if len(modes) != len(mean) or not 0 < len(modes) <= samples.NUMBERS_LIMIT:
        raise fields.wrong("mean", f"{len(modes)} numbers expected")
    if modes.shape[1] != coefficients.outputs or coefficients.model.flat:
        raise fields.wrong("modes", f"{coefficients.outputs} columns expected")
    return Pod(modes, mean, fields.number("rest", 0.0, 1e100), fields.number("missed", 0.0, 1e100), coefficients)
