"""The catalogue: which agents there are, and what each task takes and gives."""

import importlib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

import msgspec

from agents import (
    analyze,
    integrate,
    inverse,
    linalg,
    ode,
    optimize,
    pde,
    physics_ml,
    profile,
    select,
    special,
    surrogate,
    uq,
    validate,
    workflow,
)
from agents.outcome import Problem
from agents.task import Task

TASKS: Mapping[tuple[str, str], Task] = {
    (task.agent, task.name): task
    for agent in (
        ode,
        pde,
        linalg,
        optimize,
        integrate,
        special,
        uq,
        surrogate,
        inverse,
        physics_ml,
        analyze,
        select,
        validate,
        profile,
        workflow,
    )
    for task in agent.TASKS
}
AGENTS: tuple[str, ...] = tuple(dict.fromkeys(agent for agent, _ in TASKS))


def plug_in(modules: Iterable[str]) -> None:
    """Add the `TASKS` of modules; raises `ImportError`. Only code names them: no setting, and no request."""
    global TASKS, AGENTS
    for name in modules:
        TASKS = {**TASKS, **{(task.agent, task.name): task for task in importlib.import_module(name).TASKS}}
    AGENTS = tuple(dict.fromkeys(agent for agent, _ in TASKS))


def find(agent: str, task: str) -> Task:
    """Return the task; raises `Problem` (`unknown_agent`, `unknown_task`) that names the nearest valid one."""
    found = TASKS.get((agent, task))
    if found is not None:
        return found
    if agent not in AGENTS:
        raise Problem("unknown_agent", f"no agent {agent[:80]!r}", field="agent", hint=_nearest(agent, AGENTS))
    names = tuple(name for owner, name in TASKS if owner == agent)
    message = f"agent {agent!r} has no task {task[:80]!r}"
    raise Problem("unknown_task", message, field="task", hint=_nearest(task, names))


def describe(agent: str | None = None) -> list[dict[str, Any]]:
    """Describe each task: summary, methods, JSON Schemas of inputs and options, an example."""
    return [
        {
            "agent": task.agent,
            "task": task.name,
            "summary": task.summary,
            "methods": list(task.methods),
            "inputs": msgspec.json.schema(task.inputs),
            "options": msgspec.json.schema(task.options),
            "example": dict(task.example),
        }
        for task in TASKS.values()
        if agent is None or task.agent == agent
    ]


def _nearest(name: str, valid: tuple[str, ...]) -> str:
    near = get_close_matches(name, valid, n=1)
    return f"did you mean {near[0]!r}?" if near else f"valid: {', '.join(valid)}"
