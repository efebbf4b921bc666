"""Time from a request's sending to its result's arrival, at a steady rate, beside a bare aiokafka loop.

The same client paces the requests and reads the results; the first seconds, in which a contestant warms up, do not
count. Each contestant takes its turn at each rate, round by round.
"""

import threading
import time
from statistics import median

import numpy as np
from confluent_kafka import Message, Producer

from benchmarks.contestants import OURS, running
from benchmarks.throughput import requests
from sciagents.tail import Tail
from streams import declare

PEERS = ("aiokafka_loop",)
_WARM_UP_S = 2.0
_TICK_S = 0.002


def measure(bootstrap: str, rates: tuple[int, ...] = (200, 5_000), seconds: float = 8.0, rounds: int = 3) -> object:
    """Measure p50 and p99 in milliseconds at each rate, the medians over the rounds, and the ratios ours / peer."""
    found: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for number in range(rounds):
        for rate in rates:
            for name in (OURS, *PEERS):
                p50, p99 = _quantiles(bootstrap, f"l{time.time_ns():x}-{name}-", name, rate, seconds)
                found.setdefault((name, rate), []).append((p50, p99))
                print(f"round {number + 1}: {rate:>5}/s {name:14} p50 {p50:7.1f} ms  p99 {p99:7.1f} ms", flush=True)
    return {
        f"{rate}/s": {
            "ms": {
                name: {"p50": _middle(found[name, rate], 0), "p99": _middle(found[name, rate], 1)}
                for name in (OURS, *PEERS)
            },
            "ratio_to": {
                peer: {
                    quantile: round(median(
                        ours[which] / theirs[which]
                        for ours, theirs in zip(found[OURS, rate], found[peer, rate], strict=True)
                    ), 2)
                    for which, quantile in enumerate(("p50", "p99"))
                }
                for peer in PEERS
            },
        }
        for rate in rates
    }  # fmt: skip


def _middle(rounds: list[tuple[float, float]], which: int) -> float:
    return round(median(one[which] for one in rounds), 1)


def _quantiles(bootstrap: str, prefix: str, name: str, rate: int, seconds: float) -> tuple[float, float]:
    declare.ensure(bootstrap, prefix)
    values = requests(int(rate * (seconds + _WARM_UP_S)))
    sent, arrived = np.zeros(len(values)), np.zeros(len(values))
    ready, complete = threading.Event(), threading.Event()

    def on_records(records: list[Message]) -> None:
        now = time.perf_counter()
        for record in records:
            key = (record.key() or b"").decode()
            if key == "ready":
                ready.set()
            elif arrived[index := int(key[2:])] == 0.0:
                arrived[index] = now
        if arrived.all():
            complete.set()

    # idempotent: at most 5 requests in flight. Without that bound a client floods the broker with requests of one
    # message, and what is measured is the queue in its socket
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 1, "enable.idempotence": True})
    topic = f"{prefix}compute.requests"
    with running(name, bootstrap, prefix), Tail(bootstrap, [f"{prefix}compute.results"], on_records, start="end"):
        producer.produce(topic, requests(1)[0].replace(b'"r-0"', b'"ready"'))
        producer.flush()
        if not ready.wait(60):
            raise RuntimeError(f"{name} does not answer")
        _pace(producer, topic, values, rate, sent)
        if not complete.wait(60):
            raise RuntimeError(f"{name} answered {np.count_nonzero(arrived)} of {len(values)} requests")
    counted = (arrived - sent)[int(rate * _WARM_UP_S) :] * 1000
    return float(np.quantile(counted, 0.5)), float(np.quantile(counted, 0.99))


def _pace(producer: Producer, topic: str, values: list[bytes], rate: int, sent: np.ndarray) -> None:
    """Send what is due at every tick; a request's time counts from when it was due, so that a stall here is seen."""
    start = time.perf_counter()
    sent[:] = start + np.arange(len(values)) / rate
    index = 0
    while index < len(values):
        due = min(len(values), int((time.perf_counter() - start) * rate) + 1)
        for value in values[index:due]:
            producer.produce(topic, value)
        index = due
        producer.poll(0)
        time.sleep(_TICK_S)
    producer.flush()
