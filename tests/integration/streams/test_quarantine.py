"""A request that kills its worker: tried alone after the first death, a dead letter after the second."""

import os
import signal

import msgspec
import psutil
from misbehaving import request


def _child(worker):
    """The process that computes: the worker's own child."""
    (child,) = psutil.Process(worker.process.pid).children()
    return child


def _solve(request_id):
    inputs = {"a": [[3, 1], [1, 2]], "b": [9, 8]}
    return msgspec.json.encode({"id": request_id, "agent": "linalg", "task": "solve", "inputs": inputs})


def test_a_kernel_that_segfaults_in_the_fast_lane(lane):
    """In one native call with others of its group: all of them are tried alone, and only it ends as a dead letter."""
    worker = lane.start_worker("misbehaving")
    lane.publish(request("ready"))
    lane.answers.one("ready")
    before = _child(worker).pid
    bad = request("bad", "segfault", group="g")
    group = [request(f"g-{number}", group="g") for number in range(20)]
    lane.publish(*group[:10], bad, *group[10:], *(_solve(f"s-{number}") for number in range(20)), key=b"one-partition")
    lane.answers.wait(lambda found: len(found.by_id) == 42 and found.dead, 120.0)
    result = lane.answers.one("bad")
    assert (result["status"], result["error"]["code"]) == ("failed", "worker_crashed")
    assert (result["provenance"]["lane"], result["provenance"]["attempt"]) == ("heavy", 2)
    (letter,) = lane.answers.dead
    assert (letter.key(), letter.value()) == (b"one-partition", bad)
    headers = dict(letter.headers())
    assert headers["error-code"] == b"worker_crashed"
    assert headers["source-topic"].decode() == f"{lane.prefix}compute.requests"
    others = {name: found for name, found in lane.answers.by_id.items() if name != "bad"}
    assert {found[0]["status"] for found in others.values()} == {"succeeded"}
    assert worker.running
    assert _child(worker).pid != before
    lane.publish(_solve("after"))
    assert lane.answers.one("after")["provenance"]["lane"] == "fast"


def test_two_that_kill_one_after_the_other(lane):
    """Each costs one restart; both are told, and what came between them is answered."""
    worker = lane.start_worker("misbehaving")
    for number in range(2):
        lane.publish(request(f"bad-{number}", "segfault"), *(_solve(f"s-{number}-{n}") for n in range(10)))
        lane.answers.wait(lambda found, many=number + 1: len(found.by_id) == 11 * many and len(found.dead) == many, 120)
    assert {lane.answers.one(f"bad-{number}")["error"]["code"] for number in range(2)} == {"worker_crashed"}
    assert all(found[0]["status"] == "succeeded" for name, found in lane.answers.by_id.items() if name[0] == "s")
    assert worker.running


def test_a_worker_that_was_killed_from_outside_is_started_again(lane):
    """Nothing was in its native call: nothing is suspected, nothing lost."""
    worker = lane.start_worker("misbehaving")
    lane.publish(_solve("a"))
    lane.answers.one("a")
    os.kill(_child(worker).pid, signal.SIGKILL)
    lane.publish(_solve("b"))
    assert lane.answers.one("b", 120.0)["status"] == "succeeded"
    assert lane.answers.dead == []
    worker.stop()
