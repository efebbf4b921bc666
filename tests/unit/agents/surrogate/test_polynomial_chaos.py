"""The task `surrogate.polynomial_chaos`: orthonormal bases, exact expansions, Sobol' indices, errors that bound."""

import numpy as np
import pytest
from scipy import stats
from scipy.stats import qmc

from agents import alone, distributions
from agents.outcome import Problem
from agents.surrogate import polynomial_chaos, predict
from agents.surrogate.orthogonal import axis
from agents.surrogate.sparse_regression import regress

U = np.linspace(0.0, 1.0, 25)


def no_watch(fraction, stage):
    assert 0.0 <= fraction <= 1.0


def solve(inputs, task=polynomial_chaos.TASK, **options):
    return alone.run(task.prepare(inputs, options, 0), no_watch, {})


@pytest.mark.parametrize(
    ("given", "family"),
    [
        ({"distribution": "norm", "loc": 1, "scale": 2}, "hermite"),
        ({"distribution": "uniform", "loc": -1, "scale": 3}, "legendre"),
        ({"distribution": "gamma", "a": 2.5, "scale": 0.5}, "laguerre"),
        ({"distribution": "expon"}, "laguerre"),
        ({"distribution": "beta", "a": 2, "b": 3.5}, "jacobi"),
        ({"distribution": "beta", "a": 1, "b": 1}, "jacobi"),
        ({"distribution": "lognorm", "s": 0.4}, "hermite"),
        ({"distribution": "weibull_min", "c": 1.5}, "legendre"),
    ],
)
def test_the_polynomials_are_orthonormal(given, family):
    found = distributions.read(given, "x")
    made = axis(found)
    assert made.family == family
    nodes, weights = np.polynomial.legendre.leggauss(400)
    z, shapes = 8.2 * nodes, {key: one for key, one in given.items() if key != "distribution"}
    frozen = getattr(stats, given["distribution"])(**shapes)
    x = np.where(z < 0, frozen.ppf(stats.norm.cdf(z)), frozen.isf(stats.norm.sf(z)))
    p = made.evaluate(x, 4)
    np.testing.assert_allclose(p * (8.2 * weights * stats.norm.pdf(z)) @ p.T, np.eye(5), atol=1e-6)


@pytest.mark.parametrize("method", ["lars", "omp", "ols"])
def test_a_polynomial_is_found_exactly(method):
    x = np.random.default_rng(0).random((60, 2))
    y = 1 + x[:, 0] + 3 * x[:, 0] * x[:, 1] ** 2
    at = np.random.default_rng(1).random((20, 2)) * 0.9 + 0.05
    outputs = solve({"x": x.tolist(), "y": y.tolist(), "bounds": {"a": [0, 1], "b": [0, 1]}, "predict_at": at.tolist()},
                    method=method).outputs  # fmt: skip
    np.testing.assert_allclose(outputs["mean"], 1 + at[:, 0] + 3 * at[:, 0] * at[:, 1] ** 2, atol=1e-11)
    assert outputs["response_mean"] == pytest.approx(1 + 0.5 + 3 * 0.5 / 3, abs=1e-11)
    variance = 1 / 12 + 9 * (1 / 3 / 5 - (1 / 6) ** 2) + 2 * 3 * (1 / 3 / 3 - 1 / 12)
    assert outputs["response_std"] ** 2 == pytest.approx(variance, abs=1e-10)


def test_residuals_of_leaving_one_out_are_those_of_leaving_one_out():
    rng = np.random.default_rng(0)
    columns, y = rng.standard_normal((20, 4)), rng.standard_normal(20)
    columns[:, 0] = 1.0
    made = regress(columns, y, "ols", no_watch, 0.0)
    used = columns[:, made.chosen]
    for i in range(20):
        rest = np.arange(20) != i
        left = np.linalg.lstsq(used[rest], y[rest], rcond=None)[0]
        assert made.residuals[i] == pytest.approx(y[i] - used[i] @ left, abs=1e-12)


@pytest.mark.parametrize("order", ["lars", "omp"])
def test_few_of_many_regressors_are_found(order):
    rng = np.random.default_rng(0)
    columns = rng.standard_normal((80, 200))
    columns[:, 0] = 1.0
    y = 2 + columns[:, 17] - 3 * columns[:, 90] + 0.5 * columns[:, 151]
    made = regress(columns, y, order, no_watch, 0.0)
    found = dict(zip(made.chosen, made.coefficients, strict=True))
    for place, value in ((0, 2), (17, 1), (90, -3), (151, 0.5)):
        assert found[place] == pytest.approx(value, abs=1e-10)


def test_the_surrogate_predicts_the_same_again():
    x = qmc.Halton(2, scramble=False).random(80)
    y = np.exp(x[:, 0]) * np.cos(2 * x[:, 1])
    fitted = solve({"x": x.tolist(), "y": y.tolist(), "predict_at": x[:5].tolist()})
    plan = predict.TASK.prepare({"surrogate_id": fitted.outputs["surrogate_id"], "at": x[:5].tolist()}, {}, 0)
    again = alone.run(plan, no_watch, fitted.keep)
    np.testing.assert_allclose(again.outputs["mean"], fitted.outputs["mean"], rtol=1e-14)
    assert again.diagnostics.error_estimate == fitted.diagnostics.error_estimate


def test_beyond_the_samples_no_error_is_claimed():
    outcome = solve({"x": U.tolist(), "y": np.exp(U).tolist(), "predict_at": [1.5]})
    assert outcome.diagnostics.error_estimate is None
    assert "beyond the samples" in outcome.warnings[0]


def test_several_outputs_have_indices_of_their_own():
    x = qmc.Halton(2, scramble=False).random(50)
    y = np.stack([x[:, 0], x[:, 0] + x[:, 1]], axis=1)
    outputs = solve({"x": x.tolist(), "y": y.tolist(), "bounds": {"a": [0, 1], "b": [0, 1]}}).outputs
    np.testing.assert_allclose(outputs["first_order"]["a"], [1.0, 0.5], atol=1e-9)
    np.testing.assert_allclose(outputs["total_order"]["b"], [0.0, 0.5], atol=1e-9)


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"x": [1, 2], "y": [1, 2]}, "inputs.x", "too few"),
        ({"y": [1.0] * 25}, "inputs.y", "a constant"),
        ({"x": [1.0] * 25}, "inputs.x", "an input that never changes"),
        ({"bounds": {"a": [0, 0.5]}}, "inputs.x[13]", "a sample out of bounds"),
        ({"bounds": {"a": [1, 0]}}, "inputs.bounds.a", "bounds reversed"),
        ({"bounds": {"a": [0, 1], "b": [0, 1]}}, "inputs.bounds", "too many bounds"),
        ({"bounds": {"sin": [0, 1]}}, "inputs.bounds.sin", "a function's name"),
        ({"distributions": {}}, "inputs.distributions", "no distribution"),
        ({"distributions": {"a": {"distribution": "norm"}}, "bounds": {}}, "inputs.bounds", "both"),
        (
            {"distributions": {"a": {"distribution": "gamma", "a": 2}}, "predict_at": [-1]},
            "inputs.predict_at[0]",
            "< 0",
        ),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(change, field, rule):
    with pytest.raises(Problem) as caught:
        polynomial_chaos.TASK.prepare({"x": U.tolist(), "y": np.exp(U).tolist(), **change}, {}, 0)
    assert (caught.value.code, caught.value.field) == ("invalid_input", field), rule
    assert caught.value.hint
