"""The cache as a worker uses it: keys for jobs, values for keys, and one computing where several want the same."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from streams import telemetry
from streams.admit import Job
from streams.cache import content
from streams.cache.flights import Flights
from streams.codec import MSGPACK

_POLL_S = 0.05


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
        self._forms = {packed: content.form(program, packed, inline_limit) for packed in (False, True)}
        self._flights = Flights()
        self._closing = threading.Event()

    def key(self, job: Job) -> bytes | None:
        """Return the key of a job's answer; None for what is not looked up."""
        return content.key(job, self._forms[job.origin.content_type == MSGPACK], self._store.floor)

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

    def join(self, key: bytes, within_s: float, go_on: Callable[[], bool]) -> bytes | None:
        """Return the value, waiting for whoever computes it now; None when it is to be computed here, until `leave`.

        Waits `within_s` seconds at most, and while `go_on` says so; after that it is computed beside the other.
        """
        until = time.monotonic() + within_s
        while (flying := self._flights.board(key)) is not None:
            if not self._goes_on(until, go_on):
                return None
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
        return value

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
