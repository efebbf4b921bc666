"""Kept answers in a real Redis: shared, bounded, and never in the way when it is away."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
import stamina
from containers.stores import RedisContainer

from streams.cache import shared
from streams.cache.results import ResultCache
from streams.cache.shared import Shared

KEY, OTHER = bytes(32), bytes([1]) * 32
LEADS = (None, True)
PATIENCE_S = 30.0


def _until(holds) -> None:
    for attempt in stamina.retry_context(on=AssertionError, attempts=None, timeout=PATIENCE_S, wait_max=0.1):
        with attempt:
            assert holds()


@pytest.fixture
def stores(redis_server: RedisContainer, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Shared, Shared]]:
    """The stores of two workers, both connected; so patient that no busy machine is taken for a Redis that is away."""
    monkeypatch.setattr(shared, "_READ_TIMEOUT_S", 3.0)
    two = Shared(redis_server.url, 60.0, 1_000), Shared(redis_server.url, 60.0, 1_000)
    for store in two:
        _until(lambda store=store: store.up)
    yield two
    for store in two:
        store.close()


def _get(store: Shared, key: bytes = KEY) -> bytes | None:
    return store.get([key], time.monotonic())[0]


def test_what_one_worker_keeps_another_finds(stores):
    """A value is there for its own worker at once, for the others once it is written."""
    mine, theirs = stores
    mine.put(KEY, b"value", 0.0)
    assert _get(mine) == b"value"
    _until(lambda: _get(theirs) == b"value")
    assert theirs.get([OTHER, KEY], 0.0) == [None, b"value"]


def test_values_have_an_end_and_no_value_is_read_that_is_too_large(stores, redis_server):
    """Every value has a time to live; of what somebody else wrote no more than the limit is read."""
    mine, _ = stores
    mine.put(KEY, b"value", 0.0)
    with redis.Redis.from_url(redis_server.url) as client:
        _until(lambda: client.dbsize() == 1)
        (name,) = client.keys()
        assert 0 < client.ttl(name) <= 60
        client.set(name.replace(KEY.hex().encode(), OTHER.hex().encode()), bytes(5_000_000))
    assert _get(mine, OTHER) is None
    assert mine.up


def test_a_flight_is_led_by_one_worker(stores):
    """Of two workers that want the same answer one computes, and the other takes what it keeps."""
    caches = [ResultCache(store, b"program", value_limit=1_000, inline_limit=10) for store in stores]
    assert caches[0].join(KEY, PATIENCE_S, lambda: True) == LEADS
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(caches[1].join, KEY, PATIENCE_S, lambda: True)
        caches[0].keep(KEY, b"value")
        assert second.result(PATIENCE_S) == (b"value", False)


def test_a_flight_ends_with_the_worker_that_led_it(stores, redis_server):
    """A worker that dies leads no longer than its claim lasts; what it did not release, Redis does."""
    mine, theirs = stores
    assert mine.claim(KEY, 0.0)
    assert not theirs.claim(KEY, 0.0)
    with redis.Redis.from_url(redis_server.url) as client:
        (name,) = client.keys()
        assert 0 < client.pttl(name) <= 15_000
        client.delete(name)  # as its time being over does
    assert theirs.claim(KEY, 0.0)
    mine.release(KEY, 0.0)  # late: the flight is another's now
    assert not mine.claim(KEY, 0.0)


def test_whoever_asks_after_a_flight_finds_its_value(stores):
    """A flight is over only once its value is there: no worker comes to compute in between."""
    caches = [ResultCache(store, b"program", value_limit=1_000, inline_limit=10) for store in stores]
    for number in range(50):
        key = number.to_bytes(32, "big")
        assert caches[0].join(key, PATIENCE_S, lambda: True) == LEADS
        caches[0].keep(key, b"value")
        assert caches[1].join(key, PATIENCE_S, lambda: True) == (b"value", False)


def test_a_released_flight_can_be_led_again(stores):
    """Releasing makes way for the next."""
    mine, theirs = stores
    assert mine.claim(KEY, 0.0)
    mine.release(KEY, 0.0)
    assert theirs.claim(KEY, 0.0)


@pytest.mark.parametrize(("hurt", "heal"), [("kill", "start"), ("stop", "start"), ("pause", "resume")])
def test_a_redis_that_is_away_is_a_cache_without_anything(stores, redis_server, hurt, heal):
    """Killed, stopped or frozen: nothing is found, nothing raises, everybody computes; then it is used again."""
    mine, _ = stores
    getattr(redis_server, hurt)()
    assert _get(mine) is None
    assert not mine.up
    mine.put(KEY, b"lost", 0.0)
    assert _get(mine) is None
    assert mine.claim(KEY, 0.0)
    getattr(redis_server, heal)()
    _until(lambda: mine.up)
    mine.put(KEY, b"kept", 0.0)
    _until(lambda: _get(mine) == b"kept")


def test_a_redis_that_was_never_there_holds_up_nobody():
    """A worker starts without it, and goes on looking for it."""
    store = Shared("redis://:secret-password@127.0.0.1:1/0", 60.0, 1_000)
    store.put(KEY, b"value", 0.0)
    assert _get(store) is None
    assert not store.up
    store.close()


def test_flushall_clears_the_cache(stores, redis_server):
    """What an operator clears is computed again."""
    mine, theirs = stores
    mine.put(KEY, b"value", 0.0)
    _until(lambda: _get(theirs) == b"value")
    _until(lambda: not mine._pending)
    assert redis_server.run("redis-cli", "FLUSHALL").strip() == "OK"
    assert _get(mine) is None


def test_a_value_that_cannot_be_written_ends_its_flight(stores, redis_server):
    """A Redis that is soon back is not told for ever that the key is computed here: others would wait for it."""
    mine, theirs = stores
    assert mine.claim(KEY, 0.0)
    redis_server.pause()
    with mine._lock:
        mine._queue.put((KEY, b"lost"))  # as `put` does, just before it is known that Redis is away
        mine._pending[KEY] = b"lost"
        mine._breaker.trip(time.monotonic())
    _until(lambda: not mine._pending)
    redis_server.resume()
    _until(lambda: mine.up)
    assert not mine._claims
    with redis.Redis.from_url(redis_server.url) as client:
        client.delete(*client.keys())  # as its time being over does
    assert theirs.claim(KEY, time.monotonic())
