"""The task `uq.rare_event`: tails that are known."""

import math

import pytest
from scipy import stats

from agents.outcome import Problem
from agents.uq import rare_event

NORMAL = {"distribution": "norm"}
PLANE = {"model": "(x + y)/sqrt(2)", "threshold": 4.0, "distributions": {"x": NORMAL, "y": NORMAL}}


def solve(inputs, options=None, seed=1):
    task = rare_event.TASK
    return task.compute([task.prepare(inputs, options or {}, seed)], lambda fraction, stage: None)[0]


def normals(names):
    return dict.fromkeys(names, NORMAL)


@pytest.mark.parametrize(
    ("inputs", "exact", "rule"),
    [
        (PLANE, stats.norm.sf(4.0), "a plane"),
        ({"model": "x*x + y*y + z*z", "threshold": 25.0, "distributions": normals("xyz")}, stats.chi2.sf(25.0, 3),
         "a sphere"),
        ({"model": "x - a", "direction": "below", "parameters": {"a": -4.5}, "distributions": normals("x")},
         stats.norm.cdf(-4.5), "a limit state"),
        ({"model": "x", "threshold": 20.0, "distributions": {"x": {"distribution": "expon"}}}, math.exp(-20),
         "a long tail"),
        ({"model": "max(x, y)", "threshold": 4.5, "distributions": normals("xy")}, 1 - stats.norm.cdf(4.5) ** 2,
         "two ways"),
        ({"model": "x", "threshold": -1.0, "distributions": normals("x")}, stats.norm.sf(-1.0), "no rare event at all"),
    ],
)  # fmt: skip
def test_subset_simulation_bounds_its_error_and_its_intervals_cover(inputs, exact, rule):
    missed = covered = 0
    for seed in range(12):
        outcome = solve({**inputs, "n_samples": 4000}, seed=seed)
        missed += abs(outcome.outputs["probability"] - exact) > outcome.diagnostics.error_estimate
        low, high = outcome.outputs["confidence_interval"]
        covered += low <= exact <= high
        assert outcome.outputs["coefficient_of_variation"] < 0.6, rule
    assert missed == 0, rule
    assert covered >= 8, rule


def test_the_claimed_variation_is_that_of_repetitions():
    found = [solve({**PLANE, "n_samples": 3200}, seed=seed).outputs for seed in range(40)]
    estimates = [one["probability"] for one in found]
    real = stats.tstd(estimates) / stats.tmean(estimates)
    claimed = stats.tmean([one["coefficient_of_variation"] for one in found])
    assert 0.6 < claimed / real < 1.6


def test_the_levels_lead_to_the_threshold_and_the_point_is_likely():
    outcome = solve(PLANE)
    levels = outcome.outputs["levels"]
    assert [one["threshold"] for one in levels] == sorted(one["threshold"] for one in levels)
    assert levels[-1]["threshold"] == 4.0
    point = outcome.outputs["most_likely_point"]
    assert point["x"] + point["y"] > 4.0 * math.sqrt(2)
    assert math.hypot(point["x"], point["y"]) < 4.5
    assert outcome.outputs["reliability_index"] == pytest.approx(4.0, abs=0.1)


def test_far_tails_of_all_distributions_are_reached():
    for name, shapes in (("lognorm", {"s": 1.0}), ("weibull_min", {"c": 1.5}), ("gumbel_r", {}), ("gamma", {"a": 2.0})):
        exact = getattr(stats, name)(**shapes)
        inputs = {"model": "x", "threshold": float(exact.isf(1e-20)),
                  "distributions": {"x": {"distribution": name, **shapes}}}  # fmt: skip
        outcome = solve({**inputs, "n_samples": 8000})
        assert abs(outcome.outputs["probability"] - 1e-20) <= outcome.diagnostics.error_estimate, name
        form = solve({**inputs, "method": "form"})
        assert form.outputs["probability"] == pytest.approx(1e-20, rel=1e-6), name


