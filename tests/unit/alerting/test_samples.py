"""Columns of samples: what a plain list would say, whatever comes in whatever order."""

import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting import samples
from alerting.samples import Columns, Samples, Tallies

INSTANTS = st.integers(0, 40).map(lambda quarter: quarter / 4)
ADDED = st.tuples(st.just("add"), st.integers(0, 3), INSTANTS, st.sampled_from([0.0, 1.0, 2.5]))
SPANS = st.tuples(st.just("read"), INSTANTS, INSTANTS)
FORGOTTEN = st.tuples(st.just("forget"), INSTANTS)
HISTORIES = st.lists(st.one_of(ADDED, ADDED, ADDED, SPANS, FORGOTTEN), max_size=60)


@settings(max_examples=300)
@given(HISTORIES)
def test_samples_are_those_of_a_sorted_list(history):
    """Windows, the latest of each label set, and counts; a sample that comes twice counts once."""
    made, plain = Samples(), set()
    for what, *values in history:
        match what:
            case "add":
                row, instant, value = values
                made.add(row, instant, value)
                plain.add((instant, row, value))
            case "forget":
                made.forget(values[0])
                plain = {one for one in plain if one[0] >= values[0]}
            case "read":
                after, until = values
                within = sorted(one for one in plain if after < one[0] <= until)
                assert list(zip(*(column.tolist() for column in made.between(after, until)), strict=True)) == [
                    one[1:] for one in within
                ]
                latest = {row: (instant, value) for instant, row, value in within}
                rows, times, found = (column.tolist() for column in made.latest(after, until))
                assert dict(zip(rows, zip(times, found, strict=True), strict=True)) == latest
    assert made.counts(4).tolist() == [sum(row == one[1] for one in plain) for row in range(4)]
    assert len(made) == len(plain)


def test_thinning_keeps_the_last_of_each_label_set():
    """Of what is old one sample a label set stays, so that the latest is known as before."""
    made = Samples()
    for at in range(100):
        made.add(at % 3, float(at), 1.0)
    before = [column.tolist() for column in made.latest(-math.inf, 95.0)]
    made.thin(90.0)
    assert len(made) == 13
    assert [column.tolist() for column in made.latest(-math.inf, 95.0)] == before


def test_more_than_may_wait_are_put_in_their_places():
    """Samples that nobody looks at for long are put in order, and all of them are there."""
    made = Samples()
    many = 150_000
    for at in range(many):
        made.add(at % 7, float(-at), 1.0)
    assert len(made.between(-math.inf, math.inf)[0]) == many


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([0.05] * 300, id="a value repeated is its own mean"),
        pytest.param([1e3, 0.1, -1e3, 0.1], id="large values leave small ones as they are"),
        pytest.param([0.1 * n for n in range(1000)], id="a thousand"),
    ],
)
def test_sums_are_nearly_rounded_once(values):
    """Adding in columns is as exact as `math.fsum` to the last bits, so that thresholds mean what they say."""
    made = samples.sums(np.ones(len(values), np.int64), np.array(values), 1)
    assert made[0] == pytest.approx(math.fsum(values), rel=4e-16, abs=0.0)


RESULT = st.tuples(st.integers(0, 2), INSTANTS, st.sampled_from([math.nan, 0.0, 0.5, 2.0, 1e300]))


@settings(max_examples=200)
@given(st.lists(st.lists(RESULT, max_size=20), max_size=5), INSTANTS, INSTANTS)
def test_tallies_are_those_of_a_plain_count(batches, after, until):
    """Results and run times, by label set and second, however they come."""
    made, plain = Tallies(1.0), defaultdict(list)
    for batch in batches:
        for row, instant, run_s in batch:
            made.add(row, instant, run_s)
            if math.floor(after) < math.floor(instant) <= math.floor(until):
                plain[row].append(run_s)
        rows, results, timed, seconds = made.between(after, until)
        for row in range(3):
            runs = [one for one in plain[row] if not math.isnan(one)]
            assert results[rows == row].sum() == len(plain[row])
            assert timed[rows == row].sum() == len(runs)
            assert seconds[rows == row].sum() == pytest.approx(math.fsum(runs))


def test_columns_shrink_and_grow():
    """What is forgotten gives its room back."""
    made = Columns(np.float64)
    for at in range(1000):
        made.replace(len(made), (np.array([float(at)]),))
        if len(made) > 10:
            made.forget(1)
    assert made.rows()[0].tolist() == [float(at) for at in range(990, 1000)]
    assert len(made._arrays[0]) < 100
