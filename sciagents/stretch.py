"""A stretch of topics: the records between two instants, of all partitions in the order of their times, batch by batch.

Each partition is read by a consumer of its own, that fetches little ahead: what is held does not grow with the stretch.
"""

import heapq
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from operator import itemgetter

from confluent_kafka import Consumer, Message, TopicPartition

from streams import groupless

_TIMEOUT_S = 20.0
_BATCH = 1_000
_AHEAD_KB = 4 * 1024
_NOTHING_S = 30.0

Timed = tuple[float, Message]
"""When a record was written, epoch seconds, and the record."""


@dataclass(frozen=True, slots=True)
class Part:
    """One partition's part: offsets from `begin` up to `end`.

    `lost_until` is when its log starts, where what was written before, since the stretch began, is not kept any more.
    """

    topic: str
    partition: int
    begin: int
    end: int
    lost_until: float | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """What lies between two instants (epoch seconds)."""

    bootstrap: str
    begin: float
    end: float
    parts: tuple[Part, ...]

    def lost(self, topic: str) -> float | None:
        """Since when a topic is whole, where it is not since the beginning."""
        return max((part.lost_until for part in self.parts if part.topic == topic and part.lost_until), default=None)

    @contextmanager
    def records(self) -> Iterator[Iterator[Timed]]:
        """Give the records in the order of their times; what one partition has out of order stays so.

        Raises:
            TimeoutError: a partition cannot be read on.

        """
        with ExitStack() as stack:
            parts = [part for part in self.parts if part.begin < part.end]
            readers = [groupless.consumer(self.bootstrap, "stretch", wait_ms=100, ahead_kb=_AHEAD_KB) for _ in parts]
            for reader in readers:
                stack.callback(reader.close)
            streams = (self._part(reader, part) for reader, part in zip(readers, parts, strict=True))
            yield heapq.merge(*streams, key=itemgetter(0))

    def _part(self, reader: Consumer, part: Part) -> Iterator[Timed]:
        reader.assign([TopicPartition(part.topic, part.partition, part.begin)])
        heard = time.monotonic()
        while True:
            found = reader.consume(_BATCH, 0.5)
            for message in found:
                if message.error() is not None:
                    continue
                heard = time.monotonic()
                if (message.offset() or 0) >= part.end:
                    return
                at = message.timestamp()[1] / 1000
                if self.begin <= at < self.end:
                    yield at, message
            # by position: the last offset may be a gap that compaction or a transaction left
            if reader.position([TopicPartition(part.topic, part.partition)])[0].offset >= part.end:
                return
            if not found and time.monotonic() > heard + _NOTHING_S:
                raise TimeoutError(f"{part.topic}/{part.partition} gives nothing for {_NOTHING_S:g} s")


def find(bootstrap: str, topics: Sequence[str], begin: float, end: float, *, embedded: bool) -> Stretch:
    """Find where a stretch of topics (their names on the broker) lies; raises `KafkaException`.

    The embedded broker knows no times: there it is read whole, and each record's time is looked at.
    """
    reader = groupless.consumer(bootstrap, "stretch", wait_ms=100)
    try:
        parts = [
            _find(reader, topic, number, begin, end, embedded=embedded)
            for topic in topics
            for number in groupless.numbers_of(reader, topic)
        ]
    finally:
        reader.close()
    return Stretch(bootstrap, begin, end, tuple(parts))


def _find(reader: Consumer, topic: str, number: int, begin: float, end: float, *, embedded: bool) -> Part:
    low, high = reader.get_watermark_offsets(TopicPartition(topic, number), timeout=_TIMEOUT_S)
    first, last = low, high
    if not embedded:
        place = TopicPartition(topic, number)
        times = (max(0, round(at * 1000)) for at in (begin, end))
        found = (groupless.offset_at(reader, place, at_ms, _TIMEOUT_S) for at_ms in times)
        first, last = (high if one is None else one for one in found)
    lost = None
    if low > 0 and first <= low < high:
        started = _written(reader, TopicPartition(topic, number, low))
        lost = started if started is not None and started > begin else None
    return Part(topic, number, max(first, low), last, lost)


def _written(reader: Consumer, place: TopicPartition) -> float | None:
    """When the first record from a place on was written."""
    reader.assign([place])
    deadline = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < deadline:
        message = reader.poll(0.5)
        if message is not None and message.error() is None:
            return message.timestamp()[1] / 1000
    return None
