"""How a process hears that it is to end while it waits, until Faust hears it for the rest of its life."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def heard(loop: asyncio.AbstractEventLoop, end: Callable[[], object]) -> Iterator[None]:
    """Call `end` in `loop` at each SIGTERM and SIGINT that comes within the block."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, end)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
