"""Workflows step by step: conditions, skipped steps, items, and answers that a step's own road finds wrong."""

import pytest
from planting import answered, looked, place_in, planted

STEPS = {
    "steps": [
        {"id": "fit", "agent": "surrogate", "task": "rbf", "inputs": {"x": [0, 1, 2, 3], "y": [0, 1, 0, 1],
                                                                     "predict_at": [0.5]}},
        {"id": "area", "agent": "integrate", "task": "quad", "when": "fit.outputs.mean[0] > 0",
         "inputs": {"integrand": "a*x", "bounds": [0, 1], "parameters": {"a": {"$from": "fit.outputs.mean[0]"}}}},
        {"id": "never", "agent": "integrate", "task": "quad", "when": "area.outputs.value < 0",
         "inputs": {"integrand": "x", "bounds": [0, 1]}},
        {"id": "after", "agent": "linalg", "task": "solve",
         "inputs": {"a": [[1]], "b": [{"$from": "never.outputs.value"}]}},
        {"id": "bad", "agent": "linalg", "task": "solve", "on_error": "skip", "inputs": {"a": [[0]], "b": [1]}},
    ]
}  # fmt: skip
REQUEST, RESULT = answered("workflow", "run", STEPS)


def wrong(result):
    return [one.name for one in looked(REQUEST, result) if not one.passed]


def test_a_right_workflow_with_skipped_and_failed_steps_is_found_right():
    assert RESULT["status"] == "succeeded"
    assert not wrong(RESULT)
    assert len(looked(REQUEST, RESULT)) == 7


@pytest.mark.parametrize(
    ("path", "name"),
    [("steps.fit.outputs.mean.0", "steps.fit.outputs"), ("steps.area.outputs.value", "steps.area.outputs")],
)
def test_a_wrong_number_of_a_step_is_found_and_names_the_step(path, name):
    assert name in wrong(planted(RESULT, place_in(RESULT["outputs"], path)))


@pytest.mark.parametrize(
    ("step", "status"), [("never", "succeeded"), ("area", "skipped"), ("after", "succeeded"), ("fit", "failed")]
)
def test_a_status_that_conditions_and_needs_do_not_ask_for_is_found(step, status):
    steps = RESULT["outputs"]["steps"]
    outputs = {"steps": {**steps, step: {**steps[step], "status": status}}}
    assert f"steps.{step}.status" in wrong({**RESULT, "outputs": outputs})
