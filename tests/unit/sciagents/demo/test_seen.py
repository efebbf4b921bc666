"""Waiting for what should come."""

import asyncio

import pytest

from sciagents.demo.seen import Seen
from sciagents.errors import NoAnswerError


async def test_what_was_there_before_is_found():
    """Nothing has to be waited for twice."""
    seen = Seen()
    await asyncio.to_thread(seen.put, 1)
    assert await seen.first("one", lambda thing: thing == 1, 10.0) == 1
    assert await seen.first("one", lambda thing: thing == 1, 0.0) == 1


async def test_what_comes_later_from_another_thread_is_waited_for():
    """The first that fits, in the order of arrival."""
    seen = Seen()
    waiting = asyncio.create_task(seen.first("a large one", lambda thing: thing > 1, 10.0))
    await asyncio.to_thread(lambda: [seen.put(thing) for thing in (0, 1, 3, 2)])
    assert await waiting == 3


async def test_what_does_not_come_is_named():
    """So that the reader of the demo knows what is missing."""
    with pytest.raises(NoAnswerError, match=r"^an email did not come within 0 s$"):
        await Seen().first("an email", lambda _: True, 0.0)
