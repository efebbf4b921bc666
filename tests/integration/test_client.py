"""The client before a real worker process, on the embedded broker."""

import contextlib
import json
import subprocess
import sys
import threading
import uuid
from concurrent.futures import CancelledError, wait

import msgspec
import numpy as np
import pytest
from confluent_kafka import Producer

import sciagents
from sciagents.client import ResultFuture
from sciagents.tail import Tail, read_all
from streams.contracts import Progress

_TIMEOUT_S = 60.0
_SYSTEM = {"a": [[3.0, 1.0], [1.0, 2.0]], "b": [9.0, 8.0]}


@contextlib.contextmanager
def worker(bootstrap, prefix, folder):
    """A worker process; it is asked to stop at the end."""
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [
                sys.executable, "-m", "sciagents", "worker", "--kafka", bootstrap, "--topic-prefix", prefix,
                "--dir", str(folder),
            ],
            stdout=log, stderr=log,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.terminate()
            process.wait(_TIMEOUT_S)


@pytest.fixture(scope="module")
def prefix():
    return f"t{uuid.uuid4().hex[:12]}."


@pytest.fixture(scope="module")
def client(embedded_kafka, prefix, tmp_path_factory):
    with (
        worker(embedded_kafka, prefix, tmp_path_factory.mktemp("worker")),
        sciagents.connect(embedded_kafka, topic_prefix=prefix) as connected,
    ):
        yield connected


@pytest.fixture
def alone(embedded_kafka, topic_prefix):
    """A client that no worker answers."""
    with sciagents.connect(embedded_kafka, topic_prefix=topic_prefix) as connected:
        yield connected


@contextlib.contextmanager
def heard(bootstrap, topic):
    """Collect a topic's records; the event is set at the first."""
    records, some = [], threading.Event()

    def take(found):
        records.extend(found)
        some.set()

    with Tail(bootstrap, [topic], take, start="end"):
        yield records, some


def _produce(bootstrap, topic, key, value, headers=()):
    producer = Producer({"bootstrap.servers": bootstrap})
    producer.produce(topic, value, key, headers=list(headers))
    assert producer.flush(_TIMEOUT_S) == 0


def test_a_request_gives_its_result(client):
    result = client.submit("linalg", "solve", _SYSTEM, labels={"team": "fluids"}, seed=7).result(_TIMEOUT_S)
    np.testing.assert_allclose(result.outputs["x"], [2.0, 3.0])
    assert isinstance(result.outputs["x"], np.ndarray)
    assert (result.status, result.labels, result.provenance.seed) == ("succeeded", {"team": "fluids"}, 7)
    assert isinstance(result, sciagents.Result)


@pytest.mark.parametrize("arrays", ["list", "base64", None], ids=["as lists", "as an object", "as the worker likes"])
def test_an_array_goes_in_and_comes_back(client, arrays):
    a = np.random.default_rng(1).standard_normal((60, 60)) + 60 * np.eye(60)
    x = np.arange(60.0)
    options = {} if arrays is None else {"arrays": arrays}
    result = client.submit("linalg", "solve", {"a": a.T, "b": a.T @ x}, options=options).result(_TIMEOUT_S)
    np.testing.assert_allclose(result.outputs["x"], x, atol=1e-10)


def test_a_failure_has_code_field_hint_and_the_whole_result(client):
    future = client.submit("linalg", "solve", {"a": [[1.0, 1.0], [1.0, 1.0]], "b": [1.0, 2.0]})
    with pytest.raises(sciagents.ComputeError) as told:
        future.result(_TIMEOUT_S)
    error = told.value
    assert (error.code, error.field, error.retryable, error.fault) == ("singular", "inputs.a", False, "caller")
    assert "least_squares" in error.hint
    assert (error.result.id, error.result.status) == (future.id, "failed")


@pytest.mark.parametrize(
    ("agent", "inputs", "code", "field"),
    [
        ("linalg", {"a": [[1.0]]}, "invalid_input", "inputs.b"),
        ("linlag", _SYSTEM, "unknown_agent", "agent"),
        ("linalg", {"a": [[float("nan")]], "b": [1.0]}, "invalid_input", "inputs.a[0][0]"),
    ],
    ids=["an input is missing", "an agent that is not there", "not a number"],
)
def test_a_rejection_says_what_is_wrong(client, agent, inputs, code, field):
    error = client.submit(agent, "solve", inputs).exception(_TIMEOUT_S)
    assert (error.code, error.field, error.result.status) == (code, field, "rejected")


def test_a_thousand_requests_come_back_in_order(client):
    many = ({"a": [[float(n)]], "b": [float(n * n)]} for n in range(1, 1001))
    found = [result.outputs["x"].item() for result in client.map("linalg", "solve", many)]
    assert found == pytest.approx(range(1, 1001))


def test_unordered_each_comes_once(client):
    many = [{"a": [[float(n)]], "b": [float(n * n)]} for n in range(1, 1001)]
    found = client.map("linalg", "solve", many, unordered=True, progress=True)
    assert sorted(result.outputs["x"].item() for result in found) == pytest.approx(range(1, 1001))


