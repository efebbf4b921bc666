"""Incidents: opened by a group's first notification, joined by later alerts, answered by people, resolved once.

| transition | `what` in the timeline | by |
|---|---|---|
| opened; fires again within `reopen_window` | `opened`; `reopened` | the group's notification |
| another alert of the group; one is over | `joined`; `ended` | the alert, at once |
| its severity is worse now (it falls only by hand) | `rose` | the alert, at once |
| every alert is over | `resolved` | the alert, at once |
| it fires and ends in turn; no more | `flapping`; `steady` | its changes (`flapping`) |
| a step of the chain; a lapsed acknowledgement | `escalated`; `ack_expired` | the timer (`escalation`) |
| what somebody does | `acknowledge`, `resolve`, `escalate`, `assign`, `note`, `phase`, `snooze`; `refused` | `by` |
| it was put off, and is no more | `held`; `snooze_ended`, `released` | the timer (`snoozing`), a worse alert |

Each function takes a version and returns the next, whole, or the same object when nothing has changed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from alerting import instants, snoozing
from alerting.alerts import Alert, severity_of, worst
from alerting.text import one_line, title
from streams.contracts import AlertState, Command, EscalationState, Incident, Severity, Transition

MAX_ALERTS = 500
MAX_TIMELINE = 500
MAX_REQUESTS = 50
_MAX_TEXT = 2000


@dataclass(frozen=True, slots=True)
class Promise:
    """What a severity promises: seconds until somebody has answered, and between two updates."""

    ack_within: float
    update_every: float | None = None


PROMISES: Mapping[Severity, Promise] = {
    "P0": Promise(0.0, 900.0),
    "P1": Promise(900.0, 900.0),
    "P2": Promise(3_600.0),
    "P3": Promise(86_400.0),
}


def incident_id(year: int, number: int) -> str:
    """Name an incident: `INC-2026-000042`."""
    return f"INC-{year}-{number:06d}"


def numbered(name: str) -> tuple[int, int]:
    """Year and number of an incident's name; (0, 0) when it is none of ours."""
    parts = name.split("-")
    if len(parts) == 3 and parts[0] == "INC" and all(part.isascii() and part.isdigit() for part in parts[1:]):
        return int(parts[1]), int(parts[2])
    return 0, 0


def opened(name: str, group_key: str, alerts: Sequence[Alert], now: float, follows: str | None = None) -> Incident:
    """Open an incident for alerts that fire; `escalation.started` sets its timers."""
    states = [alert.state(now) for alert in _ordered(alerts)[:MAX_ALERTS]]
    first = states[0]
    reason = f"again after {follows}" if follows else first.annotations.get("summary")
    return Incident(
        id=name,
        group_key=group_key,
        title=one_line(first.annotations.get("title") or title(first.labels.get("alertname", "Alert")), 200),
        severity=worst(*(alert.severity for alert in alerts)),
        status="triggered",
        phase="INVESTIGATING",
        started_at=instants.show(min(alert.starts_at for alert in alerts)),
        affected=_affected(states),
        impact=_impact(states),
        alerts=states,
        timeline=[_entry(now, "opened", reason), *(_entry(now, "joined", _name(state)) for state in states)],
    )


def joined(incident: Incident, alerts: Iterable[Alert], now: float) -> Incident:
    """Bring alerts up to date in an incident that is open: new ones join, ended ones end, severity rises."""
    known = {state.fingerprint: state for state in incident.alerts}
    entries: list[Transition] = []
    worse = False
    for alert in alerts:
        new = alert.state(now)
        old = known.get(new.fingerprint)
        if old == new or (old is None and (new.status == "resolved" or len(known) >= MAX_ALERTS)):
            continue
        known[new.fingerprint] = new
        if new.status == "firing" and (old is None or old.status == "resolved"):
            entries.append(_entry(now, "joined", _name(new)))
            worse = worse or severity_of(new.labels) == "P0"
        elif new.status == "resolved" and old is not None and old.status == "firing":
            entries.append(_entry(now, "ended", _name(new)))
    states = list(known.values())
    if states == incident.alerts:
        return incident
    states.sort(key=lambda state: state.status)  # the ended last, they are dropped first
    severity = worst(incident.severity, *(severity_of(state.labels) for state in states if state.status == "firing"))
    if severity != incident.severity:
        entries.append(_entry(now, "rose", f"from {incident.severity} to {severity}"))
        worse = True
    ends = worse and snoozing.by_somebody(incident, now)
    if ends:
        entries.append(_entry(now, snoozing.SNOOZE_ENDED, "it is worse now"))
    firing = [state for state in states if state.status == "firing"]
    return _next(
        incident, entries, alerts=states[:MAX_ALERTS], severity=severity,
        affected=_affected(firing) or incident.affected, impact=_impact(firing) or incident.impact,
        snoozed_until=None if ends else incident.snoozed_until,
    )  # fmt: skip


def over(incident: Incident) -> bool:
    """Whether none of its alerts fires any more."""
    return all(state.status == "resolved" for state in incident.alerts)


