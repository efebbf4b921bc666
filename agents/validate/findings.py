"""Findings: the checks of a validation, and what they look at."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from agents.inner import Inner
from agents.task import Watch
from agents.validate.values import Leaves, Numbers, apart


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: `value` is what was measured, at most `tolerance` when it is `passed`; `how` says by which road."""

    name: str
    value: float
    tolerance: float
    how: str
    independent: bool = True
    """Whether it took another road than the result did."""

    @property
    def passed(self) -> bool:
        """Whether the value is within the tolerance; NaN never is."""
        return self.value <= self.tolerance

    def written(self) -> dict[str, Any]:
        """As it is answered."""
        return {
            "name": self.name, "passed": self.passed, "value": _finite(self.value),
            "tolerance": _finite(self.tolerance), "how": self.how,
        }  # fmt: skip


def _finite(value: float) -> float | str:
    return value if math.isfinite(value) else "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


@dataclass(frozen=True, eq=False)
class Claim:
    """The result under validation: its outputs, flat, and the error that it says it has (null: none)."""

    inner: Inner
    outputs: Leaves
    error: float | None
    seed: int | None
    stiff: bool = False
    written: Mapping[str, Any] = field(default_factory=dict)
    """The outputs as they were answered."""
    kept: Mapping[str, bytes] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def numbers(self, path: str) -> Numbers:
        """The output at a path; raises `KeyError`."""
        return self.outputs.numbers[path]

    def named(self, path: str, names: list[str]) -> Numbers:
        """The outputs `path.name`, in order; raises `KeyError`."""
        return np.array([self.outputs.numbers[f"{path}.{name}"] for name in names], dtype=float)

    def add(self, name: str, value: float, tolerance: float, how: str) -> None:
        """Add a finding by another road."""
        self.findings.append(Finding(name, float(value), float(tolerance), how))

    def agree(self, path: str, computed: Any, tolerance: float, how: str) -> None:
        """Add a finding named by an output: how far it is from what another road gives, of the same shape."""
        found = self.numbers(path)
        self.add(path, apart(np.asarray(computed).reshape(found.shape), found), tolerance, how)


Road = Callable[[Claim, Watch], None]
"""Looks at an answer and adds findings; where it has nothing to say it adds none."""


MAIN: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("ode", "ivp"): ("y.",), ("ode", "ensemble"): ("final.",), ("ode", "bvp"): ("y.", "parameters."),
    ("linalg", "solve"): ("x",), ("linalg", "least_squares"): ("x",), ("linalg", "eigen"): ("eigenvalues",),
    ("linalg", "svd"): ("s",), ("linalg", "expm"): ("expm",),
    ("optimize", "curve_fit"): ("parameters.",), ("optimize", "linear_program"): ("objective",),
    ("optimize", "integer_program"): ("objective",),
    ("integrate", "quad"): ("value",), ("integrate", "cubature"): ("value",), ("integrate", "monte_carlo"): ("value",),
    ("uq", "propagate"): ("mean",), ("uq", "rare_event"): ("probability",),
    ("pde", "heat"): ("u",), ("pde", "wave"): ("u",), ("pde", "poisson"): ("u",),
    ("pde", "advection_diffusion"): ("u",), ("pde", "reaction_diffusion"): ("u.",),
    ("inverse", "bayesian"): ("mean.", "mean"), ("inverse", "enkf"): ("mean",),
    ("uq", "confidence"): ("interval",), ("uq", "sensitivity"): ("first_order.", "total_order.", "mu_star."),
}  # fmt: skip
"""The outputs that `error_estimate` is about, and that other methods must give too; a dot ends a prefix."""


def is_main(inner: Inner, path: str) -> bool:
    """Whether an output is one that `error_estimate` is about."""
    wanted = MAIN.get((inner.task.agent, inner.task.name), ())
    return any(path == one or (one.endswith(".") and path.startswith(one)) for one in wanted)
