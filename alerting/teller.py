"""The teller: what people are told, over which channels, in which words of reason; the outbox then sees to it.

A group's receiver hears what is new to each of its channels (`groups.decide`), a step's target that it is called, and
whoever was called or told hears of the answer and of the end. Whether and when is the engine's to say.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from alerting import escalation, groups, incidents, instants
from alerting.alerts import Alert, order
from alerting.config import Config
from alerting.effects import Effect
from alerting.escalation import Call
from alerting.failing import Failing
from alerting.groups import Group, Groups
from alerting.messages import RESOLVED_BY_HAND, Message, instant_of, message_id, step_of
from alerting.outbox import GIVE_UP_S, Outbox, Outcome
from alerting.receivers import Integration, PagerDuty, Receiver, Slack
from alerting.recovery import Channel, as_of
from alerting.register import Register
from alerting.troubles import CHANNEL_FAILING
from streams.contracts import Incident, Notification


class _Way(NamedTuple):
    """A channel by which a group is told; `key` is its name in `Group.told`."""

    key: str
    receiver: str
    channel: str
    integration: Integration


def _key(own: str, receiver: str, channel: str) -> str:
    """A channel's name in `Group.told` of a group whose receiver is `own`."""
    return channel if receiver == own else f"{receiver}:{channel}"


