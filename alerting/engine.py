"""The engine: takes what happens and the time, returns what is to be done. Everything else here is called by it.

`on_event`, `on_results`, `on_alerts`, `on_command`, `on_delivery` take what happens, `tick` what the time brings,
`due` says when to tick next. Whatever is to be told is recorded before it is sent, and each transition of an incident
is published after what it tells was recorded: a process that dies between the two does the same again after `restore`,
under the same ids, so that nothing is told twice and nothing is forgotten.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Self

from alerting import audit, escalation, flapping, groups, incidents, instants, recovery, rotations, silencing, troubles
from alerting.alerts import Alert, restored
from alerting.answers import Answer
from alerting.config import Config
from alerting.documents import suggest
from alerting.effects import Effect, Publish
from alerting.escalation import Call, Chain
from alerting.evaluator import Evaluator, Key
from alerting.groups import Group, Groups
from alerting.inhibition import Inhibitor
from alerting.muting import Mute, Muting
from alerting.outbox import Outcome, muted
from alerting.receivers import Receiver
from alerting.register import Register
from alerting.rules import State
from alerting.signals import OF_RESULTS, Signals
from alerting.silences import Silences
from alerting.store import Store
from alerting.teller import Teller
from streams.contracts import Command, Incident, Notification, OpsEvent, Silence

_CLEAN_EVERY_S = 60.0


class Engine:
    """The state of the alerting stream; one at a time writes its topics."""

    def __init__(self, config: Config, silences: Iterable[Silence] = ()) -> None:
        self._config = config
        self.store = Store()
        self.silences = Silences(silences)
        self.muting = Muting(Inhibitor(config.inhibit_rules), self.silences, config.time_intervals)
        self.signals = Signals(config.retention, config.result_labels)
        self.register = Register(config)
        self._evaluator = Evaluator(config.rules, self.signals, config.evaluation_interval)
        self._groups = Groups(config.route)
        self._effects: list[Effect] = []
        self._teller = Teller(config, self.register, self._groups, self._effects)
        self._flapping: set[str] = set()
        self._clean_at = 0.0

    @property
    def config(self) -> Config:
        """What it works by."""
        return self._config

    @property
    def groups(self) -> Groups:
        """All groups, by the routes of their alerts."""
        return self._groups

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

        Events and results of the lookback, and the commands, are to be given before the first `tick`.
        """
        engine = cls(config, silences)
        log = list(notifications)
        by_incident = recovery.by_incident(log)
        for name in by_incident:
            engine.register.skip(name)
        for incident in recovery.latest(versions):
            engine._take_back(incident, recovery.heard(by_incident.get(incident.id, [])), now)
        engine._teller.outbox.restore(log, engine._teller.again, now)
        for incident in engine.register:
            if incident.status != "resolved" and flapping.on(incident):
                engine._flapping.add(incident.id)
            if recovery.recent(incident, now):
                engine._teller.tell_status(incident, now)
        return engine

    def reconfigure(self, config: Config, now: float) -> list[Effect]:
        """Go on with another configuration: alerts, incidents, silences, and what everybody was told, stay."""
        for name in self._config.rotations.keys() - config.rotations.keys():
            self._take(troubles.report(self.store, troubles.NOBODY_ON_CALL, "P1", None, now, rotation=name), now)
        self._config = config
        self.signals.reconfigure(config.retention, config.result_labels)
        self.register.reconfigure(config)
        self._evaluator.reconfigure(config.rules, config.evaluation_interval)
        self.muting = Muting(Inhibitor(config.inhibit_rules), self.silences, config.time_intervals)
        for alert in self.store:
            self.muting.inhibitor.put(alert)
        self._groups = groups.regrouped(self._groups, config.route, config.receivers, self.store, now)
        self._teller.reconfigure(config, self._groups)
        for group in self._groups:
            if (incident := self.register.of(group)) is not None:
                self.register.attach(group, incident)
        return self.trouble(troubles.RELOAD_FAILED, None, now)

    def trouble(self, name: str, summary: str | None, now: float) -> list[Effect]:
        """Raise an alert about the alerting stream itself; without a summary it is over."""
        self._take(troubles.report(self.store, name, "P2", summary, now), now)
        return self.tick(now)

    def audit(self, late: Iterable[str], now: float) -> list[Effect]:
        """Raise a P1 for incidents (by id) whose step is overdue; without any it is over."""
        self._take(troubles.report(self.store, troubles.STEP_OVERDUE, "P1", audit.summary(late), now), now)
        return self.tick(now)

    def on_event(self, event: OpsEvent, now: float) -> None:
        """Take an ops event."""
        self.signals.add_event(event, now)

    def on_results(self, answers: Iterable[Answer], now: float) -> None:
        """Take results."""
        self.signals.add_results(answers, now)

    def on_alerts(self, alerts: Iterable[Alert], now: float) -> list[Effect]:
        """Take alerts from outside: one without an end is over `resolve_timeout` after its last report."""
        expires_at = now + self._config.resolve_timeout
        self._take(
            (replace(one, updated_at=now, expires_at=expires_at if one.ends_at is None else None) for one in alerts),
            now,
        )
        return self.tick(now)

    def set_silence(self, silence: Silence, name: str, now: float) -> tuple[str, list[Effect]]:
        """Make a silence, or change the one that its id names; returns its name. Raises `SilenceError`."""
        changed = self.silences.set(silence, name, now)
        return changed[-1].id, [Publish("ops.silences", one.id, one) for one in changed]

    def expire_silence(self, name: str, now: float) -> list[Effect]:
        """End a silence; raises `SilenceError`."""
        return [Publish("ops.silences", one.id, one) for one in self.silences.expire(name, now)]

    def on_command(self, command: Command, now: float) -> list[Effect]:
        """Do what somebody commands.

        Raises:
            ValueError: there is no such incident, or the command has no readable time, so it cannot be recorded.

        """
        at = instants.parse(command.at)
        incident = self.register.get(command.incident)
        if incident is None and not (command.action in silencing.ACTIONS and not command.incident):
            raise ValueError(f"there is no incident {command.incident[:100]!r}")
        if incident is None:
            self._effects += silencing.applied(self.silences, command, None, now)
            return self._drain()
        chain = self.register.chain(incident)
        done = incidents.applied(
            incident, command, self.register.promise(incident), now, refusal=self._refusal(incident, command, now),
            ack_expires=None if chain is None else chain.ack_expires.get(incident.severity),
        )  # fmt: skip
        if done is incident:
            return []
        if command.action == "escalate" and not incidents.is_refused(done):
            done = self._escalate(done, command.target, at, now)
        if command.action in silencing.ACTIONS and not incidents.is_refused(done):
            self._effects += silencing.applied(self.silences, command, incident, now)
        self._save(done)
        if done.status != incident.status:
            self._teller.tell_status(done, now)
        return self._drain()

    def on_delivery(self, name: str, outcome: Outcome, now: float) -> list[Effect]:
        """Take how a sending went; a step that nobody can be reached by makes way for the next one."""
        missed = self._teller.delivered(name, outcome, now)
        for (receiver, channel), summary in self._teller.take_troubles():
            labels = {"receiver": receiver, "channel": channel}
            self._take(troubles.report(self.store, troubles.CHANNEL_FAILING, "P2", summary, now, **labels), now)
        if missed is not None:
            self._pass_by(*missed, now)
        return self._drain()

    def tick(self, now: float) -> list[Effect]:
        """Do what is due."""
        if self._evaluator.due(now) <= now:
            self._take(self._evaluator.evaluate(now), now)
            self._look_at_rotations(now)
        self._sync(now)
        self._calm(now)
        for group in self._groups.due(now):
            self._flush(group, now)
        for incident in self.register.due(now):
            self._step(incident, now)
        self._effects += self._teller.outbox.tick(now)
        if now >= self._clean_at:
            self._clean(now)
        return self._drain()

    def due(self, now: float) -> float:
        """When to tick next."""
        waits = (self.register.next(), self._teller.outbox.due(), self._groups.next())
        return min([self._evaluator.due(now), *(at for at in waits if at is not None)])

    # alerts come in

    def _take(self, alerts: Iterable[Alert], now: float) -> None:
        for alert in alerts:
            merged, news = self.store.put(alert, now)
            self.muting.inhibitor.put(merged)
            for group in self._groups.put(merged, now):
                if news:
                    self._effects.append(Publish("ops.alerts", group.key, merged.state(now)))

    def _clean(self, now: float) -> None:
        """Forget what nobody can ask for any more."""
        self._clean_at = now + _CLEAN_EVERY_S
        for alert in self.store.forget(now):
            self.muting.inhibitor.forget(alert)
        self._effects += [Publish("ops.silences", name, None) for name in self.silences.forget(now)]

    def _sync(self, now: float) -> None:
        """Bring the incidents up to date with the alerts of their groups."""
        for group, changed in self._groups.changed(now):
            # what ends because its time has come, or nobody has repeated it, is told to the topic here
            silent = (one for one in changed if one.end is not None and 0.0 < one.updated_at < one.end <= now)
            self._effects += [Publish("ops.alerts", group.key, one.state(now)) for one in silent]
            incident = self.register.of(group)
            if incident is None:
                continue
            # what fires after the end opens it again, at the group's next notification
            over = incident.status == "resolved"
            alerts = (
                [one for one in changed if one.resolved(now)] if over else self._heard(group, incident, changed, now)
            )
            updated = self._join(incident, alerts, now)
            if updated is not incident:
                updated = self._weigh(updated, now)
            if incidents.over(updated) and not flapping.on(updated) and not group.split(now)[0]:
                self._end(updated, now)

    def _end(self, incident: Incident, now: float) -> None:
        """Resolve an incident whose alerts are all over."""
        if incident.status != "resolved" and incidents.over(incident):
            self._save(ended := incidents.resolved(incident, now, "every alert is over"))
            self._teller.tell_status(ended, now)

    def _weigh(self, incident: Incident, now: float) -> Incident:
        """Take note when an incident begins or ceases to flap, and say so."""
        flaps = flapping.on(incident)
        if incident.status == "resolved" or flapping.verdict(incident, now, self._config.route.group_interval) == flaps:
            return incident
        changed = self._save(incidents.flapped(incident, now, flapping.ENDS if flaps else flapping.BEGINS))
        self._flapping.discard(changed.id) if flaps else self._flapping.add(changed.id)
        if not flaps or not incidents.over(changed):  # what is over is told as such
            self._teller.announce(changed, flapping.ENDS if flaps else flapping.BEGINS, now)
        return changed

    def _calm(self, now: float) -> None:
        """Look at what flaps: quiet is no event."""
        for name in sorted(self._flapping):
            incident = self.register.get(name)
            if incident is None or incident.status == "resolved":
                self._flapping.discard(name)
            elif not flapping.on(calm := self._weigh(incident, now)):
                self._end(calm, now)

    def _heard(self, group: Group, incident: Incident, alerts: Iterable[Alert], now: float) -> list[Alert]:
        """Those of a group's alerts that may join its incident: what nothing mutes, and what it has already."""
        known = {state.fingerprint for state in incident.alerts}
        return [
            one for one in alerts if one.fingerprint in known or self.muting.of(group.route, one, now) is None
        ]  # fmt: skip

    def _join(self, incident: Incident, alerts: Iterable[Alert], now: float) -> Incident:
        updated = incidents.joined(incident, alerts, now)
        if updated.severity != incident.severity:
            updated = self.register.started(updated, now)
        return incident if updated is incident else self._save(updated)

    # groups are told

    def _flush(self, group: Group, now: float) -> None:
        flaps = self.register.of(group)
        if flaps is not None and flaps.status != "resolved" and flapping.on(flaps):  # told once it is steady
            group.flush_at = now + group.route.group_interval
            self._groups.schedule(group)
            return
        receiver = self._config.receivers[group.route.receiver]
        mutes = {
            name: mute
            for name, alert in group.alerts.items()
            if (mute := self.muting.of(group.route, alert, now)) is not None
        }
        if not receiver.drain:
            self._explain(group, mutes, now)
            firing, ended = (
                {name: one for name, one in part.items() if name not in mutes} for part in group.split(now)
            )
            if firing or ended:
                self._tell(group, receiver, firing, ended, now)
        if group.done(now, mutes):
            self._groups.drop(group)
        else:
            self._groups.schedule(group)

    def _tell(
        self, group: Group, receiver: Receiver, firing: dict[str, Alert], ended: dict[str, Alert], now: float
    ) -> None:
        incident = self._incident(group, list(firing.values()), now)
        if incident is None:
            return
        after, calls = self._advanced(incident, now)
        told = self._teller.tell_group(group, receiver, after, calls, firing, ended, now)
        self._teller.call(after, [call for call in calls if not (told and call.target == receiver.name)], now)
        if after is not incident:
            self._save(after)

    def _explain(self, group: Group, mutes: Mapping[str, Mute], now: float) -> None:
        """Record why alerts are not told, once for as long as it stays so."""
        why = {name: mute for name, mute in mutes.items() if not group.alerts[name].resolved(now)}
        new = {name: mute for name, mute in why.items() if group.muted.get(name) != mute}
        group.muted = why
        incident = self.register.of(group)
        named = incident.id if incident is not None and incident.status != "resolved" else ""
        for mute in dict.fromkeys(new.values()):
            names = sorted(name for name, one in new.items() if one == mute)
            self._effects.append(muted(named, group, mute, names, now))

    def _incident(self, group: Group, firing: Sequence[Alert], now: float) -> Incident | None:
        """The incident of a group, opened or opened again where something fires that nobody was told of."""
        known = self.register.of(group) or self.register.sharing(firing)
        if known is not None and known.status != "resolved":
            self.register.attach(group, known)
            updated = self._join(known, self._heard(group, known, group.alerts.values(), now), now)
            linked = incidents.linked(updated, self._failures(firing))
            return updated if linked is updated else self._save(linked)
        fresh = firing if known is None else incidents.fresh(known, firing)
        if not fresh:
            return known
        if known is not None and incidents.gap(known, fresh) <= self._config.reopen_window:
            incident = incidents.reopened(known, firing, now)
        else:
            follows = None if known is None else known.id
            incident = incidents.opened(self.register.next_id(now), group.key, firing, now, follows)
        self.register.attach(group, incident)
        self._teller.forget(incident.id)
        return self._save(incidents.linked(self.register.started(incident, now), self._failures(firing)))

    # the chain

    def _advanced(self, incident: Incident, now: float) -> tuple[Incident, list[Call]]:
        return escalation.advance(incident, self._staffed(incident, now), self.register.promise(incident), now)

    def _forced(self, incident: Incident, now: float) -> tuple[Incident, list[Call]]:
        return escalation.forced(incident, self._staffed(incident, now), self.register.promise(incident), now)

    def _staffed(self, incident: Incident, now: float) -> Chain | None:
        return rotations.staffed(self.register.chain(incident), self._config.rotations, now)

    def _look_at_rotations(self, now: float) -> None:
        empty = rotations.unstaffed(self._config.rotations, now)
        for name in self._config.rotations:
            summary = f"Nobody is on call in the rotation {name}" if name in empty else None
            self._take(troubles.report(self.store, troubles.NOBODY_ON_CALL, "P1", summary, now, rotation=name), now)

    def _step(self, incident: Incident, now: float) -> None:
        after, calls = self._advanced(incident, now)
        if after is not incident:
            self._teller.call(after, calls, now)
            self._save(after)
        else:
            self.register.put(incident)

    def _escalate(self, incident: Incident, target: str | None, at: float, now: float) -> Incident:
        """Call somebody, or the next step, because somebody wants it."""
        after, calls = self._forced(incident, now)
        if target is not None:
            after, calls = incident, [Call(self._person(target, now) or target, None, at, "escalated")]
        self._teller.call(after, [replace(call, due_at=at) for call in calls], now)
        return after

    def _pass_by(self, name: str, step: int, now: float) -> None:
        incident = self.register.get(name)
        if incident is None or incident.status != "triggered" or incident.escalation.step != step:
            return
        if not self._teller.reached(name, step):
            after, calls = self._forced(incident, now)
            if after is not incident:
                self._teller.call(
                    after, [replace(call, reason="the step before reached nobody") for call in calls], now
                )
                self._save(after)

    def _refusal(self, incident: Incident, command: Command, now: float) -> str | None:
        if command.action in silencing.ACTIONS:
            return silencing.refusal(command, incident, now)
        if command.action != "escalate":
            return None
        if command.target is not None:
            known = [*self._config.receivers, *self._config.rotations]
            if command.target not in known:
                return f"no {command.target[:100]!r}, {suggest(command.target, known)}"
            return None if self._person(command.target, now) else f"nobody is on call in {command.target}"
        left = escalation.next_targets(incident, self.register.chain(incident))
        return None if left else "nobody is left in the chain; name a `target`"

    def _person(self, target: str, now: float) -> str | None:
        """Whom a target stands for now."""
        rotation = self._config.rotations.get(target)
        return target if rotation is None else rotation.on_call(now)

    def _failures(self, firing: Iterable[Alert]) -> list[dict[str, str | None]]:
        """The requests that failed under these alerts."""
        found: dict[str, dict[str, str | None]] = {}
        for alert in firing:
            if alert.signals & OF_RESULTS:
                since = alert.starts_at - self._config.retention
                for failure in self.signals.failures(dict(alert.labels), since, incidents.MAX_REQUESTS):
                    agent = dict(failure.labels).get("agent")
                    found[failure.id] = {
                        "id": failure.id, "agent": agent, "code": failure.code, "at": instants.show(failure.instant)
                    }  # fmt: skip
        return list(found.values())[: incidents.MAX_REQUESTS]

    def _save(self, incident: Incident) -> Incident:
        self.register.put(incident)
        self._effects.append(Publish("ops.incidents", incident.id, incident))
        return incident

    def _drain(self) -> list[Effect]:
        effects = list(self._effects)
        self._effects.clear()
        return effects

    # after a restart

    def _take_back(self, incident: Incident, heard: recovery.Heard, now: float) -> None:
        self.register.put(incident)
        self._teller.remember(incident.id, heard.called)
        for state in incident.alerts:
            alert = restored(state)
            if alert.ends_at is None:
                expires_at = now + self._config.resolve_timeout
                alert = self._evaluator.restore(alert) or replace(alert, expires_at=expires_at)
                self.muting.inhibitor.put(self.store.put(alert, now)[0])
            for route in self._groups.routes_of(alert):
                told = {channel: what for (name, channel), what in heard.told.items() if name == route.receiver}
                if alert.ends_at is not None and not recovery.untold(alert, incident, told, now):
                    continue
                group = self._groups.group_of(route, alert, now)
                group.alerts[alert.fingerprint] = alert
                group.told, group.flushed = told, True
                # the timer of the group goes on; nobody told yet is told at once
                group.flush_at = max(now, max((one.at for one in told.values()), default=0.0) + route.group_interval)
                if not told:
                    group.flush_at = now
                self._groups.schedule(group, alert)
                self.register.attach(group, incident)
