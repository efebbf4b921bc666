"""What waits in the fast lane: whose native call is next, and of how many requests it is."""

from types import SimpleNamespace

from streams.pending import Pending


def _one(name, group="g", priority="normal", cost=1.0):
    return SimpleNamespace(
        request=SimpleNamespace(id=name, priority=priority), task=None, plan=SimpleNamespace(group=group, cost=cost)
    )


def _calls(pending):
    calls = []
    while group := pending.take():
        calls.append([one.request.id for one in group])
    return calls


def test_one_call_has_one_group():
    pending = Pending()
    pending.put([_one("a"), _one("b", "h"), _one("c")])
    assert sorted(_calls(pending)) == [["a", "c"], ["b"]]
    assert not pending


def test_a_call_has_at_most_so_many_requests_and_operations():
    pending = Pending(max_batch=2, max_cost=10.0)
    pending.put([_one(f"s-{n}") for n in range(5)])
    pending.put([_one(f"l-{n}", "l", cost=20.0) for n in range(2)])
    assert _calls(pending) == [["s-0", "s-1"], ["l-0"], ["s-2", "s-3"], ["l-1"], ["s-4"]]


def test_what_comes_later_joins_what_waits():
    pending = Pending()
    pending.put([_one("a")])
    pending.put([_one("b")])
    assert _calls(pending) == [["a", "b"]]


def test_of_what_came_together_the_cheapest_goes_first():
    pending = Pending()
    pending.put([_one("dear", "d", cost=100.0), _one("cheap", "c")])
    assert _calls(pending) == [["cheap"], ["dear"]]


def test_high_overtakes_and_low_yields():
    pending = Pending()
    pending.put([_one(f"low-{n}", f"l{n}", "low") for n in range(3)])
    pending.put([_one("normal")])
    pending.put([_one("high", priority="high")])
    assert _calls(pending)[:3] == [["high"], ["normal"], ["low-0"]]


def test_priorities_share_no_call():
    """Else a low one would run before its turn, or a high one after."""
    pending = Pending()
    pending.put([_one("a", priority="high"), _one("b", priority="low")])
    assert _calls(pending) == [["a"], ["b"]]
