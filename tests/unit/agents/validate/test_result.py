"""Validation: a right result passes by independent roads, a tampered one of any task does not."""

import copy
import json

import numpy as np
import pytest

from agents import catalogue
from agents.outcome import Problem
from streams.codec import encode_result
from streams.contracts import Provenance, Result

ABOUT_OTHERS = {"analyze", "select", "validate", "profile"}
OTHERS = sorted(key for key in catalogue.TASKS if key[0] not in ABOUT_OTHERS)
RANDOM = np.random.default_rng(3)
INDEPENDENT = [
    ("ode", "ivp"), ("ode", "ensemble"), ("ode", "stability"), ("linalg", "solve"), ("optimize", "minimize"),
    ("optimize", "root"), ("optimize", "curve_fit"), ("integrate", "quad"),
]  # fmt: skip


def go_on(fraction, stage):
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


def validated(request, result):
    task = catalogue.find("validate", "result")
    (outcome,) = task.compute([task.prepare({"request": request, "result": result}, {}, 1)], go_on)
    assert outcome.problem is None, outcome.problem
    return outcome.outputs


def numbers_in(value, path=()):
    if isinstance(value, dict):
        for name, item in value.items():
            yield from numbers_in(item, (*path, name))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from numbers_in(item, (*path, i))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path


def tampered(outputs, path):
    changed = copy.deepcopy(outputs)
    inner = changed
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] += 0.01 * (1 + abs(inner[path[-1]]))
    return changed


@pytest.mark.parametrize("key", OTHERS, ids=".".join)
def test_the_example_of_each_task_passes_and_a_tampered_one_fails(key):
    request, result = answered(*key, catalogue.TASKS[key].example)
    found = validated(request, result)
    assert found["passed"], [check for check in found["checks"] if not check["passed"]]
    places = list(numbers_in(result["outputs"]))
    for place in RANDOM.choice(len(places), size=min(3, len(places)), replace=False):
        wrong = {**result, "outputs": tampered(result["outputs"], places[place])}
        assert not validated(request, wrong)["passed"], places[place]


@pytest.mark.parametrize("key", INDEPENDENT, ids=".".join)
def test_an_independent_check_alone_finds_a_wrong_answer(key):
    """Also where computing again could not: what is off by far more than its error shows by another road."""
    request, result = answered(*key, catalogue.TASKS[key].example)
    found = validated(request, result)
    assert found["independent"] >= 1
    main = {"ivp": ("y",), "ensemble": ("final",), "stability": ("equilibria",), "solve": ("x",), "minimize": ("x",),
            "root": ("x",), "curve_fit": ("parameters",), "quad": ("value",)}[key[1]]  # fmt: skip
    place = next(path for path in list(numbers_in(result["outputs"]))[::-1] if path[:1] == main)
    wrong = validated(request, {**result, "outputs": tampered(result["outputs"], place)})
    repeats = {"repeat", "structure"}
    assert any(not check["passed"] for check in wrong["checks"] if check["name"] not in repeats), wrong["checks"]


HARDER = [
    ("ode", "ivp",
     {"equations": {"x": "-1000*x + 999*y", "y": "x - y"}, "initial": {"x": 1, "y": 2}, "t_span": [0, 5]}),
    ("ode", "ivp", {"equations": {"x": "x*(1 - x)"}, "initial": {"x": 0.1}, "t_span": [5, 0], "n_points": 7}),
    ("integrate", "quad", {"integrand": "1/sqrt(x)", "bounds": [0, 1]}),
    ("integrate", "quad", {"integrand": "exp(-x)*x**2", "bounds": [0, "Infinity"]}),
    ("integrate", "quad", {"integrand": "abs(x - 0.3)", "bounds": [3, -1], "breakpoints": [0.3]}),
    ("linalg", "solve", {"a": [[1, 1e-9], [1, -1e-9]], "b": [[1, 2], [3, 4]]}),
    ("optimize", "minimize",
     {"objective": "x**2 + y**2", "initial": {"x": 3, "y": 1}, "constraints": ["x + y >= 1"]}),
    ("optimize", "minimize",
     {"objective": "x*(1 - x)", "initial": {"x": 0.1}, "bounds": {"x": [0, 1]}, "maximize": True}),
]  # fmt: skip


@pytest.mark.parametrize(("agent", "task", "inputs"), HARDER)
def test_right_answers_to_harder_questions_pass(agent, task, inputs):
    found = validated(*answered(agent, task, inputs))
    assert found["passed"], [check for check in found["checks"] if not check["passed"]]
    assert found["independent"] >= 1


def test_a_failure_is_right_when_the_request_fails_alike():
    request, result = answered("linalg", "solve", {"a": [[1, 1], [1, 1]], "b": [1, 2]})
    assert validated(request, result)["passed"]
    assert not validated(request, {**result, "error": {"code": "infeasible"}})["passed"]
    good, _ = answered("linalg", "solve", {"a": [[2]], "b": [1]})
    assert not validated(good, result)["passed"]


REQUEST, RESULT = answered("linalg", "solve", {"a": [[2]], "b": [1]})


@pytest.mark.parametrize(
    ("request_changes", "result_changes", "field"),
    [
        ({"agent": "linag"}, {}, "inputs.request.agent"),
        ({"inputs": {"a": [[1]]}}, {}, "inputs.request.inputs.b"),
        ({"agent": "validate", "task": "result"}, {}, "inputs.request.agent"),
        ({"wrong": 1}, {}, "inputs.request"),
        ({}, {"status": "fine"}, "inputs.result.status"),
        ({}, {"task": "eigen"}, "inputs.result.task"),
        ({}, {"outputs": None}, "inputs.result.outputs"),
        ({}, {"outputs": {"x": {"dtype": "<f8", "shape": [10**9], "base64": ""}}}, "inputs.result.outputs.x"),
        ({}, {"outputs": {"x": {"re": [1], "im": "x"}}}, "inputs.result.outputs.x"),
        ({}, {"diagnostics": {"error_estimate": "small"}}, "inputs.result.diagnostics.error_estimate"),
        ({}, {"status": "failed", "error": None}, "inputs.result.error"),
    ],
)
def test_what_is_no_request_or_result_is_rejected_with_its_field(request_changes, result_changes, field):
    task = catalogue.find("validate", "result")
    with pytest.raises(Problem) as caught:
        task.prepare({"request": {**REQUEST, **request_changes}, "result": {**RESULT, **result_changes}}, {}, 1)
    assert caught.value.field == field
    assert caught.value.hint


def test_outputs_of_another_shape_fail_and_say_where():
    for outputs in ({"x": []}, {}, {**RESULT["outputs"], "more": 1}, {**RESULT["outputs"], "x": "NaN"}, {"x": [["a"]]}):
        found = validated(REQUEST, {**RESULT, "outputs": outputs})
        assert not found["passed"]
