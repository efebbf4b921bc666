"""Events of initial value problems: where a formula changes its sign along the dense output of the steps taken."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from native.formula.program import Array, Program

_LOOKS = 4
"""A step is looked at in so many places, so that two crossings in it are not taken for none."""
_HALVINGS = 60


@dataclass(frozen=True, slots=True)
class Event:
    """What to look for: a crossing upwards (1), downwards (-1) or either (0); whether it ends the integration."""

    direction: int = 0
    terminal: bool = False


@dataclass(slots=True)
class Crossings:
    """The times and states (n) at which each event of a member happened."""

    times: list[list[float]]
    states: list[list[Array]]


@dataclass(eq=False)
class EventLog:
    """Looks for the events of each of m members; `program` takes t, the n variables and the parameters."""

    program: Program
    events: Sequence[Event]
    members: int
    crossings: list[Crossings] = field(init=False)
    _before: list[Array | None] = field(init=False)

    def __post_init__(self) -> None:
        self.crossings = [Crossings([[] for _ in self.events], [[] for _ in self.events]) for _ in range(self.members)]
        self._before = [None] * self.members

    def look(self, member: int, steps: Array, parameters: Array) -> tuple[float, Array] | None:
        """Note what happened in `steps` (k, 2 + parts n), in order; gives time and state of a terminal one."""
        count = len(steps)
        at = np.tile(np.arange(1, _LOOKS + 1) / _LOOKS, count)
        which = np.repeat(np.arange(count), _LOOKS)
        values = self._values(steps[which], at, parameters)
        before = self._before[member]
        if before is None:
            before = self._values(steps[:1], np.zeros(1), parameters)[:, 0]
        self._before[member] = values[:, -1]
        previous = np.concatenate([before[:, None], values[:, :-1]], axis=1)
        found = self._crossed(steps, which, at, previous, values, parameters)
        notes = self.crossings[member]
        for event, when, state in found:
            notes.times[event].append(when)
            notes.states[event].append(state)
            if self.events[event].terminal:
                return when, state
        return None

    def _crossed(
        self, steps: Array, which: Any, at: Array, previous: Array, values: Array, parameters: Array
    ) -> list[tuple[int, float, Array]]:
        """Find the crossings by bisection, all at once; in the order in which they happen."""
        up = (previous < 0.0) & (values >= 0.0)
        down = (previous > 0.0) & (values <= 0.0)
        wanted = np.array([event.direction for event in self.events])[:, None]
        event, place = np.nonzero((up & (wanted >= 0)) | (down & (wanted <= 0)))
        if not event.size:
            return []
        step = steps[which[place]]
        high = at[place].copy()
        low = high - 1.0 / _LOOKS
        rising = up[event, place]
        column = np.arange(event.size)
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            value = self._values(step, middle, parameters)[event, column]
            beyond = np.where(rising, value >= 0.0, value <= 0.0)
            low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
        times = step[:, 0] + high * step[:, 1]
        states = _interpolate(step, high, self._size(parameters))
        order = np.lexsort((high, which[place]))
        return [(int(event[i]), float(times[i]), states[:, i]) for i in order.tolist()]

    def _size(self, parameters: Array) -> int:
        return self.program.n_inputs - 1 - len(parameters)

    def _values(self, steps: Array, at: Array, parameters: Array) -> Array:
        times = steps[:, 0] + at * steps[:, 1]
        fixed = np.broadcast_to(parameters[:, None], (len(parameters), len(at)))
        return self.program.evaluate(
            np.concatenate([times[None], _interpolate(steps, at, self._size(parameters)), fixed])
        )


def _interpolate(steps: Array, at: Array, n: int) -> Array:
    """States (n, k) at the fractions `at` (k) of `steps` (k, 2 + parts n), as the kernels' `interpolate` has them."""
    parts = steps[:, 2:].reshape(len(steps), -1, n).transpose(1, 2, 0)
    made: Array = parts[-1]
    for part in range(len(parts) - 2, -1, -1):
        made = parts[part] + (at if part % 2 == 0 else 1.0 - at) * made
    return made
