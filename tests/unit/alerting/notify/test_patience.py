"""A limit in time counts the time in which the process ran."""

import asyncio

import pytest

from alerting.notify import patience
from alerting.notify.patience import within


async def test_who_does_not_answer_is_given_up():
    with pytest.raises(TimeoutError):
        async with within(0.01):
            await asyncio.Event().wait()


async def test_who_answers_in_time_is_heard():
    async with within(60):
        await asyncio.sleep(0)


async def test_what_came_during_a_stall_is_read_before_anybody_is_given_up(monkeypatch):
    """An answer that takes several turns of the loop, as one on a socket does."""
    monkeypatch.setattr(patience, "_STALL_S", 0.0)  # every limit is read late, by a little
    came = asyncio.Event()

    async def answer():
        for _ in range(20):
            await asyncio.sleep(0)
        came.set()

    loop = asyncio.get_running_loop()
    async with within(0.0):
        loop.call_soon(lambda: loop.create_task(answer()))
        await came.wait()


async def test_after_a_stall_somebody_who_stays_silent_is_given_up_too(monkeypatch):
    monkeypatch.setattr(patience, "_STALL_S", 0.0)
    monkeypatch.setattr(patience, "_GRACE_S", 0.01)
    with pytest.raises(TimeoutError):
        async with within(0.0):
            await asyncio.Event().wait()
