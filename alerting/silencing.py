"""What the commands `silence` and `unsilence` do, of an incident's alerts or of what matchers say.

A silence that a command makes is named after the command, so that reading it again makes no second one.
"""

import uuid
from collections.abc import Sequence

from alerting import silences
from alerting.effects import Publish
from alerting.matchers import matcher
from alerting.silences import SilenceError, Silences, state_of
from alerting.text import one_line
from streams.contracts import AlertState, Command, Incident, Silence

ACTIONS = frozenset({"silence", "unsilence"})
_MAX_COMMENT = 2000


def applied(known: Silences, command: Command, incident: Incident | None, now: float) -> list[Publish]:
    """Do what a command says; raises `SilenceError` when it cannot be done."""
    if command.action == "unsilence":
        return [Publish("ops.silences", one.id, one) for one in _ended(known, command, incident, now)]
    name = name_of(command)
    if known.get(name) is not None:
        return []
    return [Publish("ops.silences", one.id, one) for one in known.set(_wanted(command, incident), name, now)]


def refusal(command: Command, incident: Incident, now: float) -> str | None:
    """Why an incident's alerts cannot be silenced as a command says."""
    try:
        if command.action == "silence":
            silences.checked(_wanted(command, incident), now)
    except SilenceError as error:
        return str(error)
    return None


def _wanted(command: Command, incident: Incident | None) -> Silence:
    if not command.until:
        raise SilenceError("`until` must say how long")
    return Silence(
        id=command.target or "" if incident is None else "",
        matchers=list(command.matchers) or ([] if incident is None else shared(incident.alerts)),
        starts_at=command.starts_at or command.at, ends_at=command.until, created_by=one_line(command.by, 100),
        comment=one_line(command.text or (incident.title if incident else ""), _MAX_COMMENT),
        incident=None if incident is None else incident.id,
    )  # fmt: skip


def name_of(command: Command) -> str:
    """The name of the silence that a command makes."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{command.id}|{command.by}|{command.at}|{command.incident}"))


def shared(alerts: Sequence[AlertState]) -> list[str]:
    """Matchers for what the alerts of an incident that fire have in common, severity apart: it may rise."""
    firing = [state.labels for state in alerts if state.status == "firing"] or [state.labels for state in alerts]
    common = {
        name: value
        for name, value in (firing[0] if firing else {}).items()
        if name != "severity" and all(labels.get(name) == value for labels in firing)
    }
    return [str(matcher(name, "=", value)) for name, value in sorted(common.items())]


def _ended(known: Silences, command: Command, incident: Incident | None, now: float) -> list[Silence]:
    if incident is None:
        if not command.target:
            raise SilenceError("`target` must name a silence")
        return known.expire(command.target, now)
    ours = [one for one in known if one.incident == incident.id and state_of(one, now) != "expired"]
    return [ended for one in ours for ended in known.expire(one.id, now)]
