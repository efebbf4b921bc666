"""The task `surrogate.gaussian_process`, and `predict` with what it fits."""

import msgspec
import numpy as np
import pytest
from scipy import linalg, stats

from agents import alone
from agents.outcome import Problem
from agents.surrogate import gaussian_process, predict
from agents.surrogate.likelihood import Likelihood, maximize

X = np.linspace(0.0, 6.0, 12)
AT = np.linspace(0.0, 6.0, 101)
KERNELS = ("rbf", "matern12", "matern32", "matern52", "rational_quadratic")


def no_watch(fraction, stage):
    pass


def solve(inputs, options=None, seed=1, kept=None, task=gaussian_process.TASK):
    plan = task.prepare(inputs, options or {}, seed)
    return alone.run(plan, no_watch, kept or {})


def request(**changes):
    return {"x": X.tolist(), "y": np.sin(X).tolist(), "kernel": "rbf", "predict_at": AT.tolist(), **changes}


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_error_is_within_its_estimate(kernel):
    outcome = solve(request(kernel=kernel))
    error = np.abs(outcome.outputs["mean"] - np.sin(AT)).max()
    assert error <= outcome.diagnostics.error_estimate
    assert outcome.diagnostics.converged


def test_mean_std_likelihood_and_loo_are_those_of_the_textbook():
    rng = np.random.default_rng(3)
    x, at = rng.random((15, 2)), rng.random((7, 2))
    y = np.sin(3 * x[:, 0]) + x[:, 1] + 0.1 * rng.standard_normal(15)
    held = {"amplitude": 1.3, "length_scales": [0.5, 0.9], "noise": 0.1}
    outputs = solve({"x": x.tolist(), "y": y.tolist(), "kernel": "rbf", "predict_at": at.tolist(),
                     "hyperparameters": held}).outputs  # fmt: skip

    def kernel(a, b):
        apart = (a[:, None] - b[None]) / np.array([0.5, 0.9])
        return 1.69 * np.exp(-0.5 * (apart**2).sum(axis=2))

    gram = kernel(x, x) + 0.01 * np.eye(15)
    inverse = linalg.inv(gram)
    centred = y - y.mean()
    near = kernel(at, x)
    np.testing.assert_allclose(outputs["mean"], y.mean() + near @ inverse @ centred, atol=1e-10)
    np.testing.assert_allclose(outputs["std"] ** 2, 1.69 - np.einsum("ij,jk,ik->i", near, inverse, near), atol=1e-10)
    evidence = stats.multivariate_normal(np.zeros(15), gram).logpdf(centred)
    assert outputs["log_marginal_likelihood"] == pytest.approx(evidence, abs=1e-8)
    for i in range(15):
        rest = np.arange(15) != i
        guess = kernel(x[[i]], x[rest]) @ linalg.solve(gram[np.ix_(rest, rest)], centred[rest])
        assert outputs["loo_residuals"][i] == pytest.approx(centred[i] - guess[0], abs=1e-9)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("ard", [True, False])
def test_the_gradient_of_the_likelihood_is_exact(kernel, ard):
    rng = np.random.default_rng(0)
    x, y = rng.random((20, 3)), rng.standard_normal((20, 2))
    target = Likelihood(kernel, x, y, ard, np.full(6, np.nan))
    theta = np.log(np.array([1.3, 0.5, 0.7, 1.1, 0.1, 2.0] if ard else [1.3, 0.5, 0.1, 2.0]))[: target.size]
    numeric = [
        (target.value(theta + 1e-5 * e)[0] - target.value(theta - 1e-5 * e)[0]) / 2e-5 for e in np.eye(theta.size)
    ]
    np.testing.assert_allclose(target.value(theta)[1], numeric, rtol=1e-6, atol=1e-6)


def test_the_likelihood_found_is_not_exceeded_on_a_grid():
    target = Likelihood("rbf", X[:, None], np.sin(X)[:, None] + 0.1 * np.cos(37 * X)[:, None], True, np.full(3, np.nan))
    best = maximize(target, 4, 1, no_watch, 200)
    grid = np.array(
        [[a, s, n] for a in np.linspace(-2, 2, 15) for s in np.linspace(-2, 3, 15) for n in np.linspace(-6, 1, 15)]
    )
    assert best.value <= min(target.value(theta)[0] for theta in grid) + 1e-9


