"""Gathers what a post-mortem is written from: an incident's notifications, and the deploys around it."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec
from confluent_kafka import Message

from alerting import events, instants, postmortem
from alerting.postmortem import Figures
from sciagents import reach, shipped, stretch
from sciagents.tail import read_each
from streams.contracts import Incident, Notification, OpsEvent
from streams.topics import names

_READ_S = 60.0
_LOOK_S = 30.0
"""Longest that deploys are looked for among all events."""
_NOTIFICATIONS = 20_000
_DEPLOYS = 10_000
_notification = msgspec.json.Decoder(Notification)


class Postmortem(msgspec.Struct, frozen=True, kw_only=True):
    """A post-mortem as a document, with its figures."""

    incident: str
    figures: Figures
    markdown: str


@dataclass
class Record:
    """What is known of an incident beside itself; `missing` says what could not be looked at."""

    notifications: list[Notification] = field(default_factory=list)
    deploys: list[OpsEvent] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def of(bootstrap: str, prefix: str, incident: Incident, earlier: Sequence[Notification] = ()) -> Postmortem:
    """Write the post-mortem of an incident; `earlier` are notifications of before the topic begins.

    Raises:
        BrokerError: Kafka does not answer.
        TimeoutError: a topic could not be read.

    """
    now = time.time()
    found = gather(bootstrap, prefix, incident, now, earlier)
    template = (shipped.folder("docs/templates") / "post_mortem.md").read_text(encoding="utf-8")
    return Postmortem(
        incident=incident.id, figures=postmortem.figures(incident, found.notifications),
        markdown=postmortem.write(incident, found.notifications, found.deploys, template, now, found.missing),
    )  # fmt: skip


def gather(bootstrap: str, prefix: str, incident: Incident, now: float, earlier: Sequence[Notification] = ()) -> Record:
    """Read the topics; raises as `of`."""
    record = Record([one for one in earlier if one.incident == incident.id])
    with reach.answering(bootstrap, prefix) as cluster:
        _notifications(bootstrap, names(prefix)["ops.notifications"], incident.id, record)
        embedded = reach.is_embedded(cluster)
        if embedded:
            record.missing.append("deploys of before the embedded broker began: it keeps nothing")
        _deploys(bootstrap, names(prefix)["ops.events"], incident, record, now, embedded=embedded)
    return record


def _notifications(bootstrap: str, topic: str, incident: str, record: Record) -> None:
    key = incident.encode()

    def take(records: list[Message]) -> None:
        for one in records:
            if one.key() == key and (value := one.value()) and len(record.notifications) < _NOTIFICATIONS:
                try:
                    record.notifications.append(_notification.decode(value))
                except (msgspec.DecodeError, UnicodeDecodeError):
                    continue

    read_each(bootstrap, topic, take=take, timeout_s=_READ_S)
    if len(record.notifications) >= _NOTIFICATIONS:
        record.missing.append(f"more than the first {_NOTIFICATIONS:,} notifications")


def _deploys(bootstrap: str, topic: str, incident: Incident, record: Record, now: float, *, embedded: bool) -> None:
    """Look for deploys from an hour before an incident's start to its end, for a while at most."""
    start = instants.parse(incident.started_at) - postmortem.BEFORE_S
    end = now if incident.resolved_at is None else instants.parse(incident.resolved_at)
    found = stretch.find(bootstrap, [topic], start, end + 60.0, embedded=embedded)  # one may arrive late
    if (lost := found.lost(topic)) is not None:
        record.missing.append(f"deploys before {instants.minute(instants.show(lost))}: those events are kept no more")
    deadline = time.monotonic() + _LOOK_S
    with found.records() as records:
        for number, (at, one) in enumerate(records):
            if number % 1_000 == 0 and time.monotonic() > deadline:
                said = instants.minute(instants.show(at))
                record.missing.append(f"deploys after {said}: there are too many events to look at all")
                return
            value = one.value()
            # most events are metrics: these bytes are in every deploy, in JSON as in msgpack
            if value is not None and b"deploy" in value and (event := _event(value)) is not None:
                record.deploys.append(event)
                if len(record.deploys) >= _DEPLOYS:
                    record.missing.append(f"more than the first {_DEPLOYS:,} deploys")
                    return


def _event(value: bytes) -> OpsEvent | None:
    with suppress(ValueError):
        event = events.decode(value)
        return event if event.kind == "deploy" else None
    return None
