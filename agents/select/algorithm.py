"""The task `select.algorithm`: the method of a task for a request, chosen by running every one that may be."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from agents import alone, inner
from agents.alone import Alone
from agents.analyze.measured import Measured
from agents.analyze.problem import measured
from agents.inner import OVERHEAD, Inner, RequestInput
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.select import candidates
from agents.select.candidates import Candidate, main_numbers, objective
from agents.select.work import finite
from agents.task import Part, TaskOptions, Watch
from agents.validate.values import size_of

KERNEL = "agents.select"
_SLACK = 10.0
"""How much larger than the smallest error one may be and still be as good."""
_ROUNDING = 1e-9
_ALIKE = 1.2
_NO_ANSWER = {"singular", "infeasible", "unbounded"}
"""What one method finds out about the problem, and not about itself."""
_CANDIDATES = 16.0


class AlgorithmInputs(msgspec.Struct, forbid_unknown_fields=True):
    """A `request`; each method of its task that may compute it does so, once.

    Outputs: `method`, one of the task's, null where it has none to choose from; `why`, sentences with what was
    measured; `alternatives`, each with `method`, `why_not` and `measured` {error_estimate, evaluations, iterations,
    work, apart, converged, code}; `measured` of the one chosen; `workflow`, inputs for `workflow.run` that compute the
    request by that method and validate the result. Good enough is an answer that agrees with the most exact one within
    the errors of both, and whose error is what `rtol` and `atol` ask for, or at most ten times the smallest; of an
    optimisation, one that is not worse than the best. Of those the one with the least `work` is chosen: counted
    operations or evaluations, which do not depend on the machine. `error_estimate` is null.
    """

    request: RequestInput


class AlgorithmOptions(TaskOptions, kw_only=True):
    """`arrays` forces the form of arrays in the result."""


def prepare(inputs: AlgorithmInputs, options: AlgorithmOptions, seed: int) -> Alone:  # noqa: ARG001
    """Prepare the request; raises `Problem`."""
    asked = inner.read(inputs.request, seed)

    def work(watch: Watch, kept: Mapping[str, bytes]) -> Outcome:
        return _select(asked, watch, kept)

    cost = (1.0 + min(_CANDIDATES, len(asked.task.methods))) * asked.cost + 10 * OVERHEAD
    return Alone(KERNEL, work, cost, asked.needs, compiled=False, finite=False)


def _select(asked: Inner, watch: Watch, kept: Mapping[str, bytes]) -> Outcome:
    found = measured(asked, Part(watch, 0.0, 0.2, "measure"), kept)
    ran = candidates.run(asked, found, Part(watch, 0.2, 1.0, "candidates"), kept)
    if not ran:  # no method to choose from
        ran = [Candidate("", asked, asked.compute(Part(watch, 0.9, 1.0, "run"), kept), None)]
    good, reasons = judge(ran)
    if not good:
        problem = next((one.outcome.problem for one in ran if one.outcome.problem is not None), None)
        if problem is None:
            text = "the methods contradict each other by more than their errors"
            raise Problem("not_converged", text, field="inputs.request", hint="tighter tolerances, or another start")
        said = f"no method computes it; {ran[0].method or asked.name}: {problem.message}"
        raise Problem(problem.code, said, field=f"inputs.request.{problem.field or 'inputs'}", hint=problem.hint)
    chosen = choose(good)
    method = chosen.method or None
    alternatives = [
        {"method": one.method, "why_not": reasons.get(id(one)) or _beaten(one, chosen), "measured": one.written()}
        for one in ran
        if one is not chosen
    ]
    outputs = {
        "method": method, "why": _why(asked, found, chosen, good, len(ran)), "alternatives": alternatives,
        "measured": chosen.written(), "workflow": _workflow(asked, method),
    }  # fmt: skip
    checks = [Check("agrees with the most exact", chosen.holds)]
    diagnostics = Diagnostics(iterations=len(ran), method="comparison", checks=checks)
    return Outcome(outputs, KERNEL, False, diagnostics)


def judge(ran: Sequence[Candidate]) -> tuple[list[Candidate], dict[int, str]]:
    """Return those that are good enough, and why each of the others is not."""
    reasons: dict[int, str] = {}
    answers = [one for one in ran if one.succeeded]
    reached = [value for one in answers if (value := objective(one)) is not None]
    smallest = min((finite(one.error) for one in answers), default=float("inf"))
    doubted = next((one for one in ran if one.outcome.problem and one.outcome.problem.code in _NO_ANSWER), None)
    for one in ran:
        problem, value = one.outcome.problem, objective(one)
        if problem is not None:
            reasons[id(one)] = f"it fails: {problem.code}, {problem.message}"
        elif value is not None and value > min(reached) + 1e-6 * (1.0 + abs(min(reached))):
            reasons[id(one)] = f"it ends at {value:.9g}, another at {min(reached):.9g}"
        elif not one.holds:
            reasons[id(one)] = f"it is {one.apart:.2g} from the most exact answer, more than the errors allow"
        elif one.error is None and doubted is not None:
            reasons[id(one)] = f"it gives no error, and {doubted.method} finds that there is no one answer"
        elif finite(one.error) > max(_SLACK * smallest, _asked_for(one)) and smallest < float("inf"):
            claim = "it gives no error" if one.error is None else f"its error is {one.error:.2g}"
            reasons[id(one)] = f"{claim}, another's {smallest:.2g}"
    return [one for one in ran if id(one) not in reasons], reasons


def _asked_for(one: Candidate) -> float:
    """The error that is good enough: by the request's tolerances, which bound a step's, or by rounding."""
    size = max(map(size_of, main_numbers(one).values()), default=0.0)
    fields = one.asked.task.options.__struct_encode_fields__
    shape = {f.encode_name: f.default for f in msgspec.structs.fields(one.asked.task.options)}
    given = {name: one.asked.options.get(name, shape.get(name)) for name in ("rtol", "atol") if name in fields}
    numbers = {name: float(value) for name, value in given.items() if isinstance(value, int | float)}
    return max(_ROUNDING * size, _SLACK * (numbers.get("rtol", 0.0) * size + numbers.get("atol", 0.0)))


def choose(good: Sequence[Candidate]) -> Candidate:
    """The least work; of those that take nearly as little the most exact."""
    least = min(finite(one.work) for one in good)
    near = [one for one in good if finite(one.work) <= _ALIKE * least]
    return min(near, key=lambda one: finite(one.error))


def _beaten(one: Candidate, chosen: Candidate) -> str:
    if one.work is None or chosen.work is None:
        return "its work cannot be counted, its error is not smaller"
    if one.work > _ALIKE * chosen.work:
        return f"as good, but {one.work / max(chosen.work, 1e-300):.3g} times the work"
    return f"as much work, and its error is {finite(one.error):.2g}, that of {chosen.method} {finite(chosen.error):.2g}"


def _why(asked: Inner, found: Measured, chosen: Candidate, good: Sequence[Candidate], ran: int) -> list[str]:
    how = chosen.outcome.diagnostics
    why = [f"It is: {found.kind}."]
    if found.stiffness is not None and found.stiffness["steps_for_accuracy"] is not None:
        forced, accurate = found.stiffness["steps_for_stability"], found.stiffness["steps_for_accuracy"]
        why.append(f"Stability forces about {forced:.3g} steps on an explicit method; accuracy needs {accurate}.")
    if found.conditioning is not None:
        why += [
            f"Its {name} is {value:.3g}." for name, value in found.conditioning.items() if isinstance(value, float)
        ][:1]
    counted = [
        f"{value} {word}" for value, word in ((how.evaluations, "evaluations"), (how.iterations, "iterations")) if value
    ]
    claim = "" if chosen.error is None else f" with an error of at most {chosen.error:.2g}"
    name = chosen.method or asked.name
    why.append(f"{name} succeeded{claim}{', in ' + ' and '.join(counted) if counted else ''}.")
    others = [one for one in good if one is not chosen and one.work]
    if others and chosen.work:
        nearest = min(others, key=lambda one: finite(one.work))
        why.append(f"{nearest.method} took {finite(nearest.work) / chosen.work:.3g} times its work.")
    if ran == 1:
        why.append("No other method of this task takes this request.")
    return why


def _workflow(asked: Inner, method: str | None) -> dict[str, Any]:
    """Compute by the method chosen, then validate."""
    inputs, options = candidates.with_method(asked, method)
    request = {"agent": asked.task.agent, "task": asked.task.name, "inputs": inputs, "options": options}
    taken = {name: {"$from": f"solve.{name}"} for name in ("status", "outputs", "diagnostics")}
    return {
        "steps": [
            {"id": "solve", **request, "seed": asked.seed},
            {"id": "validate", "agent": "validate", "task": "result",
             "inputs": {"request": {**request, "seed": asked.seed}, "result": taken}},
        ]
    }  # fmt: skip


TASK = alone.task(
    agent="select", name="algorithm", summary="Choose the method for a request by running those that may be.",
    inputs=AlgorithmInputs, options=AlgorithmOptions, methods=(),
    example={
        "request": {
            "agent": "ode", "task": "ivp",
            "inputs": {
                "equations": {"x": "-1000*x + 999", "y": "x - y"}, "initial": {"x": 2, "y": 0}, "t_span": [0, 20],
            },
        }
    },
    prepare=prepare,
    repeats="inputs",
)  # fmt: skip
