"""What a restart reads from the compacted topics: the latest incidents, what each channel was told, and when."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import get_args

from alerting import incidents, instants
from alerting.alerts import Alert
from alerting.groups import UNTOLD_S, Reason, Told
from alerting.messages import step_of
from streams.contracts import Incident, Notification

Channel = tuple[str, str]
"""A receiver's name and a channel's."""
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


def by_incident(notifications: Iterable[Notification]) -> dict[str, list[Notification]]:
    """The notifications of each incident, in order."""
    found: defaultdict[str, list[Notification]] = defaultdict(list)
    for notification in notifications:
        found[notification.incident].append(notification)
    return found


def heard(notifications: Iterable[Notification]) -> Heard:
    """Put together who knows what: an intent counts, whether it is delivered is the outbox's business."""
    first: dict[str, Notification] = {}
    for notification in notifications:
        first.setdefault(notification.id, notification)
    told: dict[Channel, Told] = {}
    called: set[Channel] = set()
    for notification in first.values():
        channel = (notification.receiver, notification.channel)
        if notification.reason in _OF_GROUPS:
            told[channel] = Told(
                frozenset(notification.firing or ()), frozenset(notification.resolved or ()),
                instants.parse(notification.at),
            )  # fmt: skip
        elif notification.status != "suppressed" and step_of(notification.id) is not None:
            called.add(channel)
    return Heard(told, frozenset(called))
