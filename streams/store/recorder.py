"""The recorder: reads the topics from where the store says it has come, and writes rows and positions at once.

So each record has its effect once, whatever dies when. A store that is away only makes it lag: Kafka keeps the records.
Of several recorders of one store one leads; the others stand by.
"""

import asyncio
import logging
import random
import threading
import time
from collections.abc import Sequence
from typing import Literal

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams import telemetry
from streams.sockets import SOCKETS
from streams.store.migrate import MigrationError
from streams.store.ports import StoreAwayError, UnfitError, Writer
from streams.store.rows import TOPICS, Place, gather

_log = structlog.get_logger(__name__)

State = Literal["starting", "recording", "standby", "away", "stopped"]

_TIMEOUT_S = 20.0
_RECORDS = 2_000
_BYTES = 8 * 1024 * 1024
_WAIT_S = 0.2
_STANDBY_S = 2.0
_LOOK_EVERY_S = 2.0
_PRUNE_EVERY_S = 3600.0
_LONGEST_PAUSE_S = 10.0
_DAY_S = 86_400.0


class Recorder:
    """Records into a store, from a thread of its own; rows older than `retention_days` are deleted (0 keeps all)."""

    def __init__(
        self, writer: Writer, bootstrap: str, prefix: str = "", *, retention_days: float = 30.0,
        body_limit: int = 1024 * 1024,
    ) -> None:  # fmt: skip
        self._writer = writer
        self._prefix = prefix
        self._retention_s = retention_days * _DAY_S
        self._body_limit = body_limit
        self._config = {
            "bootstrap.servers": bootstrap,
            "group.id": f"{prefix}sci-agents-history",  # nothing joins it: committed, so that its lag can be seen
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "fetch.message.max.bytes": 12 * 1024 * 1024,
            "queued.max.messages.kbytes": 32 * 1024,
            "fetch.wait.max.ms": 100,
            "on_commit": self._committed,
            **SOCKETS,
        }
        self._next: dict[Place, int | None] = {}
        self._told: dict[Place, int | None] = {}
        self._cluster = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="recorder", daemon=True)
        self.state: State = "starting"
        self.failure = ""
        self.lag = 0
        """Records that are not recorded yet, when it was last looked."""

    def start(self) -> None:
        """Begin to record; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Stop recording, within a few seconds at most; what was not written is recorded later."""
        self._stopping.set()
        self._thread.join(5.0)

    async def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                await self._writer.open()
                if await self._stand_by():
                    await self._record()
            except Exception as error:
                failures = failures + 1 if self.state != "recording" else 1
                self.state, self.failure = "away", str(error)
                foreseen = isinstance(error, StoreAwayError | KafkaException | MigrationError)
                _log.warning("history_away", error=self.failure, exc_info=not foreseen)
                pause = min(0.25 * 2.0 ** min(failures, 10), _LONGEST_PAUSE_S)
                self._stopping.wait(pause * random.uniform(0.5, 1.0))
            finally:
                await self._writer.close()
        self.state = "stopped"

    async def _stand_by(self) -> bool:
        """Wait until this recorder leads; false when it is to stop."""
        while not await self._writer.lead():
            if self._stopping.is_set():
                return False
            if self.state != "standby":
                _log.info("history_standby")
            self.state, self.failure = "standby", ""
            self._stopping.wait(_STANDBY_S)
        return True

    async def _record(self) -> None:
        consumer = Consumer(self._config, logger=logging.getLogger("librdkafka"))
        try:
            places = await self._assign(consumer)
            if not self._stopping.is_set():
                self.state, self.failure = "recording", ""
                _log.info("history_recording", cluster=self._cluster, partitions=len(places))
            looked_at = pruned_at = 0.0
            while not self._stopping.is_set():
                if records := self._read(consumer):
                    await self._write(records)
                now = time.monotonic()
                if now >= looked_at + _LOOK_EVERY_S:
                    looked_at = now
                    self._look(consumer, places)
                if self._retention_s and (not pruned_at or now >= pruned_at + _PRUNE_EVERY_S):
                    pruned_at = now
                    if gone := await self._writer.prune(time.time() - self._retention_s):
                        _log.info("history_pruned", rows=gone)
        finally:
            consumer.close()

    async def _assign(self, consumer: Consumer) -> Sequence[Place]:
        """Begin at the store's positions; what retention has deleted meanwhile is lost to the history."""
        cluster = consumer.list_topics(timeout=_TIMEOUT_S)
        self._cluster = str(cluster.cluster_id)
        known = await self._writer.positions(self._cluster)
        self._next, self._told = {}, {}
        assigned = []
        for topic in (self._prefix + name for name in TOPICS):
            if topic not in cluster.topics:
                raise StoreAwayError(f"there is no topic {topic} yet")
            for number in cluster.topics[topic].partitions:
                low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=_TIMEOUT_S)
                position = self._next[topic, number] = known.get((topic, number))
                if position is not None and position < low:
                    _log.error("history_lost_records", topic=topic, partition=number, records=low - position)
                    telemetry.HISTORY_LOST.inc(low - position)
                begin = low if position is None or not low <= position <= high else position
                assigned.append(TopicPartition(topic, number, begin))
        consumer.assign(assigned)
        return list(self._next)

    def _read(self, consumer: Consumer) -> list[Message]:
        """What has come, a batch of it at most; waits a moment for the first."""
        first = consumer.poll(_WAIT_S)
        if first is None:
            return []
        messages, size = [first], len(first.value() or b"")
        while len(messages) < _RECORDS and size < _BYTES and (more := consumer.consume(100, 0)):
            messages += more
            size += sum(len(message.value() or b"") for message in more)
        for message in messages:
            if (error := message.error()) is not None:
                _log.warning("consume_error", error=str(error))
        return [message for message in messages if message.error() is None]

    async def _write(self, records: Sequence[Message]) -> None:
        """Write records; of those that a store refuses, all but the ones that are to blame."""
        rows = gather(records, self._prefix, self._body_limit)  # type: ignore[arg-type] # its methods may give None
        try:
            await self._writer.write(rows, self._cluster, self._next)
        except UnfitError as error:
            if len(records) > 1:
                middle = len(records) // 2
                await self._write(records[:middle])
                await self._write(records[middle:])
                return
            _log.warning("record_not_kept", error=str(error), place=str(next(iter(rows.moved.items()))))
            telemetry.HISTORY_REFUSED.inc()
            rows = type(rows)(moved=rows.moved)
            await self._writer.write(rows, self._cluster, self._next)
        self._next.update(rows.moved)
        for kind, written in rows.kinds():
            telemetry.HISTORY_ROWS.labels(kind).inc(len(written))

    def _committed(self, error: KafkaError | None, places: list[TopicPartition]) -> None:
        """Tell it again where Kafka has not taken it."""
        if error is not None or any(place.error is not None for place in places):
            self._told.clear()

    def _look(self, consumer: Consumer, places: Sequence[Place]) -> None:
        """Measure the lag, and tell Kafka how far it has come, for those who look there."""
        lag = 0
        for at in consumer.position([TopicPartition(*place) for place in places]):
            place = at.topic, at.partition
            _, high = consumer.get_watermark_offsets(TopicPartition(*place), timeout=_TIMEOUT_S, cached=True)
            # what was read is written by now; the consumer is past the marks of transactions, which are no records
            lag += max(0, high - max(at.offset, self._next[place] or 0)) if high > 0 else 0
        self.lag = lag
        telemetry.HISTORY_LAG.set(lag)
        moved = {place: offset for place, offset in self._next.items() if offset != self._told.get(place)}
        if moved:
            self._told.update(moved)
            offsets = [TopicPartition(*place, offset) for place, offset in moved.items() if offset is not None]
            consumer.commit(offsets=offsets, asynchronous=True)
