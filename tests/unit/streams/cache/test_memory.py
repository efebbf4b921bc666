"""Kept answers in memory are bounded, and the least used go first."""

from streams.cache.memory import Memory


def _filled(count: int, **bounds) -> Memory:
    memory = Memory(**{"entries": 3, "max_bytes": 1 << 20, "ttl_s": 10.0, **bounds})
    for number in range(count):
        memory.put(b"k%d" % number, b"v%d" % number, 0.0)
    return memory


def test_what_was_put_is_found():
    """Values come back by their keys, in the order that was asked."""
    assert _filled(2).get([b"k1", b"nothing", b"k0"], 1.0) == [b"v1", None, b"v0"]


def test_the_least_used_goes_first():
    """What was looked up lately outlasts what was put later and never asked for."""
    memory = _filled(3)
    memory.get([b"k0"], 0.0)
    memory.put(b"k3", b"v3", 0.0)
    assert memory.get([b"k0", b"k1", b"k2", b"k3"], 0.0) == [b"v0", None, b"v2", b"v3"]
    assert len(memory) == 3


def test_bytes_are_bounded():
    """Values go until the rest fits, and one that does not fit by itself is not kept."""
    memory = _filled(0, max_bytes=2_000)
    memory.put(b"a", bytes(900), 0.0)
    memory.put(b"b", bytes(900), 0.0)
    assert memory.get([b"a", b"b"], 0.0) == [None, bytes(900)]
    memory.put(b"c", bytes(5_000), 0.0)
    assert memory.get([b"c"], 0.0) == [None]
    assert memory.size == 0


def test_what_is_put_again_counts_once():
    """A value that replaces another takes its place."""
    memory = _filled(0)
    for _ in range(5):
        memory.put(b"k", bytes(100), 0.0)
    assert (len(memory), memory.size) == (1, 400)


def test_values_live_as_long_as_is_said():
    """A value is gone once its time is over."""
    memory = _filled(1)
    assert memory.get([b"k0"], 9.9) == [b"v0"]
    assert memory.get([b"k0"], 10.0) == [None]
    assert memory.size == 0