def test_counting_is_exact_about_what_it_does_not_know():
    outcome = solve({**PLANE, "threshold": 3.0, "method": "monte_carlo"})
    exact = stats.norm.sf(3.0)
    assert abs(outcome.outputs["probability"] - exact) <= outcome.diagnostics.error_estimate < exact
    low, high = outcome.outputs["confidence_interval"]
    assert low < exact < high
    none = solve({**PLANE, "threshold": 8.0, "method": "monte_carlo", "n_samples": 2000})
    assert (none.outputs["probability"], none.outputs["coefficient_of_variation"]) == (0.0, None)
    assert none.diagnostics.error_estimate == pytest.approx(1 - 0.0005 ** (1 / 2000))
    assert "0 times in 2000" in none.warnings[0]


@pytest.mark.parametrize(
    ("inputs", "index", "rule"),
    [
        (PLANE, 4.0, "a plane"),
        ({"model": "x - 2", "direction": "below", "distributions": {"x": {**NORMAL, "loc": 5.0}}}, 3.0, "below"),
        ({"model": "x", "threshold": -2.0, "distributions": normals("x")}, -2.0, "more likely than not"),
        ({"model": "x*x + y", "threshold": 9.0, "distributions": normals("xy")}, math.sqrt(8.75), "a bent surface"),
        ({"model": "x*x", "threshold": 9.0, "distributions": normals("x")}, 3.0, "flat at the origin"),
        ({"model": "log(x)", "threshold": 3.0, "distributions": {"x": {"distribution": "lognorm", "s": 1.0}}}, 3.0,
         "a lognormal"),
    ],
)  # fmt: skip
def test_form_finds_the_reliability_index(inputs, index, rule):
    outcome = solve({**inputs, "method": "form"})
    assert outcome.outputs["reliability_index"] == pytest.approx(index, abs=1e-6), rule
    assert outcome.outputs["probability"] == pytest.approx(stats.norm.sf(index), rel=1e-4), rule
    assert sum(outcome.outputs["importance"].values()) == pytest.approx(1.0), rule
    assert outcome.diagnostics.converged, rule
    assert outcome.diagnostics.error_estimate is None, rule
    assert outcome.warnings, rule


@pytest.mark.parametrize(
    ("change", "options", "code", "field", "rule"),
    [
        ({"model": "sin(x)", "threshold": 2.0}, {}, "not_converged", "inputs.threshold", "it cannot happen"),
        ({"model": "1"}, {"method": "subset"}, "not_converged", "inputs.threshold", "a constant"),
        ({"model": "where(x > 5, 1, 0)", "threshold": 0.5}, {}, "not_converged", "inputs.threshold", "two values"),
        ({"model": "log(x)"}, {}, "non_finite", "inputs.model", "it does not exist everywhere"),
        ({"model": "log(x)"}, {"method": "monte_carlo"}, "non_finite", "inputs.model", "nor counted"),
        ({"model": "1"}, {"method": "form"}, "singular", "inputs.model", "no slope"),
        ({"model": "sin(x)", "threshold": 2.0}, {"method": "form"}, "not_converged", "inputs.model", "no point"),
    ],
)
def test_what_cannot_be_answered_fails(change, options, code, field, rule):
    inputs = {"distributions": normals("x"), "threshold": 4.0, **change}
    problem = solve(inputs, options).problem
    assert problem is not None, rule
    assert problem.code in {code, "singular"}, rule
    assert problem.field in {field, "inputs.model"}, rule
    assert problem.hint, rule


@pytest.mark.parametrize("method", ["subset", "monte_carlo"])
def test_a_seed_gives_the_same_answer_again(method):
    one, same, other = (solve({**PLANE, "threshold": 2.0, "method": method}, seed=seed).outputs for seed in (4, 4, 5))
    assert one == same != other


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"n_samples": 100}, "inputs.n_samples", "too few samples"),
        ({"n_samples": 10**9}, "inputs.n_samples", "too many samples"),
        ({"threshold": "high"}, "inputs.threshold", "no number"),
        ({"direction": "up"}, "inputs.direction", "no direction"),
        ({"method": "sorm"}, "inputs.method", "an unknown method"),
        ({"method": "form", "n_samples": 5000}, "inputs.n_samples", "form takes none"),
        ({"confidence_level": 1.0}, "inputs.confidence_level", "certainty"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(change, field, rule):
    with pytest.raises(Problem) as caught:
        rare_event.TASK.prepare({**PLANE, **change}, {}, 0)
    assert (caught.value.code, caught.value.field) == ("invalid_input", field), rule
    assert caught.value.hint, rule
