"""The task `analyze.problem`: what kind of problem a request is, by measuring it."""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from agents import alone, inner
from agents.alone import Alone
from agents.analyze import functions, matrices, systems
from agents.analyze.functions import Measure
from agents.analyze.measured import Measured
from agents.inner import OVERHEAD, Inner, RequestInput
from agents.outcome import Diagnostics, Outcome, Problem
from agents.task import Part, TaskOptions, Watch
from agents.validate.values import leaves

KERNEL = "agents.analyze"
RATE = 4e9
"""Operations a second: the rate at which a plan's cost meets the 50 ms of the fast lane."""
_LONG = 2e8
_RUN = 2e9
"""Cost up to which the request is run, to see what it takes."""
_STOPPED = {"timed_out", "cancelled"}


class ProblemInputs(msgspec.Struct, forbid_unknown_fields=True):
    """A `request` to be measured; it is prepared, and run only where that costs little.

    Outputs, null for what does not apply or could not be measured:
    `problem_type` in words, each of which is a finding; `properties` of that type (such as linear, symmetric, convex);
    `complexity` {unknowns, operations, order}; `stiffness`, of initial value problems: the `ratio` of the fastest
    decay to the slowest by the eigenvalues of the exact Jacobian along an integration, the steps that stability forces
    on an explicit method, those an implicit one takes for accuracy, and `stiff` where the first are five times as
    many; `conditioning`: the `condition` of the matrix, of the Hessian or Jacobian at the start, or the
    `amplification` of a small change of initial values; `sparsity` of the matrix or Jacobian; `estimated_cost`
    {operations, seconds, lane}: the plan's own estimate, at 4e9 operations a second; `memory` {request_bytes, and
    result_bytes of the numbers in the outputs of a run};
    `measured` {method, evaluations, iterations, error_estimate, code} of a run, for requests of up to 2e9 operations.
    `error_estimate` is null: conditions and ratios are right to an order of magnitude.
    """

    request: RequestInput


class ProblemOptions(TaskOptions, kw_only=True):
    """`run` allows that a request of little cost is computed to see what it takes."""

    run: bool = True


_BY_TASK: Mapping[tuple[str, str], Measure] = {
    ("ode", "ivp"): systems.measure, ("ode", "ensemble"): systems.measure,
    ("optimize", "minimize"): functions.minimum, ("optimize", "global"): functions.minimum,
    ("optimize", "root"): functions.equations, ("optimize", "curve_fit"): functions.fit,
    ("integrate", "quad"): functions.integral, ("integrate", "cubature"): functions.integral,
    ("integrate", "monte_carlo"): functions.integral,
}  # fmt: skip


def prepare(inputs: ProblemInputs, options: ProblemOptions, seed: int) -> Alone:
    """Prepare the request; raises `Problem`."""
    asked = inner.read(inputs.request, seed)

    def work(watch: Watch, kept: Mapping[str, bytes]) -> Outcome:
        return _analyze(asked, options.run, watch, kept)

    cost = 2.0 * min(asked.cost, _RUN) + 10 * OVERHEAD
    return Alone(KERNEL, work, cost, asked.needs, compiled=False, finite=False)


def measured(asked: Inner, watch: Watch, kept: Mapping[str, bytes]) -> Measured:
    """Measure a request by what is in it; a form that no measure knows is told by its name alone."""
    measure = _BY_TASK.get((asked.task.agent, asked.task.name))
    if measure is None and asked.task.agent == "linalg" and "a" in asked.inputs:
        measure = matrices.measure
    try:
        if measure is not None:
            with np.errstate(all="ignore"):
                return measure(asked, kept, watch)
    except Problem as problem:
        if problem.code in _STOPPED:
            raise
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, ArithmeticError, np.linalg.LinAlgError):
        pass  # inputs of a form that is not measured
    return Measured(asked.name)


def _analyze(asked: Inner, run: bool, watch: Watch, kept: Mapping[str, bytes]) -> Outcome:
    found = measured(asked, Part(watch, 0.0, 0.6, "measure"), kept)
    took, size = None, None
    if run and asked.cost <= _RUN:
        outcome = asked.compute(Part(watch, 0.6, 1.0, "run"), kept)
        took, size = _took(outcome), _size(outcome)
    outputs = {
        "problem_type": found.kind, "properties": found.properties,
        "complexity": {"unknowns": found.unknowns, "operations": asked.cost, "order": found.order},
        "stiffness": found.stiffness, "conditioning": found.conditioning, "sparsity": found.sparsity,
        "estimated_cost": {
            "operations": asked.cost, "seconds": asked.cost / RATE,
            "lane": "heavy" if asked.cost > _LONG or asked.needs else "fast",
        },
        "memory": {"request_bytes": len(msgspec.json.encode([asked.inputs, asked.options])), "result_bytes": size},
        "measured": took,
    }  # fmt: skip
    warnings = [] if found.properties else [f"no measure is known for {asked.name} beyond its cost"]
    return Outcome(outputs, KERNEL, False, Diagnostics(method="measurement"), warnings)


def _size(outcome: Outcome) -> int | None:
    """Bytes of the numbers of the outputs."""
    if outcome.outputs is None:
        return None
    return sum(array.nbytes for array in leaves(outcome.outputs, "", "inputs.request").numbers.values())


def _took(outcome: Outcome) -> dict[str, Any]:
    how = outcome.diagnostics
    return {
        "method": how.method, "evaluations": how.evaluations, "iterations": how.iterations,
        "error_estimate": how.error_estimate, "code": None if outcome.problem is None else outcome.problem.code,
    }  # fmt: skip


TASK = alone.task(
    agent="analyze", name="problem", summary="Measure what kind of problem a request is.", inputs=ProblemInputs,
    options=ProblemOptions, methods=(),
    example={
        "request": {
            "agent": "ode", "task": "ivp",
            "inputs": {
                "equations": {"x": "-1000*x + 999*y", "y": "x - 2*y"}, "initial": {"x": 1, "y": 1}, "t_span": [0, 5],
            },
        }
    },
    prepare=prepare,
)  # fmt: skip
