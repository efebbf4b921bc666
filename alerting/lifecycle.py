"""The life of an incident: it follows the alerts of its group, ends with the last of them, and flaps in between."""

from collections.abc import Iterable

from alerting import flapping, incidents, snoozing
from alerting.alerts import Alert
from alerting.effects import Publish
from alerting.groups import Group
from alerting.quiet import Quiet
from alerting.standing import Standing
from streams.contracts import Incident


class Lifecycle:
    """Brings incidents up to date with their alerts; looks at those that flap, since quiet is no event."""

    def __init__(self, standing: Standing, quiet: Quiet) -> None:
        self._standing = standing
        self._quiet = quiet
        self._flapping: set[str] = set()

    def restore(self, incident: Incident) -> None:
        """Take note, after a restart, of an incident that flaps."""
        if incident.status != "resolved" and flapping.on(incident):
            self._flapping.add(incident.id)

    def follow(self, now: float, most: float) -> None:
        """Bring the incidents up to date with the alerts of their groups, of so many groups `most`."""
        standing = self._standing
        for group, changed in standing.groups.changed(now, most):
            # what ends because its time has come, or nobody has repeated it, is told to the topic here
            silent = (one for one in changed if one.end is not None and 0.0 < one.updated_at < one.end <= now)
            standing.effects += [Publish("ops.alerts", group.key, one.state(now)) for one in silent]
            incident = standing.register.of(group)
            if incident is None:
                continue
            # what fires after the end opens it again, at the group's next notification
            over = incident.status == "resolved"
            alerts = (
                [one for one in changed if one.resolved(now)] if over else self.heard(group, incident, changed, now)
            )
            updated = self.join(incident, alerts, now)
            if updated is not incident:
                updated = self._weigh(updated, now)
            if incidents.over(updated) and not flapping.on(updated) and not group.split(now)[0]:
                self._end(updated, now)

    def calm(self, now: float) -> None:
        """Look at what flaps."""
        for name in sorted(self._flapping):
            incident = self._standing.register.get(name)
            if incident is None or incident.status == "resolved":
                self._flapping.discard(name)
            elif not flapping.on(calm := self._weigh(incident, now)):
                self._end(calm, now)

    def heard(self, group: Group, incident: Incident, alerts: Iterable[Alert], now: float) -> list[Alert]:
        """Those of a group's alerts that may join its incident: what nothing mutes, and what it has already."""
        known = {state.fingerprint for state in incident.alerts}
        muting = self._standing.muting
        return [one for one in alerts if one.fingerprint in known or muting.of(group.route, one, now) is None]

    def join(self, incident: Incident, alerts: Iterable[Alert], now: float) -> Incident:
        """Let alerts join an incident, whose chain begins anew when it becomes worse by that."""
        updated = incidents.joined(incident, alerts, now)
        roused = updated.snoozed_until != incident.snoozed_until
        if updated.severity != incident.severity or roused:
            updated = self._standing.register.started(updated, now)
        if updated is incident:
            return incident
        self._standing.save(updated)
        if roused:
            self._quiet.speak(updated, now)
        return self._quiet.released(updated, now)

    def _end(self, incident: Incident, now: float) -> None:
        """Resolve an incident whose alerts are all over."""
        if incident.status != "resolved" and incidents.over(incident):
            self._standing.save(ended := incidents.resolved(incident, now, "every alert is over"))
            self._standing.teller.tell_status(ended, now)

    def _weigh(self, incident: Incident, now: float) -> Incident:
        """Take note when an incident begins or ceases to flap, and say so."""
        flaps = flapping.on(incident)
        period = self._standing.config.route.group_interval
        if incident.status == "resolved" or flapping.verdict(incident, now, period) == flaps:
            return incident
        what = flapping.ENDS if flaps else flapping.BEGINS
        changed = self._standing.save(incidents.flapped(incident, now, what))
        self._flapping.discard(changed.id) if flaps else self._flapping.add(changed.id)
        asleep = snoozing.by_somebody(changed, now)
        if (not flaps or not incidents.over(changed)) and not asleep:  # what is over is told as such
            self._standing.teller.announce(changed, what, now)
        return changed
