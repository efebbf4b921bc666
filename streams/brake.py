"""Holds reading back at the bounds of what may be in flight."""

import threading
import time

from confluent_kafka import Consumer

from streams.flight import Flight

_PAUSE_AFTER_S = 1.0


class Brake:
    """Waits a moment at the bound; when that lasts, pauses every partition, and polling goes on until there is room.

    A pause discards what librdkafka has fetched ahead, so it is for long waits alone; without one, a consumer that
    does not poll is put out of its group in the end.
    """

    def __init__(self, flight: Flight, stopping: threading.Event) -> None:
        self._flight = flight
        self._stopping = stopping
        self._paused = False
        self._resume_due = False
        self._full_since: float | None = None

    @property
    def on(self) -> bool:
        """Whether partitions may stand still for it."""
        return self._paused or self._full_since is not None

    def reset(self) -> None:
        """Take note that the consumer ends: the next one pauses nothing."""
        self._paused = False

    def release(self) -> None:
        """Resume all soon, as more partitions have come: they are paused again where that is still due."""
        self._resume_due = True

    def must_wait(self, consumer: Consumer) -> bool:
        """Say whether nothing is to be read at this turn, after a moment if so."""
        if self._resume_due:
            self._resume(consumer)
        load = self._flight.load()
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
        self._paused = self._resume_due = False
