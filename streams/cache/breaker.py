"""A circuit breaker: a server that failed is left alone until a probe finds it again. Pure but for its state."""

import random
from collections.abc import Callable

FIRST_S = 0.25
LONGEST_S = 15.0


class Breaker:
    """Open until the first probe succeeds, and again from a failure on; the server is used only while it is closed.

    Probes are due after 0.25, 0.5, 1, … 15 s. `jitter` gives numbers from 0 to 1: a pause is shortened by up to a half,
    so that workers do not come back together.
    """

    def __init__(self, jitter: Callable[[], float] = random.random) -> None:
        self._jitter = jitter
        self._failed_probes = 0
        self._due_at = 0.0
        self.closed = False
        """Whether the server may be used."""

    def trip(self, now: float) -> None:
        """It failed while it was used."""
        if self.closed:
            self.closed = False
            self._failed_probes = 0
            self._due_at = now + self._pause()

    def due(self, now: float) -> bool:
        """Whether it is time for a probe."""
        return not self.closed and now >= self._due_at

    def probed(self, succeeded: bool, now: float) -> None:
        """Take how a probe went."""
        self.closed = succeeded
        if not succeeded:
            self._failed_probes += 1
            self._due_at = now + self._pause()

    def _pause(self) -> float:
        return min(FIRST_S * 2.0 ** min(self._failed_probes, 20), LONGEST_S) * (1.0 - self._jitter() / 2.0)
