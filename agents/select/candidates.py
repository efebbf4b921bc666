"""Candidates: the methods of a task that a request may be computed by, each run, and compared with the most exact."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agents.analyze.measured import Measured
from agents.inner import Inner
from agents.outcome import Outcome, Problem
from agents.select import work
from agents.task import Part, Watch
from agents.validate.findings import is_main
from agents.validate.values import Numbers, apart, leaves, size_of

_STEPS = 20_000
"""Steps after which an integrator is no candidate, unless the request says how many it may take."""
_PLACES = (("options", "method"), ("inputs", "sampler"))
"""A method among the inputs is another: it says what is to be computed, as the penalty of a regularisation does."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A method that was run: `work` in counted operations, `apart` from the most exact answer, `holds` if that is
    within the errors of both.
    """

    method: str
    asked: Inner
    outcome: Outcome
    work: float | None
    apart: float | None = None
    holds: bool = True

    @property
    def error(self) -> float | None:
        """The error that its answer has."""
        return self.outcome.diagnostics.error_estimate

    @property
    def succeeded(self) -> bool:
        """Whether there is an answer."""
        return self.outcome.problem is None

    def written(self) -> dict[str, Any]:
        """What was measured of it."""
        how, problem = self.outcome.diagnostics, self.outcome.problem
        return {
            "error_estimate": how.error_estimate, "evaluations": how.evaluations, "iterations": how.iterations,
            "work": self.work, "apart": self.apart, "converged": how.converged,
            "code": None if problem is None else problem.code,
        }  # fmt: skip


def prepared(asked: Inner) -> Iterator[tuple[str, Inner]]:
    """Iterate over the methods that this request may have, prepared; one that cannot have it is left out."""
    where = _place(asked)
    names = [name for name in asked.task.methods if name != "auto"] or list(asked.task.methods)
    for name in names:
        if where is None:
            yield str(asked.inputs.get("method", name)), asked
            return
        options: dict[str, Any] = {}
        if "max_steps" in asked.task.options.__struct_encode_fields__ and "max_steps" not in asked.options:
            options["max_steps"] = _STEPS
        try:
            if where[0] == "options":
                yield name, asked.changed(options={where[1]: name, **options})
            else:
                yield name, asked.changed(inputs={where[1]: name}, options=options)
        except Problem:
            continue


def _place(asked: Inner) -> tuple[str, str] | None:
    """Where this task takes its method."""
    for side, name in _PLACES:
        shape = asked.task.options if side == "options" else asked.task.inputs
        if name in shape.__struct_encode_fields__:
            return side, name
    return None


def with_method(asked: Inner, method: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the inputs and options of the request with this method."""
    inputs, options, where = dict(asked.inputs), dict(asked.options), _place(asked)
    if method is not None and where is not None:
        (options if where[0] == "options" else inputs)[where[1]] = method
    return inputs, options


def run(asked: Inner, measured: Measured, watch: Watch, kept: Mapping[str, bytes]) -> list[Candidate]:
    """Run each candidate, and compare the answers with that of the smallest error."""
    ways = list(prepared(asked))
    made = []
    for i, (name, way) in enumerate(ways):
        outcome = way.compute(Part(watch, i / len(ways), (i + 1) / len(ways), name), kept)
        made.append(Candidate(name, way, outcome, work.of_run(asked, name, outcome.diagnostics, measured)))
    best = min((one for one in made if one.succeeded), key=lambda one: work.finite(one.error), default=None)
    return made if best is None else [_compared(one, best) for one in made]


def _compared(one: Candidate, best: Candidate) -> Candidate:
    mine, exact = main_numbers(one), main_numbers(best)
    if one is best or not mine or mine.keys() != exact.keys():
        return one
    distance = max(apart(mine[path], exact[path]) for path in exact)
    allowed = (one.error or 0.0) + (best.error or 0.0) + 1e-9 * max(map(size_of, exact.values()))
    holds = one.error is None or best.error is None or distance <= allowed
    return Candidate(one.method, one.asked, one.outcome, one.work, distance, holds)


def main_numbers(one: Candidate) -> dict[str, Numbers]:
    """The outputs that its error is about."""
    if one.outcome.outputs is None:
        return {}
    found = leaves(one.outcome.outputs, "", "inputs.request").numbers
    return {path: value for path, value in found.items() if is_main(one.asked, path)}


def objective(one: Candidate) -> float | None:
    """What an optimisation reached, as something to be small; None for others."""
    value = (one.outcome.outputs or {}).get("objective")
    if one.asked.task.agent != "optimize" or not isinstance(value, int | float):
        return None
    return -float(value) if one.asked.inputs.get("maximize") else float(value)
