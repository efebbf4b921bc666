"""Follows what the alerting processes write, and when that came to be there, by the clock of this machine."""

import time
from collections.abc import Iterable
from typing import Any, Self

import msgspec
from confluent_kafka import Message
from kills.story import Version, alert_of

from alerting import instants
from alerting.evaluator import LAGGING
from chaos.alerting import number_of
from chaos.terms import Term
from sciagents.replicas import Office
from sciagents.tail import Tail, read_all
from streams.contracts import Incident, Notification
from streams.topics import TOPICS

_INCIDENTS, _NOTIFICATIONS, _OFFICE = "ops.incidents", "ops.notifications", "ops.alerting"
_PARTITIONS = {spec.name: spec.partitions for spec in TOPICS}
_KINDS: dict[str, Any] = {_INCIDENTS: Incident, _NOTIFICATIONS: Notification, _OFFICE: Office}


class Witness:
    """A context manager; `names` has the newest incident of each alert by the story's name, as it comes."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self._bootstrap = bootstrap
        self._prefix = prefix
        self._topics = [prefix + name for name in _KINDS]
        self._came: dict[tuple[str, int, int], float] = {}
        self._open: dict[str, Incident] = {}
        self._statuses: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.elected = False

    def __enter__(self) -> Self:
        self._tail = Tail(self._bootstrap, self._topics, self._follow, start="beginning")
        self._tail.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._tail.__exit__()

    def has(self, alerts: Iterable[str]) -> bool:
        """Whether each of these alerts is an incident."""
        return self.names.keys() >= set(alerts)

    def quiet(self) -> bool:
        """Whether all incidents are over, but for the one that says for minutes that rules came late, and all told."""
        over = all(
            one.status == "resolved" for one in list(self._open.values()) if not alert_of(one).startswith(LAGGING)
        )
        return over and "intended" not in list(self._statuses.values())

    def ends(self) -> dict[tuple[str, int], int]:
        """Where each partition ends, after the last record that has come, by topic and number."""
        ends = {(name, number): 0 for name in _KINDS for number in range(_PARTITIONS[name])}
        for topic, number, offset in list(self._came):
            place = topic.removeprefix(self._prefix), number
            ends[place] = max(ends[place], offset + 1)
        return ends

    def read(self) -> "Seen":
        """Read the topics whole."""
        now = time.time()
        records: dict[str, list[tuple[float, Any]]] = {name: [] for name in _KINDS}
        for record in read_all(self._bootstrap, *self._topics):
            if record.value():
                came = self._came.get((record.topic(), record.partition(), record.offset()), now)
                records[self._own(record)].append((came, self._value(record)))
        return Seen(records)

    def _follow(self, records: list[Message]) -> None:
        now = time.time()
        for record in records:
            self._came[record.topic(), record.partition(), record.offset()] = now
            value = self._value(record) if record.value() else None
            match value:
                case Incident():
                    self.names[alert_of(value)] = value.id
                    self._open[value.id] = value
                case Notification():
                    self._statuses[value.id] = value.status
                case Office():
                    self.elected = True

    def _own(self, record: Message) -> str:
        return str(record.topic()).removeprefix(self._prefix)

    def _value(self, record: Message) -> Any:
        return msgspec.json.decode(record.value(), type=_KINDS[self._own(record)])


class Seen:
    """What lies on the topics, each record with the instant at which it came."""

    def __init__(self, records: dict[str, list[tuple[float, Any]]]) -> None:
        self._records = records

    def versions(self, steps: Iterable[float] = ()) -> list[Version]:
        """The incidents' versions; `steps` are by how many seconds the clocks of those who write may be ahead.

        By how many one was follows from when the version came, of which the last thing in it was done just before.
        """
        found = []
        clocks = (0.0, *steps)
        ahead: dict[str, float] = {}
        known: dict[str, int] = {}
        for came, incident in self._records[_INCIDENTS]:
            new = incident.timeline[known.get(incident.id, 0) :]
            known[incident.id] = len(incident.timeline)
            if new and new[-1].by is None:
                seems = instants.parse(new[-1].at) - came
                ahead[incident.id] = min(clocks, key=lambda step: abs(seems - step))
            found.append(Version(incident, ahead.get(incident.id, 0.0)))
        return found

    def names(self) -> dict[str, str]:
        """The story's name of the alert of each incident."""
        return {incident.id: alert_of(incident) for _, incident in reversed(self._records[_INCIDENTS])}

    def notifications(self) -> list[tuple[Notification, float]]:
        """Everything that was to be told, and came to be."""
        return [(one, came) for came, one in self._records[_NOTIFICATIONS]]

    def terms(self) -> list[Term]:
        """Who wrote when; a writer says so again and again."""
        found: dict[tuple[str, str], float] = {}
        for came, office in self._records[_OFFICE]:
            found.setdefault((office.name, office.since), came)
        return [Term(came, number_of(name)) for (name, _), came in found.items()]
