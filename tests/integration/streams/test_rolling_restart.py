"""Three workers restart one after the other while requests keep coming: none is lost, none is answered twice."""

import json
import threading

import psutil
import pytest

COUNT_A_TICK, TICK_S = 5, 0.02
HEAVY_EVERY = 200


def _request(number):
    """A small system; now and then an ensemble that goes to the heavy lane."""
    if number % HEAVY_EVERY == HEAVY_EVERY - 1:
        inputs = {
            "equations": {"x": "-k*x"}, "parameters": {}, "initial": {"x": 1}, "t_span": [0, 1],
            "samples": {"k": {"distribution": "uniform", "loc": 0.5, "scale": 1}}, "n_members": 20_000,
            "output": "statistics",
        }  # fmt: skip
        return {"id": f"r-{number}", "agent": "ode", "task": "ensemble", "inputs": inputs}
    inputs = {"a": [[3.0, 1.0], [1.0, 2.0 + number % 7]], "b": [9.0, 8.0]}
    return {"id": f"r-{number}", "agent": "linalg", "task": "solve", "inputs": inputs}


class Load:
    """Publishes a few requests at every tick, from a thread, until it is stopped."""

    def __init__(self, lane):
        self.count = 0
        self._lane = lane
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        self._thread.join()

    def _run(self):
        while not self._stopping.wait(TICK_S):
            numbers = range(self.count, self.count + COUNT_A_TICK)
            self._lane.publish(*(json.dumps(_request(number)).encode() for number in numbers))
            self.count += COUNT_A_TICK


def _answers_of(answers, worker):
    """Count the answers of a worker: its supervisor's child gives them."""
    pids = {str(child.pid) for child in psutil.Process(worker.process.pid).children()}
    return sum(
        result["provenance"]["worker"].rpartition("/")[2] in pids
        for results in list(answers.by_id.values()) for result in results
    )  # fmt: skip


@pytest.mark.timeout(600)
def test_a_rolling_restart_loses_nothing_and_repeats_nothing(kafka_lane):
    """Each is stopped by SIGTERM; the next one's turn comes when its replacement has answered something."""
    answers = kafka_lane.answers
    workers = [kafka_lane.start_worker() for _ in range(3)]
    with Load(kafka_lane) as load:
        for worker in workers:
            answers.wait(lambda found, worker=worker: _answers_of(found, worker) > 0, 120.0)
        for worker in workers:
            worker.stop()
            successor = kafka_lane.start_worker()
            answers.wait(lambda found, successor=successor: _answers_of(found, successor) > 0, 120.0)
    answers.wait(lambda found: len(found.by_id) == load.count, 120.0)
    assert {len(results) for results in answers.by_id.values()} == {1}
    assert {result["status"] for results in answers.by_id.values() for result in results} == {"succeeded"}
    lanes = {result["provenance"]["lane"] for results in answers.by_id.values() for result in results}
    assert lanes == {"fast", "heavy"}
