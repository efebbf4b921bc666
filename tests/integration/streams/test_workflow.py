"""Workflows over Kafka: steps are ordinary requests, their state survives whoever runs them, one result comes of it."""

import json

import msgspec
import numpy as np
import pytest


def _workflow(name, *steps, **more):
    return json.dumps(
        {"id": name, "agent": "workflow", "task": "run", "inputs": {"steps": list(steps)}, **more}
    ).encode()


def _solve(name, a=((2, 0), (0, 4)), b=(2, 4), **more):
    return {"id": name, "agent": "linalg", "task": "solve", "inputs": {"a": a, "b": b}, **more}


def _long(name, members=400, **more):
    """An ensemble of a second or so."""
    inputs = {
        "equations": {"x": "10*(y - x)", "y": "x*(r - z) - y", "z": "x*y - 8*z/3"},
        "initial": {"x": 1, "y": 1, "z": 1}, "t_span": [0, 40],
        "samples": {"r": [28 + 1e-3 * i for i in range(members)]},
    }  # fmt: skip
    return {"id": name, "agent": "ode", "task": "ensemble", "inputs": inputs, "options": {"rtol": 1e-9}, **more}


DIAMOND = (
    _solve("a"),
    _solve("b", b={"$from": "a.outputs.x"}),
    _solve("c", b={"$from": "a.outputs.x"}, depends_on=["a"]),
    _solve("d", a=[[1, 0], [0, {"$from": "b.outputs.x[1]", "default": 1}]], b={"$from": "c.outputs.x"}),
)


def _value_of(path):
    return {"$from": path}


def test_a_diamond_and_fifty_items(lane):
    """Each step has a result of its own, under `workflow/step`; the workflow's has them all."""
    lane.start_worker()
    items = {"id": "each", "agent": "linalg", "task": "solve", "foreach": list(range(1, 51)),
             "inputs": {"a": [[{"$item": ""}]], "b": [_value_of("d.outputs.x[0]")]}}  # fmt: skip
    last = _solve("sum", a=[[1]], b=[_value_of("each.outputs.items[49].x[0]")])
    lane.publish(_workflow("w", *DIAMOND, items, last, labels={"team": "fluids"}), headers={"x-of-mine": b"1"})
    result = lane.answers.one("w")
    assert result["status"] == "succeeded", result["error"]
    assert result["labels"] == {"team": "fluids"}
    steps = result["outputs"]["steps"]
    found = [item["x"][0] for item in steps["each"]["outputs"]["items"]]
    assert found == pytest.approx([0.5 / i for i in range(1, 51)])
    assert steps["sum"]["outputs"]["x"] == pytest.approx([0.01])
    assert lane.answers.one("w/d")["outputs"] == steps["d"]["outputs"]
    # the conductor hears of them from the journal, maybe before they can be read here
    lane.answers.wait(lambda found: {f"w/each/{i}" for i in range(50)} <= found.by_id.keys())
    assert all(len(found) == 1 for found in lane.answers.by_id.values())
    whole = next(record for record in lane.answers.records if record.key() == b"w")
    assert dict(whole.headers())["x-of-mine"] == b"1"


def test_a_cycle_is_rejected_and_named(lane):
    lane.start_worker()
    lane.publish(_workflow("w", _solve("a", depends_on=["b"]), _solve("b", depends_on=["a"])))
    result = lane.answers.one("w")
    assert (result["status"], result["error"]["code"]) == ("rejected", "invalid_input")
    assert "a → b → a" in result["error"]["message"]
    assert result["error"]["field"] == "inputs.steps[0].depends_on"


def test_conditions_and_failures_are_told(lane):
    """One worker, several workflows: each ends as its steps' `when` and `on_error` say."""
    lane.start_worker()
    singular = [[1, 1], [1, 1]]
    after = _solve("after", b=_value_of("bad.outputs.x"))
    lane.publish(
        _workflow(
            "when", _solve("a"), _solve("no", when="a.outputs.x[0] > 5"), _solve("yes", when="a.outputs.x[0] < 5")
        ),
        *(
            _workflow(how, _solve("good"), _solve("bad", singular, on_error=how), after)
            for how in ("stop", "skip", "retry")
        ),
    )
    steps = lane.answers.one("when")["outputs"]["steps"]
    assert {name: step["status"] for name, step in steps.items()} == {
        "a": "succeeded", "no": "skipped", "yes": "succeeded",
    }  # fmt: skip
    for how in ("stop", "skip", "retry"):
        result = lane.answers.one(how)
        steps = result["outputs"]["steps"]
        assert steps["good"]["status"] in {"succeeded", "cancelled"}
        assert (steps["bad"]["status"], steps["bad"]["error"]["code"]) == ("failed", "singular")
        assert steps["after"]["status"] == ("skipped" if how == "skip" else "cancelled")
        if how == "skip":
            assert result["status"] == "succeeded"
            assert result["warnings"]
        else:
            assert (result["status"], result["error"]["code"]) == ("failed", "singular")
            assert result["error"]["field"] == "inputs.steps[1].inputs.a"
    tries = sorted(name for name in lane.answers.by_id if name.startswith("retry/bad"))
    assert tries == ["retry/bad", "retry/bad~2", "retry/bad~3"]


