"""What a member of a group does with what librdkafka tells it, before any broker is asked."""

import pytest
from confluent_kafka import KafkaError, TopicPartition

from streams.membership import Membership, MembershipError
from streams.polling import Poller

A, B = ("requests", 0), ("requests", 1)


class Message:
    """A record of partition 0, or an error."""

    def __init__(self, error=None):
        self._error = error

    def error(self):
        return self._error

    def topic(self):
        return A[0]

    def partition(self):
        return A[1]


class Reading:
    """Remembers what it was told; nothing has come of B."""

    def __init__(self):
        self.told, self.positions, self.again = [], {A: 7}, []

    def take(self, messages):
        self.told.append(("take", len(messages)))

    def unread(self):
        return [B]

    def assigned(self, consumer, partitions):
        self.told.append(("assigned", set(partitions)))

    def give_back(self, consumer, partitions):
        self.told.append(("give back", partitions))

    def let_go(self, partitions):
        self.told.append(("let go", partitions))

    def to_commit(self, partitions, *, again):
        self.again.append(again)
        return self.positions

    def committed(self, positions):
        self.told.append(("committed", dict(positions)))


class Consumer:
    """Takes commits."""

    def __init__(self):
        self.committed = []

    def commit(self, offsets, asynchronous):
        self.committed.append([(place.partition, place.offset) for place in offsets])


class Outbox:
    def __init__(self):
        self.withdrawn = 0

    def unclaimed(self):
        return 0

    def withdraw(self):
        self.withdrawn += 1
        return 0


@pytest.fixture
def reading():
    return Reading()


@pytest.fixture
def outbox():
    return Outbox()


@pytest.fixture
def poller(reading, outbox):
    return Poller(
        reading, "127.0.0.1:1", ["requests"], "group", membership=Membership("classic"), batch_limit=10,
        commit_every_s=1.0, outbox=outbox,
    )  # fmt: skip


def _places(*partitions):
    return [TopicPartition(*partition) for partition in partitions]


def test_records_are_taken_and_errors_are_not(poller, reading):
    """An offset that is not in the log is looked for, of a partition that is this member's."""
    gone = KafkaError(KafkaError._AUTO_OFFSET_RESET)
    poller._receive([Message(), Message(gone)])
    assert (reading.told, list(poller.astray)) == ([("take", 1)], [])
    poller._assigned(None, _places(A))
    poller._receive([Message(gone)])
    assert list(poller.astray) == [A]


def test_where_to_begin_is_asked_again_after_any_other_error(poller, reading):
    """It may have been the coordinator's refusal to say that, and librdkafka asks but once."""
    poller._receive([Message(KafkaError(KafkaError.NOT_COORDINATOR))])
    assert (reading.told, list(poller.astray)) == ([], [B])


def test_an_error_that_ends_the_member_is_raised(poller):
    with pytest.raises(MembershipError):
        poller._receive([Message(KafkaError(KafkaError._FATAL))])


def test_what_goes_is_given_back_and_what_is_lost_is_not(poller, reading, outbox):
    """What is on its way for either is withdrawn."""
    poller._assigned(None, _places(A, B))
    poller.astray.add(A)
    poller._revoked(None, _places(A))
    poller._lost(None, _places(B))
    assert reading.told[1:] == [("give back", {A}), ("let go", {A}), ("let go", {B})]
    assert (outbox.withdrawn, list(poller.astray)) == (2, [])


def test_in_doubt_all_is_committed_again_and_a_commit_that_is_taken_ends_it(poller, reading):
    """A member whose session is over is not taken for one."""
    consumer = Consumer()
    poller._commit(consumer)
    poller.doubt.doubtful = True
    poller._commit(consumer)
    assert (reading.again, consumer.committed) == ([False, True], [[(0, 7)], [(0, 7)]])
    poller._confirmed(KafkaError(KafkaError.UNKNOWN_MEMBER_ID), [])
    assert reading.told == []
    poller._confirmed(None, [TopicPartition(*A, 7)])
    poller.turn()
    assert (reading.told, poller.doubt.doubtful) == ([("committed", {A: 7})], False)
