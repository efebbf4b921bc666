"""What is in flight: a frontier for each partition that is ours, and how much of the bounds is taken.

Safe from several threads: the intake's receives and commits, those that confirm results mark done.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from confluent_kafka import Message

from streams.admit import Partition
from streams.frontier import Frontier

Record = tuple[Message, Partition, int]
"""A record as librdkafka gave it, with its partition and its offset."""

LARGE = 16 * 1024
"""Records above this are counted in bytes too; the others are bounded by their number."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a partition does: `position` may be committed, `moved_at` is when it last went on or had nothing to do."""

    position: int | None
    in_flight: int
    gap: int
    moved_at: float


class _Owned:
    __slots__ = ("committed", "frontier", "moved_at")

    def __init__(self, now: float) -> None:
        self.frontier = Frontier()
        self.committed: int | None = None
        self.moved_at = now


class Flight:
    """Bounds: `in_flight_limit` records, `bytes_limit` bytes of large ones."""

    def __init__(self, in_flight_limit: int, bytes_limit: int, clock: Callable[[], float]) -> None:
        self._limit = in_flight_limit
        self._bytes_limit = bytes_limit
        self._clock = clock
        self._lock = threading.Lock()
        self._owned: dict[Partition, _Owned] = {}
        self._answered_here: set[Partition] = set()
        self._large: dict[tuple[Partition, int], int] = {}

    def take(self, partitions: Iterable[Partition]) -> None:
        """Own these from now on; nothing of them is in flight yet."""
        with self._lock:
            for partition in partitions:
                self._owned[partition] = _Owned(self._clock())
                self._answered_here.add(partition)

    def leave(self, partitions: Collection[Partition] | None) -> None:
        """Answer no more records of these (None: of all); what was answered of them may still be confirmed."""
        with self._lock:
            self._answered_here -= set(self._owned if partitions is None else partitions)

    def drop(self, partitions: Iterable[Partition]) -> None:
        """Own these no longer: what still runs of them is not to be answered."""
        with self._lock:
            for partition in partitions:
                self._owned.pop(partition, None)
                self._answered_here.discard(partition)
            self._large = {place: size for place, size in self._large.items() if place[0] in self._owned}

    def owns(self, partition: Partition) -> bool:
        """Whether an answer to this partition's records is ours to give."""
        return partition in self._answered_here

    def received(self, records: Sequence[Record]) -> None:
        """Take note of records that were read, in the order of their offsets in each partition."""
        offsets: defaultdict[Partition, list[int]] = defaultdict(list)
        large = {(partition, offset): len(message) for message, partition, offset in records if len(message) > LARGE}
        for _, partition, offset in records:
            offsets[partition].append(offset)
        with self._lock:
            self._large.update(large)
            for partition, seen in offsets.items():
                owned = self._owned[partition]
                if not owned.frontier.in_flight:
                    owned.moved_at = self._clock()
                owned.frontier.received(seen)

    def retracted(self, records: Sequence[Record]) -> None:
        """Take back records that were handed to nobody, the last ones of their partitions."""
        with self._lock:
            for _, partition, offset in reversed(records):
                self._large.pop((partition, offset), None)
                if (owned := self._owned.get(partition)) is not None:
                    owned.frontier.retracted(offset)

    def skipped(self, partition: Partition, offset: int) -> None:
        """Take note that what is before `offset` and was not received will never be."""
        with self._lock:
            self._owned[partition].frontier.skipped(offset)

    def done(self, finished: Iterable[tuple[Partition, int]]) -> None:
        """Mark (partition, offset) pairs done; those of a partition that is not ours change nothing."""
        by_partition: defaultdict[Partition, list[int]] = defaultdict(list)
        for partition, offset in finished:
            by_partition[partition].append(offset)
        with self._lock:
            for partition, offsets in by_partition.items():
                if (owned := self._owned.get(partition)) is not None:
                    before = owned.frontier.position
                    owned.frontier.done(offsets)
                    if owned.frontier.position != before:
                        owned.moved_at = self._clock()
                if self._large:
                    for offset in offsets:
                        self._large.pop((partition, offset), None)

    def idle(self, partition: Partition) -> None:
        """Take note that this partition has nothing more to read now: that it does not move means nothing."""
        with self._lock:
            if (owned := self._owned.get(partition)) is not None and not owned.frontier.in_flight:
                owned.moved_at = self._clock()

    def following(self, partition: Partition) -> int | None:
        """Return the offset after the last that was received; None before any was."""
        with self._lock:
            owned = self._owned.get(partition)
            return None if owned is None else owned.frontier.following

    def count(self, partitions: Collection[Partition] | None = None) -> int:
        """Return how many records are in flight, of these partitions or of all."""
        with self._lock:
            return sum(
                owned.frontier.in_flight for partition, owned in self._owned.items()
                if partitions is None or partition in partitions
            )  # fmt: skip

    def load(self) -> float:
        """Return the share of the bounds that is taken: 1 and more is full."""
        with self._lock:
            return max(
                sum(owned.frontier.in_flight for owned in self._owned.values()) / self._limit,
                sum(self._large.values()) / self._bytes_limit,
            )

    def to_commit(
        self, partitions: Collection[Partition] | None = None, *, again: bool = False
    ) -> dict[Partition, int]:
        """Return the positions that are not committed yet (`again`: all there are), of these partitions or of all."""
        with self._lock:
            return {
                partition: position
                for partition, owned in self._owned.items()
                if (partitions is None or partition in partitions)
                and (position := owned.frontier.position) is not None
                and (again or position != owned.committed)
            }

    def committed(self, positions: Iterable[tuple[Partition, int]]) -> None:
        """Take note of what the broker has confirmed."""
        with self._lock:
            for partition, position in positions:
                if (owned := self._owned.get(partition)) is not None:
                    owned.committed = position

    def standings(self) -> dict[Partition, Standing]:
        """Return how each partition does."""
        with self._lock:
            return {
                partition: Standing(
                    owned.frontier.position, owned.frontier.in_flight, owned.frontier.gap, owned.moved_at
                )
                for partition, owned in self._owned.items()
            }
