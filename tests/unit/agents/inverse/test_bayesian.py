"""The task `inverse.bayesian`: exact for linear models, within Monte Carlo error for formulas, honest about chains."""

import numpy as np
import pytest
from scipy import integrate, linalg, stats

from agents import alone, distributions
from agents.inverse import bayesian, convergence, gaussian
from agents.inverse.marginals import marginal
from agents.outcome import Problem

T = np.linspace(0.0, 5.0, 20)
Y = 2.0 + 0.7 * T + 0.3 * np.sin(13 * T)


def norm(loc, scale):
    return {"distribution": "norm", "loc": loc, "scale": scale}


def line(**changes):
    return {
        "model": "a + b*t", "prior": {"a": norm(0, 1), "b": norm(0, 1)}, "data": {"t": T.tolist(), "y": Y.tolist()},
        "observed": "y", "noise": 0.3, **changes,
    }  # fmt: skip


def linear(**changes):
    return {
        "matrix": np.stack([np.ones(20), T], axis=1).tolist(), "observations": Y.tolist(), "prior_mean": 0,
        "prior_covariance": 1, "noise_covariance": 0.09, **changes,
    }  # fmt: skip


def no_watch(fraction, stage):
    assert 0.0 <= fraction <= 1.0


def solve(inputs, options=None, seed=1):
    return alone.run(bayesian.TASK.prepare(inputs, options or {}, seed), no_watch, {})


def conjugate():
    """Mean and covariance by the textbook's formula for precisions."""
    a = np.stack([np.ones(20), T], axis=1)
    covariance = linalg.inv(a.T @ a / 0.09 + np.eye(2))
    return covariance @ a.T @ Y / 0.09, covariance


