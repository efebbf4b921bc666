"""The register: every incident in its latest version, its chain, and which groups it stands for."""

import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import msgspec

from alerting import escalation, incidents, instants
from alerting.alerts import Alert
from alerting.config import Config
from alerting.escalation import Chain
from alerting.groups import Group, Place
from alerting.incidents import Promise
from alerting.timers import Timers
from streams.contracts import Incident

_MAX_INCIDENTS = 10_000


class Register:
    """Finds incidents and numbers them; at most 10,000, the oldest resolved ones are forgotten."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._incidents: dict[str, Incident] = {}
        self._chains: dict[str, Chain | None] = {}
        self._of_group: dict[str, str] = {}
        self._groups: dict[str, set[str]] = {}
        self._resolved: dict[str, None] = {}
        self._of_alert: dict[str, str] = {}
        self._places: dict[str, dict[Place, None]] = {}
        self._steps: Timers[str] = Timers()
        self.asleep: Timers[str] = Timers()
        """When incidents that are put off go on."""
        self.updates: Timers[str] = Timers()
        """When somebody has to say how open incidents stand."""
        self._last: tuple[int, int] = (0, 0)

    def reconfigure(self, config: Config) -> None:
        """Take another configuration: incidents keep the chain they were opened with, which is on their record."""
        self._config = config

    def __iter__(self) -> Iterator[Incident]:
        return iter(list(self._incidents.values()))

    def get(self, name: str) -> Incident | None:
        """An incident by its id."""
        return self._incidents.get(name)

    def of(self, group: Group) -> Incident | None:
        """The incident that a group's alerts belong to."""
        return self._incidents.get(self._of_group.get(group.key, ""))

    def put(self, incident: Incident) -> None:
        """Keep a version."""
        if incident.id not in self._incidents:
            self._last = max(self._last, incidents.numbered(incident.id))
            self._chains[incident.id] = escalation.of_record(incident, self._config.chains)
            self._forget()
        self._index(incident, self._incidents.get(incident.id))
        self._incidents[incident.id] = incident
        self._steps.set(incident.id, escalation.due(incident, self._chains[incident.id]))
        is_open = incident.status != "resolved"
        if is_open:
            self._resolved.pop(incident.id, None)
        else:
            self._resolved.setdefault(incident.id)
        for timers, at in ((self.asleep, incident.snoozed_until), (self.updates, incident.next_update_at)):
            timers.set(incident.id, instants.parse(at) if is_open and at is not None else None)

    def _index(self, incident: Incident, old: Incident | None) -> None:
        """Take note of the alerts that fire in an open incident."""
        for state in old.alerts if old is not None else ():
            if self._of_alert.get(state.fingerprint) == incident.id:
                del self._of_alert[state.fingerprint]
        if incident.status != "resolved":
            for state in incident.alerts:
                if state.status == "firing":
                    self._of_alert.setdefault(state.fingerprint, incident.id)

    def due(self, now: float, most: float = math.inf) -> list[Incident]:
        """The open incidents whose next step is due, so many `most`; each is put back, whether it changes or not."""
        return [self._incidents[name] for name in self._steps.take(now, most) if name in self._incidents]

    def next(self) -> float | None:
        """When something is due: a step, an update, the end of a snooze."""
        times = (timers.next() for timers in (self._steps, self.asleep, self.updates))
        return min((at for at in times if at is not None), default=None)

    def attach(self, group: Group, incident: Incident) -> None:
        """Let a group's alerts belong to an incident."""
        self._of_group[group.key] = incident.id
        self._groups.setdefault(incident.id, set()).add(group.key)
        self._places.setdefault(incident.id, {})[group.place] = None

    def places(self, incident: Incident) -> Iterable[Place]:
        """Where the groups are whose alerts belong, or belonged, to an incident."""
        return self._places.get(incident.id, {})

    def sharing(self, alerts: Iterable[Alert]) -> Incident | None:
        """An open incident in which one of these alerts fires: another route brought it, the trouble is the same."""
        found = (self._of_alert.get(alert.fingerprint) for alert in alerts)
        return next((self._incidents[name] for name in found if name is not None), None)

    def started(self, incident: Incident, now: float) -> Incident:
        """Choose the chain of an incident that was opened or became worse, and set its timers."""
        chain = self._chains[incident.id] = escalation.chain_of(self._config.chains, incident)
        return escalation.started(incident, chain, self.promise(incident), now)

    def chain(self, incident: Incident) -> Chain | None:
        """The chain that an incident was opened with."""
        return self._chains.get(incident.id)

    def promise(self, incident: Incident) -> Promise:
        """What its severity promises."""
        return self._config.promises[incident.severity]

    def next_id(self, now: float) -> str:
        """The next incident's name."""
        year = datetime.fromtimestamp(now, UTC).year
        self._last = max((year, 1), (self._last[0], self._last[1] + 1))
        return incidents.incident_id(*self._last)

    def skip(self, name: str) -> None:
        """Never use this name again."""
        self._last = max(self._last, incidents.numbered(name))

    def _forget(self) -> None:
        if len(self._incidents) < _MAX_INCIDENTS:
            return
        oldest = next(iter(self._resolved), None)
        if oldest is not None:
            self._index(msgspec.structs.replace(self._incidents[oldest], alerts=[]), self._incidents[oldest])
            del self._incidents[oldest], self._chains[oldest], self._resolved[oldest]
            for timers in (self._steps, self.asleep, self.updates):
                timers.set(oldest, None)
            self._places.pop(oldest, None)
            for key in self._groups.pop(oldest, ()):
                if self._of_group.get(key) == oldest:
                    del self._of_group[key]
