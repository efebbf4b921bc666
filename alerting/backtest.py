"""A back-test: the incidents that two rehearsals of one history opened, set side by side. Pure.

Two incidents are the same one when their alerts share the same labels (severity apart) and their times overlap.

| change | what the changed rules do |
|---|---|
| `opened` | they open an incident that the rules in force do not |
| `not_opened` | they do not open one that the rules in force do |
| `earlier`, `later` | they open it at another time |
| `severity` | it comes to another worst severity |
"""

from collections import defaultdict, deque
from collections.abc import Iterable
from typing import Literal

import msgspec

from alerting import instants
from alerting.alerts import Labels
from alerting.rehearsal import Opened
from streams.contracts import Severity

Change = Literal["opened", "not_opened", "earlier", "later", "severity"]
SAME_S = 0.5
"""Seconds by which two times may differ and be the same: it is a matter of which evaluation came first."""


class Would(msgspec.Struct, frozen=True, kw_only=True):
    """An incident as one of the two would have it."""

    opened_at: str
    resolved_at: str | None
    severity: Severity
    alerts: int
    reopened: int


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One incident in which the two differ; `shift_s` is how much later the changed rules open it."""

    changes: list[Change]
    title: str
    labels: dict[str, str]
    in_force: Would | None = None
    changed: Would | None = None
    shift_s: float | None = None


def compare(in_force: Iterable[Opened], changed: Iterable[Opened]) -> tuple[list[Difference], int]:
    """Return the differences, the earliest first, and how many incidents are the same in both."""
    found: list[Difference] = []
    same = 0
    for before, after in _pairs(in_force, changed):
        difference = _difference(before, after)
        if difference is None:
            same += 1
        else:
            found.append(difference)
    found.sort(key=lambda one: min(would.opened_at for would in (one.in_force, one.changed) if would is not None))
    return found, same


def _pairs(in_force: Iterable[Opened], changed: Iterable[Opened]) -> Iterable[tuple[Opened | None, Opened | None]]:
    """Incidents with the ones that they are in the other rehearsal: of each key, in the order of their times."""
    left, right = _by_key(in_force), _by_key(changed)
    for key in left.keys() | right.keys():
        ours, theirs = left[key], right[key]
        while ours and theirs:
            if _ends(ours[0]) < theirs[0].opened_at:
                yield ours.popleft(), None
            elif _ends(theirs[0]) < ours[0].opened_at:
                yield None, theirs.popleft()
            else:
                yield ours.popleft(), theirs.popleft()
        yield from ((one, None) for one in ours)
        yield from ((None, one) for one in theirs)


def _by_key(found: Iterable[Opened]) -> defaultdict[Labels, deque[Opened]]:
    groups: defaultdict[Labels, deque[Opened]] = defaultdict(deque)
    for one in sorted(found, key=lambda one: one.opened_at):
        groups[one.key].append(one)
    return groups


def _ends(one: Opened) -> float:
    return float("inf") if one.resolved_at is None else one.resolved_at


def _difference(before: Opened | None, after: Opened | None) -> Difference | None:
    named = after or before
    if named is None:
        return None
    changes: list[Change] = []
    shift = None
    if before is None or after is None:
        changes.append("opened" if before is None else "not_opened")
    else:
        shift = round(after.opened_at - before.opened_at, 3)
        if abs(shift) > SAME_S:
            changes.append("later" if shift > 0 else "earlier")
        if after.severity != before.severity:
            changes.append("severity")
        if not changes:
            return None
    return Difference(
        changes=changes, title=named.title, labels=dict(named.key), in_force=_would(before), changed=_would(after),
        shift_s=shift,
    )  # fmt: skip


def _would(one: Opened | None) -> Would | None:
    if one is None:
        return None
    return Would(
        opened_at=instants.show(one.opened_at),
        resolved_at=None if one.resolved_at is None else instants.show(one.resolved_at), severity=one.severity,
        alerts=one.alerts, reopened=one.reopened,
    )  # fmt: skip
