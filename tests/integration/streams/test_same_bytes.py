"""Two seeds equal give two byte-equal results, on one worker and on two."""

from typing import Any

import msgspec

from agents import catalogue

SEED = 7
ROUNDS = 20
MEASURED = {("profile", "request")}
"""Its outputs are times."""
OWN = {"id", "provenance", "completed_at"}
"""What a result has of its own; the results of a workflow's steps have it too."""


def _said(value: Any) -> Any:
    """A result without what is its own, at any depth."""
    if isinstance(value, dict):
        return {name: _said(item) for name, item in value.items() if name not in OWN}
    return [_said(item) for item in value] if isinstance(value, list) else value


def _publish_and_wait(lane, names, copies) -> None:
    wanted = {}
    for copy in copies:
        for agent, task in names:
            wanted[f"{agent}.{task}-{copy}"] = {
                "agent": agent, "task": task, "inputs": catalogue.TASKS[agent, task].example, "seed": SEED,
                "cache": False,
            }  # fmt: skip
    lane.publish(*(msgspec.json.encode({"id": name, **request}) for name, request in wanted.items()))
    lane.answers.wait(lambda found: wanted.keys() <= found.by_id.keys(), 240.0)


def test_equal_seeds_give_equal_bytes_on_one_worker_and_on_two(lane):
    names = [name for name in catalogue.TASKS if name not in MEASURED]
    lane.start_worker()
    _publish_and_wait(lane, names, ["alone"])
    lane.start_worker()
    copies = ["alone"]
    while len(_workers(lane)) < 2:  # until the second one has its share of the partitions
        assert len(copies) < ROUNDS
        copies.append(str(len(copies)))
        _publish_and_wait(lane, names, copies[-1:])
    for name in names:
        label = ".".join(name)
        results = [lane.answers.by_id[f"{label}-{copy}"][0] for copy in copies]
        assert results[0]["status"] == "succeeded", (label, results[0]["error"])
        assert len({msgspec.json.encode(_said(result)) for result in results}) == 1, label


def _workers(lane) -> set[str]:
    return {result["provenance"]["worker"] for results in lane.answers.by_id.values() for result in results}
