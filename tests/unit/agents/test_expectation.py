"""Means of samples: the bound holds as often as it says, and where there is no mean that shows."""

import numpy as np
import pytest

from agents import expectation, moments


def estimate(values, replicates=1):
    parts = [(i, moments.of(part)) for i, part in enumerate(np.split(values, replicates))]
    return expectation.expectation(parts, values)


@pytest.mark.parametrize(
    ("draw", "mean", "rule"),
    [
        (lambda rng: rng.standard_normal(1024), 0.0, "a normal"),
        (lambda rng: rng.exponential(size=1024), 1.0, "skewed"),
        (lambda rng: rng.lognormal(size=1024), np.exp(0.5), "strongly skewed"),
        (lambda rng: (rng.random(1024) < 0.05) * 1.0, 0.05, "rarely not 0"),
    ],
)
@pytest.mark.parametrize("replicates", [1, 16])
def test_the_bound_holds_and_the_interval_covers(draw, mean, rule, replicates):
    rng = np.random.default_rng(11)
    made = [estimate(draw(rng), replicates) for _ in range(400)]
    assert sum(abs(one.mean - mean) > one.bound for one in made) <= 4, rule
    assert sum(abs(one.mean - mean) <= one.half_width(0.95) for one in made) >= 0.87 * len(made), rule


@pytest.mark.parametrize(
    ("draw", "has_mean", "has_variance"),
    [
        (lambda rng: rng.standard_cauchy(20_000), False, False),
        (lambda rng: 1.0 / rng.random(20_000), False, False),
        (lambda rng: rng.standard_t(1.5, 200_000), True, False),
        (lambda rng: rng.standard_t(4, 20_000), True, True),
        (lambda rng: rng.lognormal(size=20_000), True, True),
        (lambda rng: rng.random(20_000), True, True),
        (lambda rng: np.ones(20_000), True, True),
    ],
)
def test_a_heavy_tail_shows(draw, has_mean, has_variance):
    tails = [expectation.tail(draw(np.random.default_rng(seed))) for seed in range(20)]
    assert {one.has_mean() for one in tails} == {has_mean}
    assert {one.has_variance for one in tails} == {has_variance}


def test_few_values_tell_no_tail():
    assert expectation.tail(np.random.default_rng(1).standard_cauchy(200)) is expectation.LIGHT