def test_a_cancelled_workflow_stops_its_steps(lane):
    lane.start_worker()
    lane.publish(_workflow("before", _solve("a")))
    lane.answers.one("before")
    lane.publish(_workflow("w", _solve("a"), _long("b", 20_000), _solve("c", depends_on=["b"])))
    lane.answers.one("w/a")
    numbers = iter(range(1000))
    # the control topic is read by another consumer, from its end: it may not be there yet
    while "w" not in lane.answers.by_id and next(numbers, None) is not None:
        lane.publish(b'{"id": "w", "action": "cancel"}', topic="compute.control")
        lane.answers.pause(0.1)
    result = lane.answers.one("w")
    assert (result["status"], result["error"]["code"]) == ("cancelled", "cancelled")
    assert {name: step["status"] for name, step in result["outputs"]["steps"].items()} == {
        "a": "succeeded", "b": "cancelled", "c": "cancelled",
    }  # fmt: skip
    assert lane.answers.one("w/b")["status"] == "cancelled"


def test_a_workflow_that_takes_too_long_is_told_so(lane):
    lane.start_worker()
    lane.publish(_workflow("w", _solve("a"), _long("b", 20_000), timeout_s=1.5))
    result = lane.answers.one("w")
    assert (result["status"], result["error"]["code"]) == ("failed", "timed_out")
    assert result["outputs"]["steps"]["a"]["status"] == "succeeded"


def test_kill_9_in_the_middle_and_another_worker_takes_over(lane):
    """One result comes of it; of the steps no more is repeated than of other requests, with the same outputs."""
    first = lane.start_worker()
    steps = [_long(f"s{i}", 100, depends_on=[f"s{i - 1}"] if i else []) for i in range(10)]
    lane.publish(_workflow("w", *steps))
    lane.answers.one("w/s6")
    lane.start_worker()
    first.kill()
    result = lane.answers.one("w", 120.0)
    assert result["status"] == "succeeded", result["error"]
    assert len(lane.answers.by_id["w"]) == 1
    repeats = {name: found for name, found in lane.answers.by_id.items() if len(found) > 1}
    assert len(repeats) <= 3, sorted(repeats)  # what was being computed, and what was answered but not committed yet
    assert not repeats.keys() & {"w/s0", "w/s1", "w/s2"}
    assert all(one["outputs"] == found[0]["outputs"] for found in repeats.values() for one in found)


def test_what_is_too_large_to_be_passed_on_is_told(kafka_lane):
    """A step whose request would be above the limit of a message fails with its place; the others are as they are."""
    kafka_lane.start_worker()
    long = {"id": "long", "agent": "ode", "task": "ivp", "options": {"arrays": "base64"}, "keep": False,
            "inputs": {"equations": {"x": "-x"}, "initial": {"x": 1}, "t_span": [0, 1],
                       "n_points": 300_000}}  # fmt: skip
    values = [_value_of("long.outputs.y.x") for _ in range(3)]
    kafka_lane.publish(_workflow("w", long, _solve("after", a=values, b=_value_of("long.outputs.t"))))
    result = kafka_lane.answers.one("w")
    assert (result["status"], result["error"]["code"]) == ("failed", "too_large")
    assert result["error"]["field"] == "inputs.steps[1].inputs"
    assert result["outputs"]["steps"]["long"]["status"] == "succeeded"
    assert "w/after" not in kafka_lane.answers.by_id


def test_msgpack_in_msgpack_out(lane):
    """The steps are sent in the form that the workflow came in; arrays stay binary."""
    lane.start_worker()
    steps = [_solve("a"), _solve("b", b={"$from": "a.outputs.x"})]
    whole = {"id": "w", "agent": "workflow", "task": "run", "options": {"arrays": "base64"}, "inputs": {"steps": steps}}
    lane.publish(msgspec.msgpack.encode(whole), headers={"content-type": b"application/msgpack"})
    found = lane.answers.one("w")["outputs"]["steps"]["b"]["outputs"]["x"]
    assert np.frombuffer(found["data"]).tolist() == [0.5, 0.25]
