"""What waits inside one worker while far more waits on the topics: records in flight, memory, lateness.

Three backlogs: small requests, large ones (a third of a MB each, more in all than the bound on bytes), and long ones,
which go to the heavy lane. A reading is taken ten times a second from the worker's own metrics, from its first answer
on, until all is answered or the time is over. The bounds are those of `streams/intake.py`.
"""

import re
import socket
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator

import msgspec
import numpy as np
import psutil
from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.contestants import OURS, running
from benchmarks.sharding import lorenz
from benchmarks.soak import memory
from benchmarks.stopping import spread
from benchmarks.throughput import requests
from sciagents.tail import read_all
from streams import declare

_EVERY_S = 0.1
_PATIENCE_S = 120.0
_MIB = 1024 * 1024
_SHOWN = re.compile(
    r"^(sci_agents_(?:in_flight|heavy_waiting|emit_queue_messages|event_loop_lag_seconds)) (\S+)$", re.MULTILINE
)


def measure(bootstrap: str, count: int = 200_000, seconds: float = 30.0) -> object:
    """Measure each backlog; of every reading the median, the 99th percentile and the largest."""
    found = {}
    backlogs = {"small": iter(requests(count)), "large": _large(1_200), "long": _long(1_500)}
    for name, values in backlogs.items():
        found[name] = _readings(bootstrap, f"b{time.time_ns():x}-", values, seconds)
        print(f"{name:6} {found[name]}", flush=True)
    return found


def _large(count: int, n: int = 128) -> Iterator[bytes]:
    rng = np.random.default_rng(2)
    a, b = (rng.uniform(-1.0, 1.0, (n, n)) + n * np.eye(n)).tolist(), rng.uniform(-1.0, 1.0, n).tolist()
    for index in range(count):
        b[0] = float(index)
        yield msgspec.json.encode(
            {"id": f"l-{index}", "agent": "linalg", "task": "solve", "inputs": {"a": a, "b": b}, "cache": False}
        )


def _long(count: int) -> Iterator[bytes]:
    for index in range(count):
        yield lorenz(20_000, 10.0, f"h-{index}", seed=index)


def _readings(bootstrap: str, prefix: str, values: Iterator[bytes], seconds: float) -> dict[str, object]:
    declare.ensure(bootstrap, prefix)
    count, size = _publish(bootstrap, f"{prefix}compute.requests", values)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    seen: dict[str, list[float]] = defaultdict(list)
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "pressure", "enable.auto.commit": False})
    topic = f"{prefix}compute.results"
    places = [TopicPartition(topic, number) for number in consumer.list_topics(topic).topics[topic].partitions]
    with running(OURS, bootstrap, prefix, "--metrics-listen", address) as process:
        until = time.monotonic() + _PATIENCE_S
        first, answered = 0.0, 0
        while answered < count and time.monotonic() < until:
            if process.poll() is not None:
                raise RuntimeError(f"it ended after {answered} of {count} results")
            time.sleep(_EVERY_S)
            answered = sum(consumer.get_watermark_offsets(place, timeout=60)[1] for place in places)
            if not answered:
                continue
            if not first:
                first, until = time.monotonic(), min(until, time.monotonic() + seconds)
            for name, value in _shown(address).items():
                seen[name].append(value)
            seen["mib"].append(sum(size for _, size in memory(psutil.Process(process.pid).children()[0].pid)) / _MIB)
    consumer.close()
    for record in read_all(bootstrap, topic, timeout_s=_PATIENCE_S):
        if b'"status":"succeeded"' not in (record.value() or b""):
            raise RuntimeError(f"not what was to be measured: {(record.value() or b'')[:500]!r}")
    return {
        "requests": count, "mib_on_topic": round(size / _MIB, 1), "answered": answered, "readings": len(seen["mib"]),
        **{name: spread(read, 1.0, 3) for name, read in sorted(seen.items())},
    }  # fmt: skip


def _shown(address: str) -> dict[str, float]:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {name.removeprefix("sci_agents_"): float(value) for name, value in _SHOWN.findall(text)}


def _publish(bootstrap: str, topic: str, values: Iterator[bytes]) -> tuple[int, int]:
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, "queue.buffering.max.messages": 500_000})
    count = size = 0
    for value in values:
        producer.produce(topic, value)
        count, size = count + 1, size + len(value)
        if size % 64 == 0:
            producer.poll(0)
        if len(value) > 100_000 and len(producer) > 100:
            producer.flush()
    producer.flush()
    return count, size
