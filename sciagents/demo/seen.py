"""What came in from elsewhere, and waiting for what should come."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from sciagents.errors import NoAnswerError

T = TypeVar("T")


class Seen(Generic[T]):
    """Collects things from any thread, and lets the loop it was made in wait for one of them."""

    def __init__(self) -> None:
        self._things: list[T] = []
        self._loop = asyncio.get_running_loop()
        self._came = asyncio.Event()

    def put(self, thing: T) -> None:
        """Take one thing, from any thread."""
        self._loop.call_soon_threadsafe(self._take, thing)

    def __len__(self) -> int:
        return len(self._things)

    async def first(self, what: str, fits: Callable[[T], bool], timeout_s: float) -> T:
        """Wait for the first that fits; raises `NoAnswerError` that says what did not come."""
        looked = 0
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    for thing in self._things[looked:]:
                        if fits(thing):
                            return thing
                    looked = len(self._things)
                    self._came.clear()
                    await self._came.wait()
        except TimeoutError:
            raise NoAnswerError(f"{what} did not come within {timeout_s:g} s") from None

    def _take(self, thing: T) -> None:
        self._things.append(thing)
        self._came.set()
