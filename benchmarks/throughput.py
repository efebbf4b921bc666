"""Requests per second of one worker process, beside an idiomatic Faust agent and a bare librdkafka loop.

All requests are on the topic before a contestant starts; the time is that from a fifth of its results to the last one:
what a process does once, in its first seconds, is not what is compared. Processor time a request, of all its threads
and processes, says what a machine that has other work to do hides.
"""

import subprocess
import time
from statistics import median

import msgspec
import numpy as np
import psutil
from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.contestants import OURS, running
from sciagents.tail import read_all
from streams import declare

PEERS = ("faust_record", "librdkafka_loop")
_PATIENCE_S = 300.0


def measure(bootstrap: str, count: int = 200_000, rounds: int = 3) -> dict[str, object]:
    """Measure each contestant in turn; gives the medians and the ratios of ours to each peer, round by round."""
    rates: dict[str, list[float]] = {name: [] for name in (OURS, *PEERS)}
    costs: dict[str, list[float]] = {name: [] for name in (OURS, *PEERS)}
    for number in range(rounds):
        for name, found in rates.items():
            rate, cost = _rate(bootstrap, f"t{time.time_ns():x}-{name}-", name, count)
            found.append(rate)
            costs[name].append(cost)
            print(f"round {number + 1}: {name:16} {rate:>10,.0f} requests/s {cost:>8.1f} µs each", flush=True)
    return {
        "requests": count,
        "requests_per_s": {name: round(median(found)) for name, found in rates.items()},
        "processor_us_per_request": {name: round(median(found), 1) for name, found in costs.items()},
        "ratio_to": {peer: _ratio(rates[OURS], rates[peer]) for peer in PEERS},
        "processor_ratio_to": {peer: _ratio(costs[OURS], costs[peer]) for peer in PEERS},
    }


def _ratio(ours: list[float], theirs: list[float]) -> float:
    return round(median(a / b for a, b in zip(ours, theirs, strict=True)), 2)


def requests(count: int, seed: int = 1) -> list[bytes]:
    """Values of `linalg.solve` requests with 2×2 systems, diagonally dominant."""
    drawn = np.random.default_rng(seed).uniform(-1.0, 1.0, (count, 6)).round(6).tolist()
    return [
        msgspec.json.encode({
            "id": f"r-{index}", "agent": "linalg", "task": "solve",
            "inputs": {"a": [[3.0 + a, b], [c, 3.0 + d]], "b": [e, f]},
        })
        for index, (a, b, c, d, e, f) in enumerate(drawn)
    ]  # fmt: skip


def _rate(bootstrap: str, prefix: str, name: str, count: int) -> tuple[float, float]:
    """Answer `count` requests; gives how many a second, and the processor time of each in µs."""
    declare.ensure(bootstrap, prefix)
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, "queue.buffering.max.messages": 1_000_000})
    for value in requests(count):
        producer.produce(f"{prefix}compute.requests", value)
    producer.flush()
    topic = f"{prefix}compute.results"
    with running(name, bootstrap, prefix) as process:
        cost_s = _wait(bootstrap, topic, count, process)
    results = list(read_all(bootstrap, topic, timeout_s=_PATIENCE_S))
    answered = {msgspec.json.decode(record.value() or b"{}")["id"] for record in results}
    if len(answered) != count:
        raise RuntimeError(f"{name} answered {len(answered)} of {count} requests")
    times = sorted(record.timestamp()[1] for record in results)
    begin = count // 5
    return (count - begin) / ((times[-1] - times[begin]) / 1000), 1e6 * cost_s


def _wait(bootstrap: str, topic: str, count: int, process: subprocess.Popen[bytes]) -> float:
    """Wait for `count` results; gives the processor time of one, in seconds, of those after the first fifth.

    The broker is asked for the topic's end now and then: a consumer beside it would take the processor from it.
    """
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench", "enable.auto.commit": False})
    partitions = consumer.list_topics(topic, timeout=20).topics[topic].partitions
    deadline = time.monotonic() + _PATIENCE_S
    begun: tuple[int, float] | None = None
    while True:
        found = sum(consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=20)[1] for p in partitions)
        if begun is None and found > count // 5:
            begun = found, _processor_s(process.pid)
        if found >= count:
            break
        if time.monotonic() > deadline or process.poll() is not None:
            raise RuntimeError("it does not answer")
        time.sleep(0.05)
    consumer.close()
    first, before = begun or (0, 0.0)
    return (_processor_s(process.pid) - before) / (found - first) if found > first else float("nan")


def _processor_s(pid: int) -> float:
    """Processor time of a process and of those that it has made, in seconds."""
    parent = psutil.Process(pid)
    times = [one.cpu_times() for one in (parent, *parent.children(recursive=True))]
    return sum(one.user + one.system for one in times)
