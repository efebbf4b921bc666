"""Who is not to hear of an alert now, and why: inhibition, the route's time intervals, silences, in this order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from alerting import intervals
from alerting.alerts import Alert
from alerting.inhibition import Inhibitor
from alerting.intervals import Interval
from alerting.routing import Route
from alerting.silences import Silences

Intervals = Mapping[str, Sequence[Interval]]


@dataclass(frozen=True, slots=True)
class Mute:
    """Why an alert is not told; `by` is a fingerprint, the name of a time interval, names of silences, or a person."""

    reason: Literal["inhibited", "muted_by_time_interval", "outside_active_time_interval", "silenced", "snoozed"]
    by: tuple[str, ...]


class Muting:
    """Everything that mutes."""

    def __init__(self, inhibitor: Inhibitor, silences: Silences, named: Intervals) -> None:
        self.inhibitor = inhibitor
        self.silences = silences
        self._intervals = named

    def of(self, route: Route, alert: Alert, now: float) -> Mute | None:
        """What mutes an alert on a route, if anything does."""
        labels = dict(alert.labels)
        source = self.inhibitor.inhibited_by(labels, now)
        if source is not None:
            return Mute("inhibited", (source,))
        timed = self.of_route(route, now)
        if timed is not None:
            return timed
        found = self.silences.silenced_by(labels, now)
        return Mute("silenced", found) if found else None

    def of_route(self, route: Route, now: float) -> Mute | None:
        """What mutes a route as a whole at this time of the day, week, month or year."""
        for name in route.mute_time_intervals:
            if intervals.contains(self._intervals[name], now):
                return Mute("muted_by_time_interval", (name,))
        active = route.active_time_intervals
        if active and not any(intervals.contains(self._intervals[name], now) for name in active):
            return Mute("outside_active_time_interval", active)
        return None