def test_what_one_dimension_does_not_tell_is_said():
    rng = np.random.default_rng(0)
    x = rng.random((40, 2))
    outcome = solve({"x": x.tolist(), "y": np.sin(4 * x[:, 0]).tolist(), "kernel": "rbf"})
    assert any("length_scales[1]" in warning for warning in outcome.warnings)
    assert outcome.diagnostics.error_estimate is None
    assert "mean" not in outcome.outputs


def test_several_outputs_have_a_column_each():
    y = np.stack([np.sin(X), 100 * np.cos(X)], axis=1)
    outputs = solve(request(y=y.tolist())).outputs
    assert outputs["mean"].shape == outputs["std"].shape == (101, 2)
    assert np.abs(outputs["mean"][:, 1] - 100 * np.cos(AT)).max() < 0.1


def test_the_same_seed_gives_the_same_bytes_and_the_same_id():
    first, second = (solve(request(), {"return_model": True}) for _ in range(2))
    assert first.keep == second.keep
    assert first.outputs["surrogate_id"] == next(iter(first.keep))
    np.testing.assert_array_equal(first.outputs["mean"], second.outputs["mean"])


def test_a_kept_or_returned_surrogate_predicts_what_fitting_it_did():
    fitted = solve(request(), {"return_model": True})
    name = fitted.outputs["surrogate_id"]
    plan = predict.TASK.prepare({"surrogate_id": name, "at": AT.tolist()}, {}, 1)
    assert plan.needs == (name,)
    kept = alone.run(plan, no_watch, fitted.keep)
    whole = {
        key: one.tolist() if isinstance(one, np.ndarray) else one for key, one in fitted.outputs["surrogate"].items()
    }
    returned = solve({"surrogate": whole, "at": AT.tolist()}, task=predict.TASK)
    for one in (kept, returned):
        np.testing.assert_array_equal(one.outputs["mean"], fitted.outputs["mean"])
        np.testing.assert_array_equal(one.outputs["std"], fitted.outputs["std"])
        assert one.diagnostics.error_estimate == fitted.diagnostics.error_estimate


def test_a_surrogate_that_is_not_kept_is_a_failure_with_its_field():
    outcome = solve({"surrogate_id": "sur-" + "0" * 32, "at": [1]}, task=predict.TASK)
    assert (outcome.problem.code, outcome.problem.field) == ("invalid_input", "inputs.surrogate_id")


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"", "nothing"), (b"\xc1", "no msgpack"), (msgspec.msgpack.encode([1]), "no mapping"),
        (b"\x91" * 5000, "too deep"),
        (msgspec.msgpack.encode({"kind": "gaussian_process", "version": 2}), "another version"),
        (msgspec.msgpack.encode({"kind": "pickle", "version": 1}), "another kind"),
        (msgspec.msgpack.encode({"kind": "rbf", "version": 1, "x": {"dtype": "<f8", "shape": [9]}}), "half an array"),
    ],
)  # fmt: skip
def test_kept_bytes_are_read_as_hostile(data, rule):
    name = "sur-" + "0" * 32
    outcome = solve({"surrogate_id": name, "at": [1]}, kept={name: data}, task=predict.TASK)
    assert outcome.problem.code == "invalid_input", rule


@pytest.mark.parametrize(
    ("key", "value", "field"),
    [("x", [], "x"), ("x", [[1], [2]], "y"), ("length_scales", [0], "length_scales"), ("amplitude", -1, "amplitude"),
     ("kernel", "gaussian", "kernel"), ("degree", 9, "degree"), ("scale", [1, 2], "scale"), ("flat", 1, "flat"),
     ("nugget", None, "nugget"), ("x", [["1"]] * 3, "x[0][0]"), ("noise", "NaN", "noise"), ("code", "1", "code")],
)  # fmt: skip
def test_a_surrogate_from_outside_is_validated(key, value, field):
    whole = {**predict.TASK.example["surrogate"], key: value}
    with pytest.raises(Problem) as caught:
        predict.TASK.prepare({"surrogate": whole, "at": [1]}, {}, 0)
    assert caught.value.code == "invalid_input"
    assert caught.value.field == f"inputs.surrogate.{field}"


