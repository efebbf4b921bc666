"""The escalator: takes the steps of `escalation` for the incidents whose time has come, and calls whoever they name."""

from dataclasses import replace

from alerting import escalation, rotations, snoozing, troubles
from alerting.documents import suggest
from alerting.escalation import Call, Chain
from alerting.quiet import Quiet
from alerting.standing import Standing
from streams.contracts import Command, Incident


class Escalator:
    """Knows who is on call; a step that reaches nobody makes way for the next one."""

    def __init__(self, standing: Standing, quiet: Quiet) -> None:
        self._standing = standing
        self._quiet = quiet

    def advanced(self, incident: Incident, now: float) -> tuple[Incident, list[Call]]:
        """The incident after the steps that are due, and whom they call; nobody while all its alerts are silenced."""
        promise = self._standing.register.promise(incident)
        after, calls = escalation.advance(incident, self._staffed(incident, now), promise, now)
        held = None if after is incident else self._quiet.held(incident, now)
        return (after, calls) if held is None else (held, [])

    def step(self, now: float, most: float) -> None:
        """Take the steps that are due, of so many incidents `most`."""
        standing = self._standing
        for incident in standing.register.due(now, most):
            after, calls = self.advanced(incident, now)
            if after is not incident:
                standing.teller.call(after, calls, now)
                standing.save(after)
            else:
                standing.register.put(incident)

    def escalate(self, incident: Incident, target: str | None, at: float, now: float) -> Incident:
        """Call somebody, or the next step, because somebody wants it."""
        after, calls = self._forced(incident, now)
        if target is not None:
            after, calls = incident, [Call(self._person(target, now) or target, None, at, "escalated")]
        self._standing.teller.call(after, [replace(call, due_at=at) for call in calls], now)
        return after

    def pass_by(self, name: str, step: int, now: float) -> None:
        """Go on with the next step when this one can reach nobody."""
        standing = self._standing
        incident = standing.register.get(name)
        if incident is None or incident.status != "triggered" or incident.escalation.step != step:
            return
        if snoozing.on(incident, now):
            return
        if not standing.teller.reached(name, step):
            after, calls = self._forced(incident, now)
            if after is not incident:
                reason = "the step before reached nobody"
                standing.teller.call(after, [replace(call, reason=reason) for call in calls], now)
                standing.save(after)

    def refusal(self, incident: Incident, command: Command, now: float) -> str | None:
        """Why somebody's wish to escalate cannot be done."""
        config = self._standing.config
        if command.target is not None:
            known = [*config.receivers, *config.rotations]
            if command.target not in known:
                return f"no {command.target[:100]!r}, {suggest(command.target, known)}"
            return None if self._person(command.target, now) else f"nobody is on call in {command.target}"
        left = escalation.next_targets(incident, self._standing.register.chain(incident))
        return None if left else "nobody is left in the chain; name a `target`"

    def look_at_rotations(self, now: float) -> None:
        """Raise an alert for each rotation that has nobody on call."""
        standing = self._standing
        empty = rotations.unstaffed(standing.config.rotations, now)
        for name in standing.config.rotations:
            summary = f"Nobody is on call in the rotation {name}" if name in empty else None
            report = troubles.report(
                standing.store, troubles.NOBODY_ON_CALL, "P1", summary, now, rotation=name
            )  # fmt: skip
            standing.take(report, now)

    def _forced(self, incident: Incident, now: float) -> tuple[Incident, list[Call]]:
        promise = self._standing.register.promise(incident)
        return escalation.forced(incident, self._staffed(incident, now), promise, now)

    def _staffed(self, incident: Incident, now: float) -> Chain | None:
        return rotations.staffed(self._standing.register.chain(incident), self._standing.config.rotations, now)

    def _person(self, target: str, now: float) -> str | None:
        """Whom a target stands for now."""
        rotation = self._standing.config.rotations.get(target)
        return target if rotation is None else rotation.on_call(now)
