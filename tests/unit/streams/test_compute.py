"""The compute stage: every record of a batch is answered, and is done only once its answer is confirmed."""

import json
import threading
import time
from dataclasses import replace

import msgspec
import pytest

from agents import catalogue
from agents.alone import Alone
from agents.outcome import Outcome
from streams import compute as stage
from streams.cancels import Cancels
from streams.compute import Compute
from streams.note import Note
from streams.replies import Desk
from streams.topics import names

PARTITION = ("compute.requests", 3)


class Record:
    """What of `confluent_kafka.Message` the stage uses."""

    def __init__(self, value):
        self._value = value

    def value(self):
        return self._value

    def key(self):
        return b"key"

    def headers(self):
        return [("x-of-mine", b"1")]

    def timestamp(self):
        return (1, 1_700_000_000_000)


class Confirming:
    """An emitter whose broker confirms when it is told to."""

    def __init__(self):
        self.sent = []
        self.waiting = []
        self.changed = threading.Condition()

    def send(self, messages, confirmed, claim=None):
        with self.changed:
            self.sent += messages
            self.waiting.append(confirmed)
            self.changed.notify_all()

    def serve(self):
        """Nothing is confirmed by itself."""

    def confirm(self, failure=None):
        while self.waiting:
            self.waiting.pop(0)(failure)


class Stage:
    """A compute stage with what it wrote and what it marked done."""

    def __init__(self, *, shelf=None, note=None, suspects=(), max_batch=256, **changes):
        self.emitter, self.done, self.given_up = Confirming(), [], []
        desk = Desk(
            version="0", worker="w", emitter=self.emitter, done=self.done.extend, give_up=self.given_up.append,
            topics=names(), **changes,
        )  # fmt: skip
        self.cancels = Cancels()
        self.compute = Compute(desk, self.cancels, shelf=shelf, note=note, suspects=suspects, max_batch=max_batch)

    def take(self, *values, wait=True):
        """Process a batch; every one of its records is answered, sooner or later."""
        records = [(Record(value), PARTITION, offset) for offset, value in enumerate(values)]
        self.compute.submit(stage.RecordBatch(records))
        with self.emitter.changed:
            assert not wait or self.emitter.changed.wait_for(lambda: len(self.emitter.sent) >= len(values), 30)

    def results(self, count):
        with self.emitter.changed:
            found = lambda: [m for m in self.emitter.sent if m.topic == "compute.results"]  # noqa: E731 - read twice
            assert self.emitter.changed.wait_for(lambda: len(found()) >= count, 30)
            return {message.key.decode(): msgspec.json.decode(message.value) for message in found()}


def _solve(request_id, a=((3, 1), (1, 2)), b=(9, 8), **more):
    whole = {"id": request_id, "agent": "linalg", "task": "solve", "inputs": {"a": a, "b": b}, **more}
    return json.dumps(whole).encode()


ODD = (
    b"hello", b"", _solve("singular", a=((1, 1), (1, 1))), _solve("timed", timeout_s=3.0, seed=5),
    _solve("asked", options={"method": "lu", "arrays": "base64"}), _solve("late", expires_at="2020-01-01T00:00:00Z"),
    _solve("odd", unknown=1), _solve("deep", b=[json.loads("[" * 70 + "]" * 70)]), _solve("string", b=("9", 8)),
    _solve("none", task="slove"), _solve("lines") + b"\n" + _solve("more"), _solve("list").replace(b'{"a"', b'[{"a"'),
    json.dumps(json.loads(_solve("tall")), indent=1).encode(),
)  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
def test_beside_whatever_comes_the_records_of_a_batch_are_answered_as_alone(odd):
    """To the byte but for what says when and with how many; and so is the odd one."""
    together, alone = Stage(), Stage()
    batch = (_solve("a"), odd, _solve("b"))
    together.take(*batch)
    for value in batch:
        before = len(alone.emitter.sent)
        alone.take(value, wait=False)
        with alone.emitter.changed:
            assert alone.emitter.changed.wait_for(lambda: len(alone.emitter.sent) > before, 30)  # noqa: B023 - at once
    assert _told(together) == _told(alone)


