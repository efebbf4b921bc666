"""A worker answers whatever is on `compute.requests`: every request by its id, everything else as a dead letter."""

import json
import subprocess

import msgspec
import numpy as np
import pytest


def _request(request_id="good", **changes):
    whole = {"id": request_id, "agent": "linalg", "task": "solve", "inputs": {"a": [[3, 1], [1, 2]], "b": [9, 8]}}
    return json.dumps({**whole, **changes}).encode()


def _integral(formula):
    return {"agent": "integrate", "task": "quad", "inputs": {"integrand": formula, "variable": "x", "bounds": [0, 1]}}


def test_kcat_publishes_a_bare_line_and_reads_its_result(lane, kcat):
    """A client nobody here wrote: no headers, no key."""
    lane.start_worker()
    publish = [kcat, "-b", lane.bootstrap, "-P", "-t", f"{lane.prefix}compute.requests"]
    subprocess.run(publish, input=_request("by-kcat") + b"\n", check=True, timeout=30)
    lane.answers.one("by-kcat")
    read = [kcat, "-b", lane.bootstrap, "-C", "-t", f"{lane.prefix}compute.results", "-e", "-q", "-f", "%k %s\n"]
    key, _, value = subprocess.run(read, check=True, timeout=30, capture_output=True).stdout.partition(b" ")
    result = json.loads(value)
    assert key == b"by-kcat"
    assert (result["id"], result["status"]) == ("by-kcat", "succeeded")
    assert result["outputs"]["x"] == pytest.approx([2.0, 3.0], abs=1e-14)


DEEP = _request("deep", inputs={"a": 1}).replace(b"1}", b"[" * 200 + b"]" * 200 + b"}")
NINE_MIB = _request("nine-mib", inputs={"a": "x" * (9 << 20)})
BY_ID = {
    "wrong-types": (_request("wrong-types", timeout_s="soon"), "invalid_message", "timeout_s"),
    "wrong-inputs": (_request("wrong-inputs", inputs={"a": [[1, True]], "b": [1]}), "invalid_input", "inputs.a[0][1]"),
    "unknown-agent": (_request("unknown-agent", agent="linag"), "unknown_agent", "agent"),
    "unsafe": (_request("unsafe", **_integral("__import__('os')")), "invalid_formula", "inputs.integrand"),
    "deep": (DEEP, "invalid_message", "inputs"),
    "nan": (_request("nan", inputs={"a": [[float("nan")]], "b": [1]}), "invalid_message", "inputs"),
    "nine-mib": (NINE_MIB, "too_large", None),
    "instant": (_request("instant", expires_at="tomorrow"), "invalid_message", "expires_at"),
    "seed": (_request("seed", seed=-1), "invalid_message", "seed"),
}  # fmt: skip
DEAD = {
    "not JSON": (b"hello", "invalid_message", ""),
    "empty": (b"", "invalid_message", ""),
    "null": (None, "invalid_message", ""),
    "truncated UTF-8": (b'{"id":"r-1","agent":"\xc3', "invalid_message", ""),
    "no id": (b'{"agent":"linalg","task":"solve","inputs":{}}', "invalid_message", "id"),
}


def test_malformed_values_leave_the_worker_running(lane):
    """Each gets its `rejected` result or its dead letter, with code, field and hint; then a good one is answered."""
    worker = lane.start_worker()
    by_id = dict(BY_ID)
    if lane.embedded:
        del by_id["nine-mib"]  # the embedded broker keeps about 5 MB of a partition: it drops the record by itself
    lane.publish(*(value for value, _, _ in (*by_id.values(), *DEAD.values())))
    lane.answers.wait(lambda found: len(found.by_id) == len(by_id) and len(found.dead) == len(DEAD))
    lane.publish(_request())
    lane.answers.one("good")
    for request_id, (_, code, field) in by_id.items():
        (result,) = lane.answers.by_id[request_id]
        error = result["error"]
        assert (result["status"], error["code"], error["field"]) == ("rejected", code, field), request_id
        assert error["message"]
        assert error["hint"]
    letters = {record.value(): dict(record.headers()) for record in lane.answers.dead}
    for name, (value, code, field) in DEAD.items():
        headers = letters[value]
        assert (headers["error-code"].decode(), headers["error-field"].decode()) == (code, field), name
        assert headers["error-message"]
        assert headers["error-hint"]
        assert headers["source-topic"].decode() == f"{lane.prefix}compute.requests"
        assert {"source-partition", "source-offset"} <= headers.keys()
    assert lane.answers.one("good")["status"] == "succeeded"
    assert worker.running


def test_msgpack_in_msgpack_out_with_its_headers(lane):
    """Arrays are binary both ways; trace and CloudEvents headers, and `x-…`, come back with the result."""
    lane.start_worker()
    a, b = np.array([[3.0, 1.0], [1.0, 2.0]]), np.array([9.0, 8.0])
    value = msgspec.msgpack.encode({
        "id": "packed", "agent": "linalg", "task": "solve", "options": {"arrays": "base64"},
        "inputs": {
            "a": {"dtype": "<f8", "shape": [2, 2], "data": a.tobytes()},
            "b": {"dtype": "<f8", "shape": [2], "data": b.tobytes()},
        },
    })  # fmt: skip
    carried = {"traceparent": b"00-1-2-01", "ce_id": b"7", "x-team": b"fluids"}
    lane.publish(value, headers={"content-type": b"application/msgpack", "secret": b"s", **carried})
    x = lane.answers.one("packed")["outputs"]["x"]
    assert np.frombuffer(x["data"], x["dtype"]) == pytest.approx([2.0, 3.0], abs=1e-14)
    headers = dict(lane.answers.records[0].headers())
    assert headers == {"content-type": b"application/msgpack", **carried}


def test_a_cancelled_and_an_expired_request_are_told_so(lane):
    """Neither is computed."""
    lane.publish(_request("expired", expires_at="2020-01-01T00:00:00Z"))
    lane.start_worker()
    assert lane.answers.one("expired")["status"] == "expired"
    lane.publish(b'{"id": "cancelled", "action": "cancel"}', topic="compute.control")
    numbers = iter(range(1_000_000))

    def cancelled(found):
        if found.by_id["cancelled"]:
            return found.by_id["cancelled"][-1]["status"] == "cancelled"
        return False

    # the control topic is read by another consumer: until it has come through, the request is simply answered
    while not cancelled(lane.answers) and next(numbers) < 1000:
        before = len(lane.answers.by_id["cancelled"])
        lane.publish(_request("cancelled"))
        lane.answers.wait(lambda found, before=before: len(found.by_id["cancelled"]) > before)
    assert lane.answers.by_id["cancelled"][-1]["error"]["code"] == "cancelled"


def test_a_stopped_worker_leaves_nothing_to_repeat(lane):
    """SIGTERM: what is in flight is answered, the frontier committed; the next worker repeats none of it."""
    first = lane.start_worker()
    lane.publish(*(_request(f"r-{number}") for number in range(500)))
    lane.answers.wait(lambda found: len(found.by_id) == 500)
    first.stop()
    lane.start_worker()
    lane.publish(_request("last"))
    lane.answers.one("last")
    assert all(len(found) == 1 for found in lane.answers.by_id.values())
