"""Work larger than one worker: computed in shards by all of them, one result, the same bytes whoever computed what."""

import json
import signal
import threading
import time

import misdivided
import msgspec
import pytest

from sciagents.tail import Tail

UNIFORM = {"distribution": "uniform", "scale": 2}
EQUATIONS = {"x": "10*(y - x)", "y": "x*(r - z) - y", "z": "x*y - 8*z/3"}
SMALL, LARGE = 600_000, 40_000_000
"""Members: a second or two of one core, and more than any test waits for."""


def ensemble(name, members=SMALL, t_end=0.5, **more):
    inputs = {
        "equations": EQUATIONS, "initial": {"z": 20}, "t_span": [0, t_end], "output": "statistics", "t_eval": [t_end],
        "samples": {"r": {"distribution": "norm", "loc": 28}, "x": UNIFORM, "y": UNIFORM}, "n_members": members,
    }  # fmt: skip
    whole = {"id": name, "agent": "ode", "task": "ensemble", "inputs": inputs, "seed": 7, "cache": False, **more}
    return json.dumps({**whole, "options": {"rtol": 1e-3}}).encode()


def body(result):
    return {name: value for name, value in result.items() if name not in {"provenance", "completed_at"}}


PATIENCE_S = 300.0
"""For machines that are busy with other things: what is waited for comes in seconds on one that is not."""


class Progress:
    """What is told on the way."""

    def __init__(self, lane):
        self.told = {}
        self._changed = threading.Condition()
        self._tail = Tail(lane.bootstrap, [f"{lane.prefix}compute.progress"], self._take, start="end")

    def _take(self, records):
        with self._changed:
            for record in records:
                self.told.setdefault(record.key().decode(), []).append(msgspec.json.decode(record.value()))
            self._changed.notify_all()

    def wait(self, name, fraction, timeout_s=PATIENCE_S):
        def reached():
            return any(one["fraction"] >= fraction for one in self.told.get(name, ()))

        with self._changed:
            assert self._changed.wait_for(reached, timeout_s), self.told.get(name, [])[-3:]

    def __enter__(self):
        self._tail.__enter__()
        return self

    def __exit__(self, *error):
        self._tail.__exit__(*error)


def share(lane, workers, timeout_s=PATIENCE_S):
    """Wait until so many workers answer long requests."""
    until, number, seen = time.monotonic() + timeout_s, 0, set()
    while len(seen) < workers:
        assert time.monotonic() < until, seen
        names = [f"warm-{number + i}" for i in range(4)]
        number += len(names)
        lane.publish(*(ensemble(name, 2000) for name in names))
        seen |= {lane.answers.one(name, PATIENCE_S)["provenance"]["worker"] for name in names}


def test_one_worker_two_and_one_killed_give_the_same_bytes(kafka_lane):
    """Of each shard computed by whoever had time; the one killed, with all that it had in hand, is not missed."""
    first = kafka_lane.start_worker()
    kafka_lane.publish(ensemble("r"))
    alone = kafka_lane.answers.one("r", PATIENCE_S)
    assert alone["status"] == "succeeded", alone["error"]
    assert alone["outputs"]["n_members"] == SMALL
    assert alone["provenance"]["lane"] == "heavy"
    kafka_lane.start_worker()
    share(kafka_lane, 2)
    for name in ("two", "killed"):
        kafka_lane.answers.by_id.pop("r")
        with Progress(kafka_lane) as progress:
            kafka_lane.publish(ensemble("r"))
            if name == "killed":
                progress.wait("r", 0.1)
                first.kill()
            again = kafka_lane.answers.one("r", PATIENCE_S)
        assert body(again) == body(alone), name
        assert len(kafka_lane.answers.by_id["r"]) == 1


def test_progress_is_of_the_whole_and_never_goes_back(kafka_lane):
    kafka_lane.start_worker()
    with Progress(kafka_lane) as progress:
        kafka_lane.publish(ensemble("r", 1_000_000))
        kafka_lane.answers.one("r", PATIENCE_S)
    fractions = [one["fraction"] for one in progress.told["r"]]
    assert fractions == sorted(fractions)
    assert 0 < fractions[0] < 0.6
    assert fractions[-1] < 1
    assert any("of 16 blocks" in one["stage"] for one in progress.told["r"])


