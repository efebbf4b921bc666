"""Pacing: a channel that takes one message a second is sent one a second; what waits goes by urgency, not by turn.

A lane is what shares a limit (a Slack webhook and its channel). A lane that says when it wants the next message
(`Retry-After`) gets none before, from anybody.
"""

from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

from alerting.timers import Timers

K = TypeVar("K", bound=Hashable)


class Pace(Generic[K]):
    """Lets one of the waiting through at a time, `every` seconds apart in each lane."""

    def __init__(self) -> None:
        self._free: dict[Hashable, float] = {}
        self._waiting: dict[Hashable, dict[K, None]] = {}
        self._due: Timers[Hashable] = Timers()

    def enter(self, lane: Hashable, key: K, every: float, now: float) -> bool:
        """Whether `key` may go now; otherwise it waits, and `take` gives it back."""
        free = self._free.get(lane, now)
        if free <= now and lane not in self._waiting:
            self._free[lane] = now + every
            return True
        self._waiting.setdefault(lane, {})[key] = None
        self._due.set(lane, free)
        return False

    def hold(self, lane: Hashable, until: float) -> None:
        """Let nobody through before `until`."""
        self._free[lane] = max(until, self._free.get(lane, until))
        if lane in self._waiting:
            self._due.set(lane, self._free[lane])

    def take(self, urgency: Callable[[K], tuple[Any, ...] | None], every: float, now: float) -> list[K]:
        """The most urgent of each lane that is free; None is not urgent at all: it has left."""
        taken: list[K] = []
        for lane in self._due.take(now):
            ranked = [(rank, key) for key in self._waiting.pop(lane, {}) if (rank := urgency(key)) is not None]
            if not ranked:
                continue
            first = min(ranked, key=lambda one: one[0])[1]
            taken.append(first)
            self._free[lane] = now + every
            if len(ranked) > 1:
                self._waiting[lane] = {key: None for _, key in ranked if key != first}
                self._due.set(lane, self._free[lane])
        return taken

    def due(self) -> float | None:
        """When the next of the waiting may go."""
        return self._due.next()
