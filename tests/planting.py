"""What tests of validation do: compute a result, plant a wrong number in it, look at it by its second road alone."""

import copy
import json

from agents import catalogue, inner
from agents.inner import RequestInput
from agents.validate import again, roads
from agents.validate.findings import Claim
from streams.codec import encode_result
from streams.contracts import Provenance, Result


def go_on(fraction, stage):
    """A watch that only looks whether fractions are fractions."""
    assert -1e-9 <= fraction <= 1 + 1e-9


def answered(agent, task, inputs, options=None, seed=1):
    """The request, and its result as it comes over Kafka."""
    found = catalogue.find(agent, task)
    (outcome,) = found.compute([found.prepare(inputs, options or {}, seed)], go_on)
    status = "succeeded" if outcome.problem is None else "failed"
    error = None if outcome.problem is None else {"code": outcome.problem.code, "message": "…"}
    result = Result(
        id="r", agent=agent, task=task, status=status, outputs=outcome.outputs, error=error, warnings=[],
        diagnostics=outcome.diagnostics, provenance=Provenance(version="0", seed=seed), labels={}, completed_at="",
    )  # fmt: skip
    request = {"agent": agent, "task": task, "inputs": dict(inputs), "options": options or {}}
    return request, json.loads(encode_result(result))


def looked(request, result, seed=1, kept=None):
    """The findings of the second road, without the request being computed again."""
    asked = inner.read(RequestInput(**request), seed)
    diagnostics = result["diagnostics"]
    claim = Claim(
        asked, again.comparable(asked, result["outputs"]), diagnostics["error_estimate"], seed,
        stiff="radau" in str(diagnostics["method"]), written=result["outputs"], kept=kept or {},
    )  # fmt: skip
    roads.look(claim, go_on)
    return claim.findings


def numbers_in(value, path=()):
    """The paths of all numbers in a value."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from numbers_in(item, (*path, name))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from numbers_in(item, (*path, i))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path


def place_in(value, dotted):
    """The path that `a.0.b` stands for: numbers are places in lists, and names in objects."""
    path = []
    for part in dotted.split("."):
        path.append(int(part) if isinstance(value, list) else part)
        value = value[path[-1]]
    return tuple(path)


def planted(result, path):
    """The result with one number wrong by a hundredth of itself and a hundredth."""
    changed = copy.deepcopy(result)
    inside = changed["outputs"]
    for part in path[:-1]:
        inside = inside[part]
    inside[path[-1]] += 0.01 * (1 + abs(inside[path[-1]]))
    return changed


def rightly_judged(agent, task, inputs, options=None, seed=1, places=3):
    """Whether the second road finds the result right, and wrong once a number is planted in some of its places."""
    request, result = answered(agent, task, inputs, options, seed)
    assert result["status"] == "succeeded", result["error"]
    found = looked(request, result, seed)
    assert found
    assert all(one.passed for one in found), [one for one in found if not one.passed]
    every = list(numbers_in(result["outputs"]))
    for path in [every[i * len(every) // places] for i in range(places)]:
        assert not all(one.passed for one in looked(request, planted(result, path), seed)), path
