"""Kept answers in a Redis that workers share: read in one round trip a batch, written and looked after by a thread.

A worker never waits for a Redis that is away. Only the thread connects after a failure: looking up a name may take
seconds.
"""

import queue
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any, cast

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

from streams import telemetry
from streams.cache.breaker import Breaker

_log = structlog.get_logger(__name__)

_READ_TIMEOUT_S = 0.1
_CONNECT_TIMEOUT_S = 1.0
_RENEW_EVERY_S = 4.0
_CLAIM_S = 15.0
"""How long a flight outlives the worker that leads it."""
_WAITING = 1_000
"""Most values that wait to be written; what comes above is not kept."""
_TICK_S = 0.25
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
_RENEW = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0"


class Shared:
    """Keeps values of at most `value_limit` bytes, each for `ttl_s` seconds, in the Redis at `url`."""

    tier = "redis"
    floor = 4e5
    """About 100 µs of computing: what a look costs alone; in a batch it costs 15 to 20 µs."""

    def __init__(self, url: str, ttl_s: float, value_limit: int, breaker: Breaker | None = None) -> None:
        self._redis = redis.Redis.from_url(
            url, socket_timeout=_READ_TIMEOUT_S, socket_connect_timeout=_CONNECT_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0), client_name="sci-agents", max_connections=64,
        )  # fmt: skip
        self._ttl_ms = max(1, int(ttl_s * 1000))
        self._limit = value_limit
        self._breaker = breaker or Breaker()
        self._token = uuid.uuid4().hex.encode()
        self._queue: queue.Queue[tuple[bytes, bytes]] = queue.Queue(_WAITING)
        self._pending: dict[bytes, bytes] = {}
        self._claims: set[bytes] = set()
        self._lock = threading.Lock()
        telemetry.CACHE_UP.set_function(lambda: float(self.up))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cache", daemon=True)
        self._thread.start()

    @property
    def up(self) -> bool:
        """Whether it answered when it was last asked."""
        return self._breaker.closed

    def get(self, keys: Sequence[bytes], now: float) -> list[bytes | None]:
        """Return what is kept for each key, what still waits to be written too; of what is too large, nothing."""
        found: list[bytes | None] = [self._pending.get(key) for key in keys]
        missing = [index for index, value in enumerate(found) if value is None]
        if missing and self.up:
            pipeline = self._redis.pipeline(transaction=False)
            for index in missing:
                pipeline.getrange(_place(keys[index]), 0, self._limit)  # a GET would read whatever is there
            for index, value in zip(missing, self._try(pipeline.execute, now) or (), strict=False):
                if value and len(value) <= self._limit:
                    found[index] = value
        return found

    def put(self, key: bytes, value: bytes, now: float) -> None:
        """Keep a value, soon, and end its flight then; while Redis is away, or behind, it is not kept."""
        if self.up:
            with self._lock:
                self._pending[key] = value
            try:
                self._queue.put_nowait((key, value))
            except queue.Full:
                self._written([key])
            else:
                return
        self.release(key, now)

    def claim(self, key: bytes, now: float) -> bool:
        """Lead the flight of a key among all workers; without Redis each worker leads."""
        if not self.up:
            return True
        with self._lock:
            if key in self._claims:
                return True
        claim_ms = int(_CLAIM_S * 1000)
        taken = self._try(lambda: self._redis.set(_flight(key), self._token, nx=True, px=claim_ms) is not None, now)
        if taken:
            with self._lock:
                self._claims.add(key)
        return taken is not False

    def release(self, key: bytes, now: float) -> None:
        """End the flight of a key, if this worker leads it."""
        if self._given_back(key) and self.up:
            self._try(lambda: self._redis.eval(_RELEASE, 1, _flight(key), self._token), now)

    def close(self) -> None:
        """Write what waits, within a second; flights end by themselves."""
        self._stopping.set()
        self._thread.join(1.0)
        self._redis.close()

    def _try(self, ask: Callable[[], Any], now: float) -> Any:
        try:
            return ask()
        except (redis.RedisError, OSError) as error:
            if self.up:
                _log.warning("cache_away", error=_brief(error))
            self._breaker.trip(now)
            return None

    def _run(self) -> None:
        renewed_at = 0.0
        while True:
            now = time.monotonic()
            if self._breaker.due(now):
                self._probe(now)
            if self.up and now >= renewed_at + _RENEW_EVERY_S:
                renewed_at = now
                self._renew(now)
            batch = self._batch()
            if batch:
                self._write(batch)
            elif self._stopping.is_set():
                return

    def _probe(self, now: float) -> None:
        try:
            self._redis.ping()
        except (redis.RedisError, OSError) as error:
            _log.info("cache_still_away", error=_brief(error))
            self._breaker.probed(False, now)
        else:
            _log.info("cache_ready")
            self._breaker.probed(True, now)

    def _batch(self) -> list[tuple[bytes, bytes]]:
        """What waits to be written, 4 MiB or so at once."""
        try:
            batch = [self._queue.get(timeout=0.0 if self._stopping.is_set() else _TICK_S)]
        except queue.Empty:
            return []
        size = len(batch[0][1])
        while size < 4 * 1024 * 1024 and not self._queue.empty():
            batch.append(self._queue.get_nowait())
            size += len(batch[-1][1])
        return batch

    def _write(self, batch: Sequence[tuple[bytes, bytes]]) -> None:
        if self.up:
            pipeline = self._redis.pipeline(transaction=False)
            for key, value in batch:
                pipeline.set(_place(key), value, px=self._ttl_ms)
                if self._given_back(key):  # after the value is there: whoever waits for one of them finds it
                    pipeline.eval(_RELEASE, 1, _flight(key), self._token)
            self._try(pipeline.execute, time.monotonic())
        else:
            for key, _ in batch:
                self._given_back(key)  # or a Redis that is soon back would be told that it is still computed here
        self._written([key for key, _ in batch])

    def _written(self, keys: Sequence[bytes]) -> None:
        with self._lock:
            for key in keys:
                self._pending.pop(key, None)

    def _given_back(self, key: bytes) -> bool:
        """Lead a flight no more; false when it was not led."""
        with self._lock:
            led = key in self._claims
            self._claims.discard(key)
            return led

    def _renew(self, now: float) -> None:
        with self._lock:
            claims = list(self._claims)
        if claims:
            pipeline = self._redis.pipeline(transaction=False)
            for key in claims:
                pipeline.eval(_RENEW, 1, _flight(key), self._token, int(_CLAIM_S * 1000))
            self._try(pipeline.execute, now)


def _place(key: bytes) -> str:
    return f"sci-agents:result:{key.hex()}"


def _flight(key: bytes) -> str:
    return f"sci-agents:flight:{key.hex()}"


def _brief(error: Exception) -> str:
    """An error without the address, which may hold a password."""
    return f"{type(error).__name__}: {cast('Any', error).args[0] if error.args else ''}"[:200]
