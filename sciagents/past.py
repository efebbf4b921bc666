"""What an alerting process finds when it starts, in the topics or in a journal."""

from dataclasses import dataclass, field
from typing import TypeVar

import msgspec
import structlog

from sciagents.journal import Journal
from sciagents.tail import read_all, read_each
from streams.contracts import AlertState, Command, Incident, Notification, Silence
from streams.topics import names

_log = structlog.get_logger(__name__)

T = TypeVar("T")
_READ_S = 120.0


@dataclass
class Past:
    """Everything of before, each kind in its order within a key; of silences the last version each."""

    incidents: list[Incident] = field(default_factory=list)
    notifications: list[Notification] = field(default_factory=list)
    silences: list[Silence] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    alerts: list[AlertState] = field(default_factory=list)
    """Those of the last while that still fire, as last heard: their groups may not have been told yet."""


def of_topics(kafka: str, prefix: str, alerts_since: float | None) -> Past:
    """Read the topics whole, `ops.alerts` from an instant on or (None) not at all; raises `TimeoutError`."""
    places = names(prefix)
    own = {place: topic for topic, place in places.items()}
    wanted = [places[topic] for topic in ("ops.incidents", "ops.notifications", "ops.silences", "ops.commands")]
    values: dict[str, list[bytes]] = {own[place]: [] for place in wanted}
    for record in read_all(kafka, *wanted, timeout_s=_READ_S):
        if (value := record.value()) is not None:
            values[own[record.topic() or ""]].append(value)
    if alerts_since is not None:
        alerts = values["ops.alerts"] = []
        read_each(
            kafka, places["ops.alerts"], start=alerts_since, timeout_s=_READ_S,
            take=lambda records: alerts.extend(value for record in records if (value := record.value()) is not None),
        )  # fmt: skip
    return _past(values)


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
