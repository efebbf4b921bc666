"""Memory of a worker's processes while it works off a long backlog: what it is after a warm-up, and how much it grows.

All requests are on the topic before the worker starts. A process's memory is its resident set; the warm-up is the first
fifth of the results, growth is from the largest reading of the next fifth to the largest of the last.
"""

import time
from collections import defaultdict

import psutil
from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.contestants import OURS, running
from benchmarks.throughput import requests
from streams import declare

_EVERY_S = 0.5
_PATIENCE_S = 3600.0
_MIB = 1024 * 1024


def measure(bootstrap: str, count: int = 100_000) -> dict[str, object]:
    """Measure each process of one worker; a reading is (share of the results that are there, bytes)."""
    prefix = f"s{time.time_ns():x}-"
    declare.ensure(bootstrap, prefix)
    _publish(bootstrap, f"{prefix}compute.requests", count)
    readings: dict[str, list[tuple[float, int]]] = defaultdict(list)
    began = time.monotonic()
    with running(OURS, bootstrap, prefix) as process:
        consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "soak", "enable.auto.commit": False})
        topic = f"{prefix}compute.results"
        partitions = [TopicPartition(topic, number) for number in consumer.list_topics(topic).topics[topic].partitions]
        first: float | None = None
        done = 0
        while done < count:
            if process.poll() is not None or time.monotonic() - began > _PATIENCE_S:
                raise RuntimeError(f"after {done} of {count} results")
            time.sleep(_EVERY_S)
            done = sum(consumer.get_watermark_offsets(place, timeout=60)[1] for place in partitions)
            first = time.monotonic() if first is None and done else first
            for name, size in memory(process.pid):
                readings[name].append((done / count, size))
        spent = time.monotonic() - (first or began)
        consumer.close()
    found = {name: _growth(read) for name, read in readings.items() if len(read) > 10}
    for name, (after, growth) in found.items():
        print(f"{name:10} {after:7.1f} MiB after the warm-up, {growth:+.1f} MiB since", flush=True)
    return {
        "requests": count,
        "requests_per_s": round(count / spent),
        "mib": {name: {"after_warm_up": after, "growth": growth} for name, (after, growth) in found.items()},
    }


def _publish(bootstrap: str, topic: str, count: int) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, "queue.buffering.max.messages": 200_000})
    values = requests(min(count, 20_000))
    for number in range(count):
        value = values[number % len(values)]
        while True:
            try:
                producer.produce(topic, value.replace(b'"r-', b'"%d-' % (number // len(values)), 1))
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()


def memory(pid: int) -> list[tuple[str, int]]:
    """Resident bytes of a process and of those that it has made, by name."""
    parent = psutil.Process(pid)
    found = [("worker", parent)] + [(f"child-{n}", child) for n, child in enumerate(parent.children(recursive=True))]
    readings = []
    for name, process in found:
        try:
            readings.append((name, process.memory_info().rss))
        except psutil.NoSuchProcess:
            continue
    return readings


def _growth(readings: list[tuple[float, int]]) -> tuple[float, float]:
    warm = max((size for share, size in readings if 0.2 <= share <= 0.4), default=0)
    end = max((size for share, size in readings if share > 0.8), default=0)
    return round(warm / _MIB, 1), round((end - warm) / _MIB, 1)
