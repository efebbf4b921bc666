"""A worker is dead when a restart may help it, and only then."""

import pytest

from streams.liveness import Pulse, judge

NOW, PATIENCE = 1000.0, 60.0


def _pulse(started=True, brokers_up=1, looked_at=NOW, waiting_since=None, unread_since=None):
    return Pulse(started, brokers_up, looked_at, waiting_since, unread_since)


@pytest.mark.parametrize(
    ("pulse", "busy_until", "loop_at", "wanted", "why"),
    [
        (_pulse(), None, NOW, "healthy", "nothing to do, for however long"),
        (_pulse(waiting_since=NOW - 5), None, NOW, "healthy", "what came lately is on its way"),
        (_pulse(waiting_since=NOW - 60), None, NOW, "healthy", "patience is not over yet"),
        (_pulse(waiting_since=NOW - 61), None, NOW, "unhealthy", "stuck: lag, and no offset moves"),
        (_pulse(waiting_since=NOW - 900), NOW + 1, NOW, "healthy", "slow: a long job has time left"),
        (_pulse(waiting_since=NOW - 900), NOW - 1, NOW, "unhealthy", "its time is over, and it still runs"),
        (_pulse(waiting_since=NOW - 900, brokers_up=0), None, NOW, "degraded", "the broker is away: nothing can move"),
        (_pulse(brokers_up=0), None, NOW, "degraded", "the broker is away, and nothing waits"),
        (_pulse(unread_since=NOW - 60), None, NOW, "healthy", "a partition may change hands for a while"),
        (_pulse(unread_since=NOW - 61), NOW + 9, NOW, "unhealthy", "nobody reads a partition, whatever else runs"),
        (_pulse(unread_since=NOW - 61, brokers_up=0), None, NOW, "degraded", "nobody can, without a broker"),
        (_pulse(brokers_up=None), None, NOW, "degraded", "no broker has answered yet"),
        (_pulse(started=False), None, NOW, "degraded", "it is starting"),
        (_pulse(looked_at=NOW - 61), None, NOW, "unhealthy", "the reading thread hangs"),
        (_pulse(looked_at=NOW - 61, brokers_up=0), None, NOW, "unhealthy", "it hangs, whatever the broker does"),
        (_pulse(), None, NOW - 61, "unhealthy", "the event loop hangs"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_a_verdict_follows_from_what_is_known(pulse, busy_until, loop_at, wanted, why):
    found = judge([pulse], NOW, PATIENCE, busy_until=busy_until, loop_at=loop_at)
    assert found.status == wanted, f"{why}: {found.reason}"


def test_one_lane_that_is_stuck_makes_the_whole_worker_so():
    found = judge([_pulse(), _pulse(waiting_since=NOW - 100)], NOW, PATIENCE, loop_at=NOW)
    assert not found.live
    assert "100 s" in found.reason
