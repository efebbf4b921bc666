"""The task `uq.confidence`: bootstrap intervals that cover, and agree with SciPy's."""

import numpy as np
import pytest
from scipy import stats

from agents.outcome import Problem
from agents.uq import confidence

DATA = np.random.default_rng(0).gamma(2.0, size=60)


def solve(data=DATA, options=None, seed=1, **rest):
    task = confidence.TASK
    inputs = {"data": np.asarray(data).tolist(), **rest}
    return task.compute([task.prepare(inputs, options or {}, seed)], lambda fraction, stage: None)[0]


@pytest.mark.parametrize("method", ["percentile", "basic", "bca"])
@pytest.mark.parametrize(
    ("statistic", "function"),
    [
        ("mean", np.mean),
        ("std", lambda x, axis: np.std(x, axis=axis, ddof=1)),
        ("skewness", stats.skew),
        ("median", np.median),
    ],
)
def test_intervals_agree_with_scipy(statistic, function, method):
    outcome = solve(statistic=statistic, method=method)
    theirs = stats.bootstrap(
        (DATA,), function, method="BCa" if method == "bca" else method, n_resamples=9999, axis=-1, vectorized=True,
        rng=np.random.default_rng(2),
    )  # fmt: skip
    low, high = outcome.outputs["interval"]
    room = 2.0 * outcome.diagnostics.error_estimate
    assert abs(low - theirs.confidence_interval.low) <= room
    assert abs(high - theirs.confidence_interval.high) <= room
    assert outcome.outputs["standard_error"] == pytest.approx(theirs.standard_error, rel=0.05)
    assert outcome.outputs["estimate"] == pytest.approx(function(DATA, axis=-1))
    assert outcome.diagnostics.method == method


@pytest.mark.parametrize("method", ["percentile", "basic", "bca"])
def test_intervals_cover_as_often_as_they_say(method):
    rng = np.random.default_rng(4)
    covered = 0
    for seed in range(200):
        outcome = solve(rng.exponential(size=40), method=method, confidence_level=0.9, n_resamples=400, seed=seed)
        low, high = outcome.outputs["interval"]
        covered += low <= 1.0 <= high
    assert 160 <= covered <= 195


def test_the_error_bounds_what_the_number_of_resamples_does():
    precise = solve(method="percentile", n_resamples=400_000, statistic="median", seed=77).outputs["interval"]
    missed = 0
    for seed in range(30):
        outcome = solve(method="percentile", n_resamples=999, statistic="median", seed=seed)
        away = max(abs(a - b) for a, b in zip(outcome.outputs["interval"], precise, strict=True))
        missed += away > outcome.diagnostics.error_estimate
    assert missed == 0


def test_equal_data_have_an_interval_without_width_and_a_warning():
    outcome = solve([2.0, 2.0, 2.0])
    assert outcome.outputs["interval"] == [2.0, 2.0]
    assert outcome.outputs["standard_error"] == 0.0
    assert outcome.warnings


def test_the_histogram_counts_every_resample():
    outputs = solve(n_resamples=500).outputs
    assert outputs["histogram"]["counts"].sum() == outputs["n_resamples"] == 500


def test_a_quantile_is_asked_for_by_its_level():
    outputs = solve(statistic="quantile", quantile=0.9).outputs
    assert outputs["estimate"] == pytest.approx(np.quantile(DATA, 0.9))
    assert outputs["interval"][0] <= outputs["estimate"] <= outputs["interval"][1]


def test_a_seed_gives_the_same_answer_again():
    one, same, other = (solve(seed=seed).outputs["interval"] for seed in (4, 4, 5))
    assert one == same != other


@pytest.mark.parametrize(
    ("change", "code", "field", "rule"),
    [
        ({"data": []}, "invalid_input", "inputs.data", "no data"),
        ({"data": [1, 2]}, "invalid_input", "inputs.data", "too few"),
        ({"data": [[1, 2], [3, 4]]}, "invalid_input", "inputs.data", "a matrix"),
        ({"data": [1, "NaN", 3]}, "invalid_input", "inputs.data[1]", "no number"),
        ({"statistic": "mode"}, "invalid_input", "inputs.statistic", "an unknown statistic"),
        ({"statistic": "quantile"}, "invalid_input", "inputs.quantile", "which quantile"),
        ({"quantile": 0.5}, "invalid_input", "inputs.quantile", "a quantile of a mean"),
        ({"n_resamples": 10}, "invalid_input", "inputs.n_resamples", "too few resamples"),
        ({"data": [1.0] * 100_000, "n_resamples": 1_000_000}, "budget_exceeded", "inputs.n_resamples", "too much work"),
        ({"confidence_level": 0}, "invalid_input", "inputs.confidence_level", "no level"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(change, code, field, rule):
    with pytest.raises(Problem) as caught:
        confidence.TASK.prepare({"data": [1.0, 2.0, 4.0], **change}, {}, 0)
    assert (caught.value.code, caught.value.field) == (code, field), rule


@pytest.mark.parametrize("scale", [1e-160, 1e120])
def test_the_interval_scales_with_the_data(scale):
    """Also where the squares of what is corrected for would under- or overflow."""
    plain, scaled = solve(method="bca"), solve(DATA * scale, method="bca")
    assert scaled.warnings == plain.warnings == []
    assert np.array(scaled.outputs["interval"]) / scale == pytest.approx(plain.outputs["interval"], rel=1e-12)


def test_what_overflows_is_not_finite():
    """An answer that says so, and no crash."""
    assert solve([1e155, *DATA.tolist()], statistic="std").problem.code == "non_finite"
