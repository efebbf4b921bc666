"""Whose turn it is: high overtakes, low yields, none starves."""

from collections import Counter

import pytest

from streams.turns import SHARES, Turns


def _of(waiting):
    turns = Turns()
    for priority, count in waiting.items():
        for number in range(count):
            turns.put(f"{priority}-{number}", priority)
    return turns


@pytest.mark.parametrize(
    ("waiting", "taken", "first"),
    [
        ({"high": 100, "normal": 100, "low": 100}, {"high": 16, "normal": 4, "low": 1}, "high"),
        ({"high": 100, "low": 100}, {"high": 20, "low": 1}, "high"),
        ({"normal": 100, "low": 100}, {"normal": 17, "low": 4}, "normal"),
        ({"low": 100}, {"low": 21}, "low"),
        ({"high": 2, "normal": 100}, {"high": 2, "normal": 19}, "high"),
    ],
)
def test_of_twenty_one_turns(waiting, taken, first):
    """Each priority that waits gets its share, and the highest goes first."""
    turns = _of(waiting)
    order = [turns.take().partition("-")[0] for _ in range(21)]
    assert order[0] == first
    counted = Counter(order)
    assert {priority: counted[priority] for priority in taken} == pytest.approx(taken, abs=1)


def test_of_one_priority_the_first_goes_first():
    turns = _of({"normal": 5})
    assert [turns.take() for _ in range(6)] == [*(f"normal-{number}" for number in range(5)), None]


def test_low_waits_no_longer_than_a_round_however_many_are_high():
    """Its worst wait, counted in turns, is the sum of the shares."""
    turns, since, worst = _of({"low": 50}), 0, 0
    for _ in range(1000):
        while sum(1 for item in turns if item.startswith("high")) < 5:
            turns.put("high-n", "high")
        since = 0 if turns.take().startswith("low") else since + 1
        worst = max(worst, since)
        if not any(item.startswith("low") for item in turns):
            break
    assert worst <= sum(SHARES.values())


def test_a_priority_that_was_empty_has_saved_up_no_turns():
    turns = _of({"low": 100})
    for _ in range(50):
        turns.take()
    for number in range(100):
        turns.put(f"high-{number}", "high")
    assert [turns.take().partition("-")[0] for _ in range(5)] == ["high"] * 5


def test_what_is_removed_does_not_get_its_turn():
    turns = _of({"high": 2, "low": 2})
    assert turns.remove(lambda item: item.endswith("-0")) == ["high-0", "low-0"]
    assert [turns.take(), turns.take(), turns.take()] == ["high-1", "low-1", None]
    assert len(turns) == 0
