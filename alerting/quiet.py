"""Quiet: incidents that are put off (`snoozing`), by somebody or by a silence of all their alerts, and that go on."""

from alerting import incidents, instants, snoozing
from alerting.standing import Standing
from streams.contracts import Incident


class Quiet:
    """Holds the steps of incidents that are silenced, and wakes those whose time has come."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing

    def silenced_until(self, incident: Incident, now: float) -> float | None:
        """Until when silences mute every alert of an incident that fires; None while one speaks, or none fires."""
        return snoozing.silenced_until(
            self._end_of_silence(state.labels, now) for state in incident.alerts if state.status == "firing"
        )

    def held(self, incident: Incident, now: float) -> Incident | None:
        """The incident whose steps wait for the end of silences; None when nothing holds them."""
        until = self.silenced_until(incident, now)
        return None if until is None else incidents.put_off(incident, until, now, "all its alerts are silenced")

    def wake(self, now: float) -> None:
        """Let go on what was put off until now."""
        register = self._standing.register
        for name in register.asleep.take(now):
            incident = register.get(name)
            if incident is not None and incident.snoozed_until is not None:
                self._awake(incident, now, "its time has come")

    def look(self, now: float) -> None:
        """Look at what is held, because silences have changed."""
        for incident in self._standing.register:
            if snoozing.by_silence(incident):
                self.released(incident, now)

    def released(self, incident: Incident, now: float) -> Incident:
        """Let an incident go on that a silence holds no more, or not as long."""
        if not snoozing.by_silence(incident):
            return incident
        until = self.silenced_until(incident, now)
        if until is None:
            return self._awake(incident, now, "an alert of it is not silenced any more")
        if until < instants.parse(incident.snoozed_until or incident.started_at):
            sooner = self._awake(incident, now, "the silence ends sooner")
            return self._standing.save(self.held(sooner, now) or sooner)
        return incident

    def speak(self, incident: Incident, now: float) -> None:
        """Let the groups of an incident be looked at now."""
        groups = self._standing.groups
        for place in self._standing.register.places(incident):
            if (group := groups.get(place)) is not None:
                group.flush_at = min(group.flush_at, now)
                groups.schedule(group)

    def _awake(self, incident: Incident, now: float, reason: str) -> Incident:
        changed = self._standing.save(incidents.awake(incident, now, reason))
        self.speak(changed, now)
        return changed

    def _end_of_silence(self, labels: dict[str, str], now: float) -> float | None:
        silences = self._standing.silences
        found = (silences.get(name) for name in silences.silenced_by(labels, now))
        return max((instants.parse(one.ends_at) for one in found if one is not None), default=None)
