"""The task `validate.result`: is a result right? Every check recomputes; none believes what a result says of itself."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from agents import alone, arrays, inner
from agents.alone import Alone
from agents.inner import OVERHEAD, Inner, RequestInput
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.task import Part, TaskOptions, Watch
from agents.validate import again
from agents.validate.findings import Claim, Finding

KERNEL = "agents.validate"
_TIMES = 8.0
"""How many computations of the request a validation is, at most."""
_STATUSES = ("succeeded", "failed", "rejected", "expired", "cancelled")
_IMPLICIT = ("rodas", "radau", "bdf")


class ResultInputs(msgspec.Struct, forbid_unknown_fields=True):
    """A `request` and its `result` as it was answered (at least `status` and `outputs`).

    Outputs: `checks`, each with `name`, `passed`, the `value` measured, the `tolerance` it has to keep and `how` it was
    measured; `passed` is true when all of them hold and there is at least one; `independent` counts those that took
    another road than the result: extended precision, other factors, integrators, grids, quadrature rules, estimators
    and draws, what an optimum, a transform or a special function has to fulfil, points that a network was not trained
    at, samples left out, each step of a workflow by the road of its own; another method, tighter tolerances, another
    seed. A check of an output has its name. The others compute the request again as it was: any number that was changed
    shows there, unless the task draws at random and the seed is in neither the request nor the result's provenance;
    of what is drawn, other roads see only what is off by more than the sampling error. A result that failed is right
    when the request fails alike. `error_estimate` is null: the outputs are verdicts.
    """

    request: RequestInput
    result: dict[str, Any]


class ResultOptions(TaskOptions, kw_only=True):
    """`arrays` forces the form of arrays in the result."""


def prepare(inputs: ResultInputs, options: ResultOptions, seed: int) -> Alone:  # noqa: ARG001
    """Read the request and its result; raises `Problem`."""
    result = inputs.result
    status = result.get("status", "succeeded")
    if status not in _STATUSES:
        hint = f"one of {', '.join(_STATUSES)}"
        raise Problem("invalid_input", "not a status", field="inputs.result.status", hint=hint)
    known = _seed(result)
    given = inputs.request if inputs.request.seed is not None or known is None else _seeded(inputs.request, known)
    asked = inner.read(given, seed)
    for name in ("agent", "task"):
        if result.get(name) not in {None, getattr(inputs.request, name)}:
            text = f"the result is of another {name}"
            raise Problem("invalid_input", text, field=f"inputs.result.{name}", hint="a request and its own result")
    if status != "succeeded":
        code = _code(result)
        return Alone(KERNEL, lambda watch, kept: _failure(asked, code, watch, kept), asked.cost + OVERHEAD, asked.needs)
    outputs = result.get("outputs")
    if not isinstance(outputs, Mapping):
        hint = "the outputs of a result that succeeded"
        raise Problem("invalid_input", "no outputs", field="inputs.result.outputs", hint=hint)
    error, method = _claims(result.get("diagnostics"))
    found = again.comparable(asked, outputs)
    claim = Claim(asked, found, error, given.seed, stiff=any(name in method for name in _IMPLICIT), written=outputs)
    cost = _TIMES * asked.cost + OVERHEAD

    def work(watch: Watch, kept: Mapping[str, bytes]) -> Outcome:
        return _success(replace(claim, kept=kept), watch, kept)

    return Alone(KERNEL, work, cost, asked.needs, compiled=False)


def _seed(result: Mapping[str, Any]) -> int | None:
    provenance = result.get("provenance")
    seed = provenance.get("seed") if isinstance(provenance, Mapping) else None
    return seed if isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed < 1 << 63 else None


def _seeded(request: RequestInput, seed: int) -> RequestInput:
    return msgspec.structs.replace(request, seed=seed)


def _code(result: Mapping[str, Any]) -> str:
    error = result.get("error")
    code = error.get("code") if isinstance(error, Mapping) else None
    if not isinstance(code, str):
        hint = "the error of a result that did not succeed"
        raise Problem("invalid_input", "no error code", field="inputs.result.error", hint=hint)
    return code


def _claims(diagnostics: Any) -> tuple[float | None, str]:
    if not isinstance(diagnostics, Mapping):
        return None, ""
    error = diagnostics.get("error_estimate")
    if error is not None:
        error = arrays.number(error, "inputs.result.diagnostics.error_estimate")
        if error < 0:
            field = "inputs.result.diagnostics.error_estimate"
            raise Problem("invalid_input", "an error below 0", field=field, hint="as the result had it")
    return error, str(diagnostics.get("method"))


def _failure(asked: Inner, code: str, watch: Watch, kept: Mapping[str, bytes]) -> Outcome:
    """A result without outputs is right when the request comes to the same problem."""
    outcome = asked.compute(Part(watch, 0.0, 1.0, "as it was"), kept)
    found = "none" if outcome.problem is None else outcome.problem.code
    how = f"computed again: its problem is {found}, the result's {code}"
    return _written([Finding("same problem", float(found != code), 0.0, how, independent=False)])


def _success(claim: Claim, watch: Watch, kept: Mapping[str, bytes]) -> Outcome:
    from agents.validate import roads  # noqa: PLC0415 - they take parts of SciPy that few other requests use

    fresh = again.as_it_was(claim, kept, Part(watch, 0.0, 0.4, "as it was"))
    if fresh is not None and all(one.passed for one in claim.findings if one.name == "structure"):
        roads.look(claim, Part(watch, 0.4, 0.6, "the answer itself"))
        again.other_roads(claim, fresh, kept, Part(watch, 0.6, 1.0, "other roads"))
    return _written(claim.findings)


def _written(findings: list[Finding]) -> Outcome:
    passed = bool(findings) and all(one.passed for one in findings)
    independent = sum(one.independent for one in findings)
    outputs = {"passed": passed, "checks": [one.written() for one in findings], "independent": independent}
    diagnostics = Diagnostics(method="recomputation", checks=[Check(one.name, one.passed) for one in findings])
    told = [] if independent else ["no independent check is known for this task: it was computed again as it was"]
    return Outcome(outputs, KERNEL, False, diagnostics, told)


TASK = alone.task(
    agent="validate", name="result", summary="Check a result by another road than the one it came by.",
    inputs=ResultInputs, options=ResultOptions, methods=(),
    example={
        "request": {"agent": "linalg", "task": "solve", "inputs": {"a": [[3, 1], [1, 2]], "b": [9, 8]}},
        "result": {"status": "succeeded", "outputs": {"x": [2, 3], "residual_norm": 0, "condition_estimate": 3.2},
                   "diagnostics": {"error_estimate": 1e-14}},
    },
    prepare=prepare,
)  # fmt: skip
