"""Divided work on its way: what it has sent, what it takes for its own, and how it ends."""

import msgspec
import numpy as np
import pytest

from agents import catalogue, divided
from agents.divided import Trouble
from agents.outcome import Outcome, Problem
from streams import division, shard
from streams.admit import Job, Origin
from streams.codec import receive
from streams.division import WINDOW
from streams.journal import Entry
from streams.whole import Whole

VALUE = b'{"id": "r", "agent": "ode", "task": "ensemble", "inputs": {}, "timeout_s": 60}'
SOURCE = "compute.requests/1/7"
BLOCKS = 12


class State(msgspec.Struct, frozen=True):
    """Of these tests."""

    values: np.ndarray


class Effects:
    """Remembers what was to be done."""

    def __init__(self):
        self.sent, self.lanes, self.cancelled, self.outcomes, self.results, self.fractions = {}, {}, [], [], [], []

    def send(self, one, messages, lanes=None):
        self.sent |= messages
        self.lanes |= lanes or {}

    def cancel(self, one, ids):
        self.cancelled += ids

    def finish(self, one, outcome):
        self.outcomes.append(outcome)

    def relay(self, one, result):
        self.results.append(result)

    def tell(self, one, fraction, stage):
        self.fractions.append(fraction)


def entry(kind, **more):
    usual = {
        "name": "r", "value": b"", "source": SOURCE, "queued_at_ms": 5, "timeout_s": 60.0, "at_ms": 1_000_000,
        "content_type": "application/json", "headers": [("content-type", b"application/json")], "offset": 40,
    }  # fmt: skip
    return Entry(kind=kind, **{**usual, **more})


def part(low, high, **more):
    return entry("part", low=low, high=high, run_s=1.0, **more)


def begun(effects, known=()):
    plan = divided.plan("k", 1e12, BLOCKS, lambda *_: None, lambda *_: Outcome({}, "k", True), State, state_bytes=1000)
    origin = Origin(("compute.workflows", 3), 40, 5, "application/json", [])
    task = catalogue.find("ode", "ensemble")
    job = Job(origin, receive(VALUE, "application/json"), task, plan, 7, "sha256:", 60.0)
    return Whole(job, entry("start", value=VALUE), 1000.0, known, effects, "compute.heavy", 2)


def shards_of(effects):
    return [shard.read(dict(one.headers)[shard.HEADER]) for one in effects.sent.values()]


@pytest.fixture
def effects():
    return Effects()


def test_shards_are_the_request_itself_with_a_header(effects):
    begun(effects).advance(1000.0)
    assert len(effects.sent) == 2 * WINDOW
    assert {one.value for one in effects.sent.values()} == {VALUE}
    assert {one.topic for one in effects.sent.values()} == {"compute.heavy"}
    assert shards_of(effects)[0] == shard.Blocks(SOURCE, 0, 1)
    assert sorted(effects.lanes.values()) == [0] * WINDOW + [1] * WINDOW


def test_all_that_has_come_is_merged_from_where_it_lies(effects):
    whole = begun(effects)
    whole.advance(1000.0)
    for i in range(BLOCKS):
        whole.note(part(i, i + 1, offset=50 + i))
    effects.sent.clear()
    whole.advance(1001.0)
    assert list(effects.sent) == [division.MERGE]
    assert shards_of(effects) == [shard.Merge(SOURCE, 3, 40, 50 + BLOCKS - 1, 1000.0)]
    whole.note(entry("merged", value=b"result"))
    whole.advance(1002.0)
    assert effects.results == [b"result"]
    assert effects.outcomes == []


def test_progress_is_how_many_blocks_have_come(effects):
    whole = begun(effects)
    whole.note(part(0, 6))
    whole.advance(1000.0)
    assert effects.fractions == [pytest.approx(0.475)]


def test_of_another_request_with_the_same_id_nothing_is_taken(effects):
    whole = begun(effects)
    other = "compute.requests/1/3"
    for one in (part(0, BLOCKS, source=other), entry("merged", value=b"x", source=other)):
        whole.note(one)
    whole.advance(1000.0)
    assert effects.results == []
    assert division.MERGE not in effects.sent


def test_one_that_is_lost_ends_it_and_stops_the_others(effects):
    whole = begun(effects)
    whole.advance(1000.0)
    trouble = Trouble("worker_crashed", "killed by signal 11, 2 times", hint="report them")
    whole.note(entry("lost", value=msgspec.json.encode(trouble)))
    whole.advance(1001.0)
    assert effects.outcomes[0].problem.code == "worker_crashed"
    assert effects.cancelled == [f"r@{SOURCE}"]


def test_a_deadline_and_a_cancellation_end_it(effects):
    whole = begun(effects)
    whole.advance(1059.9)
    assert effects.outcomes == []
    whole.advance(1060.0)
    begun(effects).cancel(1010.0)
    assert [one.problem.code for one in effects.outcomes] == ["timed_out", "cancelled"]


def test_whoever_takes_over_sends_only_what_is_missing(effects):
    whole = begun(effects)
    whole.advance(1000.0)
    names = list(effects.sent)
    known = [entry("sent", value="\n".join(names).encode(), at_ms=1_000_000), part(0, 1)]
    effects.sent.clear()
    begun(effects, known).advance(1001.0)
    assert [one.low for one in shards_of(effects)] == [2 * WINDOW]
    effects.sent.clear()
    all_come = [entry("sent", value=b"merge"), *(part(i, i + 1) for i in range(BLOCKS))]
    begun(effects, all_come).advance(1002.0)
    assert effects.sent == {}


def test_a_problem_may_be_given_from_outside(effects):
    begun(effects).stop(Problem("unavailable", "no room"))
    assert effects.outcomes[0].problem.message == "no room"
