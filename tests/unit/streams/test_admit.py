"""Admission: a record becomes a job, or the problem that answers it; the short way and the ordinary one agree."""

import json
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import catalogue
from agents.outcome import Problem
from streams.admit import Job, Origin, admit, carried, seed_of
from streams.cancels import Cancels
from streams.codec import JSON, MSGPACK, encode_result, receive
from streams.compute import compute_group

NOW = 1_800_000_000.0
GOOD = {"id": "r-1", "agent": "linalg", "task": "solve", "inputs": {"a": [[3, 1], [1, 2]], "b": [9, 8]}}


def _origin(content_type=JSON):
    return Origin(("compute.requests", 0), 7, int(NOW * 1000), content_type, [])


def _admit(value, cancels=None, content_type=JSON):
    encode = msgspec.msgpack.encode if content_type == MSGPACK else msgspec.json.encode
    return admit(receive(encode(value), content_type), _origin(content_type), NOW, cancels or (), 60.0)


def _watch(fraction, stage):
    pass


def test_a_request_becomes_a_job():
    job = _admit(GOOD)
    assert isinstance(job, Job)
    assert (job.request.id, job.timeout_s, job.seed) == ("r-1", 60.0, None)
    assert job.inputs_hash.startswith("sha256:")


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        pytest.param({"agent": "linag"}, "unknown_agent", "agent", id="no such agent"),
        pytest.param({"task": "slove"}, "unknown_task", "task", id="no such task"),
        pytest.param({"expires_at": "2020-01-01T00:00:00Z"}, "expired", "expires_at", id="too late"),
        pytest.param({"inputs": {"a": [[1]], "c": [1]}}, "invalid_input", "inputs.c", id="an unknown input"),
        pytest.param({"inputs": {"a": [[1]]}}, "invalid_input", "inputs.b", id="a missing input"),
        pytest.param({"options": {"methd": "lu"}}, "invalid_input", "options.methd", id="an unknown option"),
        pytest.param({"inputs": {"a": [[1, 2]], "b": [1]}}, "invalid_input", "inputs.a", id="not square"),
        pytest.param({"inputs": {"a": [[1]], "b": ["1"]}}, "invalid_input", "inputs.b[0]", id="a string for a number"),
        pytest.param({"inputs": {"a": [], "b": []}}, "invalid_input", "inputs.a", id="no rows"),
    ],
)
def test_a_problem_answers_it(changes, code, field):
    problem = _admit({**GOOD, **changes})
    assert isinstance(problem, Problem)
    assert (problem.code, problem.field) == (code, field)


def test_the_nearest_name_is_the_hint():
    assert "linalg" in _admit({**GOOD, "agent": "linag"}).hint


def test_a_cancelled_request_is_not_computed():
    cancels = Cancels()
    cancels.add("r-1")
    assert _admit(GOOD, cancels).code == "cancelled"


def _encoded(job):
    from streams import answer
    from streams.contracts import Provenance

    (outcome,) = compute_group([job], _watch)
    return encode_result(answer.computed(job, outcome, Provenance(version="0"), "2026-01-01T00:00:00Z"))


@pytest.mark.parametrize("n", [1, 2, 5, 16, 17, 40])
def test_the_short_way_gives_the_same_bytes_as_the_ordinary_one(n):
    """With options a request goes the ordinary way; the answer is the same, to the byte."""
    drawn = np.random.default_rng(n)
    inputs = {"a": (drawn.normal(size=(n, n)) + n * np.eye(n)).tolist(), "b": drawn.normal(size=n).tolist()}
    short, ordinary = (_admit({**GOOD, "inputs": inputs, "options": options}) for options in ({}, {"method": "lu"}))
    assert _encoded(short) == _encoded(ordinary)


NUMBERS = st.floats(-1e300, 1e300) | st.integers(-(2**70), 2**70) | st.sampled_from([0, -0.0, 1e-320])
MORE = st.fixed_dictionaries(
    {},
    optional={
        "timeout_s": st.floats(0.1, 3600.0), "seed": st.integers(0, 2**63 - 1), "priority": st.just("high"),
        "labels": st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2), "cache": st.booleans(),
    },
)  # fmt: skip


@given(st.data(), st.integers(1, 4), MORE)
@settings(max_examples=60, deadline=None)
def test_a_task_answers_alike_with_its_short_way_and_without(data, n, more):
    """To the byte, whatever the numbers are, and whatever else is asked that needs no options."""
    row = st.lists(NUMBERS, min_size=n, max_size=n)
    value = {**GOOD, **more, "inputs": {"a": data.draw(st.lists(row, min_size=n, max_size=n)), "b": data.draw(row)}}
    task = catalogue.TASKS["linalg", "solve"]
    with pytest.MonkeyPatch.context() as changed:
        short = _admit(value)
        changed.setattr(catalogue, "TASKS", {("linalg", "solve"): replace(task, quick=None)})
        ordinary = _admit(value)
    if isinstance(ordinary, Problem):  # the short way has no words of its own
        assert (short.code, short.message, short.field) == (ordinary.code, ordinary.message, ordinary.field)
    else:
        assert _encoded(short) == _encoded(ordinary)
        assert (short.timeout_s, short.plain) == (ordinary.timeout_s, ordinary.plain)


@pytest.mark.parametrize(
    ("changes", "plain"),
    [({}, True), ({"seed": 1, "timeout_s": 2.0}, True), ({"options": {"method": "lu"}}, True),
     ({"options": {"arrays": "list"}}, False)],
)  # fmt: skip
def test_an_answer_is_plain_unless_its_form_is_asked_for(changes, plain):
    assert _admit({**GOOD, **changes}).plain is plain
    assert not _admit({**GOOD, **changes}, content_type=MSGPACK).plain


def test_inputs_that_are_no_object_are_the_problem_of_a_request():
    """Its id was read: it is answered with its labels."""
    for content_type in (JSON, MSGPACK):
        problem = _admit({**GOOD, "inputs": [1]}, content_type=content_type)
        assert (problem.code, problem.field) == ("invalid_message", "inputs")


def test_msgpack_gives_the_same_answer_as_json():
    assert _encoded(_admit(GOOD)) == _encoded(_admit(GOOD, content_type=MSGPACK))


def test_a_number_that_is_not_finite_is_refused_in_msgpack_too():
    problem = _admit({**GOOD, "inputs": {"a": [[float("nan")]], "b": [1.0]}}, content_type=MSGPACK)
    assert (problem.code, problem.field) == ("invalid_input", "inputs.a[0][0]")


def test_whitespace_and_the_order_of_keys_do_not_change_the_hash():
    other = {**GOOD, "inputs": {"b": [9.0, 8.0], "a": [[3.0, 1.0], [1.0, 2.0]]}}
    spaced = admit(receive(json.dumps(other, indent=3).encode()), _origin(), NOW, (), 60.0)
    assert spaced.inputs_hash == _admit(GOOD).inputs_hash


def test_the_seed_follows_from_the_id():
    assert seed_of("r-1", None) == seed_of("r-1", None) != seed_of("r-2", None)
    assert seed_of("r-1", 7) == 7
    assert seed_of("r-1", None) < 1 << 53


def test_only_the_contracts_headers_are_carried():
    content_type, headers = carried(
        [("Content-Type", b"application/msgpack; v=1"), ("traceparent", b"t"), ("x-a", b"1"), ("secret", b"s")]
    )
    assert content_type == MSGPACK
    assert headers == [("content-type", MSGPACK), ("traceparent", b"t"), ("x-a", b"1")]
