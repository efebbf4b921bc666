"""Reading is held back at the bounds, and goes on below half of them."""

import threading

import pytest

from streams.brake import Brake

PLACES = ["a", "b"]


class Load:
    def __init__(self):
        self.value = 0.0

    def load(self):
        return self.value


class Consumer:
    """Remembers what was asked of it."""

    def __init__(self):
        self.calls = []

    def assignment(self):
        return PLACES

    def pause(self, places):
        self.calls.append("pause")

    def resume(self, places):
        self.calls.append("resume")


@pytest.fixture
def scene(monkeypatch):
    """A brake, what is in flight, a consumer, and the time."""
    now = [100.0]
    monkeypatch.setattr("streams.brake.time.monotonic", lambda: now[0])
    flight, consumer = Load(), Consumer()
    return Brake(flight, threading.Event()), flight, consumer, now


def test_a_short_wait_pauses_nothing(scene):
    brake, flight, consumer, now = scene
    assert (brake.must_wait(consumer), brake.on) == (False, False)
    flight.value = 1.0
    assert (brake.must_wait(consumer), brake.on) == (True, True)
    now[0] += 0.9
    assert brake.must_wait(consumer)
    flight.value = 0.9
    assert (brake.must_wait(consumer), brake.on, consumer.calls) == (False, False, [])


def test_a_long_wait_pauses_all_until_half_is_free(scene):
    """Polling goes on meanwhile, or the group would put the member out."""
    brake, flight, consumer, now = scene
    flight.value = 1.0
    assert brake.must_wait(consumer)
    now[0] += 1.1
    assert (brake.must_wait(consumer), consumer.calls) == (False, ["pause"])
    flight.value = 0.6
    assert (brake.must_wait(consumer), brake.on, consumer.calls) == (False, True, ["pause"])
    flight.value = 0.5
    assert (brake.must_wait(consumer), brake.on, consumer.calls) == (False, False, ["pause", "resume"])


def test_partitions_that_come_are_read_at_once_and_paused_again_where_due(scene):
    brake, flight, consumer, now = scene
    flight.value = 1.0
    brake.must_wait(consumer)
    now[0] += 1.1
    brake.must_wait(consumer)
    brake.release()
    brake.must_wait(consumer)
    assert consumer.calls == ["pause", "resume", "pause"]
