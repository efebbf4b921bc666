"""A model of uncertain inputs: a formula whose variables have distributions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents import distributions, formulas
from agents.arrays import Array
from agents.distributions import Distribution
from agents.finite import Finite
from agents.outcome import Problem
from native.formula import Program
from native.formula.program import COMPILED as COMPILED  # noqa: PLC0414 - together with KERNEL

KERNEL = "native.formula"
SAMPLES_LIMIT = 10_000_000
"""Most evaluations of a model in one request."""
_PARAMETERS_LIMIT = 1000


@dataclass(frozen=True, eq=False, slots=True)
class Model:
    """The program takes the distributed variables, then the parameters."""

    program: Program
    distributions: Mapping[str, Distribution]
    values: Array

    @property
    def names(self) -> tuple[str, ...]:
        """The uncertain variables."""
        return tuple(self.distributions)

    @property
    def heavy(self) -> bool:
        """Whether an input has no variance."""
        return not all(np.isfinite(one.std) for one in self.distributions.values())

    @property
    def cost(self) -> float:
        """Floating-point operations of one evaluation, from the point of the unit cube on."""
        return 20.0 * (len(self.program.code) + 5) + sum(one.cost for one in self.distributions.values())

    @property
    def chunk(self) -> int:
        """How many evaluations take at most about 25 ms."""
        return int(min(8192.0, max(16.0, 1e8 / self.cost)))

    @property
    def finite(self) -> Finite:
        """A new look-out for values that are not finite."""
        return Finite(self.names)

    def points(self, units: Array) -> Array:
        """Turn points of the unit cube (k, d) into values of the variables: (d, k)."""
        points: Array = np.stack([one.quantile(units[:, j]) for j, one in enumerate(self.distributions.values())])
        return points

    def at(self, units: Array) -> tuple[Array, Array]:
        """Evaluate at points of the unit cube (k, d): the values of the variables (d, k), and the model's (k,)."""
        points = self.points(units)
        return points, self.evaluate(points)

    def evaluate(self, points: Array) -> Array:
        """Evaluate at points (d, k): (k,), finite or not."""
        fixed = np.broadcast_to(self.values[:, None], (self.values.size, points.shape[1]))
        values: Array = self.program.evaluate(np.concatenate([points, fixed]))[0]
        return values


def read(model: str, given: Mapping[str, Any], parameters: Mapping[str, Any], field: str = "inputs.model") -> Model:
    """Read a model; raises `Problem`."""
    read_distributions = distributions.read_all(given, "inputs.distributions")
    taken = dict.fromkeys(read_distributions, "a distributed variable already")
    if len(parameters) > _PARAMETERS_LIMIT:
        text = f"{len(parameters)} parameters"
        raise Problem("invalid_input", text, field="inputs.parameters", hint=f"at most {_PARAMETERS_LIMIT}")
    formulas.check_names(parameters, "inputs.parameters", taken=taken)
    values = formulas.numbers(parameters, "inputs.parameters")
    program = formulas.compiled({field: model}, tuple(read_distributions), tuple(values))
    return Model(program, read_distributions, np.array(list(values.values()), dtype=np.float64))


def check_finite(finite: Finite) -> None:
    """Raise `Problem` if the model was not finite somewhere."""
    hint = "distributions within the model's domain, such as truncnorm, or where(c, a, b) in the formula"
    finite.check("the model", "inputs.model", hint)


def gradient(text: str, read_model: Model, parameters: tuple[str, ...]) -> Program:
    """Compile the model with its derivatives by the distributed variables; raises `Problem`."""
    return formulas.compiled({"inputs.model": text}, read_model.names, parameters, jacobian=True)
