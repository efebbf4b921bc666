"""Kept answers in the memory of a worker: bounded in number and in bytes, the least used goes first."""

import threading
from collections import OrderedDict
from collections.abc import Sequence

_OVERHEAD = 300
"""Bytes that an entry takes beside its value, about."""


class Memory:
    """Keeps at most `entries` values and `max_bytes`, each for `ttl_s` seconds."""

    tier = "memory"
    floor = 1e5
    """About 25 µs of computing, against some 5 for the key and the look."""

    def __init__(self, entries: int, max_bytes: int, ttl_s: float) -> None:
        self._entries = entries
        self._max_bytes = max_bytes
        self._ttl_s = ttl_s
        self._kept: OrderedDict[bytes, tuple[bytes, float]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size(self) -> int:
        """Bytes that its entries take."""
        return self._bytes

    def get(self, keys: Sequence[bytes], now: float) -> list[bytes | None]:
        """Return what is kept for each key."""
        with self._lock:
            return [self._one(key, now) for key in keys]

    def put(self, key: bytes, value: bytes, now: float) -> None:
        """Keep a value."""
        with self._lock:
            self._drop(key)
            self._kept[key] = value, now + self._ttl_s
            self._bytes += len(value) + _OVERHEAD
            while len(self._kept) > self._entries or self._bytes > self._max_bytes:
                self._drop(next(iter(self._kept)))

    def claim(self, key: bytes, now: float) -> bool:  # noqa: ARG002 - nobody shares it
        """Lead a flight: the worker's own flights are enough."""
        return True

    def release(self, key: bytes, now: float) -> None:
        """End a flight."""

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0

    def _one(self, key: bytes, now: float) -> bytes | None:
        found = self._kept.get(key)
        if found is None:
            return None
        value, until = found
        if until <= now:
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return value

    def _drop(self, key: bytes) -> None:
        found = self._kept.pop(key, None)
        if found is not None:
            self._bytes -= len(found[0]) + _OVERHEAD
