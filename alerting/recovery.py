"""What a restart reads from the compacted topics: the latest incidents, what each channel was told, and when."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import get_args

from alerting import incidents, instants
from alerting.alerts import Alert
from alerting.groups import Reason, Told
from alerting.messages import step_of
from streams.contracts import Incident, Notification

Channel = tuple[str, str]
"""A receiver's name and a channel's."""
UNTOLD_S = 86_400.0
"""How old an end may be that is still told."""
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


def heard(incident: Incident, notifications: Iterable[Notification]) -> Heard:
    """Put together who knows what: an intent counts, whether it is delivered is the outbox's business."""
    first: dict[str, Notification] = {}
    for notification in notifications:
        first.setdefault(notification.id, notification)
    told: dict[Channel, Told] = {}
    called: set[Channel] = set()
    for notification in first.values():
        channel = (notification.receiver, notification.channel)
        if notification.reason in _OF_GROUPS:
            told[channel] = _known_at(incident, instants.parse(notification.at))
        elif notification.status != "suppressed" and step_of(notification.id) is not None:
            called.add(channel)
    return Heard(told, frozenset(called))


def _known_at(incident: Incident, at: float) -> Told:
    """What fired and what had ended at an instant: by the timeline, else by the alerts' own times."""
    firing: set[str] = set()
    ended: set[str] = set()
    noted: set[str] = set()
    for entry in incident.timeline:
        if entry.what in {"joined", "ended"} and (entry.reason or "").endswith("]"):
            name = (entry.reason or "").rpartition("[")[2].rstrip("]")
            noted.add(name)
            if instants.parse(entry.at) <= at:
                firing, ended = (firing | {name}, ended - {name}) if entry.what == "joined" else (
                    firing - {name}, ended | {name},
                )  # fmt: skip
    for state in incident.alerts:
        if state.fingerprint not in noted and instants.parse(state.starts_at) <= at:
            over = state.ends_at is not None and instants.parse(state.ends_at) <= at
            (ended if over else firing).add(state.fingerprint)
    return Told(frozenset(firing), frozenset(ended), at)
