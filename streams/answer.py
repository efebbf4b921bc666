"""Answers: from an outcome or a problem to the one result of a request. Pure."""

from typing import Any, cast

import msgspec

from agents.outcome import RETRYABLE, Diagnostics, Outcome, Problem
from streams.admit import Job
from streams.cache.kept import Kept
from streams.codec import Received, Refusal
from streams.contracts import Error, Provenance, Result, Status

_STATUS: dict[str, Status] = {"expired": "expired", "cancelled": "cancelled"}
_STOPPED: dict[str, Status] = {**_STATUS, "timed_out": "failed", "worker_crashed": "failed", "internal": "failed"}
_NOTHING = Diagnostics()


def error_of(problem: Problem) -> Error:
    """Write a problem as the contract's error."""
    return Error(
        code=problem.code, message=problem.message, field=problem.field, hint=problem.hint,
        retryable=problem.code in RETRYABLE,
    )  # fmt: skip


def computed(job: Job, outcome: Outcome, provenance: Provenance, completed_at: str) -> Result:
    """Answer with what was computed, or with what was found wrong while computing (a workflow: with both)."""
    problem, request = outcome.problem, job.request
    return Result(
        id=request.id, agent=request.agent, task=request.task,
        status="succeeded" if problem is None else _STATUS.get(problem.code, "failed"),
        outputs=outcome.outputs,
        error=None if problem is None else error_of(problem),
        warnings=outcome.warnings, diagnostics=outcome.diagnostics, provenance=provenance,
        labels=request.labels, completed_at=completed_at,
    )  # fmt: skip


def repeated(job: Job, kept: Kept, provenance: Provenance, completed_at: str) -> Result:
    """Answer with what was computed for another request of the same content."""
    request = job.request
    outputs = None if kept.outputs is None else msgspec.Raw(kept.outputs)
    return Result(
        id=request.id, agent=request.agent, task=request.task,
        status="succeeded" if kept.error is None else "failed",
        outputs=cast("dict[str, Any]", outputs), error=kept.error, warnings=kept.warnings, diagnostics=kept.diagnostics,
        provenance=provenance, labels=request.labels, completed_at=completed_at,
    )  # fmt: skip


def refused(what: Received | Refusal, problem: Problem, provenance: Provenance, completed_at: str) -> Result:
    """Answer a request that was not computed to its end: rejected, expired, cancelled, killed with its process."""
    return Result(
        id=what.id or "", agent=what.agent, task=what.task, status=_STOPPED.get(problem.code, "rejected"),
        outputs=None, error=error_of(problem), warnings=[], diagnostics=_NOTHING, provenance=provenance,
        labels={} if isinstance(what, Refusal) else what.labels, completed_at=completed_at,
    )  # fmt: skip
