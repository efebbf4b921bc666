"""The frontier never passes an offset that is not done."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.frontier import Frontier


def _frontier(received: list[int], done: list[int]) -> Frontier:
    frontier = Frontier()
    frontier.received(received)
    frontier.done(done)
    return frontier


@pytest.mark.parametrize(
    ("received", "done", "position"),
    [
        pytest.param([], [], None, id="nothing received: nothing to commit"),
        pytest.param(
            range(2585, 2590), [2586, 2587, 2588, 2589], 2585, id="issue 606: the first is in flight, the rest done"
        ),
        pytest.param(range(2585, 2590), range(2585, 2590), 2590, id="issue 606: all done"),
        pytest.param([0], [], 0, id="issue 606: offset 0 is an offset, not 'unknown'"),
        pytest.param([0, 1], [1], 0, id="issue 606: offset 0 in flight holds back 1"),
        pytest.param([5, 9, 12], [5], 9, id="gaps of compaction: the next received offset"),
        pytest.param([5, 9, 12], [9, 12, 5], 13, id="gaps of compaction: past the last"),
        pytest.param([3, 4], [99, 1], 3, id="offsets never received change nothing"),
    ],
)
def test_position(received, done, position):
    assert _frontier(list(received), list(done)).position == position


def test_offsets_do_not_go_back():
    frontier = _frontier([7], [])
    with pytest.raises(ValueError, match="offset 7 received after 7"):
        frontier.received([7])


@given(st.data())
def test_never_past_an_unfinished_offset(data):
    """Over random gaps and completion orders: position is the least unfinished offset, after every step."""
    offsets = sorted(data.draw(st.sets(st.integers(0, 10_000), min_size=1, max_size=60)))
    order = data.draw(st.permutations(offsets))
    frontier = Frontier()
    received: list[int] = []
    finished: set[int] = set()
    waiting = list(offsets)
    for offset in order:
        while offset not in received:
            frontier.received([waiting[0]])
            received.append(waiting.pop(0))
        frontier.done([offset])
        finished.add(offset)
        unfinished = [o for o in received if o not in finished]
        assert frontier.position == (unfinished[0] if unfinished else received[-1] + 1)
        assert frontier.in_flight == len(unfinished)
    assert frontier.gap == 0
