"""Summaries of blocks: the moments of all values, and quantiles whose rank is as near as they say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import summary

KINDS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "few values": lambda rng, n: rng.integers(0, 4, n).astype(float),
    "heavy": lambda rng, n: rng.standard_cauchy(n),
    "sorted": lambda rng, n: np.sort(rng.normal(size=n)),
}
LEVELS = [0.0, 0.001, 0.05, 0.3, 0.5, 0.9, 0.999, 1.0]


@settings(max_examples=200)
@given(
    kind=st.sampled_from(sorted(KINDS)), sizes=st.lists(st.integers(1, 400), min_size=1, max_size=12),
    most=st.integers(1, 200), seed=st.integers(0, 100),
)  # fmt: skip
def test_a_quantiles_rank_is_as_near_as_it_says(kind, sizes, most, seed):
    """Of any blocks, however few are kept, the share of values below is within `rank_error`, the value in its bound."""
    rng = np.random.default_rng(seed)
    blocks = [KINDS[kind](rng, n)[None] for n in sizes]
    found = summary.together([summary.of(block, most) for block in blocks])
    values = np.sort(np.concatenate(blocks, axis=1)[0])
    at, errors = found.quantiles(LEVELS)
    exact = np.quantile(values, LEVELS)
    below = np.searchsorted(values, at[:, 0], "left") / values.size
    upto = np.searchsorted(values, at[:, 0], "right") / values.size
    levels = np.array(LEVELS)
    room = found.rank_error + 1 / values.size + 1e-12
    assert (below <= levels + room).all()
    assert (upto >= levels - room).all()
    assert (np.abs(at[:, 0] - exact) <= errors[:, 0] + 1e-12 * np.abs(exact)).all()
    if max(sizes) <= most:
        assert found.rank_error == 0.0
        assert (at[:, 0] == exact).all()


def test_moments_are_those_of_all_values():
    blocks = [np.random.default_rng(i).gamma(2.0, size=(3, 100 + i)) + 1e3 for i in range(9)]
    found = summary.together([summary.of(block, 10) for block in blocks])
    values = np.concatenate(blocks, axis=1)
    np.testing.assert_allclose(found.mean, values.mean(axis=1), rtol=1e-14)
    np.testing.assert_allclose(found.std, values.std(axis=1, ddof=1), rtol=1e-10)


def test_the_rank_error_is_half_of_what_a_kept_value_stands_for():
    """With 1,000 kept of 50,000 in each of 20 blocks: half a thousandth, and a little for interpolating."""
    blocks = [np.random.default_rng(i).normal(size=(1, 50_000)) for i in range(20)]
    assert summary.together([summary.of(block, 1000) for block in blocks]).rank_error == pytest.approx(5e-4, rel=0.06)


def test_a_block_without_values_counts_for_nothing():
    some, none = summary.of(np.array([[1.0, 2.0, 4.0]]), 9), summary.of(np.empty((1, 0)), 9)
    found = summary.together([none, some, none])
    assert (found.count, found.mean[0], found.quantiles([0.5])[0][0, 0]) == (3, 7 / 3, 2.0)


def test_one_value_has_no_standard_deviation():
    assert np.isnan(summary.together([summary.of(np.array([[3.0]]), 9)]).std[0])
