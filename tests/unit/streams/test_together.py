"""The short way of a batch: what it takes is what each would be alone, and what is not plain is left untouched."""

import json
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from agents import catalogue
from agents.outcome import Diagnostics, Outcome, Problem
from streams.admit import PLAIN, Origin, admit, origin_of
from streams.answer import computed
from streams.cancels import Cancels
from streams.codec import DEPTH_LIMIT, encode_result, encode_together
from streams.contracts import Provenance
from streams.limits import USUAL, Limits
from streams.replies import Draft, Letterhead
from streams.together import admit_together
from streams.topics import RESULT_LIMIT, names

NOW = 1_764_000_000.0
PLACE = ("compute.requests", 2)
SYSTEM = {"a": [[3, 1], [1, 2]], "b": [9, 8]}


class Record:
    """What of `confluent_kafka.Message` is used."""

    def __init__(self, value, headers=None):
        self._value = value
        self._headers = headers

    def value(self):
        return self._value

    def headers(self):
        return self._headers

    def timestamp(self):
        return 1, int(NOW * 1000) - 5000


def _request(name, **more):
    return json.dumps({"id": name, "agent": "linalg", "task": "solve", "inputs": SYSTEM, **more}).encode()


def _together(*values, cancels=None, defaults=None, limits=USUAL, headers=None):
    records = [(one, origin_of(one, PLACE, at)) for at, one in enumerate(Record(value, headers) for value in values)]
    jobs, left = admit_together(records, NOW, cancels or Cancels(), 30.0, defaults or {}, limits)
    places = [job.origin.offset for job in jobs] + [origin.offset for _, origin in left]
    assert sorted(places) == list(range(len(values)))
    return {job.request.id: job for job in jobs}


def _alone(value, offset=0):
    origin = Origin(PLACE, offset, int(NOW * 1000) - 5000, *PLAIN)
    return admit(value, origin, NOW, Cancels(), 30.0)


def test_a_job_of_a_batch_is_the_job_that_it_would_be_alone():
    values = [
        _request("a"),
        _request("b", priority="high", labels={"k": "v\n"}, cache=False),
        _request("ü", options={}),
    ]
    for offset, job in enumerate(_together(*values).values()):
        assert msgspec.structs.replace(job, record=None) == _alone(values[offset], offset)


OPTIONAL = ({"options": {"method": "lu"}}, {"timeout_s": 3.0}, {"seed": 0}, {"expires_at": "2099-01-01T00:00:00Z"})
ELSEWHERE = ({"agent": "linalk"}, {"task": "solv"}, {"agent": "integrate", "task": "quad"}, {"inputs": {"a": [[1]]}})


@pytest.mark.parametrize("more", [*OPTIONAL, *ELSEWHERE, {"inputs": {"a": [[1, 2]], "b": [1]}}, {"inputs": []}])
def test_what_asks_for_more_or_for_something_else_is_left_alone_of_its_batch(more):
    """Or with all that ask for the same task, where its inputs are of another form."""
    assert "odd" not in _together(_request("odd", **more), _request("b"))
    if "inputs" not in more:
        assert set(_together(_request("a"), _request("odd", **more), _request("b"))) == {"a", "b"}


DEEP = b"[" * 2 * DEPTH_LIMIT + b"]" * 2 * DEPTH_LIMIT
NOT_A_LINE = (
    None, b"", b" ", b"hello", b"\xff", b"[1]", b"{}", _request("a") + b"\n" + _request("b"),
    json.dumps(json.loads(_request("tall")), indent=1).encode(), _request("x", unknown=1), _request(""),
    _request("i" * 129), _request("a\u200b"), _request("t", priority="urgent"), b"[" * 100_000,
    _request("deep", options={"o": 1}).replace(b"1}", DEEP + b"}"), _request("n").replace(b"[9", b"[NaN"),
)  # fmt: skip


@pytest.mark.parametrize("value", NOT_A_LINE)
def test_beside_what_is_no_line_with_a_request_all_go_one_by_one(value):
    """Two lines in one value among them, or none in one and two in another."""
    assert "a" not in _together(value, value) or value is None
    assert _together(_request("a"), value) == {} or set(_together(_request("a"), value)) == {"a"}


def test_two_lines_in_one_value_are_not_taken_for_the_two_values_that_were_sent():
    assert _together(_request("a") + b"\n" + _request("b"), b"") == {}
    assert _together(_request("a") + b"\n" + _request("b"), b" ") == {}


def test_deep_inputs_are_left():
    value = _request("deep").replace(b"[[3", DEEP + b",[[3")
    assert _together(value, _request("b")) == {}


