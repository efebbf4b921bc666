"""Reminders: where nobody has said for too long how an incident stands, Slack hears that an update is overdue.

The timer is `next_update_at`, which every word of somebody moves on. Once it has passed, a reminder is due then, and
again each `update_every` after it. Its name is made of the time at which it was due: a process that is killed and
started again makes the same one, which the outbox knows.
"""

import math

from alerting import flapping, instants, snoozing
from alerting.quiet import Quiet
from alerting.standing import Standing
from alerting.text import OVERDUE
from streams.contracts import Incident


def overdue(incident: Incident, now: float) -> bool:
    """Whether somebody should have said how an open incident stands."""
    due = incident.next_update_at
    return due is not None and incident.status != "resolved" and instants.parse(due) <= now


def latest(due: float, every: float, now: float) -> float:
    """The last time up to now at which a reminder was due."""
    return due + max(0, math.floor((now - due) / every)) * every


class Reminders:
    """Reminds of the updates that are due."""

    def __init__(self, standing: Standing, quiet: Quiet) -> None:
        self._standing = standing
        self._quiet = quiet

    def send(self, now: float, most: float) -> None:
        """Send what is due, so many `most`; one that came due while nobody is to be told is not made up for."""
        register = self._standing.register
        for name in register.updates.take(now, most):
            incident = register.get(name)
            every = None if incident is None else register.promise(incident).update_every
            if incident is None or not every or not overdue(incident, now):
                continue
            at = latest(instants.parse(incident.next_update_at or incident.started_at), every, now)
            if not self._is_quiet(incident, now):
                self._standing.teller.remind(incident, OVERDUE, at, now)
            following = at + every
            register.updates.set(name, following if following > now else following + every)

    def _is_quiet(self, incident: Incident, now: float) -> bool:
        return (
            snoozing.on(incident, now) or flapping.on(incident) or self._quiet.silenced_until(incident, now) is not None
        )
