"""What the emitter says of messages that it sends together, on both brokers."""

import queue

import pytest
from confluent_kafka import KafkaException

from sciagents.tail import read_all
from streams import declare
from streams.emit import Claim, Emitter, Outgoing
from streams.topics import DLQ_MESSAGE_LIMIT, names

PLAIN, WITH_HEADERS = [], [("content-type", "application/json")]


@pytest.fixture
def topic(broker, topic_prefix):
    declare.ensure(broker.bootstrap, topic_prefix, embedded=broker.embedded)
    return names(topic_prefix)["compute.results"]


@pytest.fixture
def emitter(broker):
    emitter = Emitter(broker.bootstrap)
    yield emitter
    emitter.close(5.0)


def outcome(emitter, messages, **where):
    """Send, and wait for the one word that is said of all of it."""
    told = queue.SimpleQueue()
    emitter.send(messages, told.put, **where)
    return told.get(timeout=60)


@pytest.mark.parametrize("headers", [PLAIN, WITH_HEADERS])
def test_all_of_a_batch_arrives_in_its_order(broker, topic, emitter, headers):
    """With headers or without, messages of one key lie as they were sent."""
    wanted = [b"%d" % index for index in range(1_000)]
    assert outcome(emitter, [Outgoing(topic, b"k", value, headers) for value in wanted]) is None
    assert [record.value() for record in read_all(broker.bootstrap, topic, timeout_s=60)] == wanted


@pytest.mark.parametrize("headers", [PLAIN, WITH_HEADERS])
def test_one_that_is_refused_is_told_and_its_neighbours_arrive(broker, topic, emitter, headers):
    """A message that is too large for its topic fails the batch that it was of, and no other message of it."""
    values = [b"before", b"x" * (DLQ_MESSAGE_LIMIT + 1), b"after"]
    failure = outcome(emitter, [Outgoing(topic, b"k", value, headers) for value in values])
    assert isinstance(failure, KafkaException)
    found = [record.value() for record in read_all(broker.bootstrap, topic, timeout_s=60)]
    assert found == [b"before", b"after"]


def test_reports_are_taken_by_whoever_serves_them(topic, emitter):
    """A busy thread takes the reports itself; the emitter's own takes those that it leaves."""
    told = queue.SimpleQueue()
    for _ in range(100):
        emitter.send([Outgoing(topic, b"k", b"v", PLAIN)] * 10, told.put)
        emitter.serve()
    assert [told.get(timeout=60) for _ in range(100)] == [None] * 100


def test_what_nobody_may_send_any_more_is_taken_back(topic):
    """Answers under a claim that is lost before they are out never come; what else waited comes, in its order."""
    away = Emitter("127.0.0.1:1")  # nothing gets out
    held = {"lost": True, "kept": True}
    told, sent_anew = queue.SimpleQueue(), []

    def claim(name):
        return Claim(lambda: held[name], lambda: sent_anew.append(name))

    away.send([Outgoing(topic, b"k", b"1", PLAIN)] * 3, told.put, claim=claim("lost"))
    away.send([Outgoing(topic, b"k", b"2", PLAIN)], told.put, claim=claim("kept"))
    away.send([Outgoing(topic, b"k", b"3", WITH_HEADERS)], told.put)
    assert (away.unclaimed(), away.withdraw()) == (0, 0)
    held["lost"] = False
    assert (away.unclaimed(), away.withdraw()) == (1, 1)
    assert sent_anew == ["lost", "kept"]  # whoever claims them decides what of it still goes out
    assert told.empty()
    away.close(0.0)


def test_the_rest_goes_out_in_its_order_when_something_is_taken_back(broker, topic, emitter):
    """Whatever was on its way to the broker meanwhile, each comes at least once, the first of each in order."""
    held, told = [True], queue.SimpleQueue()
    values = [b"%d" % number for number in range(200)]
    for value in values:
        emitter.send([Outgoing(topic, b"k", value, PLAIN)], told.put)
    emitter.send([Outgoing(topic, b"k", b"never", PLAIN)], told.put, claim=Claim(lambda: held[0], lambda: None))
    held[0] = False
    emitter.withdraw()
    for _ in values:
        assert told.get(timeout=60) is None
    found = [record.value() for record in read_all(broker.bootstrap, topic, timeout_s=60)]
    assert [value for value in dict.fromkeys(found) if value != b"never"] == values
