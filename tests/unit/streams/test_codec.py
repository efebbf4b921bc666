"""Bytes that are a request become one; everything else is refused with a code, a field and a hint."""

import functools
import json

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.outcome import Diagnostics
from streams.codec import (
    JSON,
    MSGPACK,
    Refusal,
    decode_request,
    encode_result,
    encode_together,
    receive,
    receive_together,
)
from streams.contracts import Provenance, Result

GOOD = {"id": "r-1", "agent": "linalg", "task": "solve", "inputs": {"a": [[1]], "b": [1]}}


def _value(**changes):
    return json.dumps({**GOOD, **changes}).encode()


def _refusal(value, content_type=JSON):
    with pytest.raises(Refusal) as caught:
        decode_request(value, content_type)
    return caught.value


DEEP = json.loads("[" * 70 + "]" * 70)


def _nested(levels):
    return b'{"id":"r-1","agent":"ode","task":"ivp","inputs":' + b'{"a":' * levels + b"1" + b"}" * levels + b"}"


def test_a_bare_json_line_is_a_request():
    assert decode_request(_value()).inputs == GOOD["inputs"]


def test_msgpack_is_a_request_too():
    assert decode_request(msgspec.msgpack.encode(GOOD), MSGPACK).id == "r-1"


@pytest.mark.parametrize(
    ("value", "code", "request_id", "field"),
    [
        pytest.param(None, "invalid_message", None, None, id="null"),
        pytest.param(b"", "invalid_message", None, None, id="empty"),
        pytest.param(b"hello", "invalid_message", None, None, id="not JSON"),
        pytest.param(b"[1]", "invalid_message", None, None, id="not an object"),
        pytest.param(_value()[:-9], "invalid_message", None, None, id="cut short"),
        pytest.param(b'{"id":"r-1","agent":"\xc3', "invalid_message", None, None, id="truncated UTF-8"),
        pytest.param(_value(id=7), "invalid_message", None, "id", id="an id that is a number"),
        pytest.param(_value(id=""), "invalid_message", None, "id", id="an empty id"),
        pytest.param(_value(id="x" * 129), "invalid_message", None, "id", id="an id too long"),
        pytest.param(b'{"agent":"a","task":"t","inputs":{}}', "invalid_message", None, "id", id="no id"),
        pytest.param(b'{"id":"r-1","task":"t","inputs":{}}', "invalid_message", "r-1", "agent", id="no agent"),
        pytest.param(_value(inputs=[1]), "invalid_message", "r-1", "inputs", id="inputs of a wrong type"),
        pytest.param(_value(priorty="high"), "invalid_message", "r-1", "priorty", id="an unknown key"),
        pytest.param(_value(priority="urgent"), "invalid_message", "r-1", "priority", id="an unknown priority"),
        pytest.param(_value(timeout_s=0), "invalid_message", "r-1", "timeout_s", id="no time at all"),
        pytest.param(_value(timeout_s=True), "invalid_message", "r-1", "timeout_s", id="a boolean is not a number"),
        pytest.param(_value(inputs={"a": float("nan")}), "invalid_message", "r-1", "inputs", id="bare NaN"),
        pytest.param(_nested(64), "invalid_message", "r-1", "inputs", id="65 levels"),
        pytest.param(_nested(200), "invalid_message", "r-1", "inputs", id="200 levels"),
        pytest.param(_nested(2000), "invalid_message", "r-1", "inputs", id="2,000 levels"),
        pytest.param(_value(options={"o": DEEP}), "invalid_message", "r-1", "options", id="deep options"),
        pytest.param(b"[" * 1_000_000, "invalid_message", None, None, id="a million brackets"),
        pytest.param(_value(inputs={"a": "x" * (9 << 20)}), "too_large", "r-1", None, id="9 MiB"),
        pytest.param(_nested(100_000), "invalid_message", "r-1", "inputs", id="levels without end"),
        pytest.param(_value(labels={"a": "\ud800"}), "invalid_message", "r-1", None, id="half a surrogate pair"),
        pytest.param(b'"\\' * 1_000_000, "invalid_message", None, None, id="a string that never ends"),
        pytest.param(b'"\\' * 1_000_000 + b"[" * 100, "invalid_message", None, None, id="and brackets in it"),
    ],
)
def test_refused(value, code, request_id, field):
    refusal = _refusal(value)
    assert (refusal.problem.code, refusal.id, refusal.problem.field) == (code, request_id, field)
    assert refusal.problem.hint


def test_the_nearest_key_is_named():
    assert "priority" in _refusal(_value(priorty="high")).problem.hint


def test_the_valid_priorities_are_named():
    assert _refusal(_value(priority="urgent")).problem.hint == "high, normal or low"


def test_brackets_inside_strings_are_not_depth():
    assert decode_request(_value(labels={"a": "[" * 100, "b": '\\"[' * 100}))


