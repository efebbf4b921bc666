"""The auditor: looks at incidents as they were published, whatever timers say, for steps that are overdue."""

from collections.abc import Iterable

from alerting import instants
from streams.contracts import Incident

ALLOWED_S = 60.0
"""How late a step may be."""


def overdue(found: Iterable[Incident], now: float) -> list[str]:
    """The open incidents whose next step is more than a minute late."""
    return sorted(
        incident.id
        for incident in found
        if incident.status != "resolved"
        and incident.escalation.due_at is not None
        and instants.parse(incident.escalation.due_at) < now - ALLOWED_S
    )


def summary(late: Iterable[str]) -> str | None:
    """What is to be said of them; None of none."""
    named = ", ".join(list(late)[:20])
    return f"Nobody was called when it was time: {named}" if named else None
