"""The heavy lane on a broker: what is too long for the fast lane is forwarded, and answered once."""

import msgspec
import pytest
from misbehaving import request


def _solve(request_id):
    inputs = {"a": [[3, 1], [1, 2]], "b": [9, 8]}
    return msgspec.json.encode({"id": request_id, "agent": "linalg", "task": "solve", "inputs": inputs})


LONG = {"cost": 1e12}


def test_what_costs_much_is_computed_in_the_heavy_lane(lane):
    """Its key and its headers come through; small requests beside it stay in the fast lane."""
    lane.start_worker("misbehaving")
    lane.publish(request("long", **LONG), headers={"x-team": b"fluids"}, key=b"mine")
    lane.publish(_solve("small"))
    long, small = lane.answers.one("long"), lane.answers.one("small")
    assert (long["status"], long["provenance"]["lane"]) == ("succeeded", "heavy")
    assert small["provenance"]["lane"] == "fast"
    (record,) = [record for record in lane.answers.records if record.key() == b"long"]
    assert dict(record.headers())["x-team"] == b"fluids"
    assert not [name for name, _ in record.headers() if name.startswith("lane-")]


def test_what_outlasts_its_slice_goes_on_in_the_heavy_lane(lane):
    lane.start_worker("misbehaving")
    lane.publish(request("slow", "watched", seconds=0.3))
    assert lane.answers.one("slow")["provenance"]["lane"] == "heavy"


@pytest.mark.parametrize("how", ["watched", "deaf"])
def test_a_cancellation_stops_a_long_request_and_a_deadline_too(lane, how):
    """Of native code that does not look, too; the next request is answered."""
    lane.start_worker("misbehaving")
    lane.publish(request("ready"))
    lane.answers.one("ready")
    lane.publish(request("late", how, seconds=60.0, timeout_s=0.3, **LONG))
    assert lane.answers.one("late")["error"]["code"] == "timed_out"
    lane.publish(request("stopped", how, seconds=60.0, **LONG))
    lane.publish(b'{"id": "stopped", "action": "cancel"}', topic="compute.control")
    assert lane.answers.one("stopped")["status"] == "cancelled"
    lane.publish(request("next", **LONG))
    assert lane.answers.one("next")["status"] == "succeeded"


def test_a_cancellation_sent_while_no_worker_ran_is_not_lost(lane):
    """In both lanes: whoever starts next has read the last hour of controls before it takes a request."""
    lane.publish(_solve("small"), request("long", **LONG), _solve("other"))
    lane.publish(b'{"id": "small", "action": "cancel"}', b'{"id": "long", "action": "cancel"}', topic="compute.control")
    lane.start_worker("misbehaving")
    assert lane.answers.one("other")["status"] == "succeeded"
    assert lane.answers.one("small")["status"] == "cancelled"
    assert lane.answers.one("long")["status"] == "cancelled"


def test_a_kernel_that_segfaults_in_the_heavy_lane_ends_as_a_dead_letter(lane):
    """After two deaths; the worker lives, and the neighbours are answered."""
    worker = lane.start_worker("misbehaving")
    bad = request("bad", "segfault", **LONG)
    lane.publish(*(request(f"before-{n}", **LONG) for n in range(5)), bad)
    lane.publish(*(request(f"after-{n}", **LONG) for n in range(5)), *(_solve(f"small-{n}") for n in range(5)))
    lane.answers.wait(lambda found: len(found.by_id) == 16 and found.dead)
    assert lane.answers.one("bad")["error"]["code"] == "worker_crashed"
    assert lane.answers.one("bad")["provenance"]["attempt"] == 2
    (letter,) = lane.answers.dead
    assert letter.value() == bad
    headers = dict(letter.headers())
    assert headers["error-code"] == b"worker_crashed"
    assert headers["source-topic"].decode() == f"{lane.prefix}compute.requests"
    statuses = {found[0]["status"] for name, found in lane.answers.by_id.items() if name != "bad"}
    assert statuses == {"succeeded"}
    assert worker.running


def test_a_stopped_worker_leaves_long_requests_to_the_next(lane):
    """What ran and what waited is begun again; each is answered once."""
    first = lane.start_worker("misbehaving")
    lane.publish(*(request(f"r-{n}", "watched", seconds=30.0, timeout_s=31.0, **LONG) for n in range(4)))
    lane.publish(request("seen", priority="high", timeout_s=0.5, **LONG))
    lane.publish(_solve("small"))
    lane.answers.one("small")
    first.stop()
    assert not [name for name in lane.answers.by_id if name.startswith("r-")]
    lane.start_worker("misbehaving")
    for number in range(4):
        lane.publish(b'{"id": "r-%d", "action": "cancel"}' % number, topic="compute.control")
    lane.answers.wait(lambda found: sum(name.startswith("r-") for name in found.by_id) == 4)
    assert all(len(found) == 1 for found in lane.answers.by_id.values())
