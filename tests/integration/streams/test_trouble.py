"""A broker that is away for a while costs no request and no worker: health is degraded, and what waits is answered."""

import json
import time

import httpx
import pytest
from containers.container import free_port

AWAY_S = 20.0
BACK_WITHIN_S = 240.0
COUNT = 40_000


def _requests(begin, end):
    for number in range(begin, end):
        inputs = {"a": [[3.0, 1.0], [1.0, 2.0 + number % 7]], "b": [9.0, 8.0]}
        yield json.dumps({"id": f"r-{number}", "agent": "linalg", "task": "solve", "inputs": inputs}).encode()


class Lookout:
    """Asks a worker how it is."""

    def __init__(self, port):
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30.0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._client.close()

    def status(self, path):
        return self._client.get(path).status_code


@pytest.mark.timeout(420)
@pytest.mark.parametrize("trouble", ["stopped", "cut off"])
def test_a_broker_that_is_away_costs_nothing(kafka_restartable, restartable_lane, trouble):
    """In the middle of the requests; twenty seconds later the same process answers what is left, each once."""
    leave, come_back = {
        "stopped": (kafka_restartable.stop, kafka_restartable.start),
        "cut off": (kafka_restartable.pause, kafka_restartable.resume),
    }[trouble]
    port, answers = free_port(), restartable_lane.answers
    with Lookout(port) as lookout:
        worker = restartable_lane.start_worker(None, "--metrics-listen", f"127.0.0.1:{port}")
        restartable_lane.publish(*_requests(0, COUNT))
        answers.wait(lambda found: len(found.by_id) > COUNT // 20)
        leave()
        until = time.monotonic() + AWAY_S
        while time.monotonic() < until:
            assert lookout.status("/health/live") == 200
            answers.pause(0.5)
        assert len(answers.by_id) < COUNT, "all was answered before there was trouble"
        assert lookout.status("/health/ready") == 503
        come_back()
        answers.wait(lambda found: len(found.by_id) == COUNT, BACK_WITHIN_S)
        until = time.monotonic() + AWAY_S
        while lookout.status("/health/ready") != 200:
            assert time.monotonic() < until, "it does not become ready"
            answers.pause(0.2)
        assert worker.running
        worker.stop()
    assert {len(results) for results in answers.by_id.values()} == {1}
