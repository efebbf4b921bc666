"""A transaction whose coordinator cannot be found is aborted once it can be, and tried anew."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.emit import Outgoing
from streams.fenced import FencedEmitter


class RefusedError(KafkaError):
    """What the library says of a commit that has to be aborted; its own such errors cannot be made."""

    def txn_requires_abort(self):
        return True


class Producer:
    """Refuses the first commit, and aborts once it has been asked so many times."""

    def __init__(self, aborts, failure):
        self._aborts = aborts
        self._failure = failure
        self.done = []

    def begin_transaction(self):
        self.done.append("begin")

    def produce(self, *_, **__):
        self.done.append("produce")

    def commit_transaction(self, _):
        self.done.append("commit")
        if self.done.count("commit") == 1:
            raise KafkaException(RefusedError(KafkaError._TIMED_OUT))

    def abort_transaction(self, _):
        self.done.append("abort")
        if self.done.count("abort") < self._aborts:
            raise KafkaException(KafkaError(self._failure))


def emitter(monkeypatch, aborts, failure):
    made = Producer(aborts, failure)
    monkeypatch.setattr("streams.fenced.Producer", lambda *_, **__: made)
    monkeypatch.setattr("streams.fenced._AGAIN_S", 0.0)
    return FencedEmitter("127.0.0.1:1", "writer"), made


@pytest.mark.parametrize("failure", [KafkaError._RESOLVE, KafkaError._TRANSPORT])
def test_an_abort_waits_for_a_coordinator_that_is_gone(monkeypatch, failure):
    """Its host is not known by name while it is away, as in containers; then all is sent."""
    sending, producer = emitter(monkeypatch, 3, failure)
    sending.send([Outgoing("t", b"k", b"v", [])])
    once = ["begin", "produce", "commit"]
    assert producer.done == [*once, "abort", "abort", "abort", *once]


def test_an_abort_that_is_refused_for_another_reason_is_an_error(monkeypatch):
    sending, producer = emitter(monkeypatch, 3, KafkaError._STATE)
    with pytest.raises(KafkaException):
        sending.send([Outgoing("t", b"k", b"v", [])])
    assert producer.done[-1] == "abort"


def test_who_is_to_stop_waits_for_no_abort(monkeypatch):
    sending, _ = emitter(monkeypatch, 3, KafkaError._RESOLVE)
    sending.close()
    with pytest.raises(KafkaException):
        sending.send([Outgoing("t", b"k", b"v", [])])
