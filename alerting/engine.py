"""The engine: takes what happens and the time, returns what is to be done. Everything else here is called by it.

`on_events`, `on_results`, `on_alerts`, `on_command`, `on_delivery` take what happens, `tick` what the time brings
(`look` is the part of it that takes long), `due` says when to tick next. Whatever is to be told is recorded before it
is sent, and each transition of an incident is published after what it tells was recorded: a process that dies between
the two does the same again after `restore`, under the same ids: nothing is told twice and nothing is forgotten.
"""

import math
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Self

import msgspec

from alerting import audit, escalation, incidents, instants, recovery, silencing, troubles
from alerting.alerts import Alert, restored
from alerting.answers import Answer
from alerting.config import Config
from alerting.dispatch import Dispatcher
from alerting.effects import Effect, Publish
from alerting.escalator import Escalator
from alerting.evaluator import Evaluator, Key
from alerting.groups import Groups
from alerting.lifecycle import Lifecycle
from alerting.muting import Muting
from alerting.outbox import Outcome
from alerting.quiet import Quiet
from alerting.register import Register
from alerting.reminders import Reminders
from alerting.rules import State
from alerting.silences import Silences
from alerting.standing import Standing
from alerting.store import Store
from streams.contracts import Command, Incident, Notification, OpsEvent, Severity, Silence

_CLEAN_EVERY_S = 60.0


