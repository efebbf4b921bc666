"""Answers: the results of steps, as the workflow knows them; a step with `foreach` makes one of many."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from agents.outcome import RETRYABLE, Problem
from agents.workflow.document import Step


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one try of a step, in the shape of every result; `status` may be `skipped` too."""

    id: str
    agent: str | None = None
    task: str | None = None
    status: str
    outputs: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    warnings: list[str] = []
    diagnostics: dict[str, Any] = {}
    provenance: dict[str, Any] = {}
    completed_at: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether there are outputs."""
        return self.status == "succeeded"


_STATUS = {"expired": "expired", "cancelled": "cancelled"}


def refusal(attempt: str, problem: Problem) -> Answer:
    """Write what was found wrong before a step could be sent as its answer."""
    return Answer(id=attempt, status=_STATUS.get(problem.code, "rejected"), error=error_of(problem))


def error_of(problem: Problem) -> dict[str, Any]:
    """Write a problem as the contract's error."""
    return {
        "code": problem.code, "message": problem.message, "field": problem.field, "hint": problem.hint,
        "retryable": problem.code in RETRYABLE,
    }  # fmt: skip


def skipped(attempt: str, why: str) -> Answer:
    """What a step, or an item, that is not to run is answered with."""
    return Answer(id=attempt, status="skipped", warnings=[why])


def together(step: Step, items: Sequence[Answer], *, fatal: bool) -> Answer:
    """Make one answer of the items of a `foreach`: with `fatal` one that failed fails the step."""
    failed = [item for item in items if item.status not in {"succeeded", "skipped"}]
    failed.sort(key=lambda item: item.status == "cancelled")  # what was stopped by another's failure is not the reason
    good = [item for item in items if item.succeeded]
    warnings = [f"{len(failed)} of {len(items)} items have no outputs"] if failed and not fatal else []
    status = "succeeded"
    if failed and (fatal or not good):
        status = failed[0].status
    return Answer(
        id=step.id, agent=step.agent, task=step.task, status=status,
        outputs={"items": [item.outputs for item in items]} if status == "succeeded" else None,
        error=None if status == "succeeded" else failed[0].error, warnings=warnings,
        diagnostics=_diagnostics([item.diagnostics for item in good], all_good=not failed),
    )  # fmt: skip


def _diagnostics(parts: Sequence[Mapping[str, Any]], *, all_good: bool) -> dict[str, Any]:
    """What the items say together: all converged, steps and evaluations in all, the largest error and residual."""

    def whole(name: str) -> list[Any] | None:
        values = [part.get(name) for part in parts]
        return values if values and None not in values else None

    converged, iterations, evaluations = whole("converged"), whole("iterations"), whole("evaluations")
    errors, residuals, methods = whole("error_estimate"), whole("residual"), {part.get("method") for part in parts}
    return {
        "converged": None if converged is None else all(converged),
        "iterations": None if iterations is None else sum(iterations),
        "evaluations": None if evaluations is None else sum(evaluations),
        "error_estimate": None if errors is None else _largest(errors),
        "residual": None if residuals is None else _largest(residuals),
        "method": methods.pop() if len(methods) == 1 else None,
        "checks": [{"name": "every item succeeded", "passed": all_good}],
    }


def _largest(values: Sequence[Any]) -> float | None:
    numbers = [value for value in values if isinstance(value, int | float)]
    return max(numbers) if len(numbers) == len(values) else None


def written(answer: Answer, items: Sequence[Answer] | None, *, keep: bool) -> dict[str, Any]:
    """Write an answer as an entry of `steps`."""
    entry = msgspec.structs.asdict(answer)
    if not keep and answer.outputs is not None:
        entry["outputs"] = None
        entry["warnings"] = [*answer.warnings, "the outputs are left out (keep is false)"]
    if items is not None:
        entry["items"] = [
            {name: value for name, value in msgspec.structs.asdict(item).items() if name not in _OF_THE_STEP}
            for item in items
        ]
    return entry


_OF_THE_STEP = {"agent", "task", "outputs"}
