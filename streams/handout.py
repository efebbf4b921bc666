"""Records that were read and wait to be handed out, one batch at a time: under load, larger batches form here."""

import asyncio
import time
from collections.abc import Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, cast

import faust

from streams.admit import Partition
from streams.flight import Record

BATCH_LIMIT = 2_000
"""Most records in one batch: about 20 ms of small requests, so that a batch is never long work by itself."""


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Records in the order of their offsets in each partition."""

    records: Sequence[Record]


class Handout:
    """Puts batches on a bounded channel, whose loop is another thread's."""

    def __init__(self, channel: faust.ChannelT[Any], batch_limit: int, gather_s: float) -> None:
        self._channel = channel
        self._batch_limit = batch_limit
        self._gather_s = gather_s
        self._pending: list[Record] = []
        self._handed: Future[Any] | None = None
        self._handed_at = 0.0
        self.loop: asyncio.AbstractEventLoop | None = None

    @property
    def waiting_s(self) -> float:
        """For how long more a batch takes what comes; one record alone, in no stream of them, waits for nothing."""
        return max(0.0, self._handed_at + self._gather_s - time.monotonic())

    def add(self, records: Sequence[Record]) -> None:
        """Let records wait that came."""
        self._pending += records

    def take_back(self, partitions: Collection[Partition] | None) -> list[Record]:
        """Return what waits of partitions (None: of all), which is not handed out any more."""
        taken = [record for record in self._pending if partitions is None or record[1] in partitions]
        self._pending = [record for record in self._pending if not (partitions is None or record[1] in partitions)]
        return taken

    def hand_out(self) -> None:
        """Put a batch on the channel once it has taken the one before; raises what went wrong with that one."""
        if self._handed is not None and self._handed.done():
            self._handed.result()  # those records were handed to nobody
            self._handed = None
        if not self._pending or self._handed is not None or self.loop is None:
            return
        batch = RecordBatch(self._pending[: self._batch_limit])
        del self._pending[: self._batch_limit]
        self._handed_at = time.monotonic()
        put = self._channel.put(cast("faust.EventT[Any]", batch))
        self._handed = asyncio.run_coroutine_threadsafe(put, self.loop)

    def __len__(self) -> int:
        """How many records wait."""
        return len(self._pending)
