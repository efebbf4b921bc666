"""The state machine of `rules` over columns: the same table for all label sets of a rule at once.

`rules.advance` is the law, and `advance` here is tested against it. NaN stands for None.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from alerting import rules
from alerting.index import Floats, Integers, Mask
from alerting.rules import Phase, Rule

PHASES: tuple[Phase, ...] = ("inactive", "pending", "firing")
INACTIVE, PENDING, FIRING = range(3)


@dataclass(slots=True)
class States:
    """Where a rule stands for many label sets: `rules.State`, a column each."""

    phase: NDArray[np.int8]
    since: Floats
    fired_at: Floats
    false_since: Floats
    unknown_since: Floats
    stopped: Mask
    value: Floats

    @classmethod
    def inactive(cls, size: int) -> Self:
        """The first state of so many label sets."""
        phase, stopped = np.zeros(size, np.int8), np.zeros(size, np.bool_)
        since, fired_at = np.zeros(size), np.zeros(size)
        false_since, unknown_since, value = (np.full(size, np.nan) for _ in range(3))
        return cls(phase, since, fired_at, false_since, unknown_since, stopped, value)

    def __len__(self) -> int:
        return len(self.phase)

    def __iter__(self) -> Iterator[rules.State]:
        columns = zip(*(column.tolist() for column in self.columns()), strict=True)
        for phase, since, fired_at, false_since, unknown_since, stopped, value in columns:
            yield rules.State(
                PHASES[phase], since, fired_at, _known(false_since), _known(unknown_since), stopped, _known(value)
            )

    def take(self, rows: Integers | Mask) -> "States":
        """The states of some."""
        return States(*(column[rows] for column in self.columns()))

    def put(self, rows: Integers | Mask, others: "States") -> None:
        """Replace the states of some."""
        for column, values in zip(self.columns(), others.columns(), strict=True):
            column[rows] = values

    def idle(self) -> Mask:
        """Those that are as nothing had ever been."""
        idle: Mask = (self.phase == INACTIVE) & ~self.stopped & np.isnan(self.unknown_since) & np.isnan(self.value)
        return idle

    def columns(self) -> list[NDArray[Any]]:
        """All of it, in the order of `rules.State`."""
        return [getattr(self, field.name) for field in fields(self)]


def _known(value: float) -> float | None:
    return None if value != value else value  # noqa: PLR0124 - NaN alone is not itself


def advance(
    rule: Rule, states: States, true: Mask, false: Mask, now: float, *, clear: Mask | None = None, value: Floats
) -> States:
    """Move states by one evaluation; `clear` is where the rule's `clear` holds, when it has one."""
    unknown = ~(true | false)
    made = States(*(column.copy() for column in states.columns()))
    made.unknown_since[~unknown] = np.nan
    made.stopped[~unknown] = False
    _true(rule, made, true, now, value)
    _false(rule, made, false, now, clear, value)
    _unknown(rule, made, unknown, now)
    return made


def _true(rule: Rule, made: States, true: Mask, now: float, value: Floats) -> None:
    made.false_since[true] = np.nan
    made.value[true] = value[true]
    firing = true & (made.phase == FIRING)
    made.phase[firing & (now < made.since + rule.wait)] = PENDING
    begun = true & (made.phase == INACTIVE)
    made.phase[begun] = PENDING
    made.since[begun] = now
    over = true & ~firing & (now >= made.since + rule.wait)
    made.phase[over] = FIRING
    made.fired_at[over] = now


def _false(rule: Rule, made: States, false: Mask, now: float, clear: Mask | None, value: Floats) -> None:
    firing = false & (made.phase == FIRING)
    dropped = false & (made.phase == PENDING)
    if clear is not None:
        held = firing & ~clear
        made.false_since[held] = np.nan
        made.value[held] = value[held]
        firing &= clear
    made.false_since[firing & np.isnan(made.false_since)] = now
    dropped |= firing & (now >= made.false_since + rule.keep_firing_for)
    _reset(made, dropped)


def _unknown(rule: Rule, made: States, unknown: Mask, now: float) -> None:
    made.unknown_since[unknown & np.isnan(made.unknown_since)] = now
    if rule.no_data == "keep":
        return
    over = unknown & (now >= made.unknown_since + rule.no_data_for)
    if rule.no_data == "ok":
        since = made.unknown_since[over]
        _reset(made, over)
        made.unknown_since[over] = since
    else:
        made.stopped[over] = True


def _reset(made: States, rows: Mask) -> None:
    made.put(rows, States.inactive(int(np.count_nonzero(rows))))


def due(rule: Rule, states: States, now: float) -> float | None:
    """When the first of them after `now` changes by itself, nothing else happening."""
    silent = ~np.isnan(states.unknown_since)
    times = np.full(len(states), np.nan)
    if rule.no_data != "keep":
        waiting = silent & ~states.stopped
        times[waiting] = states.unknown_since[waiting] + rule.no_data_for
    pending = ~silent & (states.phase == PENDING)
    times[pending] = states.since[pending] + rule.wait
    kept = ~silent & (states.phase == FIRING)
    times[kept] = states.false_since[kept] + rule.keep_firing_for
    times = times[times > now]
    return float(times.min()) if len(times) else None
