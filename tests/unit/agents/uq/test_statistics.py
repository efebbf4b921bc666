"""Statistics of many samples, against NumPy and SciPy; leaving out each value in turn, against doing so."""

import numpy as np
import pytest
from scipy import stats

from agents.uq.statistics import moment_statistic, quantile_statistic

SAMPLES = np.random.default_rng(3).gamma(2.0, size=(5, 23)) + 10.0
KNOWN = {
    "mean": lambda x: x.mean(axis=-1),
    "variance": lambda x: x.var(axis=-1, ddof=1),
    "std": lambda x: x.std(axis=-1, ddof=1),
    "skewness": lambda x: stats.skew(x, axis=-1),
    "kurtosis": lambda x: stats.kurtosis(x, axis=-1),
}


@pytest.mark.parametrize("name", KNOWN)
def test_moments(name):
    statistic = moment_statistic(name)
    assert np.allclose(statistic.of(SAMPLES), KNOWN[name](SAMPLES), rtol=1e-9)
    each = np.array([KNOWN[name](np.delete(SAMPLES[0], i)) for i in range(23)])
    assert np.allclose(statistic.without_each(SAMPLES[0]), each, rtol=1e-8)


@pytest.mark.parametrize("q", [0.0, 0.13, 0.5, 0.9, 1.0])
def test_quantiles(q):
    statistic = quantile_statistic(q)
    assert np.allclose(statistic.of(SAMPLES), np.quantile(SAMPLES, q, axis=1))
    for sample in (SAMPLES[0], np.array([3.0, 1.0, 1.0, 2.0])):
        each = [np.quantile(np.delete(sample, i), q) for i in range(sample.size)]
        assert np.allclose(statistic.without_each(sample), each)


@pytest.mark.parametrize("name", KNOWN)
def test_equal_values_have_no_spread(name):
    found = moment_statistic(name).of(np.full((2, 5), 3.0))
    assert np.array_equal(found, np.full(2, 3.0 if name == "mean" else 0.0 if name != "kurtosis" else found[0]))
