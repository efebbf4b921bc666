"""A spread counts what prometheus_client's histogram counts."""

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from streams.spread import Spread

BOUNDS = (0.001, 0.01, 0.1, 1)


def _samples(registry):
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


@pytest.mark.parametrize("count", [1, 7, 1000])
def test_it_shows_what_a_histogram_shows(count):
    """Values on a bound belong to its bucket, in both."""
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    spread = Spread("waited_seconds", "Waited.", "lane", BOUNDS, registry=ours)
    histogram = Histogram("waited_seconds", "Waited.", ["lane"], buckets=BOUNDS, registry=theirs)
    drawn = np.random.default_rng(count).choice([*BOUNDS, 0.0, 0.005, 3.0], count)
    for lane in ("fast", "heavy"):
        spread.observe(lane, drawn.tolist())
        spread.observe(lane, [])
        for value in drawn:
            histogram.labels(lane).observe(value)
    found, wanted = _samples(ours), _samples(theirs)
    assert found.keys() == wanted.keys()
    assert found == pytest.approx(wanted)
