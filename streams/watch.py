"""What a long computation is watched by: deadline, cancellation, and progress at most 4 times a second."""

import time
from collections.abc import Callable, Container

from agents.outcome import Problem
from streams import instants
from streams.contracts import Progress

_PROGRESS_EVERY_S = 0.25


def timed_out(timeout_s: float) -> Problem:
    """What a request is answered with whose time is over: the same words each time, however far it had come."""
    return Problem(
        "timed_out", f"not finished after {timeout_s:g} s", field="timeout_s",
        hint="allow more time, loosen the tolerances, or split the request",
    )  # fmt: skip


def cancelled() -> Problem:
    """What a request is answered with that nobody wants any more: the same words, whether it had begun or not."""
    return Problem("cancelled", "cancelled")


class Demoted(Exception):  # noqa: N818 - a decision, not an accident
    """A group took longer than its slice of the fast thread: it goes on, from the start, among the long ones."""


class Slice:
    """Watches a group of small requests: at the end of its slice the group is demoted."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def __call__(self, fraction: float, stage: str) -> None:  # noqa: ARG002
        """Raise `Demoted` when the slice is over."""
        if time.monotonic() > self._until:
            raise Demoted


class Vigil:
    """Watches one long request; raises `Problem` (`timed_out`, `cancelled`) when it is to stop."""

    def __init__(
        self,
        request_id: str,
        timeout_s: float,
        cancels: Container[str],
        tell: Callable[[Progress], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._id = request_id
        self._timeout_s = timeout_s
        self._cancels = cancels
        self._tell = tell
        self._clock = clock
        self._started = clock()
        self._told = self._started

    def clock(self) -> float:
        """Return seconds, for what is asked to measure."""
        return self._clock()

    def __call__(self, fraction: float, stage: str) -> None:
        """Look at the deadline and the cancellation; tell progress when some time has passed."""
        now = self._clock()
        spent = now - self._started
        if spent > self._timeout_s:
            raise timed_out(self._timeout_s)
        if self._id in self._cancels:
            raise cancelled()
        if now - self._told >= _PROGRESS_EVERY_S:
            self._told = now
            fraction = min(max(float(fraction), 0.0), 1.0)  # also one of NumPy's numbers: it is encoded
            eta = spent * (1 - fraction) / fraction if fraction > 0 else None
            self._tell(
                Progress(id=self._id, fraction=fraction, stage=stage, eta_s=eta, at=instants.to_text(time.time()))
            )
