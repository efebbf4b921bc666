"""Every task has a second road, and each road finds a wrong number by itself, without computing the request again."""

import numpy as np
import pytest
from planting import answered, looked, place_in, planted

from agents import catalogue
from agents.validate.roads import ROADS

BESIDE = {
    ("integrate", "cubature"): "other methods, tighter tolerances, another seed (again.py)",
    ("integrate", "monte_carlo"): "another seed (again.py)",
    ("uq", "propagate"): "other samplers, another seed (again.py)",
    ("uq", "rare_event"): "other methods, another seed (again.py)",
    ("inverse", "bayesian"): "other methods, another seed (again.py)",
    ("optimize", "linear_program"): "other methods (again.py)",
    ("optimize", "integer_program"): "tighter gaps (again.py)",
    ("ode", "bvp"): "tighter tolerances (again.py)",
}
NONE = {
    ("profile", "request"): "its outputs are times, which no second run repeats",
    ("analyze", "problem"): "it is about another request: no request about it is read",
    ("select", "algorithm"): "it is about another request: no request about it is read",
    ("validate", "result"): "it is about another request: no request about it is read",
}


def test_every_task_has_a_second_road_or_a_reason_why_there_is_none():
    assert not ROADS.keys() & BESIDE.keys() & NONE.keys()
    assert ROADS.keys() | BESIDE.keys() | NONE.keys() == catalogue.TASKS.keys()


@pytest.mark.parametrize("key", sorted(ROADS), ids=".".join)
def test_the_road_to_a_tasks_example_finds_it_right(key):
    request, result = answered(*key, catalogue.TASKS[key].example)
    found = looked(request, result)
    assert found
    assert all(one.passed for one in found), [one for one in found if not one.passed]


