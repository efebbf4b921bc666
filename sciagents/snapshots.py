"""Snapshots of the signals on Kafka (`ops.signals`): found and read at the start, written every so often afterwards,
and at the end.

Without one that can be used a start reads what happened for as long as rules look back, and says so in the log. The
embedded broker keeps nothing, and has none.
"""

import asyncio
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Protocol

import structlog
from confluent_kafka import KafkaException, Message

from alerting import snapshot
from alerting.keeping import Keeper
from alerting.restoring import Restorer
from alerting.signals import Signals
from alerting.snapshot import MAIN, DamagedError, Head, Piece, Scope
from alerting.stream import Stream
from sciagents.alerting import SNAPSHOT_AT
from sciagents.reading import Reading
from streams.topics import names

_log = structlog.get_logger(__name__)

_READ_S = 300.0
_FIRST_LOOK = 64
"""So many records before the end the last head is looked for first."""
_SLACK_S = 60.0
"""Clocks, and how long it takes to write."""
_AT_ONCE = 4 << 20
"""Bytes of one transaction, about: whoever has something to tell waits for one, and not for all."""
_SHORTEST_S = 1.0
_WAIT_S = 0.1


class Keeping(Protocol):
    """The way of pieces to their partitions."""

    async def keep(self, topic: str, pieces: Sequence[tuple[int, bytes]]) -> None:
        """Write values, each to its partition, all or none; returns once they are committed."""


class Snapshots:
    """Those of one process, whose name is `run`."""

    def __init__(self, kafka: str, prefix: str, run: str, signals: Signals) -> None:
        self._kafka = kafka
        self._places = names(prefix)
        self._topic = self._places["ops.signals"]
        self._run = run
        self._signals = signals
        self._head: Head | None = None
        self._closed = threading.Event()
        self._leaving = asyncio.Event()

    async def restore(self) -> Mapping[tuple[str, int], int]:
        """Put the last snapshot into the signals, which have taken nothing; gives the offsets to read on from."""
        began, now = time.monotonic(), time.time()
        try:
            head = await asyncio.to_thread(self._latest)
            if head is None:
                _log.info("snapshot_none", hint="events are read as far back as rules look")
                return {}
            if (why := snapshot.unusable(head, Scope.of(self._signals), now)) is not None:
                _log.warning("snapshot_unusable", why=why, hint="events are read as far back as rules look")
                return {}
            restorer = Restorer(self._signals, head, now)
            await asyncio.to_thread(self._read, head, restorer, asyncio.get_running_loop())
            restorer.end()
        except (DamagedError, KafkaException, TimeoutError) as error:
            _log.warning("snapshot_damaged", error=str(error), hint="events are read as far back as rules look")
            self._signals.begin_anew()
            return {}
        self._head = head
        _log.info("snapshot_restored", age_s=round(now - head.at, 3), took_s=round(time.monotonic() - began, 3))
        return {(self._places[topic], number): offset for topic, number, offset in head.positions}

    def begin(self) -> Keeper:
        """Remember from now on what is taken."""
        return Keeper(self._signals, self._run, self._head)

    async def keep(self, keeper: Keeper, alerting: Stream, writer: Keeping) -> None:
        """Write a snapshot every two evaluations, and a last one when `close` is called; ends where one cannot be."""
        own = {place: topic for topic, place in self._places.items()}
        while not self._leaving.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(max(_SHORTEST_S, 2.0 * alerting.engine.config.evaluation_interval)):
                    await self._leaving.wait()
            async with alerting.hearing:
                positions = {(own[topic], number): offset for (topic, number), offset in alerting.positions.items()}
                taken = keeper.take(positions, time.time())
            if taken is None:
                _log.error("snapshots_end", error="too much came between two of them")
                return
            pieces = keeper.pieces(taken)
            try:
                while some := await asyncio.to_thread(_some, pieces):
                    await writer.keep(self._topic, some)
            except KafkaException as error:  # a gap would make all that follows useless
                _log.error("snapshots_end", error=str(error))
                self._signals.kept.note(on=False)
                return
            SNAPSHOT_AT.set(taken.at)

    def close(self) -> None:
        """Read no further; write what has come since the last snapshot, and no more."""
        self._closed.set()
        self._leaving.set()

    def _latest(self) -> Head | None:
        """Look for the last head, from the end of its partition backwards."""
        place = (self._topic, MAIN)
        with Reading(self._kafka) as reading:
            reading.begin([self._topic])
            first, end = reading.next[place], reading.ends()[place]
            step, start = _FIRST_LOOK, end
            while start > first:
                start, step = max(first, start - step), 4 * step
                reading.begin_at({place: start})
                records: list[Message] = []
                reading.catch_up(records.extend, _READ_S)
                for record in reversed(records):
                    if (head := _head_of(record)) is not None:
                        return head
        return None

    def _read(self, head: Head, restorer: Restorer, loop: asyncio.AbstractEventLoop) -> None:
        """Read all that is needed of it: names first, then samples."""

        async def put(pieces: Sequence[tuple[int, Piece]]) -> None:
            for partition, piece in pieces:
                restorer.take(partition, piece)
                await asyncio.sleep(0)

        def take(records: Sequence[Message]) -> None:
            pieces = [(record.partition() or MAIN, snapshot.decode(record.value())) for record in records]
            putting = asyncio.run_coroutine_threadsafe(put(pieces), loop)
            while not self._closed.is_set():
                try:
                    return putting.result(_WAIT_S)
                except TimeoutError:
                    continue
            raise TimeoutError("the process ends")

        with Reading(self._kafka) as reading:
            reading.begin([self._topic])
            partitions = sorted(number for _, number in reading.next)
            for some in (partitions[:1], partitions[1:]):
                starts: dict[tuple[str, int], int] = {}
                for number in some:
                    since = head.base_at - snapshot.reach(number, head.scope) - _SLACK_S
                    starts |= reading.since([(self._topic, number)], since)
                reading.begin_at(starts)
                reading.catch_up(take, _READ_S)


def _head_of(record: Message) -> Head | None:
    try:
        body = snapshot.decode(record.value()).body
    except DamagedError as error:
        _log.warning("record_ignored", topic=record.topic(), error=str(error)[:200])
        return None
    return body if isinstance(body, Head) else None


def _some(pieces: Iterator[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """The next pieces, about as many as one transaction holds."""
    found: list[tuple[int, bytes]] = []
    size = 0
    for one in islice(pieces, 10_000):
        found.append(one)
        size += len(one[1])
        if size >= _AT_ONCE:
            break
    return found
