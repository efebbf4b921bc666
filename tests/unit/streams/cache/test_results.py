"""The front of the cache: one round trip for many keys, and one computing where several want the same."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from streams.cache.memory import Memory
from streams.cache.results import ResultCache

KEY, OTHER = bytes(32), bytes([1]) * 32
LEADS = (None, True)
PATIENCE_S = 20.0


def _go_on() -> bool:
    return True


@pytest.fixture
def cache():
    made = ResultCache(Memory(100, 1 << 20, 60.0), b"program", value_limit=1_000, inline_limit=10_000)
    yield made
    made.close()


def test_what_was_kept_is_found(cache):
    """A value is found by its key; keys without one are not in the answer."""
    cache.keep(KEY, b"value")
    assert cache.lookup([KEY, OTHER]) == {KEY: b"value"}
    assert cache.lookup([]) == {}


def test_what_is_too_large_is_not_kept(cache):
    """The limit of a value holds for memory as for Redis."""
    cache.keep(KEY, bytes(1_001))
    assert cache.lookup([KEY]) == {}


def test_the_first_computes_and_the_others_take_its_answer(cache):
    """Of ten that want the same at once one computes; nine get its value."""
    computed = []
    together = threading.Barrier(10)

    def want(number: int) -> bytes:
        together.wait(PATIENCE_S)
        value, _ = cache.join(KEY, PATIENCE_S, _go_on)
        if value is None:
            computed.append(number)
            value = b"by %d" % number
            cache.keep(KEY, value)
        return value

    with ThreadPoolExecutor(10) as pool:
        values = set(pool.map(want, range(10)))
    assert len(computed) == 1
    assert values == {b"by %d" % computed[0]}


def test_the_next_computes_when_the_first_gives_up(cache):
    """A flight that ends without a value is taken over."""
    assert cache.join(KEY, PATIENCE_S, _go_on) == LEADS
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(cache.join, KEY, PATIENCE_S, _go_on)
        cache.leave(KEY)
        assert second.result(PATIENCE_S) == LEADS
    cache.keep(KEY, b"value")
    assert cache.lookup([KEY]) == {KEY: b"value"}


def test_nobody_waits_longer_than_was_said(cache):
    """After the time that was given it is computed beside the other."""
    assert cache.join(KEY, PATIENCE_S, _go_on) == LEADS
    assert cache.join(KEY, 0.0, _go_on) == (None, False)


def test_who_is_to_stop_waits_no_more(cache):
    """A cancelled request does not wait for another."""
    assert cache.join(KEY, PATIENCE_S, _go_on) == LEADS
    assert cache.join(KEY, 1e9, lambda: False) == (None, False)


def test_different_keys_do_not_wait_for_each_other(cache):
    """A flight concerns its key alone."""
    assert cache.join(KEY, PATIENCE_S, _go_on) == LEADS
    assert cache.join(OTHER, PATIENCE_S, _go_on) == LEADS
