"""What a conductor makes of the journal's records, before any broker is asked."""

import json

import pytest

from streams.cancels import Cancels
from streams.conductor import Conductor
from streams.ledger import Ledger
from streams.membership import Membership
from streams.replies import Desk
from streams.topics import names

STEPS = [{"id": f"s{i}", "agent": "linalg", "task": "solve", "inputs": {"a": [[2]], "b": [i]}} for i in range(3)]
WORKFLOW = {"id": "w", "agent": "workflow", "task": "run", "inputs": {"steps": STEPS}}


class Keeping:
    """An emitter that keeps what it is to send."""

    def __init__(self):
        self.sent = []

    def send(self, messages, confirmed, partitions=None, claim=None):
        self.sent += messages


class Record:
    """As librdkafka gives it."""

    def __init__(self, offset, key, value, kind, source="requests/0/1"):
        self._offset, self._key, self._value = offset, key, value
        self._headers = [("journal-kind", kind), ("journal-source", source.encode()), ("journal-timeout-s", b"60")]

    def partition(self):
        return 0

    def offset(self):
        return self._offset

    def key(self):
        return self._key

    def value(self):
        return self._value

    def headers(self):
        return self._headers

    def timestamp(self):
        return 1, 4_102_444_800_000  # a conductor's clock may be behind


@pytest.fixture
def emitter():
    return Keeping()


@pytest.fixture
def conductor(emitter):
    desk = Desk(version="0", worker="w", emitter=emitter, done=list, give_up=pytest.fail, topics=names(""))
    return Conductor(desk, Cancels(), "127.0.0.1:1", "group", membership=Membership("classic"))


def _answered(step):
    return json.dumps(
        {"id": f"w/{step}", "agent": "linalg", "task": "solve", "status": "succeeded", "outputs": {"x": [1.0]}}
    ).encode()


def test_what_this_worker_cannot_read_of_the_journal_is_answered(conductor, emitter):
    """Whoever forwarded it could, with limits of its own; its offset waits until the answer is confirmed."""
    ledger = conductor._ledgers[0] = Ledger(0, None)
    conductor.take([Record(5, b"r", b'{"id": "r", "agent": "linalg"', b"start")])
    (answer,) = emitter.sent
    assert (answer.topic, answer.key) == ("compute.results", b"r")
    assert json.loads(answer.value)["error"]["code"] == "invalid_message"
    assert ledger.frontier.position == 5


def test_a_partition_that_is_taken_over_goes_on_where_the_last_owner_was(conductor, emitter):
    """What was sent is not sent again, what is answered is known."""
    conductor._ledgers[0] = Ledger(0, 8)
    records = [
        Record(5, b"w", json.dumps(WORKFLOW).encode(), b"start"),
        Record(6, b"w", b"w/s0\nw/s1", b"sent"),
        Record(7, b"w", _answered("s0"), b"answer"),
    ]
    conductor.take(records[:2])
    assert emitter.sent == []
    conductor.take(records[2:])
    steps = [one.key for one in emitter.sent if one.topic == "compute.requests"]
    assert steps == [b"w/s2"]


def test_the_same_id_again_does_not_wait_for_what_its_last_run_had_sent(conductor, emitter):
    """That one has ended, and some of its answers lie before what is read."""
    conductor._ledgers[0] = Ledger(0, 9)
    conductor.take([
        Record(5, b"w", b"w/s0\nw/s1\nw/s2", b"sent"),
        Record(6, b"w", _answered("s2"), b"answer"),
        Record(7, b"w", json.dumps(WORKFLOW).encode(), b"start", "requests/0/9"),
        Record(8, b"w", b"", b"end"),
    ])  # fmt: skip
    steps = [one.key for one in emitter.sent if one.topic == "compute.requests"]
    assert steps == [b"w/s0", b"w/s1", b"w/s2"]


def test_what_came_before_it_was_known_where_to_begin_is_not_noted(conductor, emitter):
    """It is read again from there."""
    conductor.take([Record(5, b"w", json.dumps(WORKFLOW).encode(), b"start")])
    assert emitter.sent == []


def test_what_goes_wrong_with_one_request_ends_that_one_alone(conductor, emitter, monkeypatch):
    """The journal would bring it to every worker in turn, and each would end."""

    def fail(*_):
        raise ZeroDivisionError

    ledger = conductor._ledgers[0] = Ledger(0, None)
    with monkeypatch.context() as broken:
        broken.setattr("agents.workflow.machine.advance", fail)
        conductor.take([Record(5, b"w", json.dumps(WORKFLOW).encode(), b"start")])
    answer = json.loads(emitter.sent[-1].value)
    assert (emitter.sent[-1].key, answer["status"], answer["error"]["code"]) == (b"w", "failed", "internal")
    assert "ZeroDivisionError" in answer["error"]["message"]
    assert not ledger.running
