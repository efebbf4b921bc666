"""A server that failed is left alone until a probe finds it again."""

import pytest

from streams.cache.breaker import FIRST_S, LONGEST_S, Breaker


def _breaker(jitter: float = 0.0) -> Breaker:
    return Breaker(lambda: jitter)


def test_it_is_open_until_a_probe_succeeds():
    """Before the first probe nothing is asked of the server."""
    breaker = _breaker()
    assert not breaker.closed
    assert breaker.due(0.0)
    breaker.probed(True, 0.0)
    assert breaker.closed
    assert not breaker.due(100.0)


def test_a_failure_opens_it_and_the_probe_waits():
    """After a failure in use a probe is due a quarter of a second later."""
    breaker = _breaker()
    breaker.probed(True, 0.0)
    breaker.trip(10.0)
    assert not breaker.closed
    assert not breaker.due(10.0 + FIRST_S - 0.01)
    assert breaker.due(10.0 + FIRST_S)


def test_pauses_double_up_to_the_longest():
    """Each failed probe doubles the pause, to 15 s at most."""
    breaker, now, pauses = _breaker(), 0.0, []
    for _ in range(10):
        breaker.probed(False, now)
        step = next(step / 4 for step in range(1, 1000) if breaker.due(now + step / 4))
        pauses.append(step)
        now += step
    assert pauses[:4] == [0.5, 1.0, 2.0, 4.0]
    assert pauses[-1] == LONGEST_S


def test_a_second_failure_of_the_same_outage_changes_nothing():
    """Several threads may see the same failure: the pause begins once."""
    breaker = _breaker()
    breaker.probed(True, 0.0)
    breaker.trip(10.0)
    breaker.trip(10.2)
    assert breaker.due(10.0 + FIRST_S)


@pytest.mark.parametrize(("jitter", "pause"), [(0.0, FIRST_S), (1.0, FIRST_S / 2)])
def test_jitter_shortens_a_pause_by_half_at_most(jitter, pause):
    """Workers do not come back together."""
    breaker = _breaker(jitter)
    breaker.probed(True, 0.0)
    breaker.trip(0.0)
    assert not breaker.due(pause - 0.001)
    assert breaker.due(pause)
