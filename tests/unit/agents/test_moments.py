"""Moments by chunks: as those of all values at once."""

import numpy as np
import pytest
from scipy import stats

from agents import moments


@pytest.mark.parametrize("cuts", [[], [1], [10, 20, 500], list(range(7, 1000, 7))])
def test_merged_chunks_are_as_the_whole(cuts):
    values = np.random.default_rng(1).gamma(2.0, size=1000) + 1e3
    made = moments.merged([moments.of(part) for part in np.split(values, cuts)])
    assert made.count == 1000
    assert made.mean == pytest.approx(values.mean(), rel=1e-14)
    assert made.variance == pytest.approx(values.var(ddof=1), rel=1e-10)
    assert made.skewness == pytest.approx(stats.skew(values), rel=1e-8)
    assert made.size == pytest.approx(values.mean(), rel=1e-14)


def test_one_value_has_no_variance():
    assert (moments.of(np.array([3.0])).variance, moments.of(np.array([3.0])).skewness) == (0.0, 0.0)
