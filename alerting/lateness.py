"""What is overdue of open incidents: steps, as the auditor has it, and updates."""

from collections.abc import Iterable

from alerting import audit, instants, reminders
from streams.contracts import Incident

_NAMED_LIMIT = 20


def look(found: Iterable[Incident], now: float) -> dict[str, list[str]]:
    """Name the incidents (by id) whose `escalation` or `update` is overdue; empty when none is."""
    kept = [one for one in found if _is_readable(one)]
    late = sorted(one.id for one in kept if reminders.overdue(one, now))
    overdue = {"escalation": audit.overdue(kept, now), "update": late}
    return {what: names for what, names in overdue.items() if names}


def summary(overdue: dict[str, list[str]]) -> str:
    """What is to be said of them, in a line."""
    said = {"escalation": "nobody was called when it was time", "update": "nobody said how it stands"}
    return "; ".join(f"{said[what]}: {', '.join(names[:_NAMED_LIMIT])}" for what, names in overdue.items())


def _is_readable(incident: Incident) -> bool:
    """Whether its times are some: a topic has what anybody wrote there."""
    try:
        for at in (incident.escalation.due_at, incident.next_update_at):
            instants.parse(at or "1970-01-01T00:00:00Z")
    except ValueError:
        return False
    return True