@pytest.mark.parametrize(
    ("change", "code", "field", "rule"),
    [
        ({"x": []}, "invalid_input", "inputs.y", "no samples"),
        ({"x": [[]] * 12}, "invalid_input", "inputs.x", "no dimensions"),
        ({"x": [1, 2], "y": [1, 2]}, "invalid_input", "inputs.x", "two samples to fit"),
        ({"y": [1.0] * 12}, "invalid_input", "inputs.y", "a constant"),
        ({"y": [1e308] * 12}, "invalid_input", "inputs.y", "beyond what can be squared"),
        ({"y": [1.0] * 11}, "invalid_input", "inputs.y", "fewer outputs than inputs"),
        ({"predict_at": [[1, 2]]}, "invalid_input", "inputs.predict_at", "another dimension"),
        ({"predict_at": ["NaN"]}, "invalid_input", "inputs.predict_at[0]", "not a number"),
        ({"hyperparameters": {"sigma": 1}}, "invalid_input", "inputs.hyperparameters.sigma", "unknown"),
        ({"hyperparameters": {"alpha": 1}}, "invalid_input", "inputs.hyperparameters.alpha", "of another kernel"),
        ({"hyperparameters": {"noise": -1}}, "invalid_input", "inputs.hyperparameters.noise", "negative noise"),
        ({"hyperparameters": {"length_scales": [1, 2]}}, "invalid_input", "inputs.hyperparameters.length_scales", ""),
        ({"hyperparameters": {"length_scales": 0}}, "invalid_input", "inputs.hyperparameters.length_scales", "zero"),
        ({"x": [-1, -1, *range(10)], "hyperparameters": {"noise": 0}}, "invalid_input", "inputs.x[1]", "two values"),
        ({"x": [[i] for i in range(3000)], "y": list(range(3000))}, "budget_exceeded", "inputs.x", "too many"),
        ({"kernel": "spline"}, "invalid_input", "inputs.kernel", "an unknown kernel"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_place(change, code, field, rule):
    with pytest.raises(Problem) as caught:
        gaussian_process.TASK.prepare(request(**change), {}, 0)
    assert (caught.value.code, caught.value.field) == (code, field), rule


@pytest.mark.parametrize(
    ("inputs", "field"),
    [({"at": [1]}, "surrogate_id"), ({"at": [1], "surrogate_id": "x"}, "surrogate_id"),
     ({"at": [1], "surrogate": 3}, "surrogate"), ({"at": [1], "surrogate": {}}, "surrogate.kind"),
     ({"at": "x", "surrogate_id": "sur-12345678"}, "at"), ({"surrogate_id": "sur-12345678"}, "at")],
)  # fmt: skip
def test_a_prediction_names_what_is_wrong(inputs, field):
    with pytest.raises(Problem) as caught:
        predict.TASK.prepare(inputs, {}, 0)
    assert caught.value.field == f"inputs.{field}"


def test_coinciding_samples_without_noise_get_a_jitter_that_is_told():
    outcome = solve({"x": [0, 1e-9, 1, 2], "y": [0, 0, 1, 0], "kernel": "rbf",
                     "hyperparameters": {"noise": 0, "length_scales": 1, "amplitude": 1}})  # fmt: skip
    assert outcome.outputs["jitter"] > 0.0
    assert any("diagonal" in warning for warning in outcome.warnings)


def test_the_watch_stops_a_fit():
    def stop(fraction, stage):
        raise Problem("cancelled", "stop")

    with pytest.raises(Problem):
        alone.run(gaussian_process.TASK.prepare(request(), {}, 1), stop, {})


def test_many_samples_are_searched_from_what_some_of_them_say():
    x = np.linspace(0.0, 20.0, 700)
    y = np.sin(x) + 0.2 * np.random.default_rng(0).standard_normal(700)
    outcome = solve({"x": x.tolist(), "y": y.tolist(), "kernel": "rbf", "predict_at": AT.tolist()})
    assert outcome.diagnostics.converged
    assert outcome.outputs["noise"] == pytest.approx(0.2, rel=0.15)
    assert np.abs(outcome.outputs["mean"] - np.sin(AT)).max() <= outcome.diagnostics.error_estimate
