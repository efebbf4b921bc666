"""What waits in Kafka, as ops events."""

from sciagents import backlog
from sciagents.backlog import Letters, Queue


def test_lag_is_what_lies_after_what_was_committed():
    """A partition of which nothing was committed waits from its beginning, one that was emptied past it has nothing."""
    queue = Queue(begins={0: 0, 1: 40, 2: 10}, ends={0: 100, 1: 100, 2: 10}, committed={0: 70, 2: 5})
    assert queue.lag == 30 + 60


def test_a_position_past_the_end_is_no_negative_lag():
    """The end may have been asked before the position was committed."""
    assert Queue(begins={0: 0}, ends={0: 7}, committed={0: 9}).lag == 0


def test_two_that_look_at_one_cluster_give_one_series():
    """The event's source and labels are Kafka's, whoever asks."""
    (event,) = backlog.lags({"compute.requests": Queue({0: 0}, {0: 5}, {0: 2})}, 0.0)
    assert (event.name, event.value, event.unit) == ("queue_lag", 3.0, "records")
    assert (event.source, event.labels) == ("kafka", {"topic": "compute.requests"})
    assert event.time == "1970-01-01T00:00:00.000Z"


def test_letters_are_counted_between_two_looks():
    """A new partition counts from its beginning; the first look, and a topic that was made anew, tell nothing."""
    letters = Letters()
    assert letters.rate({0: 100}, 10.0) is None
    assert letters.rate({0: 103, 1: 2}, 12.0) == 2.5
    assert letters.rate({0: 103, 1: 2}, 13.0) == 0.0
    assert letters.rate({0: 103, 1: 2}, 13.0) is None
    assert letters.rate({0: 0, 1: 0}, 14.0) is None
    assert letters.rate({0: 1, 1: 0}, 15.0) == 1.0
