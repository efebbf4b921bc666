"""An election on a real broker: one at a time, and a dead one's place goes to another."""

import threading
from contextlib import ExitStack

import pytest

from streams import declare
from streams.election import Candidate

WITHIN_S = 60.0


@pytest.fixture
def stand(kafka, topic_prefix):
    """Stand for election under a name; returns the candidate, and the event that says it has lost."""
    declare.ensure(kafka, topic_prefix)
    with ExitStack() as stack:

        def one(name):
            lost = threading.Event()
            candidate = Candidate(
                kafka, f"{topic_prefix}ops.alerting", f"{topic_prefix}group", name, lambda _: lost.set()
            )
            stack.enter_context(candidate)
            assert candidate.joined.wait(WITHIN_S)
            return candidate, lost

        yield one


def test_one_is_elected_and_the_next_when_it_is_gone(stand):
    first, first_lost = stand("a")
    second, second_lost = stand("b")
    third, _ = stand("c")
    assert (first.elected.is_set(), second.elected.is_set(), third.elected.is_set()) == (True, False, False)
    first.__exit__()
    while not (second.elected.wait(0.05) or third.elected.is_set()):
        assert not second_lost.is_set()
    assert not first_lost.is_set()
    assert second.elected.is_set() != third.elected.is_set()


def test_of_two_with_one_name_the_first_ends(stand):
    """The broker takes the second for the first one after a restart: it is elected, and the other hears of it."""
    first, first_lost = stand("a")
    second, second_lost = stand("a")
    assert second.elected.wait(WITHIN_S)
    assert first_lost.wait(WITHIN_S)
    assert first.elected.is_set()
    assert not second_lost.is_set()
