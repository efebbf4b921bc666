"""A message: everything a channel needs to tell one receiver about one incident, once."""

from dataclasses import dataclass
from typing import Literal

import msgspec

from alerting.alerts import Labels
from alerting.receivers import Integration
from streams.contracts import AlertState, Incident

RESOLVED_BY_HAND = "resolved_by_hand"
"""Reason of a message that tells that somebody has resolved the incident."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """`id` names the transition for this channel and stays the same over attempts; `step` counts from 1.

    `firing` and `resolved` are fingerprints: what the channel knows of its group from now on. `thread` is where the
    incident's messages on this channel are together, once there is one.
    """

    id: str
    at: float
    receiver: str
    channel: str
    integration: Integration
    incident: Incident
    alerts: tuple[AlertState, ...]
    reason: str
    group_key: str = ""
    group_labels: Labels = ()
    firing: tuple[str, ...] | None = None
    resolved: tuple[str, ...] | None = None
    step: int | None = None
    target: str | None = None
    attempt: int = 1
    thread: str | None = None
    next_targets: tuple[str, ...] = ()
    update_every: float | None = None
    external_url: str = ""

    @property
    def payload_alerts(self) -> tuple[AlertState, ...]:
        """The alerts as a payload has them: it has no other word for an end by hand than that all are over by it.

        What still fires then is not told again, nor its end: whoever heard that it fires would never hear of one.
        """
        if self.reason != RESOLVED_BY_HAND:
            return self.alerts
        return tuple(
            msgspec.structs.replace(one, status="resolved", ends_at=self.incident.resolved_at)
            if one.status == "firing" else one
            for one in self.alerts
        )  # fmt: skip

    @property
    def status(self) -> Literal["firing", "resolved"]:
        """As Alertmanager says it: resolved when no alert of the payload fires."""
        return "firing" if any(alert.status == "firing" for alert in self.payload_alerts) else "resolved"

    @property
    def dedup_key(self) -> str:
        """One key for an incident's life."""
        return self.incident.id[:255]


def message_id(incident: str, at: float, receiver: str, channel: str, step: int | None = None) -> str:
    """Name what is told to a channel at an instant: made again after a restart, it is the same."""
    suffix = "" if step is None else f".step{step}"
    return f"{incident}.{round(at * 1000)}.{receiver}.{channel}{suffix}"


def instant_of(name: str) -> float | None:
    """The instant in a message's name, epoch seconds."""
    parts = name.split(".", 2)
    return int(parts[1]) / 1000 if len(parts) == 3 and parts[1].isascii() and parts[1].isdigit() else None


def step_of(name: str) -> int | None:
    """The escalation step in a message's name."""
    number = name.rpartition(".step")[2] if ".step" in name else ""
    return int(number) if number.isascii() and number.isdigit() else None
