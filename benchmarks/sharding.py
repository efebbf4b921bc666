"""One ensemble larger than a worker: on one worker, on two, and on two of which one is killed half way.

Each worker has one process for long work. The results have to be the same bytes, provenance and time aside. Beside the
time, the processor time of each worker is given: where others use the machine, the times say more about them.
"""

import contextlib
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
from confluent_kafka import Message, Producer

from sciagents.tail import Tail
from streams import declare

_PATIENCE_S = 1800.0
_WARM_UP_S = 120.0
_ID = "lorenz"
_OWN = ("provenance", "completed_at")


def measure(bootstrap: str, members: int = 10_000_000, t_end: float = 5.0) -> dict[str, object]:
    """Measure the three, print the figures, and give them with the ratios."""
    request = lorenz(members, t_end)
    found = {}
    for name, workers, kill in (("one", 1, False), ("two", 2, False), ("two, one killed", 2, True)):
        found[name] = seconds, busy, result = _run(bootstrap, f"s{time.time_ns():x}.", request, workers, kill=kill)
        each = ", ".join(f"{one:.1f}" for one in busy)
        print(f"{name:16} {seconds:8.1f} s   {members / seconds:12,.0f} members/s   processor s: {each}", flush=True)
        if result["status"] != "succeeded":
            raise SystemExit(f"{name}: {result['error']}")
    bodies = {name: _body(result) for name, (*_, result) in found.items()}
    same = len(set(bodies.values())) == 1
    ratio = found["one"][0] / found["two"][0]
    print(f"two workers are {ratio:.2f} times as fast as one; the three results are {'' if same else 'NOT '}the same")
    outputs = found["one"][2]["outputs"]
    return {
        "members": members, "t_end": t_end, "seconds": {name: round(found[name][0], 2) for name in found},
        "processor_seconds": {name: [round(one, 2) for one in found[name][1]] for name in found},
        "ratio_two_to_one": round(ratio, 3), "same_bytes": same, "bytes": len(bodies["one"]),
        "mean": {name: values[-1] for name, values in outputs["mean"].items()},
        "quantile_rank_error": outputs["quantile_rank_error"],
    }  # fmt: skip


def lorenz(members: int, t_end: float, request_id: str = _ID, **more: object) -> bytes:
    """Write the request: Lorenz's system, its parameter and two initial values drawn."""
    normal, uniform = {"distribution": "norm", "loc": 28, "scale": 0.5}, {"distribution": "uniform", "scale": 2}
    inputs = {
        "equations": {"x": "sigma*(y - x)", "y": "x*(rho - z) - y", "z": "x*y - beta*z"},
        "parameters": {"sigma": 10, "beta": 8 / 3}, "initial": {"z": 20}, "t_span": [0, t_end],
        "samples": {"rho": normal, "x": uniform, "y": uniform}, "n_members": members,
        "output": "statistics", "t_eval": [t_end / 2, t_end],
    }  # fmt: skip
    whole = {"id": request_id, "agent": "ode", "task": "ensemble", "inputs": inputs, "seed": 7, "cache": False, **more}
    return msgspec.json.encode({**whole, "options": {"rtol": 1e-4, "atol": 1e-6}})


class _Seen:
    """The results and the progress that came."""

    def __init__(self) -> None:
        self.results: dict[str, bytes] = {}
        self.fraction = 0.0
        self.changed = threading.Condition()

    def take(self, records: list[Message]) -> None:
        with self.changed:
            for record in records:
                name, value = (record.key() or b"").decode(), record.value() or b""
                if (record.topic() or "").endswith("compute.results"):
                    self.results.setdefault(name, value)
                elif name == _ID:
                    self.fraction = max(self.fraction, msgspec.json.decode(value)["fraction"])
            self.changed.notify_all()

    def workers(self) -> set[str]:
        return {msgspec.json.decode(value)["provenance"]["worker"] for value in self.results.values()}


def _run(bootstrap: str, prefix: str, request: bytes, workers: int, *, kill: bool) -> tuple[float, list[float], dict]:
    declare.ensure(bootstrap, prefix)
    producer, seen, lost = Producer({"bootstrap.servers": bootstrap}), _Seen(), 0.0
    topics = [f"{prefix}compute.results", f"{prefix}compute.progress"]
    with _running(bootstrap, prefix, workers) as processes, Tail(bootstrap, topics, seen.take, start="beginning"):
        _warm_up(producer, prefix, seen, workers)
        before, started = [_busy(one) for one in processes], time.perf_counter()
        producer.produce(f"{prefix}compute.requests", request)
        producer.flush()
        with seen.changed:
            if kill:
                if not seen.changed.wait_for(lambda: seen.fraction >= 0.5, _PATIENCE_S):
                    raise RuntimeError("it does not come to its half")
                lost = _busy(processes[0])
                processes[0].kill()
                print(f"killed one worker at {seen.fraction:.0%}", flush=True)
            if not seen.changed.wait_for(lambda: _ID in seen.results, _PATIENCE_S):
                raise RuntimeError("it is not answered")
        seconds = time.perf_counter() - started
        after = [lost if kill and i == 0 else _busy(one) for i, one in enumerate(processes)]
        spent = [late - early for late, early in zip(after, before, strict=True)]
        return seconds, spent, msgspec.json.decode(seen.results[_ID])


def _busy(process: subprocess.Popen[bytes]) -> float:
    """Processor seconds of a worker and all its processes so far."""
    worker = psutil.Process(process.pid)
    times = []
    for one in (worker, *worker.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times.append(one.cpu_times())
    return sum(one.user + one.system for one in times)


def _warm_up(producer: Producer, prefix: str, seen: _Seen, workers: int) -> None:
    """Send small ensembles to the heavy lane until every worker has answered one."""
    until, number = time.monotonic() + _WARM_UP_S, 0
    while len(seen.workers()) < workers:
        if time.monotonic() > until:
            raise RuntimeError("not every worker answers")
        names = [f"warm-{number + i}" for i in range(4)]
        number += len(names)
        for name in names:
            producer.produce(f"{prefix}compute.requests", lorenz(2000, 1.0, name))
        producer.flush()
        with seen.changed:
            seen.changed.wait_for(lambda names=names: all(name in seen.results for name in names), 30.0)


@contextlib.contextmanager
def _running(bootstrap: str, prefix: str, workers: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    with contextlib.ExitStack() as stack:
        processes = []
        for _ in range(workers):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            log = stack.enter_context((folder / "log").open("wb"))
            command = [
                sys.executable, "-m", "sciagents", "worker", "--kafka", bootstrap, "--topic-prefix", prefix,
                "--max-workers", "1", "--log-level", "WARNING", "--dir", str(folder),
            ]  # fmt: skip
            process = subprocess.Popen(command, stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.kill)
            processes.append(process)
        yield processes


def _body(result: dict) -> bytes:
    return msgspec.json.encode({name: value for name, value in result.items() if name not in _OWN})
