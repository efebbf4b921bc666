"""Time from a cancellation's sending to the result's arrival, and how much longer than its time a request runs.

Requests that look at their watch, and native calls that cannot be interrupted (tests/misbehaving.py), which run in the
heavy lane, or wait there. The deadline's overshoot is `run_s` less `timeout_s`.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
from confluent_kafka import Message, Producer

from sciagents.tail import Tail
from streams import declare

_TIMEOUT_S = 0.4
_COST = 1e12
"""Above what the fast lane takes."""


class Talk:
    """A worker that has the tests' tasks, and what it says."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self._producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0})
        self._prefix = prefix
        self._changed = threading.Condition()
        self.results: dict[str, tuple[float, dict]] = {}
        self.begun: set[str] = set()

    def hear(self, records: list[Message]) -> None:
        """Take note of results, and of what has begun."""
        now = time.perf_counter()
        with self._changed:
            for record in records:
                name = (record.key() or b"").decode()
                if (record.topic() or "").endswith("results"):
                    self.results.setdefault(name, (now, msgspec.json.decode(record.value() or b"{}")))
                else:
                    self.begun.add(name)
            self._changed.notify_all()

    def send(
        self, name: str, how: str, *, priority: str = "normal", timeout_s: float | None = None, **inputs: object
    ) -> None:
        """Send a request."""
        whole = {
            "id": name, "agent": "trial", "task": "run", "priority": priority, "timeout_s": timeout_s,
            "inputs": {"how": how, **inputs},
        }  # fmt: skip
        self._producer.produce(f"{self._prefix}compute.requests", msgspec.json.encode(whole))
        self._producer.poll(0)

    def cancel(self, name: str) -> float:
        """Send it, and return when."""
        at = time.perf_counter()
        self._producer.produce(f"{self._prefix}compute.control", msgspec.json.encode({"id": name, "action": "cancel"}))
        self._producer.flush()
        return at

    def flush(self) -> None:
        """Wait until all requests are on the broker."""
        self._producer.flush()

    def wait(self, *names: str, begun: bool = False, timeout_s: float = 120.0) -> None:
        """Wait until all of them are answered, or have told that they run."""
        found = self.begun if begun else self.results
        with self._changed:
            if not self._changed.wait_for(lambda: all(name in found for name in names), timeout_s):
                raise RuntimeError(
                    f"not {'begun' if begun else 'answered'}: {[n for n in names if n not in found][:5]}"
                )


@contextlib.contextmanager
def talking(bootstrap: str, prefix: str) -> Iterator[Talk]:
    """Run a worker with one process for long requests."""
    declare.ensure(bootstrap, prefix)
    talk = Talk(bootstrap, prefix)
    topics = [f"{prefix}compute.results", f"{prefix}compute.progress"]
    tests = Path(__file__).parent.parent / "tests"
    with tempfile.TemporaryDirectory() as folder, Tail(bootstrap, topics, talk.hear, start="beginning"):
        command = [sys.executable, "-m", "misbehaving", bootstrap, prefix, folder]
        places = os.pathsep.join(filter(None, [str(tests), os.environ.get("PYTHONPATH", "")]))
        with Path(folder, "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": places})
        try:
            talk.send("ready", "well")
            talk.send("ready-too", "well", cost=_COST)
            talk.wait("ready", "ready-too")
            yield talk
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def spread(values: list[float], unit: float = 1000.0, digits: int = 1) -> dict[str, float]:
    """The median, the 99th percentile and the largest; in milliseconds."""
    found = np.array(values) * unit
    return {
        "p50": round(float(np.quantile(found, 0.5)), digits), "p99": round(float(np.quantile(found, 0.99)), digits),
        "max": round(float(found.max()), digits),
    }  # fmt: skip


def cancel(bootstrap: str, count: int = 40) -> object:
    """Cancel requests that run and look at their watch, that run and do not, and that wait."""
    found: dict[str, list[float]] = {"running": [], "in a native call": [], "waiting": []}
    with talking(bootstrap, f"c{time.time_ns():x}-") as talk:
        for number in range(count):
            for kind, how in (("running", "watched"), ("in a native call", "deaf")):
                name = f"{how}-{number}"
                talk.send(name, how, seconds=60.0, cost=_COST)
                if how == "watched":
                    talk.wait(name, begun=True)
                else:  # it tells nothing: it has begun when one that came after still waits
                    time.sleep(0.3)
                waits = f"w-{how}-{number}"
                talk.send(waits, "well", cost=_COST)
                talk.flush()
                time.sleep(0.1)
                for cancelled, place in ((waits, "waiting"), (name, kind)):
                    at = talk.cancel(cancelled)
                    talk.wait(cancelled)
                    found[place].append(talk.results[cancelled][0] - at)
    statuses = {result["status"] for name, (_, result) in talk.results.items() if not name.startswith("ready")}
    for kind, values in found.items():
        print(f"cancelled {kind:17} {spread(values)} ms", flush=True)
    return {"requests": count, "statuses": sorted(statuses), "ms": {k: spread(v) for k, v in found.items()}}


def deadline(bootstrap: str, count: int = 40) -> object:
    """Let requests run into their deadline."""
    found: dict[str, list[float]] = {}
    with talking(bootstrap, f"d{time.time_ns():x}-") as talk:
        for how, kind in (("watched", "running"), ("deaf", "in a native call")):
            names = [f"{how}-{number}" for number in range(count)]
            for name in names:
                talk.send(name, how, seconds=60.0, timeout_s=_TIMEOUT_S, cost=_COST)
            talk.wait(*names, timeout_s=60 + count * 2)
            over = [talk.results[name][1]["provenance"]["run_s"] - _TIMEOUT_S for name in names]
            codes = {talk.results[name][1]["error"]["code"] for name in names}
            found[kind] = over
            print(f"over its deadline, {kind:17} {spread(over)} ms {codes}", flush=True)
    return {"requests": count, "timeout_s": _TIMEOUT_S, "ms": {k: spread(v) for k, v in found.items()}}
