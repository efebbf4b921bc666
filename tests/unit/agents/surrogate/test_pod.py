"""The task `surrogate.pod`: modes of the singular value decomposition, and snapshots predicted over parameters."""

import numpy as np
import pytest

from agents import alone
from agents.outcome import Problem
from agents.surrogate import pod, predict

SPACE, X = np.linspace(0.0, 1.0, 40), np.linspace(0.5, 3.0, 12)
ROWS = np.exp(-X[:, None] * SPACE)
AT = np.array([0.7, 1.33, 2.6])


def no_watch(fraction, stage):
    assert 0.0 <= fraction <= 1.0


def solve(inputs, task=pod.TASK, **options):
    return alone.run(task.prepare(inputs, options, 0), no_watch, {})


def test_the_modes_are_those_of_the_singular_values():
    outputs = solve({"snapshots": ROWS.T.tolist()}, n_modes=3).outputs
    centred = ROWS - ROWS.mean(axis=0)
    _, s, vt = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(outputs["singular_values"], s, atol=1e-12)
    np.testing.assert_allclose(np.abs(np.diag(vt[:3] @ outputs["modes"])), 1.0, atol=1e-9)
    rebuilt = outputs["coefficients"] @ outputs["modes"].T
    assert np.linalg.norm(centred - rebuilt) == pytest.approx(np.linalg.norm(s[3:]), rel=1e-6)
    assert outputs["reconstruction_error"] == pytest.approx(np.linalg.norm(s[3:]) / np.linalg.norm(s), rel=1e-6)


def test_rows_and_columns_are_two_ways_to_say_the_same():
    one, two = solve({"snapshots": ROWS.T.tolist()}).outputs, solve({"y": ROWS.tolist()}).outputs
    np.testing.assert_array_equal(one["modes"], two["modes"])


def test_as_many_modes_as_hold_the_energy():
    outputs = solve({"y": ROWS.tolist()}, energy=0.99).outputs
    k = outputs["n_modes"]
    assert outputs["energy"][k - 1] >= 0.99
    assert k == 1 or outputs["energy"][k - 2] < 0.99


@pytest.mark.parametrize("kernel", ["linear", "thin_plate_spline", "cubic"])
def test_predictions_are_within_their_error(kernel):
    outcome = solve({"y": ROWS.tolist(), "x": X.tolist(), "predict_at": AT.tolist()}, kernel=kernel)
    error = np.abs(outcome.outputs["mean"] - np.exp(-AT[:, None] * SPACE)).max()
    assert error <= outcome.diagnostics.error_estimate
    plan = predict.TASK.prepare({"surrogate_id": outcome.outputs["surrogate_id"], "at": AT.tolist()}, {}, 0)
    again = alone.run(plan, no_watch, outcome.keep)
    np.testing.assert_array_equal(again.outputs["mean"], outcome.outputs["mean"])
    assert again.diagnostics.error_estimate == pytest.approx(outcome.diagnostics.error_estimate)


def test_snapshots_at_the_parameters_are_given_back():
    outputs = solve({"y": ROWS.tolist(), "x": X.tolist(), "predict_at": X.tolist()}, energy=1.0).outputs
    np.testing.assert_allclose(outputs["mean"], ROWS, atol=1e-8)


def test_snapshots_that_do_not_differ_have_no_modes():
    outcome = solve({"y": [[1, 2], [1, 2]]})
    assert outcome.problem.code == "singular"


@pytest.mark.parametrize(
    ("inputs", "options", "field", "rule"),
    [
        ({}, {}, "inputs.snapshots", "nothing"),
        ({"y": [[1]], "snapshots": [[1]]}, {}, "inputs.snapshots", "both"),
        ({"y": [[1, 2]]}, {}, "inputs.y", "one snapshot"),
        ({"y": [[], []]}, {}, "inputs.y", "empty snapshots"),
        ({"y": [[1], [2]], "x": [1]}, {}, "inputs.x", "parameters of one"),
        ({"y": [[1], [2]], "predict_at": [1]}, {}, "inputs.x", "no parameters"),
        ({"y": [[1], [2], [3]], "x": [1, 1, 2]}, {}, "inputs.x[1]", "the same parameters"),
        ({"y": [[1], [2]], "x": [1, 2]}, {}, "inputs.x", "too few for the kernel"),
        ({"y": [[1], [2]]}, {"n_modes": 2}, "options.n_modes", "more modes than there are"),
        ({"y": [[1], [2]]}, {"energy": 0}, "options.energy", "no energy"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(inputs, options, field, rule):
    with pytest.raises(Problem) as caught:
        pod.TASK.prepare(inputs, options, 0)
    assert (caught.value.code, caught.value.field) == ("invalid_input", field), rule
    assert caught.value.hint
