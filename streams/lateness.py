"""How late the event loop comes: whatever it has to do waits as long."""

import asyncio
import time
from collections import deque

_EVERY_S = 0.25
_KEPT = 40
"""Ten seconds: longer than most scrapes are apart is not needed, shorter would miss some."""


class Lateness:
    """Measures the loop that runs it; `at` is when it last had a turn (monotonic seconds), `worst` of the last ones."""

    def __init__(self) -> None:
        self.at = time.monotonic()
        self._late: deque[float] = deque([0.0], maxlen=_KEPT)

    @property
    def worst(self) -> float:
        """The worst lateness of the last ten seconds, in seconds; one that still lasts counts."""
        return max(*self._late, time.monotonic() - self.at - _EVERY_S)

    async def measure(self) -> None:
        """Go on until cancelled."""
        while True:
            await asyncio.sleep(_EVERY_S)
            now = time.monotonic()
            self._late.append(max(0.0, now - self.at - _EVERY_S))
            self.at = now
