"""Judges one rule over all its label sets at once: where it stands for each, and the alerts that fire of it."""

from collections.abc import Iterator, Mapping

import numpy as np

from alerting import states
from alerting.alerts import Alert, Labels, label_set
from alerting.expressions import Signal
from alerting.index import Floats, Integers, Mask
from alerting.readings import Reading
from alerting.rules import Rule, State
from alerting.signals import Signals
from alerting.states import FIRING, INACTIVE, States
from alerting.text import Template

MOST_ALERTS = 10_000
"""For so many label sets a rule fires, at most: whoever sends events decides how many there are."""
Cache = dict[tuple[object, ...], Reading]
"""What was read in one pass: rules that read the same share it."""


class Judge:
    """Keeps the states of one rule; a label set of which there is nothing to remember has none."""

    def __init__(self, rule: Rule, signals: Signals) -> None:
        self.rule = rule
        self._signals = signals
        self._index = signals.groups(rule.by)
        self._rows: Integers = np.zeros(0, np.int64)  # ascending
        self._states = States.inactive(0)
        self.crowded = False
        """Whether it would fire for more label sets than it may."""
        self._told: dict[Labels, tuple[float, Labels]] = {}
        self._said: tuple[Integers, Floats] = np.zeros(0, np.int64), np.zeros(0)
        self.reconfigure(rule)

    def reconfigure(self, rule: Rule) -> None:
        """Go on with another rule of this name whose label sets are the same."""
        self.rule = rule
        self.own = own_labels(rule)
        clear = () if rule.clear is None else rule.clear.signals
        self.reads = tuple(dict.fromkeys((*rule.expr.signals, *clear)))

    def __iter__(self) -> Iterator[tuple[Labels, State]]:
        labels = self._labels()
        return zip([labels[row] for row in self._rows], self._states, strict=True)

    def due(self, now: float) -> float | None:
        """When something changes by itself."""
        return states.due(self.rule, self._states, now) if len(self._rows) else None

    def firing(self) -> set[Labels]:
        """The label sets for which it fires."""
        labels = self._labels()
        return {labels[row] for row in self._rows[self._states.phase == FIRING]}

    def stopped(self) -> list[Labels]:
        """The label sets whose data has stopped."""
        if not self._states.stopped.any():
            return []
        labels = self._labels()
        return [labels[row] for row in self._rows[self._states.stopped]]

    def begin_anew(self, since: float) -> None:
        """Forget what is pending since a time after this one: it is judged again."""
        kept = (self._states.phase != states.PENDING) | (self._states.since <= since)
        self._rows, self._states = self._rows[kept], self._states.take(kept)

    def restore(self, key: Labels, since: float, fired_at: float, alert: Labels) -> None:
        """Take back that it fires, and the labels of the alert."""
        self._follow()
        row = self._index.number(key)
        rows = np.union1d(self._rows, [row])
        self._rows, self._states = rows, self._spread(rows)
        at = rows == row
        self._states.phase[at], self._states.since[at], self._states.fired_at[at] = FIRING, since, fired_at
        firing = self._states.phase == FIRING
        self._said = rows[firing], self._states.fired_at[firing]
        self._told[key] = fired_at, alert

    def advance(self, now: float, cache: Cache, *, skip: set[Labels] | None = None, begin: bool = False) -> None:
        """Evaluate the rule; leaves what is in `skip` as it is; with `begin`, only what begins is taken."""
        rule, size, known, values = self.rule, *self._read(now, cache)
        if known is None:
            return
        found = rule.expr.judge(values, size)
        moved = known & (found.true if rule.no_data != "alert" else ~found.false)
        moved[self._rows] = True
        rows = np.flatnonzero(moved)
        if not len(rows):
            return
        clear = None if rule.clear is None else rule.clear.judge(values, size).true[rows]
        old = self._spread(rows)
        true, false, value = found.true[rows], found.false[rows], found.values[rows]
        new = states.advance(rule, old, true, false, now, clear=clear, value=value)
        if skip:
            kept = np.array([self._index.labels[row] in skip for row in rows])
            new.put(kept, old.take(kept))
        if begin:
            kept = ~(true & (old.phase == INACTIVE))
            new.put(kept, old.take(kept))
        self._hold_back(old, new)
        gone = new.idle() if rule.no_data == "alert" else new.phase == INACTIVE
        if gone.any():
            rows, new = rows[~gone], new.take(~gone)
        self._rows, self._states = rows, new

    def _hold_back(self, old: States, new: States) -> None:
        """Let what is too many wait as pending: of what begins to fire, the label sets that were known last."""
        firing = new.phase == FIRING
        excess = int(np.count_nonzero(firing)) - MOST_ALERTS
        self.crowded = excess > 0
        if self.crowded:
            begins = np.flatnonzero(firing & (old.phase != FIRING))[-excess:]
            new.phase[begins], new.fired_at[begins] = states.PENDING, 0.0

    def clash(self) -> Labels | None:
        """Labels that two alerts of the rule would have."""
        if self.rule.by is not None and not self.own.keys() & set(self.rule.by):
            return None
        firing = self._states.phase == FIRING
        if np.count_nonzero(firing) < 2:
            return None
        made: set[Labels] = set()
        labels = self._labels()
        for row, value in zip(self._rows[firing], self._states.value[firing], strict=True):
            full = self._full(labels[row], float(value))
            if full in made:
                return full
            made.add(full)
        return None

    def changes(self, active: Mapping[Labels, Alert]) -> tuple[dict[Labels, Alert], list[Labels]]:
        """What fires and did not at the last call, and the labels of what does no more."""
        firing = self._states.phase == FIRING
        rows, fired_at = self._rows[firing], self._states.fired_at[firing]
        if np.array_equal(rows, self._said[0]) and np.array_equal(fired_at, self._said[1]):
            return {}, []
        values, labels = self._states.value[firing], self._labels()
        said = dict(zip(self._said[0].tolist(), self._said[1].tolist(), strict=True))
        self._said = rows, fired_at
        began: dict[Labels, Alert] = {}
        now_firing = zip(rows.tolist(), fired_at.tolist(), values.tolist(), strict=True)
        fresh = [(labels[row], at, value) for row, at, value in now_firing if said.pop(row, None) != at]
        ended = [self._told.pop(labels[row])[1] for row in said]
        for key, at, value in sorted(fresh):
            told = self._told.get(key)
            if told is not None and told[0] == at:
                continue
            if told is not None:
                ended.append(told[1])
            full = self._full(key, value)
            self._told[key] = at, full
            began[full] = active.get(full) or self._alert(full, at, value)
        return began, ended

    def alerts(self) -> list[Labels]:
        """The labels of all alerts that fire of it."""
        return [labels for _, labels in self._told.values()]

    def _read(self, now: float, cache: Cache) -> tuple[int, Mask | None, dict[Signal, Floats]]:
        """Size of the columns, the label sets that there are (None for none), and each signal's column."""
        rule, signals = self.rule, self._signals
        read: dict[Signal, Reading] = {}
        for signal in self.reads:
            key = (signal, rule.by, rule.window, rule.min_count)
            if key not in cache:
                cache[key] = signals.reading(signal, rule.by, rule.window, now, rule.min_count)
            read[signal] = cache[key]
        self._follow()
        if not self.reads:  # a comparison of numbers, such as a watchdog's
            self._index.number(())
        size = len(self._index)
        known = np.zeros(size, np.bool_)
        for reading in read.values():
            known[: len(reading.present)] |= reading.present
        known[self._rows] = True
        if not self.reads:
            known[self._index.number(())] = True
        if not known.any():
            return size, None, {}
        values = {}
        for signal, reading in read.items():
            reading = reading.over(size)  # noqa: PLW2901 - the same, in full
            default = signals.default(signal)
            values[signal] = reading.values if default is None else np.where(reading.present, reading.values, default)
        return size, known, values

    def _labels(self) -> list[Labels]:
        return self._index.labels

    def _follow(self) -> None:
        """Take other numbers when the signals have begun their groups anew."""
        index = self._signals.groups(self.rule.by)
        if index is self._index:
            return
        old, self._index = self._index.labels, index
        self._said = self._renumbered(old, self._said[0]), self._said[1]
        rows = self._renumbered(old, self._rows)
        order = np.argsort(rows)
        self._rows, self._states = rows[order], self._states.take(order)
        order = np.argsort(self._said[0])
        self._said = self._said[0][order], self._said[1][order]

    def _renumbered(self, labels: list[Labels], rows: Integers) -> Integers:
        return np.array([self._index.number(labels[row]) for row in rows], np.int64)

    def _spread(self, rows: Integers) -> States:
        """The states of these rows, which hold all that have one."""
        made = States.inactive(len(rows))
        if len(self._rows):
            made.put(np.searchsorted(rows, self._rows), self._states)
        return made

    def _full(self, key: Labels, value: float) -> Labels:
        known = None if value != value else value  # noqa: PLR0124 - NaN alone is not itself
        own = {name: template.render(dict(key), known) for name, template in self.own.items()}
        return label_set(dict(key) | own)

    def _alert(self, labels: Labels, fired_at: float, value: float) -> Alert:
        known = None if value != value else value  # noqa: PLR0124
        mapping = dict(labels)
        annotations = {name: one.render(mapping, known) for name, one in self.rule.annotations.items()}
        said = {name: text for name, text in annotations.items() if text}
        return Alert(labels, fired_at, said, signals=signal_names(self.rule))


def own_labels(rule: Rule) -> dict[str, Template]:
    """The labels that a rule gives its alerts."""
    lost = {"data_loss": Template("true")} if "data_loss" in signal_names(rule) else {}
    return {**lost, "severity": Template(rule.severity), **rule.labels, "alertname": Template(rule.name)}


def signal_names(rule: Rule) -> frozenset[str]:
    """The names of the signals that make it true."""
    return frozenset(signal.name for signal in rule.expr.signals)
