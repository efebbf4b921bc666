"""What a recorder tells Kafka of its positions, it tells until that is taken."""

from confluent_kafka import KafkaError, TopicPartition

from streams.store.recorder import Recorder

PLACE = ("compute.results", 0)


class Consumer:
    """Takes commits, and knows where each partition ends."""

    def __init__(self):
        self.commits = []

    def position(self, places):
        return [TopicPartition(place.topic, place.partition, 9) for place in places]

    def get_watermark_offsets(self, place, timeout, cached):
        return 0, 9

    def commit(self, offsets, asynchronous):
        self.commits.append([(place.topic, place.partition, place.offset) for place in offsets])


def _recorder():
    recorder = Recorder(writer=None, bootstrap="127.0.0.1:1")
    recorder._next = {PLACE: 9}
    return recorder, Consumer()


def test_a_position_is_told_once():
    """What Kafka has taken is not told again until it moves."""
    recorder, consumer = _recorder()
    recorder._look(consumer, [PLACE])
    recorder._committed(None, [TopicPartition(*PLACE, 9)])
    recorder._look(consumer, [PLACE])
    assert consumer.commits == [[(*PLACE, 9)]]


def test_a_position_that_was_not_taken_is_told_again():
    """A coordinator that is away costs nobody a view of the lag."""
    recorder, consumer = _recorder()
    recorder._look(consumer, [PLACE])
    recorder._committed(KafkaError(KafkaError._TIMED_OUT), [TopicPartition(*PLACE, 9)])
    recorder._look(consumer, [PLACE])
    assert consumer.commits == [[(*PLACE, 9)]] * 2
