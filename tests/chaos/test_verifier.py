"""The verifier finds what is planted, and nothing where nothing is."""

import json
from dataclasses import replace

import msgspec
import pytest

from chaos.verifier import Record, Sent, verify

_PLACE = "compute.requests"


def _request(name, key=b"k"):
    value = msgspec.json.encode({"id": name, "agent": "linalg", "task": "solve", "inputs": {}})
    return Sent(name, key, value, frozenset({"succeeded"}), order="k")


def _result(name, offset, *, partition=0, worker="w/1", lane="fast", status="succeeded", code=None, x=1.5):
    value = {
        "id": name, "agent": "linalg", "task": "solve", "status": status, "outputs": {"x": [x]},
        "error": None if code is None else {"code": code}, "provenance": {"worker": worker, "lane": lane},
        "labels": {}, "completed_at": f"2026-11-24T10:00:0{offset % 10}Z",
    }  # fmt: skip
    return Record("compute.results", partition, offset, name.encode(), json.dumps(value).encode())


def _letter(value, offset, *, source=0, code="invalid_message", key=b"k"):
    headers = {"error-code": code.encode(), "source-partition": b"0", "source-offset": str(source).encode()}
    return Record("compute.dlq", 0, offset, key, value, headers)


POISON = Sent(None, b"k", b"\xff\xfe", frozenset())
SENT = [_request("a"), _request("b"), _request("c"), POISON]
REQUESTS = [Record(_PLACE, 0, offset, sent.key, sent.value) for offset, sent in enumerate(SENT)]
GOOD = [
    *REQUESTS, _result("a", 0), _result("b", 1), _result("a", 2, worker="w/2"), _result("c", 3),
    _letter(b"\xff\xfe", 0, source=3),
]  # fmt: skip
NO_LAG = {("sci-agents", _PLACE, 0): 0}


def _broken(records, sent=SENT, lag=NO_LAG):
    return {(violation.promise, violation.who) for violation in verify(sent, records, lag).violations}


def test_nothing_is_found_where_all_was_kept():
    """A repeat that differs in provenance and time alone is none, and it is counted."""
    report = verify(SENT, GOOD, NO_LAG)
    assert report.violations == ()
    assert (report.requests, report.results, report.repeats, report.dead) == (4, 4, 1, 1)
    assert report.statuses == {"succeeded": 3}


def _without(name):
    return [record for record in GOOD if record.topic != "compute.results" or record.key != name.encode()]


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        (_without("b"), ("every request is answered", "b")),
        ([*GOOD, _result("a", 9, x=1.25)], ("repeats are identical", "a")),
        ([*GOOD, _result("a", 9, status="expired")], ("repeats are identical", "a")),
        ([*_without("c"), _result("c", 3, status="rejected")], ("its result is what it should be", "c")),
        ([*GOOD, _result("nobody", 9)], ("no result without a request", "nobody")),
        ([*GOOD, _result("a", 9)._replace(key=b"other")], ("a result is keyed by its id", "a")),
        ([*GOOD, Record("compute.results", 1, 7, b"a", b"{")], ("a result is readable", "compute.results/1/7")),
        ([*_without("b"), _result("b", 4)], ("answers of one order follow each other", "c")),
        (GOOD[:-1], ("what cannot be read is kept", repr(b"\xff\xfe"))),
        ([*GOOD[:-1], _letter(b"\xff", 0)], ("what cannot be read is kept", repr(b"\xff\xfe"))),
        ([*GOOD[:-1], _letter(b"\xff\xfe", 0, source=1)], ("a dead letter says where it came from", repr(b"\xff\xfe"))),
        (
            [*GOOD[:-1], _letter(b"\xff\xfe", 0, source=3, key=b"x")],
            ("a dead letter says where it came from", repr(b"\xff\xfe")),
        ),
        ([*GOOD, _letter(SENT[0].value, 1)], ("no dead letter without a reason", "a")),
        ([*GOOD, _letter(SENT[0].value, 1, code="worker_crashed")], ("no dead letter without a reason", "a")),
        (GOOD[1:], ("what was confirmed is there", "a")),
    ],
)  # fmt: skip
def test_a_planted_violation_is_found(planted, found):
    """A loss, a repeat that differs, a wrong status or order, a lost or invented dead letter: each by its name."""
    assert found in _broken(planted)


