"""What is forwarded arrives as it came."""

import pytest

from streams.admit import Origin
from streams.heavy import forward

ORIGIN = Origin(("t.compute.requests", 3), 41, 1_700_000_000_000, "application/json", [])


class Record:
    """What of `confluent_kafka.Message` is used."""

    def __init__(self, value, key, headers, at=1_800_000_000_000):
        self._value, self._key, self._headers, self._at = value, key, headers, at

    def value(self):
        return self._value

    def key(self):
        return self._key

    def headers(self):
        return self._headers

    def timestamp(self):
        return (1, self._at)


def _through(record, reason="cost", attempt=1):
    sent = forward.forward("t.compute.heavy", record, ORIGIN, "r-1", reason, attempt)
    again = Record(sent.value, sent.key, [(n, v if isinstance(v, bytes) else v.encode()) for n, v in sent.headers])
    return sent, forward.read(again, ("t.compute.heavy", 0), 7)


@pytest.mark.parametrize("key", [None, b"of-mine", b"\xff\x00"])
def test_value_headers_and_key_are_unchanged_and_the_record_is_keyed_by_its_id(key):
    headers = [("x-team", b"fluids"), ("content-type", b"application/json"), ("own", b"\x00")]
    sent, read = _through(Record(b"{}", key, headers))
    assert (sent.topic, sent.key, sent.value) == ("t.compute.heavy", b"r-1", b"{}")
    assert (read.value, read.headers, read.key) == (b"{}", headers, key)


def test_its_queue_time_counts_from_where_it_came_first():
    _, read = _through(Record(b"{}", None, None), "suspect", 2)
    assert read.origin.queued_at_ms == ORIGIN.queued_at_ms
    assert (read.origin.partition, read.origin.offset) == (("t.compute.heavy", 0), 7)
    assert (read.source, read.reason, read.attempt) == (("t.compute.requests", "3", "41"), "suspect", 2)


def test_a_clients_own_lane_headers_are_not_passed_on():
    headers = [("lane-attempt", b"9"), ("lane-source", b"elsewhere/0/0"), ("x-a", b"1")]
    sent, read = _through(Record(b"{}", None, headers))
    assert (read.attempt, read.headers) == (1, [("x-a", b"1")])
    assert [name for name, _ in sent.headers].count("lane-attempt") == 1


@pytest.mark.parametrize(
    "headers",
    [None, [("lane-attempt", b"many"), ("lane-source", b"a/b"), ("lane-queued-ms", b"\xff")], [("lane-attempt", None)]],
)
def test_a_record_that_the_fast_lane_did_not_write_counts_as_sent_here(headers):
    read = forward.read(Record(b"{}", b"k", headers), ("compute.heavy", 1), 5)
    assert (read.attempt, read.source, read.key) == (1, ("compute.heavy", "1", "5"), b"k")
    assert read.origin.queued_at_ms == 1_800_000_000_000