def test_a_map_goes_on_after_a_failure_when_asked_to(client):
    many = [{"a": [[float(n)]], "b": [1.0]} for n in range(3)]
    kinds = [type(found).__name__ for found in client.map("linalg", "solve", many, return_errors=True)]
    assert kinds == ["ComputeError", "Result", "Result"]


def test_a_map_raises_the_first_failure(client):
    many = [{"a": [[float(n)]], "b": [1.0]} for n in (1, 0, 2)]
    found = client.map("linalg", "solve", many)
    assert next(found).status == "succeeded"
    with pytest.raises(sciagents.ComputeError):
        next(found)


def test_a_map_holds_a_window_of_endless_inputs(client, monkeypatch):
    monkeypatch.setattr("sciagents.client.WINDOW", 10)
    taken = []

    def endless():
        while True:
            taken.append(1)
            yield _SYSTEM

    found = client.map("linalg", "solve", endless())
    for _ in range(5):
        next(found)
    found.close()
    assert len(taken) <= 16


def test_json_is_sent_as_it_is(client):
    value = json.dumps({"id": "as-it-is", "agent": "linalg", "task": "solve", "inputs": _SYSTEM, "timeout": 3})
    error = client.submit_json(value.encode()).exception(_TIMEOUT_S)
    assert (error.code, error.field, error.hint) == ("invalid_message", "timeout", "did you mean 'timeout_s'?")


@pytest.mark.parametrize("value", [b"", b"nope", b'{"agent": "linalg"}', b'{"id": 5}'])
def test_json_that_could_not_be_answered_is_not_sent(alone, value):
    with pytest.raises(sciagents.ComputeError) as told:
        alone.submit_json(value)
    assert told.value.code == "invalid_message"


@pytest.mark.parametrize(
    ("arguments", "inputs", "code", "field"),
    [
        ({"id": ""}, _SYSTEM, "invalid_message", "id"),
        ({"id": "a\nb"}, _SYSTEM, "invalid_message", "id"),
        ({"id": 7}, _SYSTEM, "invalid_message", "id"),
        ({"timeout_s": -1.0}, _SYSTEM, "invalid_message", "timeout_s"),
        ({"priority": "urgent"}, _SYSTEM, "invalid_message", "priority"),
        ({}, [1, 2], "invalid_message", "inputs"),
        ({}, {"a": object()}, "invalid_input", "inputs"),
        ({}, {"a": "\ud800"}, "invalid_input", "inputs"),
        ({}, {"a": np.zeros((1100, 1100))}, "too_large", None),
    ],
    ids=[
        "no id", "an id in two lines", "an id that is a number", "no time", "a priority that is not there",
        "inputs that are no mapping", "an input that is no data", "a text that is no Unicode", "too many bytes",
    ],
)  # fmt: skip
def test_what_cannot_be_sent_is_the_futures_error(alone, arguments, inputs, code, field):
    error = alone.submit("linalg", "solve", inputs, **arguments).exception(timeout=0)
    assert isinstance(error, sciagents.ComputeError)
    assert (error.code, error.result) == (code, None)
    assert field is None or field in error.field


def test_cancelling_tells_the_workers(alone, embedded_kafka, topic_prefix):
    with heard(embedded_kafka, f"{topic_prefix}compute.control") as (records, some):
        future = alone.submit("linalg", "solve", _SYSTEM, id="to-stop")
        assert future.cancel()
        assert some.wait(_TIMEOUT_S)
    assert json.loads(records[0].value()) == {"id": "to-stop", "action": "cancel"}
    assert records[0].key() == b"to-stop"
    assert wait([future], timeout=0).done
    with pytest.raises(CancelledError):
        future.result(0)


def test_a_finished_request_cannot_be_cancelled(client):
    future = client.submit("linalg", "solve", _SYSTEM)
    future.result(_TIMEOUT_S)
    assert not future.cancel()


def test_the_worker_stops_what_somebody_else_cancels(client):
    slow = {
        "equations": {"x": "y", "y": "-x"}, "initial": {"x": 1, "y": 0}, "t_span": [0, 1e7], "n_points": 2,
    }  # fmt: skip
    future = client.submit("ode", "ivp", slow, options={"max_steps": 1_000_000_000, "rtol": 1e-10})
    first = next(client.progress(future))
    assert first.id == future.id
    assert 0 <= first.fraction < 1
    client.cancel(future.id)
    error = future.exception(_TIMEOUT_S)
    assert (error.code, error.result.status) == ("cancelled", "cancelled")


def test_a_cancellation_is_heeded_in_the_fast_lane(client):
    """By a request that comes after it; the two are read from topics of their own, so one of several will do."""
    for number in range(200):
        client.cancel(f"unwanted-{number}")
        error = client.submit("linalg", "solve", _SYSTEM, id=f"unwanted-{number}").exception(_TIMEOUT_S)
        if error is not None:
            break
    assert (error.code, error.result.provenance.lane) == ("cancelled", "fast")