def _told(one):
    """What was sent by topic and key, but for what says when and with how many."""
    told = {(message.topic, message.key): message.value for message in one.emitter.sent}
    for (topic, _), value in list(told.items()):
        if topic == "compute.results":
            result = msgspec.json.decode(value)
            for name in ("queued_s", "run_s", "batch"):
                del result["provenance"][name]
            told[topic, result["id"]] = {**result, "completed_at": ""}
    return {
        place: value for place, value in told.items() if not isinstance(value, bytes) or place[0] != "compute.results"
    }


def test_offsets_are_done_once_confirmed_and_not_before():
    one = Stage()
    one.take(_solve("a"), _solve("b"), b"hello")
    assert one.done == []
    one.emitter.confirm()
    assert sorted(one.done) == [(PARTITION, offset) for offset in range(3)]


def test_a_reply_that_cannot_be_delivered_ends_the_process_and_commits_nothing():
    one = Stage()
    one.take(_solve("a"))
    one.emitter.confirm(RuntimeError("refused"))
    assert one.done == []
    assert [str(failure) for failure in one.given_up] == ["refused"]


def test_neighbours_of_a_singular_system_are_solved():
    one = Stage()
    one.take(_solve("good"), _solve("singular", a=((1, 1), (1, 1))), _solve("other", a=((2, 0), (0, 2))))
    results = one.results(3)
    assert {name: result["status"] for name, result in results.items()} == {
        "good": "succeeded", "singular": "failed", "other": "succeeded",
    }  # fmt: skip
    assert results["singular"]["error"]["code"] == "singular"
    assert results["other"]["outputs"]["x"] == [4.5, 4.0]


def test_a_dead_letter_keeps_bytes_key_and_headers():
    one = Stage()
    one.take(b"\xff\x00")
    (letter,) = one.emitter.sent
    headers = dict(letter.headers)
    assert (letter.topic, letter.key, letter.value) == ("compute.dlq", b"key", b"\xff\x00")
    assert headers["x-of-mine"] == b"1"
    assert (headers["source-partition"], headers["source-offset"]) == ("3", "0")


def _task(monkeypatch, compute, cost=1.0):
    """Put a task of the test in the place of `linalg.solve`."""
    plain = catalogue.TASKS["linalg", "solve"]

    def prepare(inputs, options, seed):
        return msgspec.defstruct("Plan", [("group", str, ""), ("cost", float, cost)])()

    changed = {**catalogue.TASKS, ("linalg", "solve"): replace(plain, prepare=prepare, compute=compute, quick=None)}
    monkeypatch.setattr(catalogue, "TASKS", changed)


def test_what_a_task_raises_against_its_promise_is_an_internal_failure(monkeypatch):
    def compute(plans, watch):
        raise ZeroDivisionError

    _task(monkeypatch, compute)
    one = Stage()
    one.take(_solve("a"), _solve("b"))
    assert {result["error"]["code"] for result in one.results(2).values()} == {"internal"}
    assert one.given_up == []


def test_an_outcome_that_cannot_be_encoded_is_an_internal_failure(monkeypatch):
    _task(monkeypatch, lambda plans, watch: [Outcome({"x": object()}, "k", compiled=False) for _ in plans])
    one = Stage()
    one.take(_solve("a"))
    assert one.results(1)["a"]["error"]["code"] == "internal"


def test_a_result_above_the_limit_says_so(monkeypatch):
    _task(monkeypatch, lambda plans, watch: [Outcome({"x": "y" * 11_000_000}, "k", compiled=False) for _ in plans])
    one = Stage()
    one.take(_solve("a"))
    result = one.results(1)["a"]
    assert (result["status"], result["error"]["code"], result["outputs"]) == ("failed", "too_large", None)


