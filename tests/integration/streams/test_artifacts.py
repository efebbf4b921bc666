"""What one worker fitted, another predicts with: artifacts lie on a topic that all workers share."""

import json

import pytest


def _request(request_id, task, inputs):
    return json.dumps({"id": request_id, "agent": "surrogate", "task": task, "inputs": inputs}).encode()


def test_a_surrogate_that_one_worker_fitted_is_there_for_another(lane):
    """Also after the first has gone; and one that was never fitted is the caller's mistake, with its field."""
    first = lane.start_worker()
    fit = {"x": [0, 0.5, 1, 1.5, 2, 2.5, 3], "y": [0, 0.479, 0.841, 0.997, 0.909, 0.598, 0.141]}
    lane.publish(_request("fit", "gaussian_process", {**fit, "predict_at": [1.25]}))
    fitted = lane.answers.one("fit")["outputs"]
    name = fitted["surrogate_id"]
    lane.publish(_request("here", "predict", {"surrogate_id": name, "at": [1.25]}))
    assert lane.answers.one("here")["outputs"]["mean"] == pytest.approx(fitted["mean"])
    first.stop()
    lane.start_worker()
    lane.publish(
        _request("there", "predict", {"surrogate_id": name, "at": [1.25]}),
        _request("nowhere", "predict", {"surrogate_id": "sur-0123456789abcdef", "at": [1.25]}),
    )
    assert lane.answers.one("there")["outputs"]["mean"] == pytest.approx(fitted["mean"])
    error = lane.answers.one("nowhere")["error"]
    assert (error["code"], error["field"]) == ("invalid_input", "inputs.surrogate_id")


def test_a_workflow_fits_and_predicts(lane):
    """A step takes the id of what an earlier one left."""
    lane.start_worker()
    fit = {"id": "fit", "agent": "surrogate", "task": "gaussian_process",
           "inputs": {"x": [0, 1, 2, 3], "y": [0, 1, 4, 9]}}  # fmt: skip
    predict = {"id": "predict", "agent": "surrogate", "task": "predict",
               "inputs": {"surrogate_id": {"$from": "fit.outputs.surrogate_id"}, "at": [2]}}  # fmt: skip
    whole = {"id": "w", "agent": "workflow", "task": "run", "inputs": {"steps": [predict, fit]}}
    lane.publish(json.dumps(whole).encode())
    result = lane.answers.one("w")
    assert result["status"] == "succeeded", result["error"]
    assert result["outputs"]["steps"]["predict"]["outputs"]["mean"] == pytest.approx([4], abs=1e-2)
