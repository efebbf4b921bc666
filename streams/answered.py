"""What the last owner of a partition had answered, and not committed, when it went: that is not answered again.

A repeat is the same bytes, but not where the answer hangs on the time: what was computed just before it expired, or was
cancelled, would now be told so. So the first records of a partition that was taken over are held against the results
since. What is not found there, because Kafka is away or too much was said since, is answered again.
"""

import time
from collections.abc import Collection, Sequence
from typing import Protocol, cast

import structlog
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from streams import groupless
from streams.admit import STEP_HEADER, carried
from streams.codec import id_of
from streams.emit import Headers
from streams.patience import patiently

_log = structlog.get_logger(__name__)

Partition = tuple[str, int]

DOUBTFUL = 25_000
"""No more than these follow the committed offset and may be answered: what a worker has in flight, and a batch."""
RESULTS_LIMIT = 50_000
"""Most results that are read back, of each partition."""
_BUDGET_S = 10.0
_PATIENCE_S = 30.0
"""How long a Kafka that does not answer is asked again: meanwhile nothing could be answered anyway."""
_BATCH = 10_000


class Results(Protocol):
    """Where results are read back from."""

    def ends(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """Return where these partitions of requests end now."""

    def since(self, at_ms: int) -> dict[bytes, int]:
        """Return when each id was answered last, of those since then, in milliseconds."""


class Answered:
    """Says of records which are answered already; used by one thread."""

    def __init__(self, results: Results, *, patience_s: float = _PATIENCE_S) -> None:
        self._results = results
        self._patience_s = patience_s
        self._taken: set[Partition] = set()
        self._ends: dict[Partition, int] = {}
        self._until: dict[Partition, int] = {}
        self._at: dict[bytes, int] = {}

    def taken_over(self, partitions: Collection[Partition]) -> None:
        """Take note that these partitions were another's until now: what they hold may be answered."""
        self._taken.update(partitions)
        for place in partitions:
            self._ends.pop(place, None)
            self._until.pop(place, None)

    def find_ends(self) -> None:
        """Ask where what was taken over ends now, soon after that; what comes later is nobody else's."""
        if not self._taken:
            return
        taken, self._taken = self._taken, set()
        try:
            self._ends |= patiently(lambda: self._results.ends(taken), self._patience_s)
        except KafkaException as error:
            _log.warning("answers_not_recalled", error=str(error))

    def among(self, records: Sequence[tuple[Message, Partition, int]]) -> list[tuple[Partition, int]]:
        """Return the places of those that are answered, of records in the order of their offsets."""
        self.find_ends()
        if self._ends:
            self._learn(records)
        if not self._until:
            return []
        found = []
        for record, partition, offset in records:
            until = self._until.get(partition)
            if until is None:
                continue
            if offset >= until:
                del self._until[partition]
            elif self._is_answered(record):
                found.append((partition, offset))
        if not self._until:
            self._at.clear()
        return found

    def _learn(self, records: Sequence[tuple[Message, Partition, int]]) -> None:
        """Read what was answered since the first records of partitions that were taken over."""
        since = []
        for record, partition, offset in records:
            end = self._ends.pop(partition, None)
            if end is not None and offset < end:
                self._until[partition] = min(end, offset + DOUBTFUL)
                since.append(record.timestamp()[1])
        if since:
            try:
                self._at |= patiently(lambda: self._results.since(min(since)), self._patience_s)
            except KafkaException as error:
                _log.warning("answers_not_recalled", error=str(error))
        if not self._at:  # nothing was answered since: there is nothing to look for
            self._until.clear()

    def _is_answered(self, record: Message) -> bool:
        headers = cast("Headers", record.headers() or [])
        if any(name == STEP_HEADER for name, _ in headers):
            return False  # its workflow may not have heard yet
        content_type = carried(headers)[0]
        name = id_of(record.value(), content_type)
        # an answer from before is one to an earlier request of the same id
        return name is not None and self._at.get(name.encode(), -1) >= record.timestamp()[1]


class KafkaResults:
    """Results as they lie in their topic."""

    def __init__(self, bootstrap: str, topic: str, *, embedded: bool = False) -> None:
        self._topic = topic
        self._embedded = embedded
        self._bootstrap = bootstrap
        self._own_ends: dict[int, int] = {}

    def ends(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """Ask the broker, also where the results end; raises `KafkaException`."""
        consumer = self._consumer()
        try:
            self._own_ends = {
                number: consumer.get_watermark_offsets(TopicPartition(self._topic, number), timeout=_BUDGET_S)[1]
                for number in groupless.numbers_of(consumer, self._topic)
            }
            places = {place: TopicPartition(*place) for place in partitions}
            return {
                place: consumer.get_watermark_offsets(there, timeout=_BUDGET_S)[1] for place, there in places.items()
            }
        finally:
            consumer.close()

    def since(self, at_ms: int) -> dict[bytes, int]:
        """Read, at most `RESULTS_LIMIT` of each partition and for a bounded time; raises `KafkaException`.

        What was written since the ends were asked for is nobody's but this worker's, and not read.
        """
        consumer, until = self._consumer(), time.monotonic() + _BUDGET_S
        found: dict[bytes, int] = {}
        try:
            behind = self._assign(consumer, at_ms)
            while behind and time.monotonic() < until:
                first = consumer.poll(0.1)
                # consume(n, timeout) would wait its whole timeout for n: only what is here already
                for record in () if first is None else (first, *consumer.consume(_BATCH, 0)):
                    number, offset, key = record.partition(), record.offset(), record.key()
                    if record.error() is not None or number is None or offset is None:
                        continue
                    if key is not None:
                        found[key] = max(found.get(key, 0), record.timestamp()[1])
                    if offset + 1 >= behind.get(number, offset + 2):
                        del behind[number]
            if behind:
                _log.warning("answers_not_all_recalled", partitions=sorted(behind))
        finally:
            consumer.close()
        return found

    def _assign(self, consumer: Consumer, at_ms: int) -> dict[int, int]:
        """Read from that time on; returns the end of each partition that has records since."""
        numbers = groupless.numbers_of(consumer, self._topic)
        begin, behind = groupless.since(consumer, self._topic, numbers, at_ms, RESULTS_LIMIT, embedded=self._embedded)
        ends = {number: min(end, self._own_ends.get(number, end)) for number, end in behind.items()}
        behind = {place.partition: end for place in begin if place.offset < (end := ends.get(place.partition, 0))}
        consumer.assign([place for place in begin if place.partition in behind])
        return behind

    def _consumer(self) -> Consumer:
        return groupless.consumer(self._bootstrap, "answered")
