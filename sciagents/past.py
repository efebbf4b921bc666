"""What an alerting process finds when it starts, in the topics or in a journal."""

from dataclasses import dataclass, field
from typing import Self, TypeVar

import msgspec
import structlog
from confluent_kafka import Message

from sciagents.journal import Journal
from sciagents.reading import Reading
from streams.contracts import AlertState, Command, Incident, Notification, Silence
from streams.topics import names

_log = structlog.get_logger(__name__)

T = TypeVar("T")
_READ_S = 120.0
_WHOLE = ("ops.incidents", "ops.notifications", "ops.silences", "ops.commands")


@dataclass
class Past:
    """Everything of before, each kind in its order within a key; of silences the last version each."""

    incidents: list[Incident] = field(default_factory=list)
    notifications: list[Notification] = field(default_factory=list)
    silences: list[Silence] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    alerts: list[AlertState] = field(default_factory=list)
    """Those of the last while that still fire, as last heard: their groups may not have been told yet."""


class Topics:
    """The topics that are read whole; a context manager.

    They can be read before it is this process's turn to write: then only what has come since is left to be read.
    """

    def __init__(self, kafka: str, prefix: str) -> None:
        """Raises `KafkaException` when the broker does not answer, or lacks one of the topics."""
        self._places = names(prefix)
        self._own = {place: topic for topic, place in self._places.items()}
        self._values: dict[str, list[bytes]] = {topic: [] for topic in self._places}
        self._reading = Reading(kafka)
        self._reading.begin(self._places[topic] for topic in _WHOLE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reading.__exit__()

    def read(self) -> None:
        """Read on to where the topics end now; raises `TimeoutError`."""
        self._reading.catch_up(self._take, _READ_S)

    def past(self, alerts_since: float | None) -> Past:
        """Read on, `ops.alerts` from an instant on or (None) not at all, and tell the whole; raises `TimeoutError`."""
        if alerts_since is not None:
            self._reading.begin([self._places["ops.alerts"]], alerts_since)
        self.read()
        return _past(self._values)

    def _take(self, records: list[Message]) -> None:
        for record in records:
            if (value := record.value()) is not None:
                self._values[self._own[record.topic() or ""]].append(value)


def of_journal(journal: Journal) -> Past:
    """Take what a journal has kept; commands are not in it: what they did is in the incidents."""
    return _past({topic: journal.values(topic) for topic in ("ops.incidents", "ops.notifications", "ops.silences")})


def _past(values: dict[str, list[bytes]]) -> Past:
    silences = {one.id: one for one in _read(values, "ops.silences", Silence)}
    alerts = {one.fingerprint: one for one in _read(values, "ops.alerts", AlertState)}
    return Past(
        incidents=_read(values, "ops.incidents", Incident),
        notifications=_read(values, "ops.notifications", Notification),
        silences=list(silences.values()),  # one that was removed may come back, and is forgotten again
        commands=_read(values, "ops.commands", Command),
        alerts=[one for one in alerts.values() if one.status == "firing"],
    )


def _read(values: dict[str, list[bytes]], topic: str, kind: type[T]) -> list[T]:
    """Decode; what cannot be read is logged and passed over."""
    decoder = msgspec.json.Decoder(kind)
    found = []
    for value in values.get(topic, ()):
        try:
            found.append(decoder.decode(value))
        except (ValueError, RecursionError) as error:
            _log.warning("record_ignored", topic=topic, error=str(error))
    return found
