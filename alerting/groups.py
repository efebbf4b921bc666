"""Groups: alerts that are told together, and the decision whether a group is told again."""

import math
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from alerting.alerts import Alert, Labels
from alerting.muting import Mute
from alerting.receivers import Receiver
from alerting.routing import Route, match
from alerting.timers import Timers

Reason = Literal[
    "first_notification", "new_alerts", "new_resolved", "all_resolved", "repeat_interval_elapsed", "nothing_new"
]


Place = tuple[tuple[int, ...], Labels]
"""A route's path and the group labels."""
UNTOLD_S = 86_400.0
"""How old an end may be that is still told."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a receiver was last told of a group: fingerprints, and when; `before` is what it knew until then."""

    firing: frozenset[str]
    resolved: frozenset[str]
    at: float
    before: "Told | None" = None

    def by(self, now: float) -> "Told":
        """The same, told by now at the latest: whoever wrote it down had a clock that was ahead."""
        return replace(self, at=min(self.at, now))


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to tell, and why (or why not)."""

    tell: bool
    reason: Reason


def decide(
    last: Told | None,
    firing: frozenset[str],
    resolved: frozenset[str],
    *,
    repeat_interval: float,
    now: float,
    send_resolved: bool = True,
) -> Decision:
    """Decide whether a receiver hears of a group again (Alertmanager's `needsUpdate`, with a reason)."""
    if last is None:
        return Decision(True, "first_notification") if firing else Decision(False, "nothing_new")
    if firing - last.firing:
        return Decision(True, "new_alerts")
    if not firing:
        return Decision(True, "all_resolved") if last.firing else Decision(False, "nothing_new")
    if send_resolved and resolved - last.resolved:
        return Decision(True, "new_resolved")
    if now >= last.at + repeat_interval:
        return Decision(True, "repeat_interval_elapsed")
    return Decision(False, "nothing_new")


@dataclass(slots=True)
class Group:
    """The alerts of one route that share the group labels; `told` is kept per channel of the route's receiver.

    `muted` says, by fingerprint, what was recorded last about alerts that are not told.
    """

    route: Route
    labels: Labels
    key: str
    flush_at: float
    flushed: bool = False
    alerts: dict[str, Alert] = field(default_factory=dict)
    told: dict[str, Told] = field(default_factory=dict)
    muted: dict[str, Mute] = field(default_factory=dict)

    def tell(self, channel: str, firing: frozenset[str], resolved: frozenset[str], now: float) -> None:
        """Take note of what a channel is told."""
        last = self.told.get(channel)
        self.told[channel] = Told(firing, resolved, now, None if last is None else replace(last, before=None))

    def refused(self, channel: str, at: float) -> None:
        """Take back what a channel was told at an instant, so that the next flush tells it again."""
        last = self.told.get(channel)
        if last is not None and last.at == at:
            if last.before is None:
                del self.told[channel]
            else:
                self.told[channel] = last.before
        elif last is not None and last.before is not None and last.before.at == at:
            self.told[channel] = replace(last, before=None)

    @property
    def place(self) -> Place:
        """Where it stands among the groups."""
        return self.route.path, self.labels

    def split(self, now: float) -> tuple[dict[str, Alert], dict[str, Alert]]:
        """The alerts that fire, and those that have ended."""
        firing = {key: alert for key, alert in self.alerts.items() if not alert.resolved(now)}
        return firing, {key: alert for key, alert in self.alerts.items() if key not in firing}

    def put(self, alert: Alert, now: float) -> None:
        """Take an alert as it stands now."""
        old = self.alerts.get(alert.fingerprint)
        self.alerts[alert.fingerprint] = alert
        self.flush_at = flush_time(self, alert, now, new=old is None or old.resolved(now))

    def done(self, now: float, muted: Container[str] = ()) -> bool:
        """Close a flush: forget what has ended; returns whether nothing is left of the group.

        Of what is muted, an end that somebody has still to be told of is kept, for a day.
        """
        self.flushed = True
        self.flush_at = now + self.route.group_interval
        firing, ended = self.split(now)
        self.alerts = firing | {
            name: alert
            for name, alert in ended.items()
            if name in muted
            and (alert.end or 0.0) > now - UNTOLD_S
            and any(name in one.firing for one in self.told.values())
        }
        return not self.alerts


def flush_time(group: Group, alert: Alert, now: float, *, new: bool) -> float:
    """When a group is next looked at once `alert` has come: P0 waits for nothing, an old alert not for `group_wait`."""
    if alert.resolved(now):
        return group.flush_at
    if new and alert.severity == "P0":
        return min(group.flush_at, now)
    if not group.flushed and alert.starts_at + group.route.group_wait < now:
        return min(group.flush_at, now)
    return group.flush_at


class Groups:
    """All groups: alerts go in by the route tree, groups come out when their flush is due."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._groups: dict[Place, Group] = {}
        self._flushes: Timers[Place] = Timers()
        self._ends: Timers[tuple[Place, str]] = Timers()
        self._changed: dict[Place, set[str]] = {}

    def __iter__(self) -> Iterator[Group]:
        return iter(list(self._groups.values()))

    def get(self, place: Place) -> Group | None:
        """A group by its place."""
        return self._groups.get(place)

    def group_of(self, route: Route, alert: Alert, now: float) -> Group:
        """The group of an alert on a route, made when there is none; `schedule` it once it is as it should be."""
        labels = dict(alert.labels)
        shared = route.group_labels(labels)
        group = self._groups.get((route.path, shared))
        if group is None:
            group = Group(route, shared, route.group_key(labels), now + route.group_wait)
            self._groups[group.place] = group
        return group

    def routes_of(self, alert: Alert) -> tuple[Route, ...]:
        """The routes an alert takes."""
        return match(self._route, dict(alert.labels))

    def put(self, alert: Alert, now: float) -> list[Group]:
        """Bring an alert into its groups; one that has ended and was never there changes nothing."""
        changed = []
        for route in self.routes_of(alert):
            known = self._groups.get((route.path, route.group_labels(dict(alert.labels))))
            if alert.resolved(now) and (known is None or alert.fingerprint not in known.alerts):
                continue
            group = self.group_of(route, alert, now)
            group.put(alert, now)
            self.schedule(group, alert)
            changed.append(group)
        return changed

    def schedule(self, group: Group, *alerts: Alert) -> None:
        """Take note of when a group is to be looked at, and of alerts in it that are new or changed."""
        place = group.place
        self._flushes.set(place, group.flush_at)
        for alert in alerts:
            self._ends.set((place, alert.fingerprint), alert.end)
            self._changed.setdefault(place, set()).add(alert.fingerprint)

    def due(self, now: float, most: float = math.inf) -> list[Group]:
        """The groups whose flush is due, the earliest first, so many `most`; each is scheduled again, or dropped."""
        return [self._groups[place] for place in self._flushes.take(now, most) if place in self._groups]

    def changed(self, now: float, most: float = math.inf) -> list[tuple[Group, list[Alert]]]:
        """The groups, so many `most`, with the alerts that came, changed or ended in them since the last call."""
        for place, name in self._ends.take(now):
            self._changed.setdefault(place, set()).add(name)
        found = []
        for place in list(self._changed)[: int(min(most, len(self._changed)))]:
            names = self._changed.pop(place)
            if (group := self._groups.get(place)) is not None:
                found.append((group, [group.alerts[name] for name in names if name in group.alerts]))
        return found

    @property
    def has_changed(self) -> bool:
        """Whether a call of `changed` has left some over, or more has come since."""
        return bool(self._changed)

    def drop(self, group: Group) -> None:
        """Forget a group."""
        self._groups.pop(group.place, None)
        self._flushes.set(group.place, None)

    def next(self) -> float | None:
        """When something is due: a flush, or the end of an alert that nobody refreshes; long ago, what has changed."""
        if self._changed:
            return -math.inf
        times = [at for at in (self._flushes.next(), self._ends.next()) if at is not None]
        return min(times, default=None)


def regrouped(
    old: Groups, route: Route, receivers: Mapping[str, Receiver], alerts: Iterable[Alert], now: float
) -> Groups:
    """Group alerts by another route tree, as Alertmanager does at a reload.

    A group with the key and receiver of an old one knows what was told, is looked at at once, and then each
    `group_interval` from here on; one that still waits goes on waiting.
    """
    before = {(group.key, group.route.receiver): group for group in old}
    ended = {name: alert for group in old for name, alert in group.split(now)[1].items()}
    made = Groups(route)
    for alert in {one.fingerprint: one for one in (*ended.values(), *alerts)}.values():
        for taken in made.routes_of(alert):
            known = before.get((taken.group_key(dict(alert.labels)), taken.receiver))
            if alert.resolved(now) and (known is None or alert.fingerprint not in known.alerts):
                continue
            group = made.group_of(taken, alert, now)
            if known is not None and not group.alerts:
                channels = {name for name, _ in receivers[taken.receiver].channels}
                group.told = {name: told for name, told in known.told.items() if name in channels}
                group.flush_at, group.flushed = now if known.flushed else known.flush_at, known.flushed
                group.muted = known.muted
            group.put(alert, now)
            made.schedule(group, alert)
    return made
