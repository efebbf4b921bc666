"""The plan of a round follows from its seed, and keeps what it says of itself."""

from itertools import combinations

import pytest

from chaos.faults import OF_ALERTING, OF_API, OF_BROKERS, OF_STORES, OF_WORKERS, plan

KINDS = (*OF_WORKERS, *OF_BROKERS, *OF_STORES, *OF_API, *OF_ALERTING)
THERE = {"workers": 3, "brokers": 3, "alerting": 2}


def _plans():
    return [plan(seed, KINDS, THERE, 20.0) for seed in range(200)]


def test_the_same_seed_draws_the_same_plan():
    """So that a round that broke a promise can be run again."""
    assert plan(5, KINDS, THERE, 20.0) == plan(5, KINDS, THERE, 20.0)
    assert len({str(one) for one in _plans()}) == 200


def test_every_kind_comes_and_each_ends_within_its_round():
    """Over many seeds; no round is without a fault."""
    plans = _plans()
    assert {fault.kind for faults in plans for fault in faults} == set(KINDS)
    assert all(plans)
    for fault in (fault for faults in plans for fault in faults):
        assert 0 <= fault.at_s < fault.until_s <= 24.0
        assert 0 <= fault.target < 3


@pytest.mark.parametrize("of", ["brokers", "worker", "redis", "alerting"])
def test_one_victim_suffers_one_fault_at_a_time(of):
    """Of three brokers one is away at a time; with two away nothing can be written."""
    for faults in _plans():
        for one, other in combinations([fault for fault in faults if fault.victim[0] == of], 2):
            if one.victim == other.victim:
                assert one.until_s <= other.at_s