def resolved(incident: Incident, now: float, reason: str) -> Incident:
    """Resolve an incident by itself."""
    return _resolve(incident, _entry(now, "resolved", reason), now)


def reopened(incident: Incident, alerts: Sequence[Alert], now: float) -> Incident:
    """Open an incident again because it fires again; `escalation.started` begins its chain anew."""
    states = {state.fingerprint: state for state in incident.alerts}
    states |= {alert.fingerprint: alert.state(now) for alert in alerts}
    since = "" if incident.resolved_at is None else f" after it was resolved at {instants.minute(incident.resolved_at)}"
    again = [_entry(now, "joined", _name(alert.state(now))) for alert in alerts]
    return _next(
        incident, [_entry(now, "reopened", f"fires again{since}"), *again],
        alerts=sorted(states.values(), key=lambda state: state.status)[:MAX_ALERTS],
        severity=worst(incident.severity, *(alert.severity for alert in alerts)),
        status="triggered", phase="INVESTIGATING", resolved_at=None, escalation=EscalationState(),
    )  # fmt: skip


def flapped(incident: Incident, now: float, what: str) -> Incident:
    """Say in the timeline that it begins (`flapping`) or ceases (`steady`) to fire and end in turn."""
    reason = "it fires and ends in turn: nobody is told until it is steady" if what == "flapping" else None
    return _next(incident, [_entry(now, what, reason)])


def by_hand(incident: Incident) -> bool:
    """Whether somebody has resolved it: then what still fires is known, and not told again."""
    return incident.status == "resolved" and _last(incident, "resolve", "resolved", "opened").what == "resolve"


def status_since(incident: Incident) -> float:
    """When it came to be acknowledged or resolved, epoch seconds."""
    if incident.status == "resolved":
        return instants.parse(incident.resolved_at or incident.started_at)
    return instants.parse(_last(incident, "acknowledge", "opened").at)


def fresh(incident: Incident, firing: Iterable[Alert]) -> list[Alert]:
    """What fires and did not fire yet when the incident was resolved."""
    known = {state.fingerprint: state.starts_at for state in incident.alerts if state.status == "firing"}
    return [alert for alert in firing if known.get(alert.fingerprint) != instants.show(alert.starts_at)]


def gap(incident: Incident, firing: Iterable[Alert]) -> float:
    """Seconds from the incident's end until something fired again."""
    return min(alert.starts_at for alert in firing) - status_since(incident)


def linked(incident: Incident, requests: Iterable[Mapping[str, Any]]) -> Incident:
    """Name requests that failed because of it; the latest are kept."""
    known = {str(request["id"]): dict(request) for request in incident.requests}
    new = {str(request["id"]): dict(request) for request in requests}
    if new.keys() <= known.keys():
        return incident
    return _next(incident, [], requests=list((known | new).values())[-MAX_REQUESTS:])


def applied(  # noqa: PLR0911 - one return per action
    incident: Incident,
    command: Command,
    promise: Promise,
    now: float,
    *,
    ack_expires: float | None = None,
    refusal: str | None = None,
) -> Incident:
    """Do what somebody commands; the same command again changes nothing, one that cannot be done says why.

    `ack_expires` is after how many seconds an acknowledgement lapses, `refusal` the caller's own reason to refuse.
    A step up the chain is the caller's to take.
    """
    if _seen(incident, command):
        return incident
    refusal = _refusal(incident, command, now) or refusal
    if refusal is not None:
        return _next(incident, [_by(command, "refused", f"{command.action}: {refusal}")])
    entry = _by(command, command.action, _said(command))
    update = update_due(promise, now) if incident.status != "resolved" else None
    if snoozing.on(incident, now):
        update = snoozing.later(update, incident.snoozed_until)
    match command.action:
        case "resolve":
            return _resolve(incident, entry, now)
        case "acknowledge":
            expires = None if ack_expires is None else instants.show(now + ack_expires)
            if snoozing.on(incident, now):
                expires = snoozing.later(expires, incident.snoozed_until)
            escalation = replace(incident.escalation, due_at=expires, target=one_line(command.by, 100))
            return _next(
                incident, [entry], status="acknowledged", escalation=escalation, ack_due_at=None, next_update_at=update
            )
        case "assign":
            escalation = replace(incident.escalation, target=one_line(command.target or "", 100))
            return _next(incident, [entry], escalation=escalation, next_update_at=update)
        case "phase":
            return _next(incident, [entry], phase=command.phase, next_update_at=update)
        case "snooze":
            asleep = replace(incident, next_update_at=update)
            return _next(incident, [entry], **snoozing.fields(asleep, instants.normal(command.until or command.at)))
        case "escalate" if command.target is None:  # who wants the next one told wants it now
            return _next(incident, [entry], snoozed_until=None, next_update_at=update)
        case _:
            return _next(incident, [entry], next_update_at=update)


def is_refused(incident: Incident) -> bool:
    """Whether the last thing that happened was a command that could not be done."""
    return bool(incident.timeline) and incident.timeline[-1].what == "refused"