def test_sixty_three_levels_are_fine():
    assert decode_request(_nested(63))


@pytest.mark.parametrize(
    "a",
    [[{5: 6}], {b"k": 1}, functools.reduce(lambda inner, _: [inner], range(70), [1])],
    ids=["a number", "bytes", "deep"],
)
def test_msgpack_is_refused_where_json_would_be(a):
    """Keys that are no texts, and levels above the limit, are told with their place."""
    value = msgspec.msgpack.encode({"id": "r-1", "agent": "a", "task": "t", "inputs": {"a": a}})
    with pytest.raises(Refusal) as caught:
        decode_request(value, MSGPACK)
    assert (caught.value.problem.code, caught.value.problem.field, caught.value.id) == (
        "invalid_message",
        "inputs",
        "r-1",
    )


@given(st.binary(max_size=200), st.sampled_from([JSON, MSGPACK]))
def test_any_bytes_are_a_request_or_a_refusal(value, content_type):
    try:
        decode_request(value, content_type)
    except Refusal as refusal:
        assert refusal.problem.message


REQUESTS = [
    _value(), _value(id="ü", labels={"k": "v\n"}), _value(timeout_s=3.0, seed=0, options={"method": "lu"}),
    _value(expires_at="2099-01-01T00:00:00Z", priority="high", cache=False), _nested(200),
]  # fmt: skip
NOT_A_LINE = [
    None, b"", b" ", b"hello", b"\xff", b"[1]", b"{}", _value() + b"\n" + _value(),
    json.dumps(GOOD, indent=1).encode(), _value(x=1), _value(id=""), _value(id="i" * 129), _value(id="a\u200b"),
    _value(priority="urgent"), _value(timeout_s=0), _value(seed=-1), _value(expires_at="soon"), b"[" * 100_000,
    _value(options={"o": DEEP}), _value(inputs={"a": float("nan")}), _nested(2000),
]  # fmt: skip


@given(st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=6))
def test_requests_that_are_received_together_are_what_each_is_alone(values):
    assert receive_together(values) == [receive(value) for value in values]


@given(st.lists(st.sampled_from(REQUESTS), max_size=3), st.sampled_from(NOT_A_LINE))
def test_beside_what_is_no_line_with_a_request_nothing_is_received_together(values, odd):
    """Two lines in one value among them, or none in one and two in another."""
    assert receive_together([*values, odd]) is None
    assert receive_together([odd, *values]) is None
    assert receive_together([_value() + b"\n" + _value(), odd]) is None


def _result(outputs):
    return Result(
        id="r-1", agent="a", task="t", status="succeeded", outputs=outputs, error=None, warnings=[],
        diagnostics=Diagnostics(), provenance=Provenance(version="0"), labels={}, completed_at="2026-01-01T00:00:00Z",
    )  # fmt: skip


def test_non_finite_numbers_are_strings_in_json():
    outputs = {"a": float("inf"), "b": np.array([1.0, np.nan]), "c": [{"d": -np.inf}]}
    assert json.loads(encode_result(_result(outputs)))["outputs"] == {
        "a": "Infinity",
        "b": [1.0, "NaN"],
        "c": [{"d": "-Infinity"}],
    }


def test_arrays_above_the_inline_limit_take_the_object_form():
    encoded = json.loads(encode_result(_result({"a": np.arange(4.0)}), inline_limit=3))["outputs"]["a"]
    assert encoded["dtype"] == "<f8"
    assert encoded["shape"] == [4]


@pytest.mark.parametrize(("arrays", "form"), [("list", list), ("base64", dict)])
def test_the_form_can_be_forced(arrays, form):
    assert isinstance(json.loads(encode_result(_result({"a": np.arange(4.0)}), arrays=arrays))["outputs"]["a"], form)


def test_msgpack_carries_arrays_as_binary():
    outputs = msgspec.msgpack.decode(encode_result(_result({"a": np.arange(4.0)}), MSGPACK, inline_limit=3))["outputs"]
    assert np.frombuffer(outputs["a"]["data"], outputs["a"]["dtype"]).tolist() == [0, 1, 2, 3]


OUTPUTS = st.dictionaries(
    st.text(max_size=3),
    st.floats() | st.none() | st.text(max_size=4) | st.lists(st.floats(), max_size=4).map(np.array)
    | st.floats().map(np.float64) | st.just("a\n\u2028b\r null"),
    max_size=4,
)  # fmt: skip


@given(st.lists(OUTPUTS, max_size=5))
def test_results_encoded_together_are_the_bytes_that_they_are_alone(several):
    values = encode_together([_result(outputs) for outputs in several], 2)
    assert values == [encode_result(_result(outputs), inline_limit=2) for outputs in several]


def test_beside_what_no_encoder_takes_nothing_is_encoded_together():
    assert encode_together([_result({"x": 1.0}), _result({"x": object()})]) is None
