"""The task `workflow.run`, and its way in one process: each step computed where the machine asks for it."""

from collections import deque
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from agents import alone
from agents.alone import Alone
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.task import Watch
from agents.workflow import document, machine
from agents.workflow.answers import Answer, error_of, refusal
from agents.workflow.document import Node, Workflow, WorkflowInputs, WorkflowOptions
from agents.workflow.machine import Answered, Finish, Submit, Tick

KERNEL = "agents.workflow"
_COST = 1e9  # what the steps cost is theirs to say: the long lane, in any case


def prepare(inputs: WorkflowInputs, options: WorkflowOptions, seed: int) -> Workflow:
    """Check a workflow, and of its steps what can be checked before anything has run; raises `Problem`."""
    nodes = document.read(inputs.steps)
    for node in nodes:
        _check(node, seed)

    def work(watch: Watch, kept: Mapping[str, bytes]) -> Outcome:
        return _run(plan, watch, kept)

    plan = Workflow(
        KERNEL, work, _COST, compiled=False, finite=False, nodes=nodes, parallel=options.parallel, seed=seed
    )
    return plan


def _check(node: Node, seed: int) -> None:
    """Find the task; a step that takes nothing from others, and has to succeed, is prepared to see what is wrong."""
    from agents import catalogue  # noqa: PLC0415 - the catalogue has this task in it

    step = node.step
    try:
        task = catalogue.find(step.agent, step.task)
        fixed = node.inputs is None and node.options is None and node.when is None
        if fixed and step.on_error == "stop":
            task.prepare(step.inputs, step.options, seed)
    except Problem as problem:
        below = problem.field or "inputs"
        text = f"step {step.id!r}: {problem.message}"
        raise Problem(problem.code, text, field=f"{node.field}.{below}", hint=problem.hint) from None


def finished(finish: Finish) -> Outcome:
    """Write the end of a workflow as its outcome: with a problem, too, `steps` says what became of each."""
    problem = finish.problem
    checks = [Check("every step that had to succeeded", passed=problem is None)]
    diagnostics = Diagnostics(converged=finish.converged, iterations=finish.ran, method="dag", checks=checks)
    outputs = {"steps": dict(finish.steps)}
    return Outcome(outputs, KERNEL, False, diagnostics, finish.warnings, problem)


def _run(plan: Workflow, watch: Watch, kept: Mapping[str, bytes]) -> Outcome:
    """Run the steps one by one."""
    state = machine.begin("workflow", plan, np.inf, np.inf)
    shelf = dict(kept)
    state, commands = machine.advance(state, Tick(), 0.0)
    waiting = deque(commands)
    while waiting:
        command = waiting.popleft()
        if isinstance(command, Finish):
            return finished(command)
        if isinstance(command, Submit):
            watch(state.fraction, command.step)
            answer = _compute(command, watch, state.fraction, shelf)
            state, commands = machine.advance(state, Answered(command.id, answer), 0.0)
            waiting += commands
    raise Problem("internal", "the workflow stands still", field="inputs.steps", hint="report this request")


def _compute(submit: Submit, watch: Watch, done: float, shelf: dict[str, bytes]) -> Answer:
    from agents import catalogue  # noqa: PLC0415 - the catalogue has this task in it

    def watched(fraction: float, stage: str) -> None:  # noqa: ARG001 - the step's own
        watch(done, f"{submit.step}: {stage}")

    try:
        task = catalogue.find(submit.agent, submit.task)
        plan = task.prepare(_plain(submit.inputs), _plain(submit.options), submit.seed)
    except Problem as problem:
        return refusal(submit.id, problem)
    if isinstance(plan, Alone):
        outcome = alone.run(plan, watched, shelf)
    else:
        (outcome,) = task.compute([plan], watched)
    shelf.update(outcome.keep)
    return _answer(submit, outcome)


def _answer(submit: Submit, outcome: Outcome) -> Answer:
    problem = outcome.problem
    return Answer(
        id=submit.id, agent=submit.agent, task=submit.task, status="succeeded" if problem is None else "failed",
        outputs=outcome.outputs if problem is None else None, error=None if problem is None else error_of(problem),
        warnings=outcome.warnings, diagnostics=msgspec.to_builtins(outcome.diagnostics),
    )  # fmt: skip


def _plain(value: Any) -> Any:
    """Write what an earlier step computed as a request has it: lists and plain numbers for NumPy's."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "c":
            return {"re": value.real.tolist(), "im": value.imag.tolist()}
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value


TASK = alone.task(
    agent="workflow", name="run", summary="Run several requests as one: steps that feed each other.",
    inputs=WorkflowInputs, options=WorkflowOptions, methods=(),
    example={
        "steps": [
            {"id": "system", "agent": "linalg", "task": "solve", "inputs": {"a": [[3, 1], [1, 2]], "b": [9, 8]}},
            {
                "id": "decay", "agent": "ode", "task": "ivp", "foreach": {"$from": "system.outputs.x"},
                "inputs": {
                    "equations": {"y": "-k*y"}, "parameters": {"k": {"$item": ""}}, "initial": {"y": 1},
                    "t_span": [0, 1], "n_points": 11,
                },
            },
        ]
    },
    prepare=prepare,
)  # fmt: skip