class Engine:
    """The state of the alerting stream; one at a time writes its topics."""

    def __init__(self, config: Config, silences: Iterable[Silence] = ()) -> None:
        self._standing = Standing(config, silences)
        self.signals = self._standing.signals
        self._evaluator = Evaluator(config.rules, self.signals, config.evaluation_interval)
        self.reading = False
        """Whether what rules read is still being read, after a start: until then they are not looked at."""
        self.at_once = math.inf
        """How many groups, or incidents, each stage of a tick takes; what is left over is due at once."""
        self._quiet = Quiet(self._standing)
        self._lifecycle = Lifecycle(self._standing, self._quiet)
        self._escalator = Escalator(self._standing, self._quiet)
        self._reminders = Reminders(self._standing, self._quiet)
        self._dispatcher = Dispatcher(self._standing, self._lifecycle, self._escalator)
        self._clean_at = 0.0
        self._found: deque[Alert] = deque()
        """What the rules have said that no tick has taken yet."""
        self._looked = False

    @property
    def config(self) -> Config:
        """What it works by."""
        return self._standing.config

    @property
    def store(self) -> Store:
        """Every alert."""
        return self._standing.store

    @property
    def silences(self) -> Silences:
        """Every silence."""
        return self._standing.silences

    @property
    def muting(self) -> Muting:
        """What mutes alerts."""
        return self._standing.muting

    @property
    def register(self) -> Register:
        """Every incident."""
        return self._standing.register

    @property
    def groups(self) -> Groups:
        """All groups, by the routes of their alerts."""
        return self._standing.groups

    @property
    def states(self) -> Mapping[Key, State]:
        """Where each rule stands, by rule and label set."""
        return self._evaluator.states

    @classmethod
    def restore(
        cls, config: Config, versions: Iterable[Incident], notifications: Iterable[Notification], now: float,
        silences: Iterable[Silence] = (),
    ) -> Self:  # fmt: skip
        """Take up where the last process stopped, from `ops.incidents`, `ops.notifications` and `ops.silences`.

        The commands are to be given before the first `tick`, and events and results of the lookback before rules are
        looked at (`reading`).
        """
        engine = cls(config, silences)
        standing = engine._standing
        log = list(notifications)
        by_incident = recovery.by_incident(log)
        for name in by_incident:
            standing.register.skip(name)
        for incident in recovery.latest(versions):
            engine._take_back(incident, recovery.heard(by_incident.get(incident.id, [])), now)
        standing.teller.restore(log, now)
        for incident in standing.register:
            near = escalation.in_reach(
                incident, standing.register.chain(incident), standing.register.promise(incident), now
            )
            if near is not incident:
                standing.save(near)
            engine._lifecycle.restore(incident)
            if recovery.recent(incident, now):
                standing.teller.tell_status(incident, now)
        engine._look_at_channels(now)
        engine._report(troubles.RELOAD_FAILED, "P2", None, now)  # it was loaded, just now
        return engine

    def reconfigure(self, config: Config, now: float) -> list[Effect]:
        """Go on with another configuration: alerts, incidents, silences, and what everybody was told, stay."""
        for name in self.config.rotations.keys() - config.rotations.keys():
            self._report(troubles.NOBODY_ON_CALL, "P1", None, now, rotation=name)
        self._standing.reconfigure(config, now)
        self._evaluator.reconfigure(config.rules, config.evaluation_interval)
        self._look_at_channels(now)
        return self.trouble(troubles.RELOAD_FAILED, None, now)

    def trouble(self, name: str, summary: str | None, now: float) -> list[Effect]:
        """Raise an alert about the alerting stream itself; without a summary it is over."""
        self._report(name, "P2", summary, now)
        return self.tick(now)

    def audit(self, late: Iterable[str], now: float) -> list[Effect]:
        """Raise a P1 for incidents (by id) whose step is overdue; without any it is over."""
        self._report(troubles.STEP_OVERDUE, "P1", audit.summary(late), now)
        return self.tick(now)

    def on_events(self, events: Iterable[OpsEvent], now: float) -> None:
        """Take ops events."""
        self.signals.add_events(events, now)

    def on_results(self, answers: Iterable[Answer], now: float) -> None:
        """Take results."""
        self.signals.add_results(answers, now)

    def on_alerts(self, alerts: Iterable[Alert], now: float) -> list[Effect]:
        """Take alerts from outside, and do what is due."""
        return [*self.take_alerts(alerts, now), *self.tick(now)]

    def take_alerts(self, alerts: Iterable[Alert], now: float) -> list[Effect]:
        """Take alerts from outside: one without an end is over `resolve_timeout` after its last report."""
        expires_at = now + self.config.resolve_timeout
        self._standing.take(
            (replace(one, updated_at=now, expires_at=expires_at if one.ends_at is None else None) for one in alerts),
            now,
        )
        return self._standing.drain()

    def set_silence(self, silence: Silence, name: str, now: float) -> tuple[str, list[Effect]]:
        """Make a silence, or change the one that its id names; returns its name. Raises `SilenceError`."""
        changed = self.silences.set(silence, name, now)
        self._standing.effects += [Publish("ops.silences", one.id, one) for one in changed]
        self._quiet.look(now)
        return changed[-1].id, self._standing.drain()

    def expire_silence(self, name: str, now: float) -> list[Effect]:
        """End a silence; raises `SilenceError`."""
        self._standing.effects += [Publish("ops.silences", one.id, one) for one in self.silences.expire(name, now)]
        self._quiet.look(now)
        return self._standing.drain()

    def on_command(self, command: Command, now: float) -> list[Effect]:
        """Do what somebody commands.

        Raises:
            ValueError: there is no such incident, or the command has no readable time, so it cannot be recorded.

        """
        if command.action == "reload":  # done before it was written
            return []
        standing = self._standing
        at = instants.parse(command.at)
        incident = standing.register.get(command.incident)
        if incident is None and not (command.action in silencing.ACTIONS and not command.incident):
            raise ValueError(f"there is no incident {command.incident[:100]!r}")
        if incident is None:
            standing.effects += silencing.applied(standing.silences, command, None, now)
            self._quiet.look(now)
            return standing.drain()
        chain = standing.register.chain(incident)
        done = incidents.applied(
            incident, command, standing.register.promise(incident), now,
            refusal=self._refusal(incident, command, now),
            ack_expires=None if chain is None else chain.ack_expires.get(incident.severity),
        )  # fmt: skip
        if done is incident:
            return []
        if command.action == "escalate" and not incidents.is_refused(done):
            escalated = self._escalator.escalate(done, command.target, at, now)
            done = msgspec.structs.replace(escalated, version=done.version)  # one command, one version
        if command.action in silencing.ACTIONS and not incidents.is_refused(done):
            standing.effects += silencing.applied(standing.silences, command, incident, now)
        standing.save(done)
        if command.action in silencing.ACTIONS:
            self._quiet.look(now)
        if done.status != incident.status:
            standing.teller.tell_status(done, now)
        return standing.drain()

    def on_delivery(self, name: str, outcome: Outcome, now: float) -> list[Effect]:
        """Take how a sending went; a step that nobody can be reached by makes way for the next one."""
        missed = self._standing.teller.delivered(name, outcome, now)
        self._look_at_channels(now)
        if missed is not None:
            self._escalator.pass_by(*missed, now)
        return self._standing.drain()

    def look(self, now: float) -> None:
        """Look at the rules where that is due: the next tick takes what they say.

        Signals and rules alone are touched by it. So another thread may do it, while nobody else touches these.
        """
        if self.looks_at(now) <= now:
            self._found += self._evaluator.look(now)
            self._looked = True

    def looks_at(self, now: float) -> float:
        """When rules are to be looked at next; infinity while what they read is being read."""
        return math.inf if self.reading else self._evaluator.due(now)

    def tick(self, now: float) -> list[Effect]:
        """Do what is due, of what is much the first; then `due` says that the rest is."""
        most = self.at_once
        self.look(now)
        found = int(min(most, len(self._found)))
        self._standing.take([self._found.popleft() for _ in range(found)], now)
        if self._looked:
            self._looked = False
            self._escalator.look_at_rotations(now)
        self._lifecycle.follow(now, most)
        # nobody is told of a group before it is whole, and its incident has heard of it
        if self._found or self._standing.groups.has_changed:
            return self._standing.drain()
        self._lifecycle.calm(now)
        self._quiet.wake(now)
        self._dispatcher.flush(now, most)
        self._escalator.step(now, most)
        self._reminders.send(now, most)
        self._standing.effects += self._standing.teller.outbox.tick(now, most)
        if now >= self._clean_at:
            self._clean_at = now + _CLEAN_EVERY_S
            self._standing.clean(now)
        return self._standing.drain()

    def due(self, now: float) -> float:
        """When to tick next; infinity when nothing waits."""
        standing = self._standing
        rules = -math.inf if self._found else self.looks_at(now)
        waits = (rules, standing.register.next(), standing.teller.outbox.due(), standing.groups.next())
        return min((at for at in waits if at is not None), default=math.inf)

    def _report(self, name: str, severity: Severity, summary: str | None, now: float, **labels: str) -> None:
        self._standing.take(troubles.report(self.store, name, severity, summary, now, **labels), now)

    def _look_at_channels(self, now: float) -> None:
        """Raise an alert for each channel that keeps failing, and end that of one that delivers again."""
        for (receiver, channel), summary in self._standing.teller.take_troubles():
            self._report(troubles.CHANNEL_FAILING, "P2", summary, now, receiver=receiver, channel=channel)

    def _refusal(self, incident: Incident, command: Command, now: float) -> str | None:
        if command.action in silencing.ACTIONS:
            return silencing.refusal(command, incident, now)
        return self._escalator.refusal(incident, command, now) if command.action == "escalate" else None

    def _take_back(self, incident: Incident, heard: recovery.Heard, now: float) -> None:
        """Take back an incident with its alerts and groups after a restart."""
        standing = self._standing
        standing.register.put(incident)
        standing.teller.remember(incident.id, heard.called)
        for state in incident.alerts:
            alert = restored(state)
            if alert.ends_at is None:
                expires_at = now + self.config.resolve_timeout
                alert = self._evaluator.restore(alert) or replace(alert, expires_at=expires_at)
                standing.muting.inhibitor.put(standing.store.put(alert, now)[0])
            for route in standing.groups.routes_of(alert):
                told = {channel: what.by(now) for (name, channel), what in heard.told.items() if name == route.receiver}
                if alert.ends_at is not None and not recovery.untold(alert, incident, told, now):
                    continue
                group = standing.groups.group_of(route, alert, now)
                group.alerts[alert.fingerprint] = alert
                group.told, group.flushed = told, True
                # the timer of the group goes on; nobody told yet is told at once
                group.flush_at = max(now, max((one.at for one in told.values()), default=0.0) + route.group_interval)
                if not told:
                    group.flush_at = now
                standing.groups.schedule(group, alert)
                standing.register.attach(group, incident)
