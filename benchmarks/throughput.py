"""Requests per second of one worker process, beside an idiomatic Faust agent and a bare librdkafka loop.

All requests are on the topic before a contestant starts; the time is that from a fifth of its results to the last one:
what a process does once, in its first seconds, is not what is compared.
"""

import subprocess
import time
from statistics import median

import msgspec
import numpy as np
from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.contestants import OURS, running
from sciagents.tail import read_all
from streams import declare

PEERS = ("faust_record", "librdkafka_loop")
_PATIENCE_S = 300.0


def measure(bootstrap: str, count: int = 200_000, rounds: int = 3) -> dict[str, object]:
    """Measure each contestant in turn; gives the medians and the ratios of ours to each peer, round by round."""
    rates: dict[str, list[float]] = {name: [] for name in (OURS, *PEERS)}
    for number in range(rounds):
        for name, found in rates.items():
            found.append(_rate(bootstrap, f"t{time.time_ns():x}-{name}-", name, count))
            print(f"round {number + 1}: {name:16} {found[-1]:>10,.0f} requests/s", flush=True)
    ours = rates[OURS]
    return {
        "requests": count,
        "requests_per_s": {name: round(median(found)) for name, found in rates.items()},
        "ratio_to": {
            peer: round(median(a / b for a, b in zip(ours, rates[peer], strict=True)), 2) for peer in PEERS
        },
    }  # fmt: skip


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


def _rate(bootstrap: str, prefix: str, name: str, count: int) -> float:
    declare.ensure(bootstrap, prefix)
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, "queue.buffering.max.messages": 1_000_000})
    for value in requests(count):
        producer.produce(f"{prefix}compute.requests", value)
    producer.flush()
    topic = f"{prefix}compute.results"
    with running(name, bootstrap, prefix) as process:
        _wait(bootstrap, topic, count, process)
    results = list(read_all(bootstrap, topic, timeout_s=_PATIENCE_S))
    answered = {msgspec.json.decode(record.value() or b"{}")["id"] for record in results}
    if len(answered) != count:
        raise RuntimeError(f"{name} answered {len(answered)} of {count} requests")
    times = sorted(record.timestamp()[1] for record in results)
    begin = count // 5
    return (count - begin) / ((times[-1] - times[begin]) / 1000)


def _wait(bootstrap: str, topic: str, count: int, process: subprocess.Popen[bytes]) -> None:
    """Ask the broker for the topic's end now and then: a consumer beside it would take the processor from it."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench", "enable.auto.commit": False})
    partitions = consumer.list_topics(topic, timeout=20).topics[topic].partitions
    deadline = time.monotonic() + _PATIENCE_S
    while sum(consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=20)[1] for p in partitions) < count:
        if time.monotonic() > deadline or process.poll() is not None:
            raise RuntimeError("it does not answer")
        time.sleep(0.1)
    consumer.close()
