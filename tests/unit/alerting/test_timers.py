"""Timers: one time a key, the earliest first."""

from alerting.timers import Timers


def test_what_is_due_comes_out_once_and_in_order():
    timers = Timers()
    for key, at in (("b", 2.0), ("a", 1.0), ("c", 3.0)):
        timers.set(key, at)
    assert timers.next() == 1.0
    assert timers.take(2.0) == ["a", "b"]
    assert timers.take(2.0) == []
    assert timers.next() == 3.0


def test_another_time_replaces_the_old_one():
    timers = Timers()
    timers.set("a", 5.0)
    timers.set("a", 2.0)
    timers.set("a", 9.0)
    assert timers.take(8.0) == []
    assert timers.next() == 9.0
    timers.set("a", None)
    assert (timers.next(), timers.take(100.0)) == (None, [])


def test_keys_need_no_order_among_themselves():
    timers = Timers()
    for key in ((1, "x"), "text", None):
        timers.set(key, 1.0)
    assert len(timers.take(1.0)) == 3


def test_of_what_is_due_as_much_is_taken_as_is_asked_for():
    timers = Timers()
    for key in "abc":
        timers.set(key, 1.0)
    assert timers.take(1.0, 2) == ["a", "b"]
    assert timers.next() == 1.0
    assert timers.take(1.0, 2) == ["c"]
