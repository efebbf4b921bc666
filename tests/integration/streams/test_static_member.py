"""A worker with an `instance_id` has its place in the group alone."""

import json


def _request(name):
    return json.dumps(
        {"id": name, "agent": "linalg", "task": "solve", "inputs": {"a": [[3.0, 1.0], [1.0, 2.0]], "b": [9.0, 8.0]}}
    ).encode()


def test_one_that_is_replaced_ends_and_says_why(kafka_lane):
    """The second process of the name takes over; the first ends with an error, and answers nothing more."""
    answers = kafka_lane.answers
    first = kafka_lane.start_worker(None, "--instance-id", "w-1")
    kafka_lane.publish(_request("a"))
    answers.one("a")
    second = kafka_lane.start_worker(None, "--instance-id", "w-1")
    assert first.process.wait(90) not in {None, 0}
    assert "same instance_id" in first.log.read_text()
    kafka_lane.publish(_request("b"))
    assert answers.one("b")["provenance"]["worker"] != answers.one("a")["provenance"]["worker"]
    second.stop()


def test_one_that_was_killed_has_its_partitions_again(kafka_lane):
    """Its successor of the same name answers what was sent while there was none."""
    kafka_lane.start_worker(None, "--instance-id", "w-1").kill()
    first = kafka_lane.start_worker(None, "--instance-id", "w-1")
    kafka_lane.publish(_request("a"))
    kafka_lane.answers.one("a")
    first.kill()
    kafka_lane.publish(_request("b"))
    kafka_lane.start_worker(None, "--instance-id", "w-1")
    kafka_lane.answers.one("b")
