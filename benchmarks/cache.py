"""What a look at the cache costs: in memory, in Redis by a blocking client, in Redis by one on an event loop.

Microseconds a request, for batches of several sizes: a look that finds, one that finds not, and what keeping costs the
worker's thread. `Redis, loop` hands each batch to an event loop in another thread, as `redis.asyncio` has to be used.
"""

import asyncio
import hashlib
import threading
import time
from collections.abc import Callable
from statistics import median

import redis.asyncio

from streams.cache.memory import Memory
from streams.cache.shared import Shared

_ROUNDS = 30
_LIMIT = 1024 * 1024


def measure(url: str) -> dict[str, object]:
    """Measure each store at batches of 1, 10 and 100 requests, with answers of 1 KB and of 100 KB."""
    shared = Shared(url, 60.0, _LIMIT)
    while not shared.up:
        time.sleep(0.05)
    loop = _Loop(url)
    stores: dict[str, tuple[Callable[[list[bytes]], object], Callable[[bytes, bytes], None]]] = {}
    memory = Memory(100_000, 1 << 30, 60.0)
    stores["memory"] = lambda keys: memory.get(keys, 0.0), lambda key, value: memory.put(key, value, 0.0)
    stores["Redis"] = lambda keys: shared.get(keys, 0.0), lambda key, value: shared.put(key, value, 0.0)
    found: dict[str, object] = {}
    for size in (1_000, 100_000):
        for name, (get, put) in stores.items():
            for batch in (1, 10, 100):
                found |= _row(name, size, batch, get, put, shared)
        for batch in (1, 10, 100):
            keys = _keys(f"Redis {size} {batch}", batch)
            found |= _print(
                f"Redis, loop, {size} B, batch {batch}", {"hit_us": _time(lambda keys=keys: loop.get(keys), batch)}
            )
    shared.close()
    loop.close()
    return found


def _row(
    name: str, size: int, batch: int, get: Callable[[list[bytes]], object], put: Callable[[bytes, bytes], None],
    shared: Shared,
) -> dict[str, object]:  # fmt: skip
    keys, value = _keys(f"{name} {size} {batch}", batch), bytes(size)
    absent = _keys("absent", batch)
    started = time.perf_counter()
    for key in keys:
        put(key, value)
    kept = (time.perf_counter() - started) / batch
    while shared._pending:  # noqa: SLF001 - until they are written
        time.sleep(0.01)
    figures = {"hit_us": _time(lambda: get(keys), batch), "miss_us": _time(lambda: get(absent), batch)}
    return _print(f"{name}, {size} B, batch {batch}", figures | {"keep_us": round(kept * 1e6, 1)})


def _keys(name: str, count: int) -> list[bytes]:
    return [hashlib.sha256(f"{name} {number}".encode()).digest() for number in range(count)]


def _time(look: Callable[[], object], batch: int) -> float:
    """Median microseconds a request."""
    spent = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        look()
        spent.append(time.perf_counter() - started)
    return round(median(spent) / batch * 1e6, 1)


def _print(name: str, figures: dict[str, float]) -> dict[str, object]:
    print(f"{name:34}" + "".join(f"{key[:-3]:>6} {value:>8.1f} µs" for key, value in figures.items()), flush=True)
    return {name: figures}


class _Loop:
    """`redis.asyncio` on an event loop in its own thread, asked from this one."""

    def __init__(self, url: str) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._redis = redis.asyncio.Redis.from_url(url)

    def get(self, keys: list[bytes]) -> list[bytes]:
        return asyncio.run_coroutine_threadsafe(self._get(keys), self._loop).result()

    async def _get(self, keys: list[bytes]) -> list[bytes]:
        pipeline = self._redis.pipeline(transaction=False)
        for key in keys:
            pipeline.getrange(f"sci-agents:result:{key.hex()}", 0, _LIMIT)
        found: list[bytes] = await pipeline.execute()
        return found

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._redis.aclose(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
