"""Patience: a limit in time that a stalled process does not hold against its receiver."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

_STALL_S = 0.5
"""How late the loop is when it was stalled (stopped, or its machine asleep)."""
_GRACE_S = 1.0


@contextlib.asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """Raise `TimeoutError` after so many seconds; after a stall answers that have come meanwhile are read first.

    Otherwise a message that was taken long ago would count as failed, and be told twice.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    async with asyncio.timeout(None) as limit:
        timer = loop.call_at(
            end, lambda: limit.reschedule(loop.time() + (_GRACE_S if loop.time() - end > _STALL_S else 0.0))
        )
        try:
            yield
        finally:
            timer.cancel()
