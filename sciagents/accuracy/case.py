"""A case: one request whose answer is known, and what came of it. The error claimed has to bound the error reached."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from agents import catalogue
from agents.outcome import Outcome, Problem

Outputs = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A request and its known answer.

    `source` says where the answer comes from (a paper, a certified data set, an identity). `pick` takes the main output
    out of the outputs and `truth` is what it has to be, numbers or arrays of the same shape; where they are several,
    the error is the largest difference. With `problem` the right answer is that error code, as for a singular system.
    """

    name: str
    agent: str
    task: str
    source: str
    inputs: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    pick: Callable[[Outputs], Any] = dict
    truth: Any = None
    problem: str | None = None
    seed: int = 1

    @property
    def id(self) -> str:
        """How the case is called in tests."""
        return f"{self.agent}.{self.task}: {self.name}"


@dataclass(frozen=True)
class Row:
    """What became of a case: `error` reached and `claimed`, or the code of the problem that was answered."""

    case: Case
    error: float | None
    claimed: float | None
    problem: Problem | None
    warnings: list[str]

    @property
    def holds(self) -> bool:
        """Whether the answer is what it says it is."""
        if self.case.problem is not None:
            return self.problem is not None and self.problem.code == self.case.problem
        return self.error is not None and self.claimed is not None and self.error <= self.claimed


def answer(agent: str, task: str, inputs: Mapping[str, Any], options: Mapping[str, Any], seed: int = 1) -> Outcome:
    """Compute one request as a worker would; what is rejected is a problem in the outcome too."""
    found = catalogue.find(agent, task)
    try:
        plan = found.prepare(inputs, options, seed)
    except Problem as problem:
        return Outcome(None, f"{agent}.{task}", compiled=False, problem=problem)
    return found.compute([plan], _go_on)[0]


def run(case: Case) -> Row:
    """Compute a case and compare."""
    outcome = answer(case.agent, case.task, case.inputs, case.options, case.seed)
    if outcome.problem is not None or outcome.outputs is None:
        return Row(case, None, None, outcome.problem, outcome.warnings)
    reached, truth = np.asarray(case.pick(outcome.outputs)), np.asarray(case.truth)
    if reached.shape != truth.shape:
        raise ValueError(f"{case.id}: the output has shape {reached.shape}, the truth {truth.shape}")
    error = float(np.abs(reached - truth).max(initial=0.0))
    return Row(case, error, outcome.diagnostics.error_estimate, None, outcome.warnings)


def _go_on(fraction: float, stage: str) -> None:
    """Watch nothing: a case runs to its end."""
