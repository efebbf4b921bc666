"""Timers: what is due next among many, without looking at all of them."""

import heapq
import math
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Timers(Generic[K]):
    """One time for each key; setting another one replaces it."""

    def __init__(self) -> None:
        self._times: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._count = 0

    def set(self, key: K, at: float | None) -> None:
        """Set when something is due; None for never."""
        if at is None:
            self._times.pop(key, None)
        elif self._times.get(key) != at:
            self._times[key] = at
            self._count += 1  # keys need no order among themselves
            heapq.heappush(self._heap, (at, self._count, key))

    def next(self) -> float | None:
        """When the first of all is due."""
        while self._heap and self._times.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take(self, now: float, most: float = math.inf) -> list[K]:
        """What is due at `now`, the earliest first, so many `most`; its times are gone with that."""
        taken: list[K] = []
        while len(taken) < most and (at := self.next()) is not None and at <= now:
            key = heapq.heappop(self._heap)[2]
            del self._times[key]
            taken.append(key)
        return taken
