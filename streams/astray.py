"""Partitions of which it is not known where they are to be read on: Kafka is asked again until it answers."""

import time
from collections.abc import Callable, Iterable, Iterator

from confluent_kafka import Consumer

from streams.admit import Partition
from streams.resume import move

_ASK_AGAIN_S = 0.2
Begin = Callable[[Consumer, Partition], int | None]
"""Finds out where to read a partition on; None while Kafka does not answer."""


class Astray:
    """Used by the thread that polls; others may look at what is in it, and at `since`."""

    def __init__(self) -> None:
        self._again_at: dict[Partition, float] = {}
        self.since: float | None = None
        """Since when there is one at least (monotonic seconds)."""

    def add(self, partition: Partition) -> None:
        """Ask for this one from now on."""
        self.since = time.monotonic() if self.since is None else self.since
        self._again_at.setdefault(partition, 0.0)

    def drop(self, partitions: Iterable[Partition]) -> None:
        """Ask for these no more."""
        for partition in partitions:
            self._again_at.pop(partition, None)
        if not self._again_at:
            self.since = None

    def bring_back(self, consumer: Consumer, now: float, begin: Begin) -> None:
        """Read on where it is known by now."""
        for partition in [place for place, again_at in self._again_at.items() if again_at <= now]:
            offset = begin(consumer, partition)
            if offset is None:
                self._again_at[partition] = time.monotonic() + _ASK_AGAIN_S
            else:
                self.drop([partition])
                move(consumer, partition, offset)

    def __iter__(self) -> Iterator[Partition]:
        return iter(list(self._again_at))
