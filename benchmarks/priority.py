"""Time that requests wait, by priority, while low ones flood: in the fast lane and in the heavy one."""

import time

from benchmarks.stopping import Talk, spread, talking

_OF_FAST = {"seconds": 0.005, "cost": 5e7}
_OF_HEAVY = {"seconds": 0.05, "cost": 1e12}


def measure(bootstrap: str, count: int = 60) -> object:
    """Send low ones at once, and now and then a normal and a high one, half of what the lane can do."""
    found = {}
    for lane, inputs, low in (("fast", _OF_FAST, 8 * count), ("heavy", _OF_HEAVY, 4 * count)):
        with talking(bootstrap, f"p{time.time_ns():x}-") as talk:
            found[lane] = _waits(talk, inputs, count, low)
        for priority, values in found[lane].items():
            print(f"{lane} lane, {priority:6} waited {values} ms", flush=True)
    return {"requests": count, "ms": found}


def _waits(talk: Talk, inputs: dict[str, float], count: int, low: int) -> dict[str, dict[str, float]]:
    names = {"low": [f"low-{n}" for n in range(low)], "normal": [], "high": []}
    for name in names["low"]:
        talk.send(name, "watched", priority="low", **inputs)
    talk.flush()
    for number in range(count):
        for priority in ("normal", "high"):
            names[priority].append(f"{priority}-{number}")
            talk.send(names[priority][-1], "watched", priority=priority, **inputs)
        talk.flush()
        time.sleep(4 * inputs["seconds"])
    talk.wait(*(name for each in names.values() for name in each), timeout_s=300.0)
    return {
        priority: spread([talk.results[name][1]["provenance"]["queued_s"] for name in each])
        for priority, each in names.items()
    }
