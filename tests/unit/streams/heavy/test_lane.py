"""The heavy lane: every request is answered once, whatever its process does."""

import threading
import time

import misbehaving
import msgspec
import pytest
from misbehaving import request

from streams.cancels import Cancels
from streams.handout import RecordBatch
from streams.heavy.frames import Setup
from streams.heavy.lane import Heavy
from streams.limits import Limits
from streams.replies import Desk
from streams.topics import names

PARTITION = ("compute.heavy", 1)
PATIENCE_S = 60.0


class Record:
    """What of `confluent_kafka.Message` the lane uses."""

    def __init__(self, value, headers=()):
        self._value, self._headers = value, list(headers)

    def value(self):
        return self._value

    def key(self):
        return b"key"

    def headers(self):
        return self._headers

    def timestamp(self):
        return (1, int(time.time() * 1000))


class Broker:
    """An emitter whose broker confirms at once."""

    def __init__(self):
        self.sent = []
        self.changed = threading.Condition()

    def send(self, messages, confirmed, claim=None):
        with self.changed:
            self.sent += messages
            self.changed.notify_all()
        confirmed(None)

    def wait(self, holds):
        with self.changed:
            assert self.changed.wait_for(lambda: holds(self), PATIENCE_S), [m.key for m in self.sent]

    def of(self, topic):
        return [message for message in self.sent if message.topic == topic]

    @property
    def results(self):
        return {m.key.decode(): msgspec.json.decode(m.value) for m in self.of("compute.results")}


class Lane:
    def __init__(self, max_workers=1, shelf=None, **more):
        self.emitter, self.done, self.given_up, self.cancels = Broker(), [], [], Cancels()
        desk = Desk(
            version="0", worker="w", emitter=self.emitter, done=self.done.extend, give_up=self.given_up.append,
            owns=lambda _: self.owned, topics=names(),
        )  # fmt: skip
        setup = Setup(version="0", worker="w", topics=names(), plugins=("misbehaving",), **more)
        self.owned, self.taken = True, 0
        self.heavy = Heavy(desk, self.cancels, setup, max_workers=max_workers, shelf=shelf)
        self.heavy.begin()

    def take(self, *values, headers=()):
        records = [(Record(value, headers), PARTITION, offset) for offset, value in enumerate(values, self.taken)]
        self.taken += len(values)
        self.heavy.submit(RecordBatch(records))

    def result(self, request_id):
        self.emitter.wait(lambda broker: request_id in broker.results)
        return self.emitter.results[request_id]

    def begun(self, request_id):
        """Wait until its process has told that it runs."""
        self.emitter.wait(lambda broker: any(m.key.decode() == request_id for m in broker.of("compute.progress")))


@pytest.fixture
def lane():
    opened = []

    def make(**more):
        opened.append(Lane(**more))
        return opened[-1]

    yield make
    for one in opened:
        one.heavy.close()
        assert one.given_up == []


def test_a_request_is_computed_in_another_process_and_says_where(lane):
    one = lane()
    one.take(request("a"))
    result = one.result("a")
    assert result["status"] == "succeeded"
    assert (result["provenance"]["lane"], result["provenance"]["attempt"]) == ("heavy", 1)
    assert result["outputs"]["pid"] != misbehaving.os.getpid()
    assert one.done == [(PARTITION, 0)]


def test_a_process_is_kept_for_the_next_request(lane):
    one = lane()
    one.take(request("a"), request("b"))
    assert one.result("a")["outputs"] == one.result("b")["outputs"]


@pytest.mark.parametrize("how", ["deaf", "watched"])
def test_a_deadline_stops_it_with_or_without_its_help(lane, how):
    """A native call that cannot be interrupted is killed; the next request has a process."""
    one = lane()
    one.take(request("a", how, seconds=60.0, timeout_s=0.3), request("b"))
    result = one.result("a")
    assert (result["status"], result["error"]["code"]) == ("failed", "timed_out")
    assert one.result("b")["status"] == "succeeded"


@pytest.mark.parametrize("how", ["deaf", "watched"])
def test_a_cancellation_stops_what_runs(lane, how):
    one = lane()
    one.take(request("before", "watched", seconds=0.6), request("a", how, seconds=60.0), request("b"))
    one.result("before")
    one.cancels.add("a")
    result = one.result("a")
    assert (result["status"], result["error"]["code"]) == ("cancelled", "cancelled")
    assert one.result("b")["status"] == "succeeded"


def test_a_request_cancelled_while_it_waits_is_answered_while_another_runs(lane):
    one = lane()
    one.take(request("first", "watched", seconds=60.0), request("waiting"))
    one.begun("first")
    one.cancels.add("waiting")
    assert one.result("waiting")["status"] == "cancelled"
    assert "first" not in one.emitter.results
    one.cancels.add("first")
    assert one.result("first")["status"] == "cancelled"


def test_a_request_that_expires_while_it_waits_is_not_computed(lane):
    one = lane()
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1))
    late = msgspec.json.encode({**msgspec.json.decode(request("late")), "expires_at": soon})
    one.take(request("first", "watched", seconds=60.0), late)
    assert one.result("late")["status"] == "expired"
    one.cancels.add("first")
    one.result("first")


def test_what_kills_its_process_twice_is_a_dead_letter_and_a_failure(lane):
    """A kernel that writes out of bounds; its neighbours are answered."""
    one = lane()
    one.take(request("before"), request("bad", "segfault"), request("after"))
    result = one.result("bad")
    assert (result["status"], result["error"]["code"]) == ("failed", "worker_crashed")
    assert result["provenance"]["attempt"] == 2
    (letter,) = one.emitter.of("compute.dlq")
    assert (letter.key, letter.value) == (b"key", request("bad", "segfault"))
    assert dict(letter.headers)["error-code"] == "worker_crashed"
    assert one.result("before")["status"] == one.result("after")["status"] == "succeeded"
    assert sorted(set(one.done)) == [(PARTITION, offset) for offset in range(3)]