SMALL = {
    ("physics_ml", "operator"): (
        {"functions": [[float(np.cos(k * i)) for k in (1, 2)] for i in range(1, 25)], "places": [0.0, 1.0],
         "values": [[float(np.cos(i) + np.cos(2 * i)), float(np.cos(i))] for i in range(1, 25)]},
        {"width": 4, "modes": 3, "iterations": 100},
    ),
}  # fmt: skip
PLANTED = {
    ("linalg", "analyze"): ["rank", "condition", "condition_1", "determinant", "norms.1", "norms.2", "norms.frobenius",
                            "bandwidth.lower", "singular_values.smallest", "eigenvalues.largest"],
    ("optimize", "least_squares"): ["x.x", "x.y", "residual_sum_of_squares", "residuals.0", "jacobian_condition"],
    ("special", "evaluate"): ["values.0", "values.1", "values.2"],
    ("special", "polynomial"): ["nodes.0", "nodes.4", "weights.0", "weights.2"],
    ("special", "transform"): ["values.re.0", "values.im.1", "values.re.3", "frequencies.1"],
    ("uq", "design"): ["samples.time.3", "samples.pressure.0", "coded.5.1", "discrepancy", "minimum_distance"],
    ("uq", "confidence"): ["estimate", "standard_error", "n_resamples"],
    ("uq", "sensitivity"): ["first_order_confidence.x1.0", "total_order_confidence.x3.1", "n_samples"],
    ("surrogate", "gaussian_process"): ["mean.0", "mean.1", "std.0", "amplitude", "length_scales.0",
                                        "log_marginal_likelihood", "loo_error", "loo_residuals.2", "confidence_factor"],
    ("surrogate", "kriging"): ["mean.0", "std.1", "variogram.range", "variogram.partial_sill", "loo_residuals.0",
                               "empirical_variogram.gamma.1", "empirical_variogram.fitted.0"],
    ("surrogate", "rbf"): ["mean.0", "std.0", "epsilon", "degree", "loo_residuals.4", "loo_error"],
    ("surrogate", "polynomial_chaos"): ["mean.0", "coefficients.1", "response_mean", "response_std", "first_order.a",
                                        "total_order.a", "indices.2.0", "degree", "q2", "loo_error"],
    ("surrogate", "pod"): ["modes.1.0", "singular_values.0", "coefficients.2.0", "mean_snapshot.2", "mean.0.1",
                           "std.0.2", "energy.0", "loo_error", "reconstruction_error"],
    ("surrogate", "predict"): ["mean.0", "mean.1", "std.0", "at.0.0"],
    ("physics_ml", "pinn"): ["u.10", "u.90", "axes.x.3", "validation_error", "network.coefficients.4",
                             "network.weights.3.0", "network.biases.7"],
    ("physics_ml", "inverse"): ["parameters.k", "u.50", "misfit", "noise", "standard_errors.k",
                                "network.coefficients.5"],
    ("physics_ml", "operator"): ["prediction.0.1", "held_out_error", "training_error", "n_trained", "held_out.0",
                                 "network.w2.1.1", "network.v3.0.0", "network.values_scale"],
    ("physics_ml", "conservation"): ["integral.7", "balance.3", "drift", "relative_drift", "t.2"],
    ("inverse", "enkf"): ["innovations.0.0", "forecast_mean.0.1", "forecast_mean.2.0", "mean.0.0", "mean.1.1",
                          "final_ensemble_covariance.0.1", "innovation_consistency_interval.0",
                          "innovation_consistency"],
    ("inverse", "variational"): ["estimate.0", "estimate.1", "std.0", "covariance.0.1", "cost", "observation_misfit",
                                 "innovations.0.0", "residuals.0.0", "increment.1"],
    ("inverse", "regularized"): ["x.0", "x.2", "alpha", "residual_norm", "solution_norm", "penalty", "objective",
                                 "degrees_of_freedom"],
    ("inverse", "ode_parameters"): ["parameters.k", "standard_errors.k", "confidence_intervals.k.1", "covariance.0.0",
                                    "residual_sum_of_squares", "sigma_estimate", "fitted.x.3", "t.1"],
    ("workflow", "run"): ["steps.system.outputs.x.0", "steps.decay.outputs.items.1.y.y.4",
                          "steps.decay.outputs.items.0.t.2"],
    ("pde", "heat"): ["u.1.25", "u.4.10", "axes.x.7", "t.2", "statistics.maximum.1", "statistics.mean.3"],
    ("pde", "wave"): ["u.1.50", "u.3.20", "axes.x.7", "t.2"],
    ("pde", "poisson"): ["u.16.16", "u.8.24", "axes.y.7"],
    ("pde", "advection_diffusion"): ["axes.x.3", "t.1"],
    ("pde", "reaction_diffusion"): ["u.u.1.30", "u.v.2.20", "axes.x.8"],
    ("ode", "ivp"): ["y.x.5", "t.3"], ("ode", "stability"): ["equilibria.0.x", "eigenvalues.0.1.re"],
    ("ode", "ensemble"): ["final.x.0", "mean.x", "std.x", "n_members", "n_failed"],
    ("linalg", "solve"): ["x.0", "x.1", "residual_norm", "condition_estimate"], ("linalg", "eigen"): ["eigenvalues.0"],
    ("linalg", "least_squares"): ["x.0", "residual_norm", "rank", "singular_values.1", "condition_estimate"],
    ("linalg", "svd"): ["s.0", "u.0.1", "residual_norm"], ("linalg", "factorize"): ["residual_norm"],
    ("optimize", "minimize"): ["x.x", "objective"], ("optimize", "root"): ["x.x", "residuals.0", "residual_norm"],
    ("optimize", "global"): ["minima.1.objective", "minima.2.x.y"], ("integrate", "quad"): ["value"],
    ("optimize", "curve_fit"): ["parameters.a", "residual_sum_of_squares", "standard_errors.b", "covariance.0.1",
                                "confidence_intervals.a.0", "fitted.2", "residuals.1", "r_squared"],
}  # fmt: skip
ANSWERS = {}


def answer(key):
    """The result of a task's example, computed once."""
    if key not in ANSWERS:
        inputs, options = SMALL.get(key, (catalogue.TASKS[key].example, {}))
        ANSWERS[key] = answered(*key, inputs, options)
    return ANSWERS[key]


@pytest.mark.parametrize(("key", "path"), [(key, path) for key, paths in PLANTED.items() for path in paths])
def test_a_wrong_number_is_found_by_the_second_road_alone_which_names_the_output(key, path):
    request, result = answer(key)
    place = place_in(result["outputs"], path)
    wrong = [one for one in looked(request, planted(result, place)) if not one.passed]
    assert wrong
    assert any(place[0] in f"{one.name} {one.how}" for one in wrong), wrong


DRAWN = {
    ("uq", "sensitivity"): ["first_order.x1", "total_order.x2", "first_order.x3", "mean", "variance"],
    ("uq", "confidence"): ["interval.0", "interval.1", "bias", "standard_error"],
    ("inverse", "enkf"): ["mean.2.1", "std.1.1", "forecast_std.2.0"],
}


@pytest.mark.parametrize(("key", "path"), [(key, path) for key, paths in DRAWN.items() for path in paths])
def test_what_is_drawn_is_found_wrong_when_it_is_off_by_more_than_its_sampling_error(key, path):
    request, result = answer(key)
    for _ in range(70):  # a hundredth at a time: twice as large
        result = planted(result, place_in(result["outputs"], path))
    wrong = [one.name for one in looked(request, result) if not one.passed]
    assert path.split(".")[0] in " ".join(wrong)
