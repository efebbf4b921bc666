"""A restart of the alerting process with many events behind it: with its last snapshot, and without any.

Events of the last ten minutes, 10,000 hosts; the process takes them and ends, a fault comes while none runs, and the
time is taken from the start of the next one until it is ready, and until the webhook hears of the fault, which is when
rules were judged. Then the snapshots are deleted, and the same is measured once more.
"""

import time

from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from alerting import instants
from alerting.snapshot import DamagedError, Head, decode
from sciagents.endpoint import taking
from sciagents.reading import Reading
from sciagents.volume.flow import HOSTS, Heard, fault, metric
from sciagents.volume.process import alerting
from streams import declare
from streams.topics import names

_SPREAD_S = 600.0
_PATIENCE_S = 600.0
_LOOK_S = 0.5


def measure(bootstrap: str, events: int = 2_000_000) -> dict[str, object]:
    """Measure both, print the figures, and give them."""
    prefix = f"r{time.time_ns():x}-"
    declare.ensure(bootstrap, prefix)
    topics = names(prefix)
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, "queue.buffering.max.messages": 1_000_000})
    _send(producer, topics["ops.events"], events)
    found: dict[str, object] = {"events": events}
    heard = Heard()
    with taking(heard.take) as port:
        began = time.monotonic()
        with alerting(bootstrap, prefix, port):
            found["first start, nothing known"] = {"ready_s": round(time.monotonic() - began, 2)}
            _until_written(bootstrap, topics)
        for name in ("with the snapshot", "without any"):
            fault(producer, topics["ops.events"], name)
            producer.flush()
            started, began = time.time(), time.monotonic()
            with alerting(bootstrap, prefix, port):
                ready = time.monotonic() - began
                judged = heard.wait([name])[0] - started
                found[name] = {"ready_s": round(ready, 2), "rules_judged_s": round(judged, 2)}
            print(f"{name:20} ready after {ready:6.2f} s, rules judged after {judged:6.2f} s", flush=True)
            _delete(bootstrap, topics["ops.signals"])
    return found


def _send(producer: Producer, topic: str, count: int) -> None:
    began = time.time() - _SPREAD_S
    for number in range(count):
        if not number % HOSTS:
            text = instants.show(began + _SPREAD_S * number / count)
            producer.poll(0)
        while True:
            try:
                producer.produce(topic, metric(number, text), b"%d" % (number % HOSTS))
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()


def _until_written(bootstrap: str, topics: dict[str, str]) -> None:
    """Wait until a snapshot holds all events."""
    deadline = time.monotonic() + _PATIENCE_S
    with Reading(bootstrap) as events, Reading(bootstrap) as snapshots:
        events.begin([topics["ops.events"]], "end")
        wanted = {("ops.events", number): end for (_, number), end in events.next.items()}
        snapshots.begin([topics["ops.signals"]])
        heads: list[Head] = []
        while not any(wanted.items() <= {(t, n): at for t, n, at in one.positions}.items() for one in heads):
            snapshots.catch_up(lambda records: heads.extend(_heads(records)), _PATIENCE_S)
            if time.monotonic() > deadline:
                raise SystemExit("no snapshot was written")
            time.sleep(_LOOK_S)


def _heads(records: list) -> list[Head]:  # type: ignore[type-arg]
    found = []
    for record in records:
        try:
            body = decode(record.value()).body
        except DamagedError:
            continue
        if isinstance(body, Head):
            found.append(body)
    return found


def _delete(bootstrap: str, topic: str) -> None:
    with Reading(bootstrap) as reading:
        reading.begin([topic], "end")
        ends = [TopicPartition(*place, offset) for place, offset in reading.next.items()]
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.delete_records(ends).values():
        future.result(_PATIENCE_S)