def test_a_suspect_has_one_try(lane):
    """It has killed a worker already; `lane-…` headers are not kept with the letter."""
    one = lane()
    headers = [("lane-reason", b"suspect"), ("lane-attempt", b"2"), ("lane-source", b"compute.requests/2/9")]
    one.take(request("bad", "segfault"), headers=[*headers, ("lane-key", b"own"), ("x-a", b"1")])
    assert one.result("bad")["provenance"]["attempt"] == 2
    (letter,) = one.emitter.of("compute.dlq")
    found = dict(letter.headers)
    assert letter.key == b"own"
    assert (found["source-topic"], found["source-partition"], found["source-offset"]) == ("compute.requests", "2", "9")
    assert found["x-a"] == b"1"
    assert not [name for name in found if name.startswith("lane-")]


def test_more_memory_than_a_request_may_take_is_over_budget(lane):
    one = lane(limits=Limits(bytes=256 * 1024 * 1024))
    one.take(request("hog", "hog"), request("b"))
    assert one.result("hog")["error"]["code"] == "budget_exceeded"
    assert one.result("b")["status"] == "succeeded"


def test_what_a_task_raises_against_its_promise_is_an_internal_failure(lane):
    one = lane()
    one.take(request("a", "raise"))
    assert one.result("a")["error"]["code"] == "internal"


def test_progress_is_told_at_most_four_times_a_second(lane):
    one = lane()
    one.take(request("a", "watched", seconds=1.3))
    one.result("a")
    told = [msgspec.json.decode(message.value) for message in one.emitter.of("compute.progress")]
    assert 1 <= len(told) <= 5
    assert all(0 < update["fraction"] < 1 for update in told)


def test_what_is_no_request_is_answered_or_a_dead_letter(lane):
    one = lane()
    one.take(b"hello", b'{"id": "half"}', msgspec.json.encode({**msgspec.json.decode(request("x")), "task": "walk"}))
    assert one.result("half")["status"] == one.result("x")["status"] == "rejected"
    one.emitter.wait(lambda broker: broker.of("compute.dlq"))
    assert one.emitter.of("compute.dlq")[0].value == b"hello"


def test_high_overtakes_what_waits(lane):
    one = lane()
    one.take(request("first", "watched", seconds=60.0))
    one.begun("first")
    one.take(*(request(f"low-{n}", priority="low") for n in range(3)), request("high", priority="high"))
    one.emitter.wait(lambda _: len(one.heavy._waiting) == 4)
    one.cancels.add("first")
    one.result("low-2")
    order = [message.key.decode() for message in one.emitter.of("compute.results")]
    assert order == ["first", "high", "low-0", "low-1", "low-2"]


def test_what_is_released_is_not_begun_and_what_is_no_longer_owned_is_not_answered(lane):
    """Whoever owns the partition now reads and answers both."""
    one = lane()
    one.take(request("running", "watched", seconds=60.0), request("waiting"))
    one.begun("running")
    one.emitter.wait(lambda _: len(one.heavy._waiting) == 1)
    assert one.heavy.release([PARTITION]) == 1
    assert one.heavy.release([("compute.heavy", 9)]) == 0
    one.owned = False
    with one.heavy._changed:
        assert one.heavy._changed.wait_for(lambda: not one.heavy._running, PATIENCE_S)
    assert one.emitter.results == {}
    assert one.done == []


class Shelf:
    """Has one artifact."""

    def find(self, names, watch):
        return {name: b"kept" for name in names if name == "there"}

    def put(self, kept):
        pass


def test_a_request_is_given_the_artifacts_that_it_needs(lane):
    """The process asks for them over its pipe; one that is not there is not given: the task says what that means."""
    one = lane(shelf=Shelf())
    one.take(request("a", "needy", needs=["there", "gone"]), request("b", "needy", needs=["there"]))
    assert one.result("a")["outputs"] == {"given": ["there"]}
    assert one.result("b")["outputs"] == {"given": ["there"]}


def test_what_was_given_up_with_its_partition_is_computed_when_that_comes_back(lane):
    """Lost without a word (a session that was over), and read again from what was committed."""
    one = lane()
    one.owned = False
    one.take(request("a"), request("b"), request("c"))
    with one.heavy._changed:
        assert one.heavy._changed.wait_for(lambda: len(one.heavy._sources) == 3, PATIENCE_S)
        assert one.heavy._changed.wait_for(lambda: not one.heavy._waiting and not one.heavy._running, PATIENCE_S)
    assert one.done == []
    one.owned, one.taken = True, 0
    one.take(request("a"), request("b"), request("c"))
    assert {one.result(name)["status"] for name in "abc"} == {"succeeded"}
    assert one.done == [(PARTITION, offset) for offset in range(3)]


def test_what_was_forwarded_twice_is_computed_once(lane):
    """Its worker ended between the forward and the commit; both records are done."""
    one = lane()
    source = [("lane-reason", b"cost"), ("lane-source", b"compute.requests/0/7")]
    one.take(request("a"), request("a"), headers=source)
    one.take(request("b"))
    one.result("b")
    assert [message.key for message in one.emitter.of("compute.results")] == [b"a", b"b"]
    assert sorted(one.done) == [(PARTITION, offset) for offset in range(3)]