def test_what_only_lies_in_the_topic_is_to_be_answered_too():
    """The steps of workflows are requests that no client sent."""
    step = _request("workflow/step")
    records = [*GOOD, Record(_PLACE, 0, 9, step.key, step.value)]
    assert _broken(records) == {("every request is answered", "workflow/step")}


def test_a_planted_lag_is_found():
    """A group that is behind by one record is behind."""
    lag = NO_LAG | {("sci-agents-heavy", "compute.heavy", 2): 1}
    assert _broken(GOOD, lag=lag) == {("lag back to 0", "sci-agents-heavy on compute.heavy/2")}


def test_a_result_that_was_not_recorded_is_found():
    """The history lags while its store is away, and then has them all."""
    report = verify(SENT, GOOD, NO_LAG, ["a", "c"])
    assert [(one.promise, one.who) for one in report.violations] == [("every result is recorded", "b")]
    assert verify(SENT, GOOD, NO_LAG, ["a", "b", "c"]).violations == ()


def test_a_result_told_over_http_that_is_none_is_found():
    """One of those in the topic is told, byte by byte."""
    right = next(record.value for record in GOOD if record.topic == "compute.results")
    assert verify(SENT, GOOD, NO_LAG, None, {"a": right}).violations == ()
    found = verify(SENT, GOOD, NO_LAG, None, {"b": right}).violations
    assert [(one.promise, one.who) for one in found] == [("what is told lies in the topic", "b")]


def test_what_came_in_msgpack_is_held_to_the_same():
    """Its result is msgpack; a repeat that differs, and one without a result, are found."""

    def packed(offset, x):
        value = msgspec.msgpack.encode(msgspec.json.decode(_result("p", offset, x=x).value))
        return _result("p", offset)._replace(value=value, headers={"content-type": b"application/msgpack"})

    asked = Record(_PLACE, 0, 9, b"p", msgspec.msgpack.encode({"id": "p", "agent": "linalg"}))
    assert _broken([*GOOD, asked]) == {("every request is answered", "p")}
    assert _broken([*GOOD, asked, packed(4, 1), packed(5, 1)]) == set()
    assert _broken([*GOOD, asked, packed(4, 1), packed(5, 2)]) == {("repeats are identical", "p")}


def test_only_what_is_promised_an_order_is_held_to_it():
    """Other partitions, other orders and the heavy lane may overtake."""
    late = _without("b")
    assert _broken([*late, _result("b", 4, lane="heavy")]) == set()
    assert _broken([*late, _result("b", 0, partition=1)]) == set()
    free = [replace(one, order=None) for one in SENT]
    assert _broken([*late, _result("b", 4)], sent=free) == set()


def test_a_request_that_crashed_its_worker_is_a_result_and_a_dead_letter():
    """Quarantine is an answer: `worker_crashed`, with the original bytes in the dead letters."""
    crashed = [*_without("b"), _result("b", 1, status="failed", code="worker_crashed")]
    assert _broken([*crashed, _letter(SENT[1].value, 1, code="worker_crashed")]) == set()


def test_the_provenance_of_a_workflows_steps_may_differ_too():
    """Each step's result is one of its own: where it was computed is no part of what was computed."""

    def workflow(offset, worker, x):
        step = {"id": "a/s", "outputs": {"x": x}, "provenance": {"worker": worker}, "completed_at": worker}
        value = msgspec.json.decode(_result("a", offset).value) | {
            "agent": "workflow",
            "outputs": {"steps": {"s": step}},
        }
        return _result("a", offset)._replace(value=msgspec.json.encode(value))

    same = [*_without("a"), workflow(0, "w/1", 1), workflow(7, "w/2", 1)]
    assert _broken(same) == set()
    assert _broken([*same, workflow(8, "w/2", 2)]) == {("repeats are identical", "a")}