def test_what_is_cancelled_is_left_with_its_batch():
    cancels = Cancels()
    cancels.add("a")
    assert _together(_request("a"), _request("b"), cancels=cancels) == {}
    assert set(_together(_request("b"), cancels=cancels)) == {"b"}


def test_what_has_waited_too_long_is_left_with_its_batch():
    assert _together(_request("a"), limits=Limits(queue_s=4.0)) == {}
    assert set(_together(_request("a"), limits=Limits(queue_s=6.0))) == {"a"}


def test_a_task_with_defaults_is_left():
    assert _together(_request("a"), defaults={("linalg", "solve"): {"method": "lu"}}) == {}


def test_headers_are_carried_on_and_msgpack_is_left():
    headers = [("Content-Type", b"application/json"), ("x-mine", b"1")]
    job = _together(_request("a"), headers=headers)["a"]
    assert job.origin.headers == [("content-type", "application/json"), ("x-mine", b"1")]
    assert _together(_request("a"), headers=[("content-type", b"application/msgpack")]) == {}


def _outcome(outputs, **more):
    return Outcome(outputs, "k", False, Diagnostics(method="lu"), **more)


def _result(outcome):
    return computed(_alone(_request("a")), outcome, Provenance(version="0"), "2026-01-01T00:00:00Z")


def test_results_encoded_together_are_the_bytes_that_they_are_alone():
    outcomes = [
        _outcome({"x": x, "s": "a\n\u2028b\r"})
        for x in ([1.0, -0.0], np.arange(3.0), np.float64(1e300), np.array([np.nan]), {})
    ]
    values = encode_together([_result(outcome) for outcome in outcomes], 2)
    assert values == [encode_result(_result(outcome), inline_limit=2) for outcome in outcomes]


@pytest.mark.parametrize("x", [float("nan"), [np.inf], None, object()])
def test_what_takes_care_of_its_own_is_not_encoded_together(x):
    assert encode_together([_result(_outcome({"x": x})), _result(_outcome({"x": 1.0}))]) is None


STRANGE = (
    _outcome({"x": float("nan")}), _outcome({"x": object()}), _outcome({"x": "y" * (RESULT_LIMIT + 1)}),
    _outcome(None, problem=Problem("singular", "a is singular")), _outcome({"x": 1.0}, keep={"s-1": b"fitted"}),
)  # fmt: skip


@pytest.mark.parametrize("strange", STRANGE)
def test_beside_a_strange_outcome_the_others_are_answered_as_ever(strange):
    """And the strange one as it is alone: infinite, not to be encoded, too large, a failure, or with an artifact."""
    jobs = list(_together(_request("a"), _request("odd"), _request("b")).values())
    plain, head = _outcome({"x": [1.0]}), Letterhead(version="0", worker="w", topics=names())
    together, alone = Draft(head, 3), [Draft(head, 3) for _ in jobs]
    together.compute(jobs, [plain, strange, plain])
    for job, one, outcome in zip(jobs, alone, [plain, strange, plain], strict=True):
        one.compute([msgspec.structs.replace(job, quick=False)], [outcome])
    expected = [one.written() for one in alone]
    written = together.written()
    assert _told(written.messages) == _told([message for one in expected for message in one.messages])
    assert written.artifacts == [message for one in expected for message in one.artifacts]
    assert sorted(written.offsets) == [(PLACE, 0), (PLACE, 1), (PLACE, 2)]
    assert sum(count for _, count in written.counts) == 3


def _told(messages):
    """Each result but for when it was made."""
    told = {message.key: msgspec.json.decode(message.value) for message in messages}
    for result in told.values():
        del result["completed_at"], result["provenance"]["queued_s"]
    return told


def test_what_a_plan_raises_concerns_its_own_record_alone(monkeypatch):
    task = catalogue.TASKS["linalg", "solve"]

    def plan(system):
        if system.b == [0.0, 0.0]:
            raise ZeroDivisionError
        return task.quick.plan(system)

    other = replace(task, quick=replace(task.quick, plan=plan))
    monkeypatch.setattr(catalogue, "TASKS", {**catalogue.TASKS, ("linalg", "solve"): other})
    odd = _request("odd", inputs={**SYSTEM, "b": [0, 0]})
    assert set(_together(_request("a"), odd, _request("b"))) == {"a", "b"}


def test_a_task_without_a_short_way_is_left(monkeypatch):
    task = replace(catalogue.TASKS["linalg", "solve"], quick=None)
    monkeypatch.setattr(catalogue, "TASKS", {**catalogue.TASKS, ("linalg", "solve"): task})
    assert _together(_request("a")) == {}
