"""The task `surrogate.rbf`, against SciPy's interpolator and against samples left out."""

import numpy as np
import pytest
from scipy.interpolate import RBFInterpolator

from agents import alone
from agents.outcome import Problem
from agents.surrogate import predict, rbf

RNG = np.random.default_rng(0)
X, AT = RNG.random((50, 2)), RNG.random((80, 2))
KERNELS = (
    "linear", "thin_plate_spline", "cubic", "quintic", "multiquadric", "inverse_multiquadric", "inverse_quadratic",
    "gaussian",
)  # fmt: skip


def truth(p):
    return np.sin(4 * p[:, 0]) + p[:, 1] ** 2


def request(**changes):
    return {"x": X.tolist(), "y": truth(X).tolist(), "epsilon": 2.0, "predict_at": AT.tolist(), **changes}


def no_watch(fraction, stage):
    assert 0.0 <= fraction <= 1.0


def solve(inputs, task=rbf.TASK, **options):
    return alone.run(task.prepare(inputs, options, 0), no_watch, {})


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_mean_is_that_of_scipy(kernel, smoothing):
    outcome = solve(request(kernel=kernel, smoothing=smoothing))
    degree = outcome.outputs["degree"]
    expected = RBFInterpolator(X, truth(X), kernel=kernel, epsilon=2.0, degree=degree, smoothing=smoothing)(AT)
    np.testing.assert_allclose(outcome.outputs["mean"], expected, atol=1e-6)
    assert np.abs(outcome.outputs["mean"] - truth(AT)).max() <= outcome.diagnostics.error_estimate


@pytest.mark.parametrize("kernel", KERNELS)
def test_residuals_of_leaving_one_out_are_those_of_leaving_one_out(kernel):
    outputs = solve(request(kernel=kernel)).outputs
    for i in (0, 17, 49):
        rest = np.arange(50) != i
        left = RBFInterpolator(X[rest], truth(X[rest]), kernel=kernel, epsilon=2.0, degree=outputs["degree"])
        assert outputs["loo_residuals"][i] == pytest.approx(truth(X[[i]])[0] - left(X[[i]])[0], rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("kernel", KERNELS)
def test_at_the_samples_nothing_is_uncertain(kernel):
    outputs = solve(request(kernel=kernel, predict_at=X.tolist())).outputs
    np.testing.assert_allclose(outputs["mean"], truth(X), atol=1e-6)
    assert outputs["std"].max() < 1e-2 * np.ptp(truth(X))


def test_polynomials_of_the_degree_are_reproduced():
    y = 1 + 2 * X[:, 0] - X[:, 1] + X[:, 0] * X[:, 1]
    expected = 1 + 2 * AT[:, 0] - AT[:, 1] + AT[:, 0] * AT[:, 1]
    outcome = solve(request(y=y.tolist(), kernel="cubic", degree=2))
    np.testing.assert_allclose(outcome.outputs["mean"], expected, atol=1e-11)
    assert np.abs(outcome.outputs["mean"] - expected).max() <= outcome.diagnostics.error_estimate


def test_the_surrogate_predicts_the_same_again():
    fitted = solve(request())
    plan = predict.TASK.prepare({"surrogate_id": fitted.outputs["surrogate_id"], "at": AT.tolist()}, {}, 0)
    again = alone.run(plan, no_watch, fitted.keep)
    np.testing.assert_array_equal(again.outputs["mean"], fitted.outputs["mean"])
    assert again.diagnostics.error_estimate == fitted.diagnostics.error_estimate


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"x": [[0, 0], [1, 1]], "y": [0, 1]}, "inputs.x", "two samples for three terms"),
        ({"degree": 0}, "inputs.degree", "a smaller degree than the kernel needs"),
        ({"degree": 9}, "inputs.degree", "too large a degree"),
        ({"x": [[0, 0], [0, 0], [1, 1], [1, 0]], "y": [1, 2, 3, 4]}, "inputs.x[1]", "a sample twice"),
        ({"epsilon": 0}, "inputs.epsilon", "no scale"),
        ({"smoothing": -1}, "inputs.smoothing", "negative smoothing"),
        ({"kernel": "wendland"}, "inputs.kernel", "an unknown kernel"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(change, field, rule):
    with pytest.raises(Problem) as caught:
        rbf.TASK.prepare(request(**change), {}, 0)
    assert (caught.value.code, caught.value.field) == ("invalid_input", field), rule
    assert caught.value.hint


def test_samples_on_a_line_do_not_determine_a_plane():
    x = np.stack([np.arange(8.0), 2 * np.arange(8.0)], axis=1)
    outcome = solve({"x": x.tolist(), "y": [0, 1, 0, 1, 0, 1, 0, 1]})
    assert (outcome.problem.code, outcome.problem.field) == ("singular", "inputs.x")
