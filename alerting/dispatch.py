"""The dispatcher: a group whose flush is due is told, and that opens, reopens or goes on with its incident."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from alerting import flapping, incidents, instants, snoozing
from alerting.alerts import Alert
from alerting.escalator import Escalator
from alerting.groups import Group
from alerting.lifecycle import Lifecycle
from alerting.muting import Mute
from alerting.outbox import muted
from alerting.reader import OF_RESULTS
from alerting.receivers import Receiver
from alerting.standing import Standing
from streams.contracts import Incident


class Dispatcher:
    """Flushes groups."""

    def __init__(self, standing: Standing, lifecycle: Lifecycle, escalator: Escalator) -> None:
        self._standing = standing
        self._lifecycle = lifecycle
        self._escalator = escalator

    def flush(self, now: float, most: float) -> None:
        """Tell the groups that are due, so many `most`, what is new, and record why something is not told."""
        for group in self._standing.groups.due(now, most):
            self._flush(group, now)

    def _flush(self, group: Group, now: float) -> None:
        standing = self._standing
        flaps = standing.register.of(group)
        if flaps is not None and flaps.status != "resolved" and flapping.on(flaps):  # told once it is steady
            group.flush_at = now + group.route.group_interval
            standing.groups.schedule(group)
            return
        if flaps is not None and snoozing.by_somebody(flaps, now):
            # what nothing mutes any more may be worse
            heard = self._lifecycle.heard(group, flaps, group.alerts.values(), now)
            flaps = self._lifecycle.join(flaps, heard, now)
            if snoozing.by_somebody(flaps, now):
                self._put_off(group, flaps, now)
                return
        receiver = standing.config.receivers[group.route.receiver]
        mutes = {
            name: mute
            for name, alert in group.alerts.items()
            if (mute := standing.muting.of(group.route, alert, now)) is not None
        }
        if not receiver.drain:
            self._explain(group, mutes, now)
            firing, ended = (
                {name: one for name, one in part.items() if name not in mutes} for part in group.split(now)
            )
            if firing or ended:
                self._tell(group, receiver, firing, ended, now)
        if group.done(now, mutes):
            standing.groups.drop(group)
        else:
            standing.groups.schedule(group)

    def _tell(
        self, group: Group, receiver: Receiver, firing: dict[str, Alert], ended: dict[str, Alert], now: float
    ) -> None:
        incident = self._incident(group, list(firing.values()), now)
        if incident is None or snoozing.by_somebody(incident, now):  # another route's, put off with it
            return
        teller = self._standing.teller
        after, calls = self._escalator.advanced(incident, now)
        told = teller.tell_group(group, receiver, after, calls, firing, ended, now)
        teller.call(after, [call for call in calls if not (told and call.target == receiver.name)], now)
        if after is not incident:
            self._standing.save(after)

    def _put_off(self, group: Group, incident: Incident, now: float) -> None:
        """Look at a group again when its incident goes on, or when it may have come to an end."""
        mute = Mute("snoozed", (snoozing.sleeper(incident),))
        self._explain(group, dict.fromkeys(group.split(now)[0], mute), now)
        until = instants.parse(incident.snoozed_until or incident.started_at)
        group.flush_at = max(now, min(now + group.route.group_interval, until))
        self._standing.groups.schedule(group)

    def _explain(self, group: Group, mutes: Mapping[str, Mute], now: float) -> None:
        """Record why alerts are not told, once for as long as it stays so."""
        why = {name: mute for name, mute in mutes.items() if not group.alerts[name].resolved(now)}
        new = {name: mute for name, mute in why.items() if group.muted.get(name) != mute}
        group.muted = why
        incident = self._standing.register.of(group)
        named = incident.id if incident is not None and incident.status != "resolved" else ""
        for mute in dict.fromkeys(new.values()):
            names = sorted(name for name, one in new.items() if one == mute)
            self._standing.effects.append(muted(named, group, mute, names, now))

    def _incident(self, group: Group, firing: Sequence[Alert], now: float) -> Incident | None:
        """The incident of a group, opened or opened again where something fires that nobody was told of."""
        standing, register = self._standing, self._standing.register
        known = register.of(group) or register.sharing(firing)
        if known is not None and known.status != "resolved":
            register.attach(group, known)
            heard = self._lifecycle.heard(group, known, group.alerts.values(), now)
            updated = self._lifecycle.join(known, heard, now)
            linked = incidents.linked(updated, self._failures(firing))
            return updated if linked is updated else standing.save(linked)
        fresh = firing if known is None else incidents.fresh(known, firing)
        if not fresh:
            return known
        if known is not None and incidents.gap(known, fresh) <= standing.config.reopen_window:
            incident = incidents.reopened(known, firing, now)
        else:
            follows = None if known is None else known.id
            incident = incidents.opened(register.next_id(now), group.key, firing, now, follows)
        register.attach(group, incident)
        standing.teller.forget(incident.id)
        begun = register.started(incident, now)
        linked = incidents.linked(begun, self._failures(firing))
        return standing.save(replace(linked, version=begun.version))  # one record, one version

    def _failures(self, firing: Iterable[Alert]) -> list[dict[str, str | None]]:
        """The requests that failed under these alerts."""
        found: dict[str, dict[str, str | None]] = {}
        for alert in firing:
            if alert.signals & OF_RESULTS:
                since = alert.starts_at - self._standing.config.retention
                failures = self._standing.signals.failures(dict(alert.labels), since, incidents.MAX_REQUESTS)
                for failure in failures:
                    agent = dict(failure.labels).get("agent")
                    found[failure.id] = {
                        "id": failure.id, "agent": agent, "code": failure.code, "at": instants.show(failure.instant)
                    }  # fmt: skip
        return list(found.values())[: incidents.MAX_REQUESTS]
