"""Putting an incident off: nobody is told or called until a time, then it goes on where it stood. Pure.

| put off | by | ends |
|---|---|---|
| `snooze` | somebody, for a week at most | at its time; when it is worse or another P0 joins; by `escalate` |
| `held` | silences of all its alerts, once a step is due | with the silence of one; when another alert joins |

`Incident.snoozed_until` is the timer. What was due before is due then: the distances to later steps stay.
"""

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from alerting import instants
from streams.contracts import Command, EscalationState, Incident

LONGEST_S = 7 * 86_400.0
"""Whoever wants to hear nothing for more than a week wants a silence."""
SNOOZED, SNOOZE_ENDED = "snooze", "snooze_ended"
HELD, RELEASED = "held", "released"
"""What the timeline says."""


def on(incident: Incident, now: float) -> bool:
    """Whether an incident is put off, by whatever."""
    until = incident.snoozed_until
    return until is not None and incident.status != "resolved" and instants.parse(until) > now


def by_somebody(incident: Incident, now: float) -> bool:
    """Whether somebody has put it off: then its groups are not told either."""
    return on(incident, now) and _why(incident) != HELD


def by_silence(incident: Incident) -> bool:
    """Whether a silence holds it."""
    return incident.snoozed_until is not None and incident.status != "resolved" and _why(incident) == HELD


def sleeper(incident: Incident) -> str:
    """Who has put it off."""
    found = (entry.by for entry in reversed(incident.timeline) if entry.what == SNOOZED)
    return next(found, None) or "somebody"


def refusal(command: Command, now: float) -> str | None:
    """Why an incident cannot be put off as a command says."""
    if not command.until:
        return "`until` must say how long"
    try:
        until = instants.parse(command.until)
    except ValueError as error:
        return str(error)
    if until <= now:
        return "`until` lies in the past"
    if until > now + LONGEST_S:
        return "`until` is more than a week away: silence its alerts"
    return None


def fields(incident: Incident, until: str) -> dict[str, Any]:
    """What changes in an incident that is put off."""
    return {
        "snoozed_until": until,
        "escalation": put_off(incident.escalation, until, answered=incident.status == "acknowledged"),
        "ack_due_at": later(incident.ack_due_at, until),
        "next_update_at": later(incident.next_update_at, until),
    }


def put_off(state: EscalationState, until: str, *, answered: bool) -> EscalationState:
    """Let the chain go on at `until`, where it would earlier; at its end it takes its last step again."""
    if state.due_at is not None:
        return replace(state, due_at=later(state.due_at, until))
    if state.step == 0:
        return state  # there is no chain
    return replace(state, due_at=until, step=state.step if answered else state.step - 1)


def awake(incident: Incident, now: float) -> dict[str, Any]:
    """What changes in an incident that goes on: the step that was put off is due now, where its time has not come."""
    state, until = incident.escalation, incident.snoozed_until
    if until is not None and state.due_at == until and instants.parse(until) > now:
        state = replace(state, due_at=instants.show(now))
    return {"snoozed_until": None, "escalation": state}


def later(one: str | None, other: str | None) -> str | None:
    """The later of two instants, where there is a first."""
    if one is None or other is None:
        return one
    return max(one, other, key=instants.parse)


def silenced_until(ends: Iterable[float | None]) -> float | None:
    """Until when nothing speaks, from the end of silence of each alert that fires; None when one does."""
    found = list(ends)
    known = [end for end in found if end is not None]
    return min(known) if known and len(known) == len(found) else None


def _why(incident: Incident) -> str:
    return next((entry.what for entry in reversed(incident.timeline) if entry.what in {SNOOZED, HELD}), SNOOZED)
