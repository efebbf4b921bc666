"""A long computation is stopped by its deadline or by a cancellation, and tells how far it is."""

import msgspec
import numpy as np
import pytest

from agents.outcome import Problem
from streams.cancels import Cancels
from streams.watch import Vigil


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def _vigil(cancels=None, timeout_s=10.0):
    clock, told = Clock(), []
    return Vigil("r-1", timeout_s, Cancels() if cancels is None else cancels, told.append, clock), clock, told


def test_progress_is_told_at_most_four_times_a_second():
    vigil, clock, told = _vigil()
    for step in range(1000):
        clock.now = 100.0 + step / 100
        vigil(step / 1000, "steps")
    assert 38 <= len(told) <= 40
    assert told[-1].fraction == pytest.approx(0.99, abs=0.03)
    assert told[-1].eta_s == pytest.approx(0.1, abs=0.3)


@pytest.mark.parametrize(
    ("fraction", "told_as"), [(np.float64(0.25), 0.25), (np.float64(-1e-17), 0.0), (1.0000001, 1.0)]
)
def test_progress_can_be_encoded_whatever_number_a_task_gives(fraction, told_as):
    vigil, clock, told = _vigil()
    clock.now = 101.0
    vigil(fraction, "steps")
    assert msgspec.json.decode(msgspec.json.encode(told[0]))["fraction"] == told_as


def test_it_stops_after_its_time():
    """In the same words however far it has come: a repeat says what was said."""
    said = set()
    for fraction in (0.5, 0.7):
        vigil, clock, _ = _vigil(timeout_s=2.0)
        clock.now = 102.0
        vigil(fraction, "steps")
        clock.now = 102.1
        with pytest.raises(Problem) as caught:
            vigil(fraction, "steps")
        assert (caught.value.code, caught.value.field) == ("timed_out", "timeout_s")
        said.add(caught.value.message)
    assert said == {"not finished after 2 s"}


def test_it_stops_when_it_is_cancelled():
    cancels = Cancels()
    vigil, _, _ = _vigil(cancels)
    vigil(0.1, "steps")
    cancels.add("r-1")
    with pytest.raises(Problem) as caught:
        vigil(0.2, "steps")
    assert caught.value.code == "cancelled"


def test_the_oldest_cancellations_are_forgotten():
    cancels = Cancels(limit=2)
    for name in "abc":
        cancels.add(name)
    assert [name in cancels for name in "abc"] == [False, True, True]
