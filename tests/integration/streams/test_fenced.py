"""Transactions on a real broker: one writer at a time, and its readers see whole ones."""

import threading

import pytest
from confluent_kafka import KafkaException

from sciagents.broker import EmbeddedBroker
from sciagents.tail import read_all
from streams import declare
from streams.emit import Outgoing
from streams.fenced import FencedEmitter, FencedError


@pytest.fixture
def written(kafka, topic_prefix):
    """Both keys' values as a reader sees them."""
    declare.ensure(kafka, topic_prefix)
    return lambda: sorted(record.value() for record in read_all(kafka, f"{topic_prefix}ops.incidents"))


def message(prefix, value, key=b"k"):
    return Outgoing(f"{prefix}ops.incidents", key, value, [])


def test_whoever_takes_the_name_shuts_the_last_one_out(kafka, topic_prefix, written):
    """Also one that has sent nothing since: its next transaction is refused, as a whole."""
    old, new = FencedEmitter(kafka, topic_prefix), FencedEmitter(kafka, topic_prefix)
    old.take()
    old.send([message(topic_prefix, b"1"), message(topic_prefix, b"2", b"l")])
    new.take()
    with pytest.raises(FencedError):
        old.send([message(topic_prefix, b"late"), message(topic_prefix, b"late", b"l")])
    with pytest.raises(FencedError):
        old.send([message(topic_prefix, b"later")])
    new.send([message(topic_prefix, b"3")])
    assert written() == [b"1", b"2", b"3"]


def test_a_message_that_is_refused_takes_its_transaction_with_it(kafka, topic_prefix, written):
    """The writer goes on after that: it says so, and its next transaction is taken."""
    writer = FencedEmitter(kafka, topic_prefix)
    writer.take()
    with pytest.raises(KafkaException):
        writer.send([message(topic_prefix, b"beside"), message(topic_prefix, b"x" * 11 * 1024 * 1024)])
    writer.send([message(topic_prefix, b"after")])
    assert written() == [b"after"]


def test_what_the_last_writer_left_open_is_aborted(kafka, topic_prefix, written):
    """A process that dies within a transaction leaves nothing that readers see, or have to wait for."""
    old = FencedEmitter(kafka, topic_prefix)
    old.take()
    old._producer.begin_transaction()
    old._produce(message(topic_prefix, b"half"), 0)
    old._producer.flush()
    new = FencedEmitter(kafka, topic_prefix)
    new.take()
    new.send([message(topic_prefix, b"whole")])
    assert written() == [b"whole"]


def test_a_writer_that_is_closed_waits_for_no_broker():
    """A process has to end while its broker is away; without an end it is waited for."""
    with EmbeddedBroker() as broker:
        writer = FencedEmitter(broker.bootstrap, "w")
        writer.take()
        writer.send([message("", b"taken")])
    failures = []

    def send():
        try:
            writer.send([message("", b"late")])
        except KafkaException as failure:
            failures.append(failure)

    sending = threading.Thread(target=send)
    sending.start()
    writer.close()
    sending.join(60.0)
    assert not sending.is_alive()
    assert failures
