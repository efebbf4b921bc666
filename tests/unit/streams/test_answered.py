"""What was answered before a partition was taken over is known, and nothing else is."""

import msgspec
import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.answered import DOUBTFUL, Answered

PLACE = ("compute.requests", 0)


class Record:
    def __init__(self, name, at_ms, headers=()):
        self._value = msgspec.json.encode({"id": name, "agent": "linalg", "task": "solve", "inputs": {}})
        self._at_ms = at_ms
        self._headers = list(headers)

    def value(self):
        return self._value

    def timestamp(self):
        return 1, self._at_ms

    def headers(self):
        return self._headers


class Results:
    """Results that lie there: id → when."""

    def __init__(self, end, answered, failures=0):
        self.end = end
        self.answered = answered
        self.failures = failures
        self.asked = []

    def ends(self, partitions):
        return dict.fromkeys(partitions, self.end)

    def since(self, at_ms):
        self.asked.append(at_ms)
        if len(self.asked) <= self.failures:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        return {name.encode(): at for name, at in self.answered.items() if at >= at_ms}


def _records(*names, first=10, at_ms=1000, headers=()):
    return [(Record(name, at_ms, headers), PLACE, first + number) for number, name in enumerate(names)]


def _answered(results, patience_s=30.0):
    answered = Answered(results, patience_s=patience_s)
    answered.taken_over([PLACE])
    return answered


def test_what_has_a_result_since_it_was_sent_is_answered():
    """One that has none is not, nor one whose result is older: that answered an earlier request of the same id."""
    answered = _answered(Results(13, {"a": 1000, "c": 999}))
    assert answered.among(_records("a", "b", "c")) == [(PLACE, 10)]


def test_what_came_after_the_takeover_is_not_looked_for():
    """Results are read once, and not at all when nothing was left by the last owner."""
    results = Results(11, {"a": 2000, "b": 2000})
    answered = _answered(results)
    assert answered.among(_records("a", "b")) == [(PLACE, 10)]
    assert answered.among(_records("a", first=12)) == []
    assert results.asked == [1000]
    fresh = Results(10, {"a": 2000})
    assert _answered(fresh).among(_records("a")) == []
    assert fresh.asked == []


def test_no_more_is_doubtful_than_a_worker_has_in_flight():
    """A backlog of millions is not held against the results record by record."""
    answered = _answered(Results(1_000_000, {"a": 2000}))
    assert answered.among(_records("a")) == [(PLACE, 10)]
    assert answered.among(_records("a", first=10 + DOUBTFUL)) == []


def test_the_step_of_a_workflow_is_answered_again():
    """Its result may lie there without the journal's word of it, which comes with the answer."""
    answered = _answered(Results(11, {"a": 2000}))
    assert answered.among(_records("a", headers=[("workflow-step", b"w")])) == []


def test_a_broker_that_is_away_is_asked_again():
    """Passing trouble, such as a client's first moments, is no reason to answer twice."""
    results = Results(11, {"a": 2000}, failures=1)
    assert _answered(results).among(_records("a")) == [(PLACE, 10)]
    assert results.asked == [1000, 1000]


def test_a_broker_that_stays_away_means_that_nothing_is_known():
    """At least once: what cannot be looked up is answered again."""
    assert _answered(Results(11, {"a": 2000}, failures=9), patience_s=0.0).among(_records("a")) == []


@pytest.mark.parametrize("value", [None, b"", b"\xff", b"[1]", b'{"id": 5}', b'{"id": ""}'])
def test_what_has_no_id_is_not_looked_for(value):
    """Poison is a dead letter again."""
    ((record, place, offset),) = _records("a")
    record._value = value
    assert _answered(Results(11, {"a": 2000})).among([(record, place, offset)]) == []


def test_where_nothing_was_answered_since_no_record_is_looked_at():
    """A look would fail here: its value cannot be read."""
    records = _records("a", "b")
    records[0][0].value = None
    assert _answered(Results(13, {})).among(records) == []