def test_progress_ends_with_the_result(alone, embedded_kafka, topic_prefix):
    future = alone.submit("linalg", "solve", _SYSTEM, id="told")
    updates = alone.progress(future)
    for fraction in (0.25, 0.5):
        told = Progress(id="told", fraction=fraction, stage="factorize", at="2026-11-24T10:00:00Z")
        _produce(embedded_kafka, f"{topic_prefix}compute.progress", "told", msgspec.json.encode(told))
        assert next(updates) == told
    future.cancel()
    assert list(updates) == []
    assert list(alone.progress(future)) == []


def test_a_repeat_and_what_is_no_result_are_dropped(alone, embedded_kafka, topic_prefix):
    topic = f"{topic_prefix}compute.results"
    first, second = (
        alone.submit("linalg", "solve", _SYSTEM, id="one"),
        alone.submit("linalg", "solve", _SYSTEM, id="two"),
    )
    result = {
        "agent": "linalg", "task": "solve", "status": "succeeded", "outputs": {"x": [1, "NaN"]}, "error": None,
        "warnings": [], "diagnostics": {}, "provenance": {"version": "0"}, "labels": {}, "completed_at": "now",
    }  # fmt: skip
    for _ in range(2):
        _produce(embedded_kafka, topic, "one", json.dumps({"id": "one", **result}))
    _produce(embedded_kafka, topic, "nobody", b"\xff")
    _produce(embedded_kafka, topic, "two", b"\xff")
    np.testing.assert_array_equal(first.result(_TIMEOUT_S).outputs["x"], [1.0, np.nan])
    assert "cannot be read" in str(second.exception(_TIMEOUT_S))


def test_a_result_in_msgpack_is_read(alone, embedded_kafka, topic_prefix):
    future = alone.submit("linalg", "solve", _SYSTEM, id="packed")
    result = {
        "id": "packed", "agent": "linalg", "task": "solve", "status": "succeeded", "error": None,
        "outputs": {"x": {"dtype": "<f8", "shape": [1], "data": np.array([2.5]).tobytes()}},
        "warnings": [], "diagnostics": {}, "provenance": {"version": "0"}, "labels": {}, "completed_at": "now",
    }  # fmt: skip
    headers = [("content-type", b"application/msgpack")]
    _produce(embedded_kafka, f"{topic_prefix}compute.results", "packed", msgspec.msgpack.encode(result), headers)
    assert future.result(_TIMEOUT_S).outputs["x"].tolist() == [2.5]


def test_an_id_that_waits_is_not_sent_again(alone):
    alone.submit("linalg", "solve", _SYSTEM, id="same")
    with pytest.raises(sciagents.UsageError, match="waiting already"):
        alone.submit("linalg", "solve", _SYSTEM, id="same")


def test_what_waits_at_the_end_is_told_so(embedded_kafka, topic_prefix):
    with sciagents.connect(embedded_kafka, topic_prefix=topic_prefix) as client:
        future = client.submit("linalg", "solve", _SYSTEM)
        assert isinstance(future, ResultFuture)
    with pytest.raises(sciagents.BrokerError, match="closed before"):
        future.result(0)
    with pytest.raises(sciagents.UsageError, match="closed"):
        client.submit("linalg", "solve", _SYSTEM)


@pytest.mark.parametrize("address", ["localhost", "http://localhost:8000", "https://example.com", "a:b", "a:0", ""])
def test_what_is_no_address_of_kafka_is_refused(address):
    with pytest.raises(sciagents.UsageError, match="HOST:PORT"):
        sciagents.connect(address)


def test_a_broker_that_does_not_answer_is_told_so():
    with pytest.raises(sciagents.BrokerError, match="no Kafka answers"):
        sciagents.connect("127.0.0.1:1", connect_timeout_s=0.5)


def test_defaults_of_the_settings_go_to_requests_that_do_not_say(embedded_kafka, topic_prefix, tmp_path, monkeypatch):
    monkeypatch.setenv("SCI_AGENTS_AGENTS_LINALG_ARRAYS", "base64")
    with (
        worker(embedded_kafka, topic_prefix, tmp_path),
        sciagents.connect(embedded_kafka, topic_prefix=topic_prefix) as client,
    ):
        for name, options in (("unsaid", {}), ("said", {"arrays": "list"})):
            result = client.submit("linalg", "solve", _SYSTEM, id=name, options=options).result(_TIMEOUT_S)
            assert result.outputs["x"].tolist() == pytest.approx([2.0, 3.0])
    kept = read_all(embedded_kafka, f"{topic_prefix}compute.results")
    written = {record.key(): json.loads(record.value())["outputs"]["x"] for record in kept}
    assert set(written[b"unsaid"]) == {"dtype", "shape", "base64"}
    assert written[b"said"] == pytest.approx([2.0, 3.0])
