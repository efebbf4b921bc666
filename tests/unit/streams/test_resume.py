"""Where to read on follows from the offset wanted and from what the log holds."""

import pytest
from confluent_kafka import KafkaError, TopicPartition

from streams.resume import find, resume


@pytest.mark.parametrize(
    ("wanted", "low", "high", "offset", "lost", "why"),
    [
        (None, 0, 0, 0, 0, "a new group on an empty log"),
        (None, 7, 90, 7, 0, "a new group has lost nothing, whatever was deleted before it"),
        (50, 7, 90, 50, 0, "the offset is there"),
        (7, 7, 90, 7, 0, "the log's first offset is there"),
        (90, 7, 90, 90, 0, "the log's end: nothing more to read now"),
        (50, 60, 90, 60, 10, "retention was quicker than the worker"),
        (50, 90, 90, 90, 40, "retention deleted all there was"),
        (50, 0, 20, 0, 30, "a log that was cut is read whole: what was written anew is not known"),
    ],
)
def test_where_to_read_on(wanted, low, high, offset, lost, why):
    found = resume(wanted, low, high)
    assert (found.offset, found.lost) == (offset, lost), why


class Refusing:
    """A consumer whose coordinator says of a partition alone that it does not know now."""

    def committed(self, places, timeout):
        return [Refused(places[0].topic, places[0].partition)]

    def get_watermark_offsets(self, place, timeout):
        return 3, 90


class Refused(TopicPartition):
    """As librdkafka returns it."""

    @property
    def error(self):
        return KafkaError(KafkaError.UNSTABLE_OFFSET_COMMIT)


def test_a_partition_whose_offset_is_not_told_now_is_not_taken_for_a_new_groups():
    """It would be read from the log's start."""
    assert find(Refusing(), ("requests", 0), None, pytest.fail) is None
