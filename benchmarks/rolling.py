"""A rolling restart of three workers under a steady load: what is lost, what comes twice, and how long requests take.

The worker that is stopped (SIGTERM) is replaced once it has ended, the next one's turn comes when the replacement takes
work (`/health/ready`). Latency counts from when a request was due to its result's timestamp on the broker.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import httpx
import numpy as np
from confluent_kafka import Producer

from benchmarks.throughput import requests
from sciagents import addresses
from sciagents.tail import read_all
from streams import declare

_WORKERS = 3
_READY_S = 60.0
_SETTLE_S = 2.0


def measure(bootstrap: str, rate: int = 500) -> dict[str, object]:
    """Measure with members that come and go, and with static ones."""
    return {kind: _round(bootstrap, kind, rate) for kind in ("dynamic", "static")}


def _round(bootstrap: str, kind: str, rate: int) -> dict[str, object]:
    prefix = f"r{time.time_ns():x}-{kind}-"
    declare.ensure(bootstrap, prefix)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        workers = [_Worker(bootstrap, prefix, folder, f"w-{n}" if kind == "static" else "") for n in range(_WORKERS)]
        for worker in workers:
            stack.callback(worker.kill)
            worker.start()
        for worker in workers:
            worker.wait_ready()
        sent, stop = [], threading.Event()
        load = threading.Thread(target=lambda: sent.extend(_steady(bootstrap, f"{prefix}compute.requests", rate, stop)))
        load.start()
        time.sleep(_SETTLE_S)
        began, away = time.time(), []
        for worker in workers:
            stopped = time.time()
            worker.stop()
            worker.start()
            worker.wait_ready()
            away.append(time.time() - stopped)
        time.sleep(_SETTLE_S)
        ended = time.time()
        stop.set()
        load.join()
        _until(lambda: _count(bootstrap, f"{prefix}compute.results") >= len(sent))
        for worker in workers:
            worker.stop()
    found = [
        (record.key() or b"", record.timestamp()[1] / 1000)
        for record in read_all(bootstrap, f"{prefix}compute.results")
    ]
    answers = Counter(key for key, _ in found)
    at = dict(reversed(found))
    waited = [at[key] - due for key, due in sent if key in at and began <= due <= ended]
    result = {
        "requests": len(sent),
        "lost": sum(key not in at for key, _ in sent),
        "duplicates": sum(count - 1 for count in answers.values()),
        "away_s": [round(one, 2) for one in away],
        "latency_ms": {
            name: round(float(np.quantile(waited, share)) * 1000) for name, share in
            (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0))
        },
    }  # fmt: skip
    print(f"{kind}: {result}", flush=True)
    return result


class _Worker:
    def __init__(self, bootstrap: str, prefix: str, folder: str, instance_id: str) -> None:
        self._address = addresses.free("127.0.0.1:0")
        self._command = [
            sys.executable, "-m", "sciagents", "worker", "--kafka", bootstrap, "--topic-prefix", prefix,
            "--metrics-listen", self._address, "--dir", folder, "--log-level", "WARNING",
            "--instance-id", instance_id,
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, env=os.environ | {"OPENBLAS_NUM_THREADS": "1"})

    def wait_ready(self) -> None:
        with httpx.Client(base_url=f"http://{self._address}") as client:

            def ready() -> bool:
                with contextlib.suppress(httpx.HTTPError):
                    return client.get("/health/ready").status_code == 200
                return False

            _until(ready)

    def stop(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        if self._process.wait(60) != 0:
            raise RuntimeError(f"a worker ended with {self._process.returncode}")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _steady(bootstrap: str, topic: str, rate: int, stop: threading.Event) -> Iterator[tuple[bytes, float]]:
    """Send what is due every few milliseconds; yields keys and when they were due."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 1, "enable.idempotence": True})
    values, start, index = requests(100_000), time.time(), 0
    while not stop.wait(0.005) and index < len(values):
        due = min(len(values), int((time.time() - start) * rate) + 1)
        for number in range(index, due):
            producer.produce(topic, values[number])
            yield f"r-{number}".encode(), start + number / rate
        index = due
        producer.poll(0)
    producer.flush()


def _count(bootstrap: str, topic: str) -> int:
    return sum(1 for _ in read_all(bootstrap, topic))


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _READY_S
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("it takes too long")
        time.sleep(0.05)
