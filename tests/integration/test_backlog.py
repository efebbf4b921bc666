"""What waits in Kafka, asked of a broker on which some of it was read."""

import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from sciagents.backlog import Backlog
from streams import declare
from streams.topics import groups

BEGINNING = {
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.NOT_COORDINATOR,
}  # fmt: skip


def commit(reader, place, within_s=30.0):
    """Commit a position; a coordinator that is only beginning is asked again."""
    until = time.monotonic() + within_s
    while True:
        try:
            reader.commit(offsets=[place], asynchronous=False)
        except KafkaException as error:
            if error.args[0].code() not in BEGINNING or time.monotonic() > until:
                raise
            reader.poll(0.1)
        else:
            return


def test_what_is_behind_and_what_came_is_told(broker, topic_prefix):
    """Each queue's records after what its group has committed, although no member of it runs; the letters a second."""
    declare.ensure(broker.bootstrap, topic_prefix, embedded=broker.embedded)
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    for topic, count in (("compute.requests", 12), ("compute.heavy", 3), ("compute.dlq", 5)):
        for number in range(count):
            producer.produce(topic_prefix + topic, b"{}", partition=number % 2)
    assert producer.flush(30) == 0
    group = groups(topic_prefix, "g")["compute.requests"]
    reader = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": group, "enable.auto.commit": False})
    commit(reader, TopicPartition(f"{topic_prefix}compute.requests", 0, 4))
    reader.close()
    backlog = Backlog(broker.bootstrap, topic_prefix, "g")
    before = backlog.events(100.0)
    lags = {event.labels["topic"]: event.value for event in before}
    assert lags == {"compute.requests": 2 + 6, "compute.heavy": 3, "compute.workflows": 0}
    for _ in range(6):
        producer.produce(f"{topic_prefix}compute.dlq", b"{}")
    assert producer.flush(30) == 0
    (rate,) = (event.value for event in backlog.events(103.0) if event.name == "dlq_rate")
    assert rate == 2.0
    backlog.close()


def test_topics_that_are_not_there_have_nothing_waiting(embedded_kafka, monkeypatch):
    """And a broker that does not answer is no end: the next look may find it."""
    backlog = Backlog(embedded_kafka, "nobody-made-these-", "g")
    assert {event.value for event in backlog.events(0.0)} == {0.0}

    def unanswered(*_):
        raise KafkaException("no answer")

    monkeypatch.setattr("streams.groupless.numbers_of", unanswered)
    assert backlog.events(1.0) == []
    backlog.close()
