"""What a restart reads from the compacted topics: the latest incidents, what each channel was told, and when."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import get_args

from msgspec.structs import replace

from alerting import incidents, instants
from alerting.alerts import Alert
from alerting.groups import UNTOLD_S, Reason, Told
from alerting.messages import step_of
from streams.contracts import Incident, IncidentStatus, Notification, Phase

Channel = tuple[str, str]
"""A receiver's name and a channel's."""
_STATUS: Mapping[str, IncidentStatus] = {
    "opened": "triggered", "reopened": "triggered", "ack_expired": "triggered", "acknowledge": "acknowledged",
    "resolve": "resolved", "resolved": "resolved",
}  # fmt: skip
_FIRST_PHASE: Phase = "INVESTIGATING"
_ROUNDED_S = 0.001
"""Names of messages have their instants in milliseconds."""
_OF_GROUPS = frozenset(get_args(Reason))


@dataclass(frozen=True, slots=True)
class Heard:
    """Who heard of an incident: by the route of a group, with what they know, and by its escalation."""

    told: Mapping[Channel, Told]
    called: frozenset[Channel]


def latest(versions: Iterable[Incident]) -> list[Incident]:
    """The latest version of each incident, the oldest incident first."""
    found: dict[str, Incident] = {}
    for incident in versions:
        known = found.get(incident.id)
        if known is None or incident.version >= known.version:
            found[incident.id] = incident
    return sorted(found.values(), key=lambda incident: incidents.numbered(incident.id))


def recent(incident: Incident, now: float) -> bool:
    """Whether its answer or its end may still have to be told."""
    return incident.status == "acknowledged" or (
        incident.status == "resolved" and incidents.status_since(incident) > now - UNTOLD_S
    )


def untold(alert: Alert, incident: Incident, told: Mapping[str, Told], now: float) -> bool:
    """Whether some channel has still to be told that an alert is over."""
    if alert.ends_at is None or alert.ends_at <= now - UNTOLD_S or incidents.by_hand(incident):
        return False
    return any(alert.fingerprint in one.firing for one in told.values())


def as_of(incident: Incident, at: float) -> Incident:
    """An incident as it was, as far as its timeline and its alerts tell: what is told again says what it said first."""
    until = at + _ROUNDED_S
    timeline = [entry for entry in incident.timeline if instants.parse(entry.at) <= until]
    if len(timeline) == len(incident.timeline):
        return incident
    status, phase = incident.status, incident.phase
    since = incident.timeline[len(timeline) :]
    ended = " ".join(entry.reason or "" for entry in since if entry.what == "ended")  # each with its fingerprint
    if any(entry.what in _STATUS for entry in since):
        status = next((_STATUS[entry.what] for entry in reversed(timeline) if entry.what in _STATUS), "triggered")
    if status != "resolved" and phase == "RESOLVED":
        named = (entry.reason or "" for entry in reversed(timeline) if entry.what == "phase")
        phase = next((known for reason in named for known in get_args(Phase) if reason.startswith(known)), _FIRST_PHASE)
    return replace(
        incident, timeline=timeline, status=status, phase=phase,
        resolved_at=incident.resolved_at if status == "resolved" else None,
        alerts=[
            replace(state, status="firing", ends_at=None)
            if state.status == "resolved" and state.fingerprint in ended
            else state
            for state in incident.alerts
        ],
    )  # fmt: skip


def by_incident(notifications: Iterable[Notification]) -> dict[str, list[Notification]]:
    """The notifications of each incident, in order."""
    found: defaultdict[str, list[Notification]] = defaultdict(list)
    for notification in notifications:
        found[notification.incident].append(notification)
    return found


def heard(notifications: Iterable[Notification]) -> Heard:
    """Put together who knows what: an intent counts, unless it was refused; when it is delivered is the outbox's."""
    first: dict[str, Notification] = {}
    last: dict[str, Notification] = {}
    for notification in notifications:
        first.setdefault(notification.id, notification)
        last[notification.id] = notification
    told: dict[Channel, Told] = {}
    called: set[Channel] = set()
    for notification in first.values():
        channel = (notification.receiver, notification.channel)
        if notification.reason in _OF_GROUPS:
            if last[notification.id].status == "failed":  # and was not to be tried again
                continue
            told[channel] = Told(
                frozenset(notification.firing or ()), frozenset(notification.resolved or ()),
                instants.parse(notification.at),
            )  # fmt: skip
        elif notification.status != "suppressed" and step_of(notification.id) is not None:
            called.add(channel)
    return Heard(told, frozenset(called))
