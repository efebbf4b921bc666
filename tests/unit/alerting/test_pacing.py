"""Pacing: a message a second in a lane, the most urgent first."""

from alerting.pacing import Pace


def test_one_a_second_and_the_most_urgent_first():
    pace = Pace()
    assert pace.enter("lane", "a", 1.0, 10.0)
    assert not pace.enter("lane", "P3", 1.0, 10.0)
    assert not pace.enter("lane", "P0", 1.0, 10.5)
    assert pace.due() == 11.0
    assert pace.take(lambda key: (key,), 1.0, 11.0) == ["P0"]
    assert pace.due() == 12.0
    assert pace.take(lambda key: (key,), 1.0, 11.9) == []
    assert pace.take(lambda key: (key,), 1.0, 12.0) == ["P3"]
    assert pace.due() is None


def test_a_lane_does_not_wait_for_another():
    pace = Pace()
    assert pace.enter("one", "a", 1.0, 10.0)
    assert pace.enter("two", "b", 1.0, 10.0)


def test_a_lane_that_wants_to_be_left_alone_is():
    pace = Pace()
    assert pace.enter("lane", "a", 1.0, 10.0)
    pace.hold("lane", 40.0)
    assert not pace.enter("lane", "b", 1.0, 20.0)
    assert pace.take(lambda key: (key,), 1.0, 39.9) == []
    assert pace.take(lambda key: (key,), 1.0, 40.0) == ["b"]


def test_who_has_left_takes_no_turn():
    pace = Pace()
    pace.enter("lane", "a", 1.0, 10.0)
    pace.enter("lane", "b", 1.0, 10.0)
    assert pace.take(lambda _: None, 1.0, 11.0) == []
    assert pace.enter("lane", "c", 1.0, 11.0)