def test_a_group_that_outlasts_its_slice_is_forwarded_to_the_heavy_lane(monkeypatch):
    """Each of its requests as it came, keyed by its id; done once it lies there."""

    def compute(plans, watch):
        raise stage.Demoted

    _task(monkeypatch, compute)
    one = Stage()
    one.take(_solve("a"), _solve("b"))
    assert [(m.topic, m.key, m.value) for m in one.emitter.sent] == [
        ("compute.heavy", b"a", _solve("a")), ("compute.heavy", b"b", _solve("b")),
    ]  # fmt: skip
    assert {dict(message.headers)["lane-reason"] for message in one.emitter.sent} == {"slice"}
    assert dict(one.emitter.sent[0].headers)["x-of-mine"] == b"1"
    assert one.done == []
    one.emitter.confirm()
    assert sorted(one.done) == [(PARTITION, 0), (PARTITION, 1)]


def test_a_costly_request_is_forwarded_and_not_computed(monkeypatch):
    begun = []
    _task(monkeypatch, lambda plans, watch: begun.append(1), cost=1e12)
    one = Stage()
    one.take(_solve("a"))
    (message,) = one.emitter.sent
    assert (message.topic, dict(message.headers)["lane-reason"]) == ("compute.heavy", "cost")
    assert begun == []


def test_a_request_whose_time_is_shorter_than_a_slice_is_not_let_run_longer(monkeypatch):
    """It goes where it is timed by itself."""

    def compute(plans, watch):
        deadline = time.monotonic() + 0.02
        while time.monotonic() < deadline:
            watch(0.5, "waiting")
        return [Outcome({}, "k", compiled=False) for _ in plans]

    _task(monkeypatch, compute)
    one = Stage()
    one.take(_solve("a", timeout_s=0.001))
    assert one.emitter.sent[0].topic == "compute.heavy"


def test_a_request_cancelled_before_it_is_admitted_is_not_computed(monkeypatch):
    begun = []
    _task(monkeypatch, lambda plans, watch: begun.append(1))
    one = Stage()
    one.cancels.add("a")
    one.take(_solve("a"))
    assert one.results(1)["a"]["status"] == "cancelled"
    assert begun == []


def _workflow(request_id):
    step = {"id": "s", "agent": "linalg", "task": "solve", "inputs": {"a": [[1]], "b": [1]}}
    return json.dumps({"id": request_id, "agent": "workflow", "task": "run", "inputs": {"steps": [step]}}).encode()


def test_a_workflow_is_put_in_the_journal_and_done_once_it_is_there():
    one = Stage()
    one.take(_workflow("w"))
    (message,) = one.emitter.sent
    assert (message.topic, message.key, message.value) == ("compute.workflows", b"w", _workflow("w"))
    assert one.done == []
    one.emitter.confirm()
    assert one.done == [(PARTITION, 0)]


def test_the_result_of_a_step_is_written_in_the_journal_too():
    """By the header that its request has; the two messages are confirmed together."""
    one = Stage()
    record = Record(_solve("w/a"))
    record.headers = lambda: [("workflow-step", b"w")]
    one.compute.submit(stage.RecordBatch([(record, PARTITION, 0)]))
    one.results(1)
    answered, told = one.emitter.sent
    assert (answered.topic, told.topic, told.key) == ("compute.results", "compute.workflows", b"w")
    assert told.value == answered.value
    assert len(one.emitter.waiting) == 1


def test_what_a_result_refers_to_is_confirmed_before_the_result_is_sent(monkeypatch):
    outcome = Outcome({"surrogate_id": "s-1"}, "k", compiled=False, keep={"s-1": b"fitted"})
    _task(monkeypatch, lambda plans, watch: [outcome for _ in plans])
    one = Stage()
    one.take(_solve("a"))
    (kept,) = one.emitter.sent
    assert (kept.topic, kept.key, kept.value) == ("compute.artifacts", b"s-1", b"fitted")
    one.emitter.waiting.pop(0)(None)
    assert one.results(1)["a"]["outputs"] == {"surrogate_id": "s-1"}
    assert one.done == []
    one.emitter.confirm()
    assert one.done == [(PARTITION, 0)]


