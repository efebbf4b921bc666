"""Validation: a right result passes by independent roads, a tampered one of any task does not."""

import numpy as np
import pytest
from planting import answered, go_on, numbers_in, planted

from agents import catalogue
from agents.outcome import Problem

ABOUT_OTHERS = {"analyze", "select", "validate", "profile"}
OTHERS = sorted(key for key in catalogue.TASKS if key[0] not in ABOUT_OTHERS)
RANDOM = np.random.default_rng(3)


def validated(request, result):
    task = catalogue.find("validate", "result")
    (outcome,) = task.compute([task.prepare({"request": request, "result": result}, {}, 1)], go_on)
    assert outcome.problem is None, outcome.problem
    return outcome.outputs


@pytest.mark.parametrize("key", OTHERS, ids=".".join)
def test_the_example_of_each_task_passes_and_a_tampered_one_fails(key):
    request, result = answered(*key, catalogue.TASKS[key].example)
    found = validated(request, result)
    assert found["passed"], [check for check in found["checks"] if not check["passed"]]
    places = list(numbers_in(result["outputs"]))
    for place in RANDOM.choice(len(places), size=min(3, len(places)), replace=False):
        assert not validated(request, planted(result, places[place]))["passed"], places[place]


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
        ({"wrong": 1}, {}, "inputs.request.wrong"),
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


def test_the_result_of_a_workflow_that_workers_ran_is_judged_by_its_steps_and_not_by_who_ran_them():
    request, result = answered("workflow", "run", catalogue.TASKS["workflow", "run"].example)
    for name, entry in result["outputs"]["steps"].items():
        entry |= {"id": f"w-1/{name}", "completed_at": "2026-01-01T00:00:00Z", "provenance": {"worker": "host/1"}}
    assert validated(request, result)["passed"]
    assert not validated(request, planted(result, ("steps", "system", "outputs", "x", 0)))["passed"]


def test_a_trajectory_that_ends_at_an_event_passes_where_other_methods_end_one_point_later():
    inputs = {"equations": {"x": "1"}, "initial": {"x": 0}, "t_span": [0, 2], "n_points": 5,
              "events": [{"formula": "x - 1", "terminal": True}]}  # fmt: skip
    found = validated(*answered("ode", "ivp", inputs))
    assert found["passed"], found["checks"]


def test_several_real_outputs_of_one_function_are_one_list_of_arrays_in_any_form():
    inputs = {"function": "airy", "arguments": [[0.5, 1, -2]]}
    found = validated(*answered("special", "evaluate", inputs, {"arrays": "base64"}))
    assert found["passed"], found["checks"]


def test_outputs_of_another_shape_fail_and_say_where():
    for outputs in ({"x": []}, {}, {**RESULT["outputs"], "more": 1}, {**RESULT["outputs"], "x": "NaN"}, {"x": [["a"]]}):
        found = validated(REQUEST, {**RESULT, "outputs": outputs})
        assert not found["passed"]