@pytest.mark.parametrize("how", ["cancel", "deadline"])
def test_what_ends_the_whole_ends_its_shards(kafka_lane, how):
    """One result says so; the lanes are free for the next, and the same id may be sent again."""
    kafka_lane.start_worker()
    kafka_lane.publish(ensemble("ready"))
    kafka_lane.answers.one("ready", PATIENCE_S)
    with Progress(kafka_lane) as progress:
        more = {"timeout_s": 4.0} if how == "deadline" else {}
        kafka_lane.publish(ensemble("r", LARGE, 20.0, **more))
        if how == "cancel":
            progress.wait("r", 0.0001)
            kafka_lane.publish(b'{"id": "r", "action": "cancel"}', topic="compute.control")
        result = kafka_lane.answers.one("r", PATIENCE_S)
    expected = {"cancel": ("cancelled", "cancelled"), "deadline": ("failed", "timed_out")}[how]
    assert (result["status"], result["error"]["code"]) == expected
    kafka_lane.publish(ensemble("next"))
    assert kafka_lane.answers.one("next", PATIENCE_S)["status"] == "succeeded"
    assert len(kafka_lane.answers.by_id["r"]) == 1
    if how == "deadline":
        kafka_lane.answers.by_id.pop("r")
        kafka_lane.publish(ensemble("r"))
        assert kafka_lane.answers.one("r", PATIENCE_S)["status"] == "succeeded"


def test_other_long_requests_do_not_wait_behind_the_shards(kafka_lane):
    """Of normal priority they come before what is still to be computed of the whole."""
    kafka_lane.start_worker()
    with Progress(kafka_lane) as progress:
        kafka_lane.publish(ensemble("r", 4_000_000, 2.0))
        progress.wait("r", 0.0001)
        kafka_lane.publish(ensemble("small", 2000))
        kafka_lane.answers.wait(lambda answers: {"small", "r"} & answers.by_id.keys(), PATIENCE_S)
        assert "r" not in kafka_lane.answers.by_id
        assert kafka_lane.answers.one("small", PATIENCE_S)["status"] == "succeeded"
        assert kafka_lane.answers.one("r", PATIENCE_S)["status"] == "succeeded"


def test_the_whole_may_be_a_step(kafka_lane):
    """And what is found wrong while merging is the step's, as it would be of one computed in one piece."""
    kafka_lane.start_worker()
    whole = json.loads(ensemble("big"))
    after = {"id": "after", "agent": "linalg", "task": "solve",
             "inputs": {"a": [[1]], "b": [{"$from": "big.outputs.mean.z[0]"}]}}  # fmt: skip
    step = {name: whole[name] for name in ("id", "agent", "task", "inputs", "options", "seed")}
    request = {"id": "w", "agent": "workflow", "task": "run", "inputs": {"steps": [step, after]}}
    kafka_lane.publish(json.dumps(request).encode())
    result = kafka_lane.answers.one("w", PATIENCE_S)
    assert result["status"] == "succeeded", result["error"]
    steps = result["outputs"]["steps"]
    assert steps["after"]["outputs"]["x"][0] == steps["big"]["outputs"]["mean"]["z"][0]


def test_an_owner_that_stops_cleanly_leaves_the_work_to_another(kafka_lane):
    first = kafka_lane.start_worker()
    with Progress(kafka_lane) as progress:
        kafka_lane.publish(ensemble("r", 4_000_000, 1.0))
        progress.wait("r", 0.05)
        kafka_lane.start_worker()
        first.process.send_signal(signal.SIGTERM)
        until = time.monotonic() + PATIENCE_S
        while first.running and time.monotonic() < until:
            kafka_lane.answers.pause(0.1)
        assert not first.running
        result = kafka_lane.answers.one("r", PATIENCE_S)
    assert result["status"] == "succeeded", result["error"]
    assert len(kafka_lane.answers.by_id["r"]) == 1


def test_a_block_with_a_problem_a_mistake_or_a_death_is_the_end_of_the_whole(kafka_lane):
    """The first of several problems, as in one piece; a shard that kills its process twice is a dead letter too."""
    kafka_lane.start_worker("misdivided")
    kafka_lane.publish(
        misdivided.request("well", blocks=40), misdivided.request("problem", blocks=40, place=11, how="problem"),
        misdivided.request("raise", blocks=40, place=5, how="raise"),
        misdivided.request("kill", blocks=40, place=7, how="kill"), misdivided.request("after", blocks=9),
    )  # fmt: skip
    for name, blocks in (("well", 40), ("after", 9)):
        assert kafka_lane.answers.one(name, PATIENCE_S)["outputs"] == {"numbers": list(range(blocks))}
    problem = kafka_lane.answers.one("problem", PATIENCE_S)
    assert (problem["status"], problem["error"]["code"], problem["error"]["message"]) == (
        "failed", "singular", "block 11",
    )  # fmt: skip
    assert kafka_lane.answers.one("raise", PATIENCE_S)["error"]["code"] == "internal"
    killed = kafka_lane.answers.one("kill", PATIENCE_S)
    assert (killed["status"], killed["error"]["code"]) == ("failed", "worker_crashed")
    kafka_lane.answers.wait(lambda answers: answers.dead, PATIENCE_S)
    assert {record.value() for record in kafka_lane.answers.dead} == {
        misdivided.request("kill", blocks=40, place=7, how="kill")
    }
    assert all(len(found) == 1 for found in kafka_lane.answers.by_id.values())
