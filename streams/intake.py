"""What comes in: a librdkafka consumer in a thread, which hands record batches to a Faust channel.

Offsets are received into a frontier per partition before a batch is handed out, and only the frontier is committed.
"""

import asyncio
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, cast

import faust
import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from mode import Service

from streams import statistics, telemetry
from streams.answered import Answered
from streams.frontier import Frontier
from streams.membership import Membership, explained, reader

_log = structlog.get_logger(__name__)

Partition = tuple[str, int]

BATCH_LIMIT = 2_000
"""Most records in one batch: about 20 ms of small requests, so that a batch is never long work by itself."""
_LARGE = 16 * 1024
"""Records above this are counted in bytes too; the others are bounded by their number."""
_GATHER_S = 0.005
_COMMIT_EVERY_S = 0.2
_PAUSE_AFTER_S = 1.0
_REVOKE_BUDGET_S = 5.0


Record = tuple[Message, Partition, int]
"""A record as librdkafka gave it, with its partition and its offset."""


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Records in the order of their offsets in each partition."""

    records: Sequence[Record]


class Intake(Service):
    """Feeds `channel`, a bounded one, with record batches of `topics`.

    Stops reading while `in_flight_limit` records, or `bytes_limit` bytes of large ones, are unfinished. What is
    `answered` already when a partition is taken over is done.
    `release`, where there is one, is told which partitions go (None: all), and says how many of their records are
    still worked on: only those are waited for.
    """

    def __init__(
        self,
        channel: faust.ChannelT[Any],
        bootstrap: str,
        topics: Sequence[str],
        group_id: str,
        *,
        membership: Membership,
        in_flight_limit: int = 20_000,
        bytes_limit: int = 256 * 1024 * 1024,
        answered: Answered | None = None,
        batch_limit: int = BATCH_LIMIT,
        release: Callable[[Collection[Partition] | None], int] | None = None,
        embedded: bool = False,
    ) -> None:
        super().__init__()
        self._channel = channel
        self._topics = list(topics)
        self._group_id = group_id
        self._limit = in_flight_limit
        self._bytes_limit = bytes_limit
        self._answered = answered
        self._batch_limit = batch_limit
        self._release = release
        self._config = {
            **reader(bootstrap, group_id, membership, embedded=embedded),
            "auto.offset.reset": "earliest",
            "statistics.interval.ms": statistics.INTERVAL_MS,
            "stats_cb": self._look,
        }
        self._lock = threading.Lock()
        self._frontiers: dict[Partition, Frontier] = {}
        self._committed: dict[Partition, int] = {}
        self._large: dict[tuple[Partition, int], int] = {}
        self._pending: list[Record] = []
        self._handed: Future[Any] | None = None
        self._handed_at = 0.0
        self._failure: Exception | None = None
        self._paused = False
        self._full_since: float | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def in_flight(self) -> int:
        """How many records are handed out and not done."""
        with self._lock:
            return sum(frontier.in_flight for frontier in self._frontiers.values())

    def done(self, finished: Iterable[tuple[Partition, int]]) -> None:
        """Mark (partition, offset) pairs done; those of a partition that is no longer ours change nothing."""
        by_partition: defaultdict[Partition, list[int]] = defaultdict(list)
        for partition, offset in finished:
            by_partition[partition].append(offset)
        with self._lock:
            for partition, offsets in by_partition.items():
                frontier = self._frontiers.get(partition)
                if frontier is not None:
                    frontier.done(offsets)
                if self._large:
                    for offset in offsets:
                        self._large.pop((partition, offset), None)

    def owns(self, partition: Partition) -> bool:
        """Whether a partition that was read from is still this worker's."""
        return partition in self._frontiers

    def begin(self) -> None:
        """Join the group and read ahead; nothing is handed out before the service has started."""
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)
        self._thread.start()

    async def on_start(self) -> None:
        """Hand out from now on."""
        self._loop = asyncio.get_running_loop()
        if self._thread is None:
            self.begin()
        if self._failure is not None:
            raise self._failure

    async def on_stop(self) -> None:
        """Read no more, let what is in flight finish within a budget, commit the frontier, leave the group."""
        self._stopping.set()
        thread = self._thread
        if thread is not None:
            await asyncio.get_running_loop().run_in_executor(None, thread.join, 30.0)

    def _run(self) -> None:
        try:
            self._read()
        except Exception as failure:  # whatever it is, the process must not live on deaf
            self.fail(failure)

    def fail(self, failure: Exception) -> None:
        """End the process, from any thread: what is not committed is read again after a restart."""
        _log.critical("intake_failed", error=str(failure), exc_info=failure)
        self._failure = failure
        loop = self._loop
        if loop is not None:
            loop.call_soon_threadsafe(lambda: loop.create_task(self.crash(failure)))

    def _read(self) -> None:
        consumer = Consumer(self._config, logger=logging.getLogger("librdkafka"))
        consumer.subscribe(self._topics, on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)
        commit_at = time.monotonic() + _COMMIT_EVERY_S
        try:
            while not self._stopping.is_set():
                first = None
                if not self._must_wait(consumer):
                    first = consumer.poll(0.001 if self._pending else 0.05)
                if first is not None:
                    # one alone goes at once; in a stream of them, each batch takes what a few milliseconds bring
                    self._stopping.wait(max(0.0, self._handed_at + _GATHER_S - time.monotonic()))
                    # consume(n, timeout) would wait its whole timeout for n: only what is here already
                    self._receive([first, *consumer.consume(self._batch_limit - 1, 0)])
                self._hand_out()
                if time.monotonic() >= commit_at:
                    self._commit(consumer)
                    commit_at = time.monotonic() + _COMMIT_EVERY_S
            self._drain(consumer)
        finally:
            consumer.close()

    def _receive(self, messages: Sequence[Message]) -> None:
        records: list[Record] = []
        offsets: defaultdict[Partition, list[int]] = defaultdict(list)
        large: dict[tuple[Partition, int], int] = {}
        for message in messages:
            error = message.error()
            if error is not None:
                _check(error)
                continue
            partition = cast("Partition", (message.topic(), message.partition()))
            offset = cast("int", message.offset())
            records.append((message, partition, offset))
            offsets[partition].append(offset)
            if len(message) > _LARGE:
                large[partition, offset] = len(message)
        if not records:
            return
        with self._lock:
            self._large.update(large)
            for partition, seen in offsets.items():
                self._frontiers.setdefault(partition, Frontier()).received(seen)
        if self._answered is not None and (repeats := self._answered.among(records)):
            _log.info("answered_already", group=self._group_id, records=len(repeats))
            self.done(repeats)
            known = set(repeats)
            records = [record for record in records if record[1:] not in known]
        self._pending += records

    def _hand_out(self) -> None:
        """Put a batch on the channel once it has taken the one before: under load, larger batches form here."""
        if self._handed is not None and self._handed.done():
            self._handed.result()  # raises what went wrong: those records were handed to nobody
            self._handed = None
        if not self._pending or self._handed is not None or self._loop is None:
            return
        batch = RecordBatch(self._pending[: self._batch_limit])
        del self._pending[: self._batch_limit]
        self._handed_at = time.monotonic()
        put = self._channel.put(cast("faust.EventT[Any]", batch))
        self._handed = asyncio.run_coroutine_threadsafe(put, self._loop)

    def _must_wait(self, consumer: Consumer) -> bool:
        """Wait a moment at the bound; when that lasts, pause every partition and go on polling until there is room.

        A pause discards what librdkafka has fetched ahead, so it is for long waits alone; without one, a consumer that
        does not poll is put out of its group in the end.
        """
        with self._lock:
            load = max(
                sum(frontier.in_flight for frontier in self._frontiers.values()) / self._limit,
                sum(self._large.values()) / self._bytes_limit,
            )
        if load < 1.0:
            self._full_since = None
            if self._paused and load <= 0.5:
                self._resume(consumer)
            return False
        if self._paused:
            return False
        now = time.monotonic()
        self._full_since = now if self._full_since is None else self._full_since
        if now - self._full_since > _PAUSE_AFTER_S:
            consumer.pause(consumer.assignment())
            self._paused = True
            return False
        return not self._stopping.wait(0.001)

    def _resume(self, consumer: Consumer) -> None:
        consumer.resume(consumer.assignment())
        self._paused = False

    def _commit(self, consumer: Consumer, partitions: Iterable[Partition] | None = None) -> None:
        with self._lock:
            positions = {
                partition: position
                for partition, frontier in self._frontiers.items()
                if (partitions is None or partition in partitions)
                and (position := frontier.position) is not None
                and position != self._committed.get(partition)
            }
        if not positions:
            return
        offsets = [TopicPartition(topic, number, position) for (topic, number), position in positions.items()]
        try:
            consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            _log.warning("commit_failed", error=str(error))  # the next round says the same or more
            telemetry.COMMIT_FAILURES.labels(self._group_id).inc()
        else:
            self._committed.update(positions)

    def _drain(self, consumer: Consumer, partitions: Iterable[Partition] | None = None) -> None:
        deadline = time.monotonic() + _REVOKE_BUDGET_S
        wanted = None if partitions is None else set(partitions)
        while time.monotonic() < deadline:
            if self._release is None:
                self._hand_out()
                with self._lock:
                    left = sum(f.in_flight for p, f in self._frontiers.items() if wanted is None or p in wanted)
            else:
                left = self._release(wanted)
            if left == 0:
                break
            time.sleep(0.005)
        self._commit(consumer, wanted)

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if self._answered is not None:
            self._answered.taken_over([(place.topic, place.partition) for place in partitions])
        consumer.incremental_assign(partitions)
        self._resume(consumer)  # all of them: the next round pauses them again where that is still due
        self._tell("assigned", partitions)

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._drain(consumer, [(p.topic, p.partition) for p in partitions])
        self._drop(consumer, partitions)
        self._tell("revoked", partitions)

    def _lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._drop(consumer, partitions)  # already another worker's: nothing may be committed
        self._tell("lost", partitions)

    def _tell(self, change: str, partitions: list[TopicPartition]) -> None:
        telemetry.REBALANCES.labels(self._group_id, change).inc()
        log = _log.warning if change == "lost" else _log.info
        log(f"partitions_{change}", group=self._group_id, partitions=[f"{p.topic}/{p.partition}" for p in partitions])

    def _look(self, text: str) -> None:
        """Take what librdkafka says of itself, once a second."""
        found = statistics.read(text)
        telemetry.BROKERS_UP.labels(self._group_id).set(found.brokers_up)
        with self._lock:
            for place, end, begin in found.ends():
                frontier = self._frontiers.get(place)
                if frontier is not None:
                    position = begin if frontier.position is None else frontier.position
                    telemetry.LAG.labels(place[0], str(place[1])).set(
                        max(0, end - (end if position is None else position))
                    )
                    telemetry.FRONTIER_GAP.labels(place[0], str(place[1])).set(frontier.gap)

    def _drop(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        with self._lock:
            for partition in partitions:
                self._frontiers.pop((partition.topic, partition.partition), None)
                self._committed.pop((partition.topic, partition.partition), None)
            self._pending = [record for record in self._pending if record[1] in self._frontiers]
            self._large = {place: size for place, size in self._large.items() if place[0] in self._frontiers}
        consumer.incremental_unassign(partitions)


def _check(error: KafkaError) -> None:
    if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001 - its public name
        raise explained(error)
    if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
        _log.warning("consume_error", error=str(error))
