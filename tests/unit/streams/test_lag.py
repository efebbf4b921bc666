"""Which partitions have more to read, by librdkafka's own statistics."""

import json

from streams import statistics, telemetry
from streams.flight import Flight
from streams.lag import Lag

A, B = ("lagging", 0), ("lagging", 1)


def _statistics(ends):
    places = {str(number): {"partition": number, "hi_offset": end, "committed_offset": 4} for number, end in ends}
    return statistics.read(json.dumps({"topics": {"lagging": {"partitions": places}}}))


def _gauge(partition):
    return telemetry.LAG.labels(partition[0], str(partition[1]))._value.get()


def test_a_partition_with_more_to_read_waits_and_one_without_does_not():
    """Where nothing has been read yet, it begins where it was committed."""
    now = [100.0]
    flight = Flight(10, 1000, lambda: now[0])
    flight.take([A, B])
    lag = Lag(flight)
    now[0] = 110.0
    lag.look(_statistics([(0, 9), (1, 4)]))
    assert (_gauge(A), _gauge(B)) == (5, 0)
    assert lag.waiting_since(flight.standings()) == 100.0
    assert lag.idle() == {A: 4, B: 4}
    lag.look(_statistics([(0, 4), (1, 4)]))
    assert lag.waiting_since(flight.standings()) is None


def test_what_is_anothers_now_is_told_of_no_more():
    flight = Flight(10, 1000, lambda: 100.0)
    flight.take([A])
    lag = Lag(flight)
    lag.look(_statistics([(0, 9)]))
    lag.forget([A, B])
    assert lag.waiting_since(flight.standings()) is None
    assert lag.idle() == {A: None}
    assert ("lagging", "0") not in telemetry.LAG._metrics
