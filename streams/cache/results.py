"""The cache as a worker uses it: keys for jobs, values for keys, and one computing where several want the same."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import msgspec

from streams import telemetry
from streams.admit import Job
from streams.cache import content
from streams.cache.flights import Flights
from streams.cache.memory import Memory

_POLL_S = 0.05


class CacheSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How answers are kept: in the Redis at `redis_url`, or in memory."""

    redis_url: str | None = None
    size: int = 10_000
    memory_bytes: int = 64 * 1024 * 1024
    ttl_s: float = 86_400.0
    value_bytes: int = 1024 * 1024


class Store(Protocol):
    """Where values are kept; from a cost of `floor` operations on, a look is cheaper than computing."""

    tier: str
    floor: float

    def get(self, keys: Sequence[bytes], now: float) -> list[bytes | None]:
        """Return what is kept for each key, in one round trip at most."""

    def put(self, key: bytes, value: bytes, now: float) -> None:
        """Keep a value, if it can be, and end the flight of its key."""

    def claim(self, key: bytes, now: float) -> bool:
        """Lead the flight of a key among all who share the store; false when another does."""

    def release(self, key: bytes, now: float) -> None:
        """End the flight of a key, if it was claimed."""

    def close(self) -> None:
        """Use it no more."""


class ResultCache:
    """Looks up and keeps values of at most `value_limit` bytes by content; used by every thread of a worker.

    `program` is the digest of what computes; arrays of up to `inline_limit` numbers are lists in an answer.
    """

    def __init__(self, store: Store, program: bytes, *, value_limit: int, inline_limit: int) -> None:
        self._store = store
        self._limit = value_limit
        forms = content.form(program, False, inline_limit), content.form(program, True, inline_limit)
        self.key = content.Keying(forms, store.floor)
        """Gives a job the key of its answer."""
        self._flights = Flights()
        self._closing = threading.Event()

    def keys(self, jobs: Iterable[Job]) -> list[bytes]:
        """Give jobs the keys of their answers; returns those to look up, of jobs that cost more than a look."""
        floor = self.key.floor
        return [key for job in jobs if job.plan.cost >= floor and (key := self.key(job)) is not None]

    def lookup(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the values that are kept; no keys cost nothing."""
        if not keys:
            return {}
        found = self._store.get(keys, time.monotonic())
        values = {key: value for key, value in zip(keys, found, strict=True) if value is not None}
        hits = sum(value is not None for value in found)
        telemetry.CACHE_HITS.labels(self._store.tier).inc(hits)
        telemetry.CACHE_MISSES.labels(self._store.tier).inc(len(found) - hits)
        return values

    def keep(self, key: bytes, value: bytes) -> None:
        """Keep a value that was computed, and end its flight."""
        now = time.monotonic()
        if len(value) <= self._limit:
            self._store.put(key, value, now)
        else:
            self._store.release(key, now)
        self._flights.land(key)

    def join(self, key: bytes, within_s: float, go_on: Callable[[], bool]) -> tuple[bytes | None, bool]:
        """Return the value, waiting for whoever computes it now, and whether this one leads: computes, then `leave`s.

        Waits `within_s` seconds at most, and while `go_on` says so; after that it is computed beside the other.
        """
        until = time.monotonic() + within_s
        while (flying := self._flights.board(key)) is not None:
            if not self._goes_on(until, go_on):
                return None, False
            flying.wait(_POLL_S)
        value = self._find(key)
        while value is None and self._goes_on(until, go_on):
            if self._store.claim(key, time.monotonic()):
                value = self._find(key)  # it may have been kept since
                break
            self._closing.wait(_POLL_S)
            value = self._find(key)
        if value is not None:
            self.leave(key)
        return value, value is None

    def leave(self, key: bytes) -> None:
        """End the flight of a key, whatever came of it."""
        self._store.release(key, time.monotonic())
        self._flights.land(key)

    def close(self) -> None:
        """Look up and keep no more."""
        self._closing.set()
        self._store.close()

    def _find(self, key: bytes) -> bytes | None:
        return self._store.get([key], time.monotonic())[0]

    def _goes_on(self, until: float, go_on: Callable[[], bool]) -> bool:
        return time.monotonic() < until and not self._closing.is_set() and go_on()


def open_cache(settings: CacheSettings, inline_limit: int) -> ResultCache:
    """Make the cache of a worker."""
    store: Store
    if settings.redis_url:
        from streams.cache.shared import Shared  # noqa: PLC0415 - its client is slow to import, and few need it

        store = Shared(settings.redis_url, settings.ttl_s, settings.value_bytes)
    else:
        store = Memory(settings.size, settings.memory_bytes, settings.ttl_s)
    return ResultCache(store, content.program(), value_limit=settings.value_bytes, inline_limit=inline_limit)
