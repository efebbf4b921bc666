"""Statistics by other estimators: each statistic, interval and index; five seeds of each draw raise no alarm."""

import numpy as np
import pytest
from planting import answered, looked

from agents import catalogue

DATA = np.random.default_rng(1).gamma(2, 1, 40).tolist()
ISHIGAMI = catalogue.TASKS["uq", "sensitivity"].example


@pytest.mark.parametrize("method", ["bca", "percentile", "basic"])
@pytest.mark.parametrize("statistic", ["mean", "median", "std", "variance", "quantile", "skewness", "kurtosis"])
def test_intervals_of_each_statistic_are_found_right(statistic, method):
    more = {"quantile": 0.3} if statistic == "quantile" else {}
    for seed in range(5):
        request, result = answered(
            "uq", "confidence", {"data": DATA, "statistic": statistic, "method": method, **more}, seed=seed
        )
        found = looked(request, result, seed)
        assert found
        assert all(one.passed for one in found), [one for one in found if not one.passed]


@pytest.mark.parametrize("more", [{"n_samples": 512, "second_order": True}, {"method": "morris", "n_samples": 200}])
def test_indices_and_effects_of_any_seed_are_found_right(more):
    for seed in range(5):
        found = looked(*answered("uq", "sensitivity", {**ISHIGAMI, **more}, seed=seed), seed)
        assert found
        assert all(one.passed for one in found), [one for one in found if not one.passed]


def test_a_second_order_index_that_is_wrong_is_found():
    request, result = answered("uq", "sensitivity", {**ISHIGAMI, "n_samples": 4096, "second_order": True})
    result["outputs"]["second_order"]["x1"]["x3"] -= 0.4
    wrong = [one.name for one in looked(request, result) if not one.passed]
    assert "second_order.x1.x3" in wrong
