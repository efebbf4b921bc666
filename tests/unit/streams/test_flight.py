"""What is in flight is counted against the bounds, and a partition's records are answered by its owner alone."""

import pytest

from streams.flight import LARGE, Flight

P, Q = ("t", 0), ("t", 1)


class Record:
    """As long as it says."""

    def __init__(self, size):
        self._size = size

    def __len__(self):
        return self._size


def _records(partition, *offsets, size=10):
    return [(Record(size), partition, offset) for offset in offsets]


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def flight(clock):
    found = Flight(10, 100_000, clock)
    found.take([P, Q])
    return found


def test_it_is_full_by_number_or_by_the_bytes_of_large_ones(flight):
    flight.received(_records(P, *range(5)))
    assert flight.load() == 0.5
    flight.received(_records(Q, 0, 1, size=LARGE + 50_000))
    assert flight.load() > 1.3
    flight.done([(Q, 0), (Q, 1)])
    assert flight.load() == 0.5


def test_what_was_taken_back_is_neither_in_flight_nor_committed(flight):
    """The next owner begins with it."""
    records = _records(P, 3, 4, 5, 6)
    flight.received(records)
    flight.retracted(records[2:])
    assert flight.count([P]) == 2
    flight.done([(P, 4), (P, 3)])
    assert flight.to_commit() == {P: 5}
    flight.received(records[2:])
    assert flight.count() == 2


def test_what_was_taken_back_whole_leaves_the_position_where_it_was(flight):
    records = _records(P, 3, 4)
    flight.received(records)
    flight.retracted(records)
    assert flight.to_commit([P]) == {P: 3}


def test_what_is_dropped_is_another_workers_to_answer(flight):
    assert (flight.owns(P), flight.owns(Q)) == (True, True)
    flight.drop([P])
    assert (flight.owns(P), flight.owns(Q)) == (False, True)


def test_what_finishes_after_its_partition_is_gone_changes_nothing(flight):
    """Not even when the partition has come back meanwhile, and its records are read again."""
    flight.received(_records(P, 3, 4))
    flight.drop([P])
    flight.done([(P, 3)])
    assert flight.to_commit() == {}
    flight.take([P])
    flight.received(_records(P, 3, 4))
    flight.done([(P, 4)])
    assert flight.to_commit() == {P: 3}


def test_what_is_committed_is_not_committed_again(flight):
    flight.received(_records(P, 3))
    flight.done([(P, 3)])
    flight.committed(flight.to_commit().items())
    assert flight.to_commit() == {}


def test_records_that_are_gone_are_passed(flight):
    flight.skipped(P, 100)
    assert (flight.to_commit(), flight.following(P)) == ({P: 100}, 100)


def test_a_partition_stands_still_from_when_it_has_something_to_do(flight, clock):
    """Idle hours do not count; an offset that is done out of turn is no progress."""
    clock.now = 1000.0
    flight.received(_records(P, 0, 1))
    clock.now = 1010.0
    flight.done([(P, 1)])
    assert flight.standings()[P].moved_at == 1000.0
    flight.done([(P, 0)])
    assert flight.standings()[P].moved_at == 1010.0
    clock.now = 1020.0
    flight.idle(P)
    assert flight.standings()[P].moved_at == 1020.0
