"""Follows topics without a group: every partition, from a chosen start, nothing committed.

What a client, the HTTP API and the command line read results, progress and incidents with.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Self

from confluent_kafka import KafkaException, Message, TopicPartition

from sciagents.reading import NO_LEADER, Reading, Start
from streams import groupless

# the standard library's, since this runs in users' programs too: silent there unless they want it
_log = logging.getLogger(__name__)

_TIMEOUT_S = 20.0
_BATCH = 1_000


class Tail:
    """Hands out the records of `topics` in batches, from a thread of its own; a context manager."""

    def __init__(
        self, bootstrap: str, topics: Sequence[str], on_records: Callable[[list[Message]], None], *, start: Start,
        on_failure: Callable[[Exception], None] = lambda _: None, resume: Mapping[tuple[str, int], int] | None = None,
    ) -> None:  # fmt: skip
        """`resume` has offsets to begin at instead, where they are later than `start`."""
        self._consumer = groupless.consumer(bootstrap, "tail", wait_ms=100)
        self._topics = list(topics)
        self._on_records = on_records
        self._on_failure = on_failure
        self._start = start
        self._resume = resume or {}
        self.begun: dict[tuple[str, int], int] = {}
        """The offset that each partition was read from."""
        self._behind: dict[tuple[str, int], int] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tail", daemon=True)
        self.caught_up = threading.Event()
        """Set once everything that was there at the start has been handed out."""
        self.failure: Exception | None = None
        """What ended the thread before its time: whoever serves from this tail is unhealthy then."""

    def __enter__(self) -> Self:
        """Fix the positions, then read on: what is sent after this returns is seen.

        Raises:
            KafkaException: the broker does not answer, or a topic is not there.

        """
        positions = []
        for topic in self._topics:
            for number in self._partitions(topic):
                partition = TopicPartition(topic, number)
                low, high = self._watermarks(partition)
                partition.offset = self._begin(partition, low, high)
                positions.append(partition)
                self.begun[topic, number] = partition.offset
                if partition.offset < high:
                    self._behind[topic, number] = high
        self._consumer.assign(positions)
        if not self._behind:
            self.caught_up.set()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(5.0)

    def positions(self) -> dict[tuple[str, int], int]:
        """The offset that each partition is read on from, to be asked when records are handed out."""
        asked = self._consumer.position([TopicPartition(*place) for place in self.begun])
        return self.begun | {(one.topic, one.partition): one.offset for one in asked if one.offset >= 0}

    def _partitions(self, topic: str) -> list[int]:
        found = self._consumer.list_topics(topic, timeout=_TIMEOUT_S).topics[topic]
        if found.error is not None:
            raise KafkaException(found.error)
        return list(found.partitions)

    def _watermarks(self, partition: TopicPartition) -> tuple[int, int]:
        deadline = time.monotonic() + _TIMEOUT_S
        while True:
            try:
                return self._consumer.get_watermark_offsets(partition, timeout=_TIMEOUT_S)
            except KafkaException as error:
                if error.args[0].name() not in NO_LEADER or time.monotonic() > deadline:
                    raise
            self._stopping.wait(0.1)

    def _begin(self, partition: TopicPartition, low: int, high: int) -> int:
        if isinstance(self._start, str):
            return high if self._start == "end" else low
        found = groupless.offset_at(self._consumer, partition, int(self._start * 1000), _TIMEOUT_S)
        found = high if found is None else found
        resumed = self._resume.get((partition.topic, partition.partition), 0)
        if resumed > high:
            _log.warning("%s [%d] ends before offset %d", partition.topic, partition.partition, resumed)
            return found
        return max(found, resumed)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                first = self._consumer.poll(0.1)
                if first is not None:
                    # consume(n, timeout) would wait its whole timeout for n: only what is here already
                    self._hand_out([first, *self._consumer.consume(_BATCH - 1, 0)])
                if self._behind:
                    self._look_behind()
        except Exception as failure:
            _log.exception("tail_failed: %s", ", ".join(self._topics))
            self.failure = failure
            self._on_failure(failure)
        finally:
            self._consumer.close()

    def _hand_out(self, messages: Sequence[Message]) -> None:
        records = [message for message in messages if message.error() is None]
        for message in messages:
            if (error := message.error()) is not None:
                _log.warning("consume_error: %s", error)
        if records:
            self._on_records(records)

    def _look_behind(self) -> None:
        """By position, not by record: the last offset may be a gap that compaction left."""
        for partition in self._consumer.position([TopicPartition(*place) for place in self._behind]):
            place = (partition.topic, partition.partition)
            if partition.offset >= self._behind[place]:
                del self._behind[place]
        if not self._behind:
            self.caught_up.set()


def read_each(
    bootstrap: str, *topics: str, take: Callable[[list[Message]], None], timeout_s: float, start: Start = "beginning"
) -> None:
    """Hand out everything that topics hold now, each partition in order; raises `TimeoutError`."""
    with Reading(bootstrap) as reading:
        reading.begin(topics, start)
        reading.catch_up(take, timeout_s)


def read_all(bootstrap: str, *topics: str, timeout_s: float = 30.0) -> Iterator[Message]:
    """Read everything that topics hold now, each partition in order; raises `TimeoutError`."""
    found: list[Message] = []
    read_each(bootstrap, *topics, take=found.extend, timeout_s=timeout_s)
    yield from found
