"""Reads signals over what is kept of events and results: which families, which of the kinds of `readings`.

Errors are *failed* and *expired*, answered are these and *succeeded*; too few of them make no rate.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from alerting import readings
from alerting.expressions import Signal
from alerting.families import By, Families, Family, Kind, projected
from alerting.index import Grouping, Index, Integers, Mask
from alerting.matchers import Matcher
from alerting.readings import Reading, Span

ERRORS = frozenset({"failed", "expired"})
_ANSWERED = ERRORS | {"succeeded"}
COMPUTED = frozenset({"succeeded", "failed"})
COUNTS = frozenset({"data_loss", "data_corruption", "log_errors"})
OF_RESULTS = frozenset({"error_rate", "workflow_success_rate", "execution_time_mean", "execution_time_p99"})
"""Signals that are computed from results."""
RATIO_MIN_COUNT = 10
"""Fewer results than this make no rate, unless the rule says how many do."""
_OUTCOME = frozenset({"code", "status"})


class Reader:
    """Reads signals in columns; those that are read `by` the same labels share the numbers of their groups."""

    def __init__(self, kept: Families) -> None:
        self._events = kept.families
        self._answered = kept.answered
        self._groups: dict[By, Index] = {}
        self._parts: dict[tuple[By, By], Grouping] = {}

    def groups(self, by: By) -> Index:
        """The groups of all signals that are read `by` these labels."""
        return self._groups.setdefault(by, Index())

    def default(self, signal: Signal) -> float | None:
        """The value for a label set that has no samples: nothing counted is 0, anything else is unknown."""
        return 0.0 if signal.name in COUNTS or ("fault", signal.name) in self._events else None

    def read(self, signal: Signal, by: By, span: Span, min_count: int | None) -> Reading:
        """The signal over `groups(by)` as they are then, in (after, until]."""
        computed = _COMPUTED_BY.get(signal.name)
        if computed is None:
            computed = _faults if ("fault", signal.name) in self._events else Reader._mean
        return computed(self, signal, by, span, min_count).over(len(self.groups(by)))

    def samples(self, signal: str) -> int:
        """About how many samples a reading of a signal looks at, at most."""
        families = [self._events.get((kind, name)) for kind, name in _FAMILIES_OF.get(signal, ())]
        families += [self._events.get(("metric", signal)), self._events.get(("fault", signal))]
        of_results = len(self._answered.tallies) if signal in OF_RESULTS else 0
        return of_results + sum(len(family.samples) for family in families if family is not None)

    def shrink(self) -> None:
        """Begin the groups anew where most of them are of the past."""
        most: Counter[int] = Counter()
        for family in (*self._events.values(), self._answered):
            for groups in family.targets():
                most[id(groups)] += len(family.index)
        for by, groups in list(self._groups.items()):
            if len(groups) > 1000 + 2 * most[id(groups)]:
                self._groups[by] = Index()
                self._parts = {key: part for key, part in self._parts.items() if by not in key}

    def _family(
        self, kind: Kind, name: str, signal: Signal, by: By
    ) -> tuple[Family, Integers, Index] | None:  # fmt: skip
        family = self._events.get((kind, name))
        if family is None:
            return None
        groups = self.groups(by)
        return family, family.grouping(by, signal.matchers, groups), groups

    def _mean(self, signal: Signal, by: By, span: Span, min_count: int | None) -> Reading:
        found = self._family("metric", signal.name, signal, by)
        return Reading.nothing() if found is None else readings.mean(*found, span, max(1, min_count or 1))

    def _latest_sum(self, signal: Signal, by: By, span: Span, _: int | None) -> Reading:
        found = self._family("metric", signal.name, signal, by)
        return Reading.nothing() if found is None else readings.latest(*found, span)

    def _count(self, kind: Kind, name: str, signal: Signal, by: By, span: Span) -> Reading:
        found = self._family(kind, name, signal, by)
        made = Reading.nothing() if found is None else readings.total(*found, span)
        if by == ():
            made = made.over(self.groups(by).number(()) + 1)
            made.present[0] = True
            made.values[0] = 0.0 if math.isnan(made.values[0]) else made.values[0]
        return made

    def _tests(self, signal: Signal, by: By, span: Span, min_count: int | None) -> Reading:
        passed, failed = (self._count("tests", name, signal, by, span) for name in ("passed", "failed"))
        size = len(self.groups(by))
        passed, failed = passed.over(size), failed.over(size)
        good = np.nan_to_num(passed.values)
        total = good + np.nan_to_num(failed.values)
        rate = np.divide(good, total, out=np.full(size, np.nan), where=total >= max(1, min_count or 1))
        return Reading(passed.present | failed.present, rate).before(self._mean(signal, by, span, min_count))

    def _up(self, signal: Signal, by: By, span: Span, _: int | None) -> Reading:
        found = self._family("heartbeat", "heartbeat", signal, by)
        return Reading.nothing() if found is None else readings.alive(*found, span[1])

    def _results(self, signal: Signal, by: By, groups: Index, statuses: frozenset[str]) -> Integers:
        return self._answered.grouping(by or (), signal.matchers, groups, statuses)

    def _errors(self, signal: Signal, by: By, span: Span, min_count: int | None) -> tuple[Mask, Reading]:
        """The share of errors in the results of each group; which groups have any results, and what is known."""
        groups, tallies = self.groups(by), self._answered.tallies
        base = tuple(name for name in by or () if name not in _OUTCOME)
        wide = Signal(signal.name, tuple(one for one in signal.matchers if one.name not in _OUTCOME))
        apart = bool(set(by or ()) & _OUTCOME)
        whole = self.groups(base) if apart else groups
        columns = self._results(signal, by, groups, ERRORS), self._results(wide, base, whole, _ANSWERED)
        errors = readings.results(tallies, columns[0], groups, span)
        totals = readings.results(tallies, columns[1], whole, span)
        size = len(groups)
        errors = np.concatenate([errors, np.zeros(size - len(errors), np.int64)])
        if apart:
            part = self._parts.get((by, base))
            if part is None or part.groups is not whole:
                part = self._parts[by, base] = Grouping(groups, whole, partial(projected, by=base))
            column = part.column() - 1
            totals = np.concatenate([totals, np.zeros(len(whole) - len(totals), np.int64)])[column]
        else:
            totals = np.concatenate([totals, np.zeros(size - len(totals), np.int64)])
        there = errors > 0 if apart else totals > 0
        enough = totals >= (RATIO_MIN_COUNT if min_count is None else max(1, min_count))
        rate = np.divide(errors, totals, out=np.full(size, np.nan), where=there & enough)
        return there, Reading(there, rate)

    def _error_rate(self, signal: Signal, by: By, span: Span, min_count: int | None) -> Reading:
        return self._errors(signal, by, span, min_count)[1].before(self._mean(signal, by, span, None))

    def _workflows(self, signal: Signal, by: By, span: Span, min_count: int | None) -> Reading:
        of_workflows = Signal(signal.name, (*signal.matchers, _WORKFLOW))
        there, failed = self._errors(of_workflows, by, span, min_count)
        return Reading(there, 1.0 - failed.values).before(self._mean(signal, by, span, None))

    def _times(self, signal: Signal, by: By, span: Span, min_count: int | None, share: float | None) -> Reading:
        groups, tallies, least = self.groups(by), self._answered.tallies, max(1, min_count or 1)
        column = self._results(signal, by, groups, COMPUTED)
        if share is None:
            made = readings.seconds(tallies, column, groups, span, least)
        else:
            made = readings.percentile(tallies, column, groups, span, least, share)
        return made.before(self._mean(signal, by, span, min_count))


def _faults(own: Reader, signal: Signal, by: By, span: Span, _: int | None) -> Reading:
    return own._count("fault", signal.name, signal, by, span)  # noqa: SLF001 - this module's own


_WORKFLOW = Matcher("agent", "=", "workflow")
_FAMILIES_OF: Mapping[str, tuple[tuple[Kind, str], ...]] = {
    "log_errors": (("log", "log_errors"),),
    "test_pass_rate": (("tests", "passed"), ("tests", "failed")),
    "instances_up_ratio": (("heartbeat", "heartbeat"),),
}
_COMPUTED_BY: dict[str, Callable[[Reader, Signal, By, Span, int | None], Reading]] = {
    "queue_lag": Reader._latest_sum,  # noqa: SLF001 - this module's own table
    "data_loss": _faults,
    "data_corruption": _faults,
    "log_errors": lambda own, signal, by, span, _: own._count("log", "log_errors", signal, by, span),  # noqa: SLF001
    "test_pass_rate": Reader._tests,  # noqa: SLF001
    "instances_up_ratio": Reader._up,  # noqa: SLF001
    "error_rate": Reader._error_rate,  # noqa: SLF001
    "workflow_success_rate": Reader._workflows,  # noqa: SLF001
    "execution_time_mean": lambda own, signal, by, span, least: own._times(signal, by, span, least, None),  # noqa: SLF001
    "execution_time_p99": lambda own, signal, by, span, least: own._times(signal, by, span, least, 0.99),  # noqa: SLF001
}