class Teller:
    """Knows who was called and who was reached; adds to `effects` what is to be done."""

    def __init__(self, config: Config, register: Register, all_groups: Groups, effects: list[Effect]) -> None:
        self._register = register
        self._effects = effects
        self.outbox = Outbox()
        self._called: defaultdict[str, set[Channel]] = defaultdict(set)
        self._reached: dict[str, int] = {}
        self._failing = Failing()
        self._troubles: list[tuple[Channel, str | None]] = []
        self._services: dict[tuple[str, Channel], PagerDuty] = {}
        """Where incidents began, by incident and channel: another configuration changes nothing for them."""
        self.reconfigure(config, all_groups)

    def reconfigure(self, config: Config, all_groups: Groups) -> None:
        """Take another configuration."""
        self._config = config
        self._groups = all_groups
        for channel in self._failing:
            if not self._known(*channel):  # nothing is sent over it any more
                self._failing.delivered(channel)
                self._troubles.append((channel, None))

    def remember(self, incident: str, called: Iterable[Channel]) -> None:
        """Take note of who was called in an incident before this process began."""
        self._called[incident] = set(called)

    def restore(self, notifications: Sequence[Notification], now: float) -> None:
        """Take back what was under way when the last process ended, and which channels kept failing."""
        self.outbox.restore(notifications, self._again, now)
        lately = [one for one in notifications if instants.parse(one.at) > now - GIVE_UP_S]
        self._failing.restore(one for one in lately if self._known(one.receiver, one.channel))
        self._troubles += [(channel, self._failing.summary(channel)) for channel in self._failing]
        for one in notifications:
            if one.status == "delivered" and one.channel.startswith(PagerDuty.kind):
                receiver, incident = self._config.receivers.get(one.receiver), self._register.get(one.incident)
                if receiver is not None and incident is not None:
                    self._begun(incident, (one.receiver, one.channel), receiver.channel(one.channel))

    def forget(self, incident: str) -> None:
        """Begin an incident's chain anew: whom its steps had reached counts no more."""
        self._reached.pop(incident, None)

    def reached(self, incident: str, step: int) -> bool:
        """Whether a step of an incident has reached somebody, or still may."""
        return self._reached.get(incident, 0) >= step or self.outbox.under_way(incident, step)

    def delivered(self, name: str, outcome: Outcome, now: float) -> tuple[str, int] | None:
        """Take how a sending went; returns incident and step of one that can never be delivered."""
        message = self.outbox.sent(name)
        self._effects += self.outbox.on_delivery(name, outcome, now)
        if message is not None and outcome.status == "delivered":
            self._begun(message.incident, (message.receiver, message.channel), message.integration)
        if message is not None:
            self._judge((message.receiver, message.channel), outcome, now)
            if outcome.status == "permanent":
                self._refused(message)
        if message is None or message.step is None:
            return None
        incident = message.incident.id
        if outcome.status == "delivered":
            self._reached[incident] = max(self._reached.get(incident, 0), message.step)
        return (incident, message.step) if outcome.status == "permanent" else None

    def _begun(self, incident: Incident, channel: Channel, integration: Integration | None) -> None:
        """PagerDuty finds an incident again by its key in the service that heard of it first."""
        if incident.status == "resolved":
            self._services.pop((incident.id, channel), None)
        elif isinstance(integration, PagerDuty):
            self._services.setdefault((incident.id, channel), integration)

    def take_troubles(self) -> list[tuple[Channel, str | None]]:
        """The channels that have begun to keep failing since the last call, or go on to, or (None) deliver again."""
        troubles, self._troubles = self._troubles, []
        return troubles

    def _known(self, receiver: str, channel: str) -> bool:
        known = self._config.receivers.get(receiver)
        return known is not None and known.channel(channel) is not None

    def _refused(self, message: Message) -> None:
        """Let the next flush of a group tell what a channel of it would not take, as Alertmanager does."""
        for group in filter(None, map(self._groups.get, self._register.places(message.incident))):
            group.refused(_key(group.route.receiver, message.receiver, message.channel), message.at)

    def _judge(self, channel: Channel, outcome: Outcome, now: float) -> None:
        if outcome.status == "delivered":
            if self._failing.delivered(channel):
                self._troubles.append((channel, None))
        elif self._failing.failed(channel, outcome.error, now, refused=outcome.status == "permanent"):
            self._troubles.append((channel, self._failing.summary(channel)))

    def _channels(self, group: Group, receiver: Receiver, alerts: Iterable[Alert]) -> list[_Way]:
        """The ways to tell of alerts: that a channel fails goes over another one, which then hears of the end too."""
        own = [_Way(channel, receiver.name, channel, integration) for channel, integration in receiver.channels]
        failing = any(("alertname", CHANNEL_FAILING) in alert.labels for alert in alerts)
        if not failing and not any(":" in key for key in group.told):
            return own
        others = [
            _Way(_key(receiver.name, other.name, channel), other.name, channel, integration)
            for other in self._config.receivers.values()
            if other is not receiver
            for channel, integration in other.channels
        ]
        told = [way for way in others if way.key in group.told]
        if not failing:
            return [*own, *told]
        working = [way for way in own if (way.receiver, way.channel) not in self._failing]
        if working or told:
            return [*working, *told]
        able = [way for way in others if (way.receiver, way.channel) not in self._failing]
        return [way for way in able if way.receiver == able[0].receiver] if able else own

    def tell_group(
        self, group: Group, receiver: Receiver, incident: Incident, calls: Iterable[Call], firing: dict[str, Alert],
        ended: dict[str, Alert], now: float,
    ) -> bool:  # fmt: skip
        """Tell the channels of a group's receiver what is new to them; a step that calls it goes with that."""
        step = next((call for call in calls if call.target == receiver.name), None)
        told = False
        for way in self._channels(group, receiver, firing.values()):
            integration = way.integration
            decision = groups.decide(
                group.told.get(way.key), frozenset(firing), frozenset(ended),
                repeat_interval=group.route.repeat_interval, now=now, send_resolved=integration.send_resolved,
            )  # fmt: skip
            if not decision.tell:
                continue
            group.tell(way.key, frozenset(firing), frozenset(ended), now)
            shown = [*firing.values(), *(ended.values() if integration.send_resolved else ())]
            shown.sort(key=lambda one: order(one.labels))
            message = replace(
                self._message(incident, way.receiver, way.channel, integration, decision.reason, now, step),
                alerts=tuple(alert.state(now) for alert in shown), group_key=group.key,
                group_labels=group.labels,
                firing=tuple(sorted(firing)), resolved=tuple(sorted(ended)),
            )  # fmt: skip
            if incidents.by_hand(incident):
                self._effects += self.outbox.suppress(message, now, "the incident was resolved by hand")
            elif not shown:
                self._effects += self.outbox.suppress(message, now, "send_resolved is false")
            else:
                self._effects += self.outbox.put(message, now)
                told = True
        return told

    def call(self, incident: Incident, calls: Iterable[Call], now: float) -> None:
        """Tell the targets of an incident's steps."""
        for call in calls:
            receiver = self._config.receivers.get(call.target)
            for channel, integration in receiver.channels if receiver else ():
                message = self._message(incident, call.target, channel, integration, call.reason, now, call)
                self._called[incident.id].add((call.target, channel))
                self._effects += self.outbox.put(message, now)

    def announce(self, incident: Incident, reason: str, now: float) -> None:
        """Tell whoever hears of an incident by its group something beside what fires."""
        for group in filter(None, map(self._groups.get, self._register.places(incident))):
            receiver = self._config.receivers[group.route.receiver]
            for channel, integration in receiver.channels:
                if channel in group.told:
                    message = self._message(incident, receiver.name, channel, integration, reason, now)
                    self._effects += self.outbox.put(replace(message, id=f"{message.id}.{reason}"), now)

    def remind(self, incident: Incident, reason: str, at: float, now: float) -> None:
        """Remind the Slack channels that heard of an incident, under the name of when that was due."""
        for name, channel in sorted(self._routed(incident) | self._called[incident.id]):
            receiver = self._config.receivers.get(name)
            integration = receiver.channel(channel) if receiver else None
            if isinstance(integration, Slack):
                message = self._message(incident, name, channel, integration, reason, at)
                self._effects += self.outbox.put(replace(message, id=f"{message.id}.{reason}"), now)

    def tell_status(self, incident: Incident, now: float) -> None:
        """Tell of an answer or an end whoever does not hear of it from a group."""
        routed, called = self._routed(incident), self._called[incident.id]
        if incident.status == "triggered":
            return
        if incident.status == "acknowledged":  # only PagerDuty has a word for it
            reason, heard = "acknowledged", {one for one in routed | called if one[1].startswith("pagerduty")}
        elif incidents.by_hand(incident):
            reason, heard = RESOLVED_BY_HAND, routed | called
        else:
            reason, heard = "resolved", called - routed
        at = incidents.status_since(incident)
        for name, channel in sorted(heard):
            receiver = self._config.receivers.get(name)
            integration = receiver.channel(channel) if receiver else None
            if integration is not None and (incident.status != "resolved" or integration.send_resolved):
                message = self._message(incident, name, channel, integration, reason, at)
                self._effects += self.outbox.put(message, now)

    def _routed(self, incident: Incident) -> set[Channel]:
        """Who heard of an incident by its groups."""
        return {
            (group.route.receiver, channel)
            for place in self._register.places(incident)
            if (group := self._groups.get(place)) is not None and self._register.of(group) is incident
            for channel in group.told
        }

    def _message(
        self, incident: Incident, receiver: str, channel: str, integration: Integration, reason: str, at: float,
        call: Call | None = None,
    ) -> Message:  # fmt: skip
        name = message_id(incident.id, at, receiver, channel)
        began = self._services.get((incident.id, (receiver, channel)))
        if began is not None and isinstance(integration, PagerDuty):
            integration = replace(
                integration, routing_key=began.routing_key, url=began.url, generic=began.generic
            )  # fmt: skip
        if call is not None:
            name = message_id(incident.id, call.due_at, receiver, channel, call.step or 0)
        return Message(
            id=name,
            at=at,
            receiver=receiver,
            channel=channel,
            integration=integration,
            incident=incident,
            alerts=tuple(incident.alerts),
            reason=reason,
            step=None if call is None else call.step,
            target=None if call is None else call.target,
            next_targets=escalation.next_targets(incident, self._register.chain(incident)),
            update_every=self._register.promise(incident).update_every,
            external_url=self._config.external_url,
        )

    def _again(self, notification: Notification) -> Message | None:
        """Make a message that was under way when the process ended; None when it has nowhere to go any more."""
        known = self._register.get(notification.incident)
        receiver = self._config.receivers.get(notification.receiver)
        integration = receiver.channel(notification.channel) if receiver else None
        if known is None or integration is None:
            return None
        at = instant_of(notification.id) or instants.parse(notification.at)
        incident, step = as_of(known, at), step_of(notification.id)
        return replace(
            self._message(
                incident, notification.receiver, notification.channel, integration, notification.reason, at
            ),
            id=notification.id, step=step or None, target=None if step is None else notification.receiver,
            attempt=notification.attempt, firing=None if notification.firing is None else tuple(notification.firing),
            resolved=None if notification.resolved is None else tuple(notification.resolved),
        )  # fmt: skip
