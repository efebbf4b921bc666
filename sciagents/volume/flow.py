"""Events through the whole program: from Kafka to a webhook, at a steady rate and as a burst.

Beside the metrics of 10,000 hosts faults come one by one, and a P0 rule with `for: 0` tells of each. What is measured
is the time from when a fault was due to be sent until the webhook has its first notification.
"""

import threading
import time
from typing import Any

import msgspec
import numpy as np
from confluent_kafka import Producer

from alerting import instants
from sciagents.endpoint import taking
from sciagents.errors import NoAnswerError
from sciagents.volume.process import alerting
from streams import declare
from streams.topics import names

HOSTS = 10_000
PROBES_PER_S = 4
_TICK_S = 0.005
_ANY = -1  # the partitioner chooses
_WITHIN_S = 60.0


class Flow(msgspec.Struct):
    """What was measured in one round."""

    events: int
    events_per_s: float
    """Of the burst, from the first one's sending to the last one's effect."""
    rate: int
    cpu_share: float
    """Of one core, at the steady rate."""
    faults: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    mib: float


class Heard:
    """When the webhook first heard of each source."""

    def __init__(self) -> None:
        self._at: dict[str, float] = {}
        self._came = threading.Condition()

    def take(self, message: dict[str, Any]) -> None:
        """Take what the webhook got."""
        now = time.time()
        with self._came:
            for alert in message.get("alerts", []):
                self._at.setdefault(alert["labels"].get("source", ""), now)
            self._came.notify_all()

    def wait(self, sources: list[str]) -> list[float]:
        """When each was heard of; raises `NoAnswerError`."""
        with self._came:
            if not self._came.wait_for(lambda: all(source in self._at for source in sources), _WITHIN_S):
                missing = [source for source in sources if source not in self._at]
                raise NoAnswerError(f"nothing was heard of {len(missing)} of {len(sources)} faults in {_WITHIN_S:g} s")
            return [self._at[source] for source in sources]


def measure(kafka: str, *, rate: int, seconds: float, burst: int, embedded: bool) -> Flow:
    """Start the alerting process on a prefix of its own, and measure one round.

    Raises:
        NoAnswerError: the process ended, or did not tell of every fault within a minute.

    """
    prefix = f"v{time.time_ns():x}-"
    declare.ensure(kafka, prefix, embedded=embedded)
    heard = Heard()
    producer = Producer(
        {
            "bootstrap.servers": kafka, "linger.ms": 2, "enable.idempotence": not embedded,
            "queue.buffering.max.messages": 1_000_000,
        }
    )  # fmt: skip
    topic = names(prefix)["ops.events"]
    with taking(heard.take) as port, alerting(kafka, prefix, port) as process:
        fault(producer, topic, "warm-up")
        producer.flush()
        heard.wait(["warm-up"])
        spent, began = process.cpu_times(), time.monotonic()
        due = _steady(producer, topic, rate, seconds)
        took = time.monotonic() - began
        used = process.cpu_times()
        latencies = (np.array(heard.wait(list(due))) - np.array(list(due.values()))) * 1000.0
        share = (used.user + used.system - spent.user - spent.system) / took
        return Flow(
            events=burst, events_per_s=_burst(producer, topic, burst, heard), rate=rate, cpu_share=share,
            faults=len(due), p50_ms=float(np.quantile(latencies, 0.5)), p99_ms=float(np.quantile(latencies, 0.99)),
            max_ms=float(latencies.max()), mib=process.memory_info().rss / (1 << 20),
        )  # fmt: skip


def _steady(producer: Producer, topic: str, rate: int, seconds: float) -> dict[str, float]:
    """Send at a rate; gives when each fault was due, so that a stall here is seen."""
    due: dict[str, float] = {}
    start = time.time()
    sent = faults = 0
    while (elapsed := time.time() - start) < seconds:
        wanted = int(elapsed * rate)
        text = instants.show(time.time())
        for number in range(sent, wanted):
            producer.produce(topic, metric(number, text))
        sent = wanted
        if elapsed * PROBES_PER_S >= faults + 1:
            faults += 1
            source = f"disk-{faults}"
            due[source] = start + faults / PROBES_PER_S
            fault(producer, topic, source)
        producer.poll(0)
        time.sleep(_TICK_S)
    producer.flush()
    return due


def _burst(producer: Producer, topic: str, count: int, heard: Heard) -> float:
    """Send all at once, then a fault behind them on each partition: events a second until the last one is told of."""
    text = instants.show(time.time())
    values = [metric(number, text) for number in range(count)]
    partitions = list(producer.list_topics(topic, timeout=_WITHIN_S).topics[topic].partitions)
    start = time.time()
    for number, value in enumerate(values):
        producer.produce(topic, value, partition=partitions[number % len(partitions)])
        if not number % 1_000:
            producer.poll(0)
    last = [f"last-{number}" for number in partitions]
    for number, source in zip(partitions, last, strict=True):
        fault(producer, topic, source, partition=number)
    producer.flush()
    return count / (max(heard.wait(last)) - start)


def metric(number: int, text: str) -> bytes:
    """An event of one of the hosts, at a time that is written out."""
    host = number % HOSTS
    return (
        b'{"id":"e%d","time":"%s","source":"host-%d","kind":"metric","name":"cpu_percent","value":%d.5,"unit":"percent",'
        b'"labels":{"rack":"r%d"}}' % (number, text.encode(), host, 30 + number % 50, host % 100)
    )


def fault(producer: Producer, topic: str, source: str, partition: int = _ANY) -> None:
    """Send the loss of data that the P0 rule tells of."""
    value = {"id": source, "time": instants.show(time.time()), "source": source, "kind": "fault", "what": "data_loss"}
    producer.produce(topic, msgspec.json.encode(value), partition=partition)
