"""Artifacts: what a request leaves for later ones, such as a fitted surrogate, shared by all workers.

They lie on `compute.artifacts`, an internal topic, by their ids. A worker remembers the last it made or read; the topic
is read only for others, and then from where the last reading ended.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence

import structlog
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from agents.task import Watch
from streams import groupless

TOPIC = "compute.artifacts"
_MEMORY = 256 * 1024 * 1024
_PLACES = 200_000
"""Most artifacts whose place is remembered."""
_BROKER_S = 20.0
_BATCH = 100

_log = structlog.get_logger(__name__)

Place = tuple[int, int]
"""Partition and offset."""


class Shelf:
    """Finds artifacts by their ids; safe to use from any thread."""

    def __init__(self, bootstrap: str, topic: str, *, memory: int = _MEMORY) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._memory = memory
        self._held: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()  # of what is held
        self._reading = threading.Lock()  # of what follows, which one thread at a time reads with
        self._consumer: Consumer | None = None
        self._next: dict[int, int] = {}
        self._places: OrderedDict[str, Place] = OrderedDict()

    def put(self, kept: Mapping[str, bytes]) -> None:
        """Remember artifacts; the ones not used for longest make room."""
        with self._lock:
            for name, value in kept.items():
                self._bytes += len(value) - len(self._held.pop(name, b""))
                self._held[name] = value
            while self._bytes > self._memory and self._held:
                _, oldest = self._held.popitem(last=False)
                self._bytes -= len(oldest)

    def find(self, names: Sequence[str], watch: Watch) -> dict[str, bytes]:
        """Return those of the artifacts that there are; `watch` may end the search.

        Raises:
            KafkaException: the broker does not answer.

        """
        found = self._here(names)
        if len(found) < len(set(names)):
            with self._reading:
                self._catch_up(watch)
                for name in names:
                    if name not in found and (value := self._read(name, watch)) is not None:
                        found[name] = value
                        self.put({name: value})
        return found

    def close(self) -> None:
        """Read no more."""
        with self._reading:
            if self._consumer is not None:
                self._consumer.close()
                self._consumer = None

    def _here(self, names: Sequence[str]) -> dict[str, bytes]:
        found = {}
        with self._lock:
            for name in names:
                if (value := self._held.get(name)) is not None:
                    self._held.move_to_end(name)
                    found[name] = value
        return found

    def _reader(self) -> Consumer:
        if self._consumer is None:
            self._consumer = groupless.consumer(self._bootstrap, "shelf")
        return self._consumer

    def _catch_up(self, watch: Watch) -> None:
        """Take note of where each artifact lies, from where the last reading ended to the end of now."""
        consumer = self._reader()
        cluster = consumer.list_topics(self._topic, timeout=_BROKER_S).topics[self._topic]
        if cluster.error is not None:
            raise KafkaException(cluster.error)
        behind: dict[int, int] = {}
        for number in cluster.partitions:
            low, high = consumer.get_watermark_offsets(TopicPartition(self._topic, number), timeout=_BROKER_S)
            self._next[number] = max(low, self._next.get(number, low))
            if self._next[number] < high:
                behind[number] = high
        if not behind:
            return
        consumer.assign([TopicPartition(self._topic, number, self._next[number]) for number in behind])
        try:
            while behind:
                watch(0.0, "looking for what was kept")
                for record in _consume(consumer):
                    self._note(record)
                for partition in consumer.position([TopicPartition(self._topic, number) for number in behind]):
                    self._next[partition.partition] = max(self._next[partition.partition], partition.offset)
                    if partition.offset >= behind[partition.partition]:
                        del behind[partition.partition]
        finally:
            consumer.unassign()

    def _note(self, record: Message) -> None:
        key, value, number, offset = record.key(), record.value(), record.partition(), record.offset()
        if key is None or value is None or number is None or offset is None:
            return
        name = key.decode("utf-8", "replace")
        self._places[name] = (number, offset)
        self._places.move_to_end(name)
        if len(self._places) > _PLACES:
            self._places.popitem(last=False)
        self.put({name: value})

    def _read(self, name: str, watch: Watch) -> bytes | None:
        if (here := self._here([name])) or name not in self._places:
            return here.get(name)
        number, offset = self._places[name]
        consumer = self._reader()
        consumer.assign([TopicPartition(self._topic, number, offset)])
        until = time.monotonic() + _BROKER_S
        try:
            while time.monotonic() < until:
                watch(0.0, "reading what was kept")
                for record in _consume(consumer, 1):
                    if record.offset() == offset:
                        return record.value()
                    break  # it has been written anew, further on
                else:
                    continue
                break
        finally:
            consumer.unassign()
        _log.warning("artifact_not_read", id=name)
        return None


def _consume(consumer: Consumer, count: int = _BATCH) -> list[Message]:
    """Take what is here, waiting a moment for the first."""
    first = consumer.poll(0.05)
    if first is None:
        return []
    messages = [first, *consumer.consume(count - 1, 0)] if count > 1 else [first]
    return [message for message in messages if message.error() is None]