def test_what_is_too_large_to_be_kept_is_a_failure(monkeypatch):
    outcome = Outcome({"surrogate_id": "s-1"}, "k", compiled=False, keep={"s-1": bytes(11_000_000)})
    _task(monkeypatch, lambda plans, watch: [outcome for _ in plans])
    one = Stage()
    one.take(_solve("a"))
    assert one.results(1)["a"]["error"]["code"] == "too_large"


def test_a_plan_that_needs_artifacts_is_forwarded(monkeypatch):
    def prepare(inputs, options, seed):
        return Alone("k", lambda watch, kept: None, 1.0, needs=("s-1",))

    plain = catalogue.TASKS["linalg", "solve"]
    changed = {**catalogue.TASKS, ("linalg", "solve"): replace(plain, prepare=prepare, quick=None)}
    monkeypatch.setattr(catalogue, "TASKS", changed)
    one = Stage()
    one.take(_solve("a"))
    (message,) = one.emitter.sent
    assert (message.topic, dict(message.headers)["lane-reason"]) == ("compute.heavy", "artifacts")


def test_a_suspect_is_forwarded_and_not_looked_at():
    """Whatever it is; its neighbours are computed."""
    one = Stage(suspects={(3, 1)})
    one.take(_solve("a"), _solve("suspect"), _solve("b"))
    assert set(one.results(2)) == {"a", "b"}
    (message,) = [message for message in one.emitter.sent if message.topic == "compute.heavy"]
    headers = dict(message.headers)
    assert (message.key, headers["lane-reason"], headers["lane-attempt"]) == (b"suspect", "suspect", "2")


def test_what_is_in_the_native_call_is_noted(monkeypatch):
    """First the whole batch, then what of it is in the call; nothing once it is done."""
    note, seen = Note(), []

    def compute(plans, watch):
        seen.append(note.read())
        return [Outcome({}, "k", compiled=False) for _ in plans]

    _task(monkeypatch, compute)
    one = Stage(note=note)
    one.take(_solve("a"), b"hello", _solve("b"))
    assert seen == [{(3, 0), (3, 2)}]
    one.compute.close()
    one.compute._fast.join(30)
    assert note.read() == frozenset()


def test_a_request_cancelled_while_it_waits_for_its_native_call_is_not_computed(monkeypatch):
    """Its neighbour in the group before cancels it, so to speak: groups of one, one after the other."""
    one, begun = Stage(max_batch=1), []

    def compute(plans, watch):
        begun.append(len(plans))
        one.cancels.add("b")
        return [Outcome({}, "k", compiled=False) for _ in plans]

    _task(monkeypatch, compute)
    one.take(_solve("a"), _solve("b"))
    assert one.results(2)["b"]["status"] == "cancelled"
    assert begun == [1]


def test_of_one_batch_high_priority_is_computed_first(monkeypatch):
    one = Stage()
    plain = catalogue.TASKS["linalg", "solve"]
    monkeypatch.setattr(catalogue, "TASKS", {**catalogue.TASKS, ("linalg", "solve"): replace(plain, quick=None)})
    one.take(_solve("low", priority="low"), _solve("normal"), _solve("high", priority="high"))
    order = [message.key.decode() for message in one.emitter.sent]
    assert order == ["high", "normal", "low"]


def test_a_request_whose_admission_fails_is_answered_by_its_id(monkeypatch):
    """A mistake of ours is no reason to leave a client without a result."""

    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(stage, "admit", fail)
    one = Stage()
    one.take(b'{"id": "r", "agent": "linalg", "task": "solve", "inputs": {"a": []}}', b"hello")
    answer = one.results(1)["r"]
    assert (answer["status"], answer["error"]["code"]) == ("failed", "internal")
    assert [message.value for message in one.emitter.sent if message.topic == "compute.dlq"] == [b"hello"]
