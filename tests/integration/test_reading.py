"""What topics hold is read to its end, and read on from there, on both brokers."""

import time

from confluent_kafka import Producer
from containers.kafka import Broker

from sciagents.reading import Reading
from sciagents.tail import read_each
from streams import declare
from streams.emit import Outgoing
from streams.fenced import FencedEmitter

_WITHIN_S = 30.0


def _send(bootstrap: str, topics: list[str], values: list[bytes]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    for topic in topics:
        for value in values:
            producer.produce(topic, value, b"key")
    assert producer.flush(_WITHIN_S) == 0


def test_a_reading_goes_on_where_it_ended(broker: Broker, topic_prefix: str) -> None:
    """Of several topics, each partition in order, nothing twice; one of them is empty."""
    declare.ensure(broker.bootstrap, topic_prefix, embedded=broker.embedded)
    topics = [topic_prefix + name for name in ("ops.incidents", "ops.commands", "ops.silences")]
    found: list[bytes | None] = []
    with Reading(broker.bootstrap) as reading:
        reading.begin(topics)
        for said in ([b"1", b"2", b"3"], [], [b"4"]):
            _send(broker.bootstrap, topics[:2], said)
            reading.catch_up(lambda records: found.extend(record.value() for record in records), _WITHIN_S)
    assert sorted(found) == sorted(2 * [b"1", b"2", b"3", b"4"])
    assert [value for value in found if value in {b"1", b"2", b"3"}][-1] == b"3"


def test_a_topic_that_ends_with_the_mark_of_a_transaction_is_read_to_its_end(kafka: str, topic_prefix: str) -> None:
    """The last offsets of all partitions are no records: those that a writer in transactions leaves."""
    declare.ensure(kafka, topic_prefix)
    topic = topic_prefix + "ops.incidents"
    writer = FencedEmitter(kafka, topic_prefix)
    writer.take()
    begun = time.time()
    for number in range(8):
        writer.send([Outgoing(topic, str(number).encode(), str(number).encode(), [])])
    writer.close()
    whole: list[bytes | None] = []
    read_each(kafka, topic, take=lambda records: whole.extend(one.value() for one in records), timeout_s=_WITHIN_S)
    assert sorted(whole) == [str(number).encode() for number in range(8)]
    for start, count in ((begun - 60.0, 8), (time.time() + 60.0, 0)):
        late: list[object] = []
        read_each(kafka, topic, take=late.extend, timeout_s=_WITHIN_S, start=start)
        assert len(late) == count