def _refusal(incident: Incident, command: Command, now: float) -> str | None:  # noqa: PLR0911 - one return per reason
    over = incident.status == "resolved"
    if over and command.action in {"acknowledge", "escalate", "assign", "silence", "snooze"}:
        return "the incident is resolved"
    if over and command.action == "resolve":
        return "the incident is resolved already"
    if command.action == "assign" and not command.target:
        return "`target` must name somebody"
    if command.action == "snooze":
        return snoozing.refusal(command, now)
    if command.action == "note" and not command.text:
        return "`text` must say something"
    if command.action == "phase":
        if command.phase is None:
            return "`phase` is missing"
        if (command.phase == "RESOLVED") != over:
            return "use `resolve`" if command.phase == "RESOLVED" else "the incident is resolved"
    return None


def put_off(incident: Incident, until: float, now: float, reason: str) -> Incident:
    """Put off the steps of an incident whose alerts are silenced."""
    at = instants.show(until)
    return _next(incident, [_entry(now, snoozing.HELD, f"until {at}: {reason}")], **snoozing.fields(incident, at))


def awake(incident: Incident, now: float, reason: str) -> Incident:
    """Let an incident that was put off go on."""
    what = snoozing.RELEASED if snoozing.by_silence(incident) else snoozing.SNOOZE_ENDED
    return _next(incident, [_entry(now, what, reason)], **snoozing.awake(incident, now))


def moved(incident: Incident, escalation: EscalationState, now: float, entries: Sequence[tuple[str, str]]) -> Incident:
    """Take a step of the chain; `entries` are (what, reason)."""
    status = "triggered" if any(what == "ack_expired" for what, _ in entries) else incident.status
    told = [_entry(now, what, reason) for what, reason in entries]
    return _next(incident, told, escalation=escalation, status=status)


def _resolve(incident: Incident, entry: Transition, now: float) -> Incident:
    escalation = replace(incident.escalation, due_at=None)
    return _next(
        incident, [entry], status="resolved", phase="RESOLVED", resolved_at=instants.show(now), escalation=escalation,
        ack_due_at=None, next_update_at=None, snoozed_until=None,
    )  # fmt: skip


def _next(incident: Incident, entries: Sequence[Transition], **changes: Any) -> Incident:
    timeline = [*incident.timeline, *entries]
    if len(timeline) > MAX_TIMELINE:  # how it began and where it stands are what is asked for
        timeline = timeline[: MAX_TIMELINE // 5] + timeline[-(MAX_TIMELINE - MAX_TIMELINE // 5) :]
    return replace(incident, timeline=timeline, version=incident.version + 1, **changes)


def _entry(now: float, what: str, reason: str | None = None) -> Transition:
    return Transition(at=instants.show(now), what=what, reason=reason)


def _by(command: Command, what: str, reason: str | None) -> Transition:
    return Transition(at=command.at, what=what, by=one_line(command.by, 100), reason=reason)


def _said(command: Command) -> str | None:
    """What a command says, for the timeline."""
    until = f"until {command.until}" if command.action in {"silence", "snooze"} and command.until else None
    parts = [command.phase if command.action == "phase" else None, command.target, command.text, until]
    return " ".join(one_line(part, _MAX_TEXT) for part in parts if part) or None


def _last(incident: Incident, *what: str) -> Transition:
    return next((entry for entry in reversed(incident.timeline) if entry.what in what), incident.timeline[0])


def _seen(incident: Incident, command: Command) -> bool:
    """A command is known by who, when and what: that is in the timeline, so it is known after a restart too."""
    by, said = one_line(command.by, 100), _said(command)
    return any(
        entry.by == by
        and entry.at == command.at
        and (
            (entry.what == command.action and entry.reason == said)
            or (entry.what == "refused" and (entry.reason or "").startswith(f"{command.action}: "))
        )
        for entry in incident.timeline
    )


def _ordered(alerts: Iterable[Alert]) -> list[Alert]:
    return sorted(alerts, key=lambda alert: (alert.severity, alert.starts_at, alert.labels))


def _name(state: AlertState) -> str:
    """Name an alert in the timeline, so that people and a restart know which one it was."""
    details = " ".join(state.labels[name] for name in ("agent", "instance") if name in state.labels)
    return f"{title(state.labels.get('alertname', 'Alert'))}{f' ({details})' if details else ''} [{state.fingerprint}]"


def _affected(states: Iterable[AlertState]) -> str:
    said = [
        state.annotations.get("affected")
        or " on ".join(f"{name} {state.labels[name]}" for name in ("agent", "instance") if name in state.labels)
        for state in states
    ]
    return one_line(", ".join(dict.fromkeys(part for part in said if part)), 500)


def _impact(states: Sequence[AlertState]) -> str:
    worst_first = sorted(states, key=lambda state: severity_of(state.labels))
    said = (state.annotations.get("impact") or state.annotations.get("summary") for state in worst_first)
    return one_line(next((part for part in said if part), ""), 500)


def update_due(promise: Promise, now: float) -> str | None:
    """When the next update is due, for the severities that promise some."""
    return None if promise.update_every is None else instants.show(now + promise.update_every)
