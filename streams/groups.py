"""One native call: plans of one group together, whose failures are outcomes."""

from collections.abc import Mapping, Sequence

import structlog

from agents import alone
from agents.outcome import Outcome, Problem
from agents.task import Task
from streams.admit import Job
from streams.watch import Demoted, Slice, Vigil

_log = structlog.get_logger(__name__)
_NOTHING: Mapping[str, bytes] = {}


def compute_group(jobs: Sequence[Job], watch: Slice | Vigil, kept: Mapping[str, bytes] = _NOTHING) -> list[Outcome]:
    """Run one group; whatever a task raises against its promise becomes each job's `internal` failure."""
    task = jobs[0].task
    try:
        if jobs[0].needs:
            return [alone.run(job.plan, watch, kept) for job in jobs]
        return task.compute([job.plan for job in jobs], watch)
    except (Problem, Demoted, MemoryError):
        raise
    except Exception as error:
        _log.exception("task_failed", agent=task.agent, task=task.name, ids=[job.request.id for job in jobs[:10]])
        return [Outcome(None, f"{task.agent}.{task.name}", compiled=False, problem=mistake(task, error))] * len(jobs)


def mistake(task: Task, error: Exception) -> Problem:
    """Say what a task has raised against its promise."""
    return Problem("internal", f"{type(error).__name__} in {task.agent}.{task.name}", hint="report this request")