def test_a_linear_model_has_the_conjugate_posterior():
    mean, covariance = conjugate()
    outcome = solve(linear())
    np.testing.assert_allclose(outcome.outputs["covariance"], covariance, rtol=1e-12)
    assert np.abs(outcome.outputs["mean"] - mean).max() <= outcome.diagnostics.error_estimate + 1e-14
    a = np.stack([np.ones(20), T], axis=1)
    evidence = stats.multivariate_normal(np.zeros(20), a @ a.T + 0.09 * np.eye(20)).logpdf(Y)
    assert outcome.outputs["log_evidence"] == pytest.approx(evidence, rel=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_full_covariances_give_what_the_kalman_gain_gives(seed):
    rng = np.random.default_rng(seed)
    a, y, mean = rng.standard_normal((6, 9)), rng.standard_normal(6), rng.standard_normal(9)
    prior, noise = (one @ one.T + 0.1 * np.eye(len(one)) for one in (rng.standard_normal((n, n)) for n in (9, 6)))
    gain = prior @ a.T @ linalg.inv(a @ prior @ a.T + noise)
    made = gaussian.condition(a, y, mean, linalg.cholesky(prior, lower=True), linalg.cholesky(noise, lower=True))
    np.testing.assert_allclose(made.mean, mean + gain @ (y - a @ mean), atol=1e-11)
    np.testing.assert_allclose(made.covariance, prior - gain @ a @ prior, atol=1e-11)


@pytest.mark.parametrize("seed", range(4))
def test_chains_agree_with_the_conjugate_posterior_within_their_error(seed):
    mean, covariance = conjugate()
    outcome = solve(line(), seed=seed)
    reached = np.array(list(outcome.outputs["mean"].values()))
    assert np.abs(reached - mean).max() <= outcome.diagnostics.error_estimate
    np.testing.assert_allclose(outcome.outputs["covariance"], covariance, rtol=0.1, atol=1e-4)
    assert outcome.diagnostics.converged
    assert max(outcome.outputs["rhat"].values()) < 1.01
    low, high = outcome.outputs["credible_intervals"]["a"]
    half = 1.96 * covariance[0, 0] ** 0.5
    np.testing.assert_allclose([low, high], [mean[0] - half, mean[0] + half], atol=0.02)


def test_laplace_is_exact_for_a_linear_formula():
    mean, covariance = conjugate()
    outputs = solve(line(), {"method": "laplace"}).outputs
    np.testing.assert_allclose(list(outputs["mean"].values()), mean, atol=1e-6)
    np.testing.assert_allclose(outputs["covariance"], covariance, rtol=1e-5)


@pytest.mark.parametrize(
    ("prior", "density", "edges"),
    [
        ({"distribution": "beta", "a": 2, "b": 5}, stats.beta(2, 5), (0, 1)),
        ({"distribution": "gamma", "a": 0.5}, stats.gamma(0.5), (0, np.inf)),
        ({"distribution": "uniform", "loc": 0, "scale": 3}, stats.uniform(0, 3), (0, 3)),
        ({"distribution": "lognorm", "s": 0.7}, stats.lognorm(0.7), (0, np.inf)),
        ({"distribution": "expon", "scale": 2}, stats.expon(scale=2), (0, np.inf)),
        ({"distribution": "t", "df": 5}, stats.t(5), (-np.inf, np.inf)),
    ],
)
def test_posteriors_of_one_parameter_are_those_of_quadrature(prior, density, edges):
    x, y = np.array([0.5, 1.0, 2.0]), np.array([0.4, 0.5, 1.1])

    def weight(a, power):
        return a**power * density.pdf(a) * np.exp(-0.5 * np.sum((y - np.tanh(a * x)) ** 2) / 0.04)

    whole, first, second = (integrate.quad(weight, *edges, args=(k,), limit=400)[0] for k in range(3))
    outcome = solve({"model": "tanh(a*x)", "prior": {"a": prior}, "data": {"x": x.tolist(), "y": y.tolist()},
                     "observed": "y", "noise": 0.2})  # fmt: skip
    assert outcome.diagnostics.converged
    assert abs(outcome.outputs["mean"]["a"] - first / whole) <= outcome.diagnostics.error_estimate
    std = (second / whole - (first / whole) ** 2) ** 0.5
    assert outcome.outputs["std"]["a"] == pytest.approx(std, rel=0.05)


def test_the_noise_can_be_a_parameter_or_a_column():
    estimated = solve(line(noise="s", prior={**line()["prior"], "s": {"distribution": "halfnorm"}}))
    assert 0.1 < estimated.outputs["mean"]["s"] < 0.4
    column = solve(line(noise="w", data={**line()["data"], "w": [0.3] * 20}))
    np.testing.assert_allclose(list(column.outputs["mean"].values()), conjugate()[0], atol=0.01)


def test_separate_maxima_are_a_failure_not_a_number():
    outcome = solve({"model": "a**2", "prior": {"a": norm(0, 3)}, "data": {"y": [4.0]}, "observed": "y", "noise": 0.1},
                    {"n_draws": 100})  # fmt: skip
    assert outcome.problem.code == "not_converged"
    assert "2 separate maxima" in outcome.problem.message


@pytest.mark.parametrize("model", ["log(a - 50)", "1/(a - a)", "sqrt(-1 - a*a)"])
def test_a_model_that_is_finite_nowhere_fails(model):
    outcome = solve({"model": model, "prior": {"a": norm(0, 1)}, "data": {"y": [1.0]}, "observed": "y", "noise": 1})
    assert (outcome.problem.code, outcome.problem.field) == ("non_finite", "inputs.model")


def test_data_that_the_prior_makes_impossible_are_a_failure():
    outcome = solve(line(prior={"a": norm(0, 10), "b": norm(2.0**64, 10)}))
    assert (outcome.problem.code, outcome.problem.field) == ("not_converged", "inputs.prior")


def test_the_same_seed_gives_the_same_draws():
    one, two, other = (solve(line(), {"return_samples": True}, seed).outputs for seed in (3, 3, 4))
    np.testing.assert_array_equal(one["samples"]["a"], two["samples"]["a"])
    assert one["mean"] != other["mean"]
    assert len(one["samples"]["a"]) == 1000


@pytest.mark.parametrize("name", ["gamma", "beta", "halfcauchy", "triang", "weibull_min", "truncnorm"])
def test_transformations_of_priors_are_exact_to_five_digits(name):
    shapes = {"gamma": {"a": 2.5}, "beta": {"a": 2, "b": 3}, "triang": {"c": 0.3}, "weibull_min": {"c": 1.5},
              "truncnorm": {"a": -1, "b": 2}}.get(name, {})  # fmt: skip
    of = marginal(distributions.read({"distribution": name, **shapes}, "x"), "x")
    z = np.linspace(-4.0, 4.0, 997)
    theta, slope = of(z)
    np.testing.assert_allclose(theta, getattr(stats, name)(**shapes).ppf(stats.norm.cdf(z)), rtol=1e-5, atol=1e-7)
    numeric = (of(z + 1e-5)[0] - of(z - 1e-5)[0]) / 2e-5
    np.testing.assert_allclose(slope, numeric, rtol=1e-3, atol=1e-6)


def test_diagnostics_of_chains_are_those_of_independent_and_of_stuck_chains():
    rng = np.random.default_rng(0)
    draws = rng.standard_normal((8, 1000))
    assert convergence.rhat(draws) < 1.005
    assert convergence.ess_bulk(draws) == pytest.approx(8000, rel=0.15)
    assert convergence.rhat(draws + np.arange(8)[:, None]) > 1.5
    assert convergence.rhat(draws * np.arange(1, 9)[:, None]) > 1.1
    slow = np.empty((8, 4000))
    slow[:, 0] = rng.standard_normal(8)
    for i in range(1, 4000):
        slow[:, i] = 0.9 * slow[:, i - 1] + np.sqrt(0.19) * rng.standard_normal(8)
    assert convergence.ess_bulk(slow) == pytest.approx(32000 * 0.1 / 1.9, rel=0.25)
    assert convergence.standard_error(slow) == pytest.approx((1.9 / 0.1 / 32000) ** 0.5, rel=0.2)


@pytest.mark.parametrize(
    ("inputs", "options", "code", "field", "rule"),
    [
        ({}, {}, "invalid_input", "inputs.model", "nothing given"),
        (line(model="a +"), {}, "invalid_formula", "inputs.model", "a formula breaks off"),
        (line(model="a*c"), {}, "invalid_formula", "inputs.model", "an unknown name"),
        (line(noise="s"), {}, "invalid_formula", "inputs.noise", "noise of an unknown name"),
        (line(noise=0), {}, "invalid_input", "inputs.noise", "no noise"),
        (line(noise=[1]), {}, "invalid_input", "inputs.noise", "noise is no number"),
        (line(observed="z"), {}, "invalid_input", "inputs.observed", "an unknown column"),
        (line(prior={}), {}, "invalid_input", "inputs.prior", "no prior"),
        (line(prior={"a": 1}), {}, "invalid_input", "inputs.prior.a", "not a distribution"),
        (line(prior={"t": norm(0, 1)}), {}, "invalid_input", "inputs.data.t", "a parameter named like a column"),
        (line(data={"t": [1, 2], "y": [1]}), {}, "invalid_input", "inputs.data.y", "columns of two lengths"),
        (line(data={"t": [], "y": []}), {}, "invalid_input", "inputs.data", "no data"),
        (line(matrix=[[1]]), {}, "invalid_input", "inputs.model", "both kinds"),
        (line(prior_mean=0), {}, "invalid_input", "inputs.prior_mean", "a key of the other kind"),
        (line(), {"method": "exact"}, "invalid_input", "options.method", "exact for a formula"),
        (line(), {"n_chains": 1}, "invalid_input", "options.n_chains", "one chain"),
        (linear(matrix=[[]]), {}, "invalid_input", "inputs.matrix", "an empty matrix"),
        (linear(observations=[1]), {}, "invalid_input", "inputs.observations", "too few observations"),
        (linear(observations=None), {}, "invalid_input", "inputs.observations", "no observations"),
        (linear(prior_covariance=None), {}, "invalid_input", "inputs.prior_covariance", "no prior"),
        (linear(prior_covariance=-1), {}, "invalid_input", "inputs.prior_covariance", "a negative variance"),
        (linear(prior_covariance=[[1, 2], [2, 1]]), {}, "invalid_input", "inputs.prior_covariance", "indefinite"),
        (linear(prior_covariance=[[1, 2], [0, 1]]), {}, "invalid_input", "inputs.prior_covariance", "asymmetric"),
        (linear(noise_covariance=None), {}, "invalid_input", "inputs.noise_covariance", "no noise"),
        (linear(noise_covariance=[1, 2]), {}, "invalid_input", "inputs.noise_covariance", "too few variances"),
        (linear(), {"method": "mcmc"}, "invalid_input", "options.method", "sampling what is known"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_place(inputs, options, code, field, rule):
    with pytest.raises(Problem) as caught:
        bayesian.TASK.prepare(inputs, options, 0)
    assert (caught.value.code, caught.value.field) == (code, field), rule
    assert caught.value.hint
