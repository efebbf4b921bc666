"""The teller: what people are told, over which channels, in which words of reason; the outbox then sees to it.

A group's receiver hears what is new to each of its channels (`groups.decide`), a step's target that it is called, and
whoever was called or told hears of the answer and of the end. Whether and when is the engine's to say.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from alerting import escalation, groups, incidents, instants
from alerting.alerts import Alert
from alerting.config import Config
from alerting.effects import Effect
from alerting.escalation import Call
from alerting.groups import Group, Groups, Told
from alerting.messages import Message, instant_of, message_id, step_of
from alerting.outbox import Outbox, Outcome
from alerting.receivers import Integration, Receiver
from alerting.recovery import Channel
from alerting.register import Register
from streams.contracts import Incident, Notification


class Teller:
    """Knows who was called and who was reached; adds to `effects` what is to be done."""

    def __init__(self, config: Config, register: Register, all_groups: Groups, effects: list[Effect]) -> None:
        self._register = register
        self._effects = effects
        self.outbox = Outbox()
        self._called: defaultdict[str, set[Channel]] = defaultdict(set)
        self._reached: dict[str, int] = {}
        self.reconfigure(config, all_groups)

    def reconfigure(self, config: Config, all_groups: Groups) -> None:
        """Take another configuration."""
        self._config = config
        self._groups = all_groups

    def remember(self, incident: str, called: Iterable[Channel]) -> None:
        """Take note of who was called in an incident before this process began."""
        self._called[incident] = set(called)

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
        if message is None or message.step is None:
            return None
        incident = message.incident.id
        if outcome.status == "delivered":
            self._reached[incident] = max(self._reached.get(incident, 0), message.step)
        return (incident, message.step) if outcome.status == "permanent" else None

    def tell_group(
        self, group: Group, receiver: Receiver, incident: Incident, calls: Iterable[Call], firing: dict[str, Alert],
        ended: dict[str, Alert], now: float,
    ) -> bool:  # fmt: skip
        """Tell the channels of a group's receiver what is new to them; a step that calls it goes with that."""
        step = next((call for call in calls if call.target == receiver.name), None)
        told = False
        for channel, integration in receiver.channels:
            decision = groups.decide(
                group.told.get(channel), frozenset(firing), frozenset(ended),
                repeat_interval=group.route.repeat_interval, now=now, send_resolved=integration.send_resolved,
            )  # fmt: skip
            if not decision.tell:
                continue
            group.told[channel] = Told(frozenset(firing), frozenset(ended), now)
            shown = [*firing.values(), *(ended.values() if integration.send_resolved else ())]
            message = replace(
                self._message(incident, receiver.name, channel, integration, decision.reason, now, step),
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

    def tell_status(self, incident: Incident, now: float) -> None:
        """Tell of an answer or an end whoever does not hear of it from a group."""
        routed = {
            (group.route.receiver, channel)
            for place in self._register.places(incident)
            if (group := self._groups.get(place)) is not None and self._register.of(group) is incident
            for channel in group.told
        }
        called = self._called[incident.id]
        if incident.status == "triggered":
            return
        if incident.status == "acknowledged":  # only PagerDuty has a word for it
            reason, heard = "acknowledged", {one for one in routed | called if one[1].startswith("pagerduty")}
        elif incidents.by_hand(incident):
            reason, heard = "resolved_by_hand", routed | called
        else:
            reason, heard = "resolved", called - routed
        at = incidents.status_since(incident)
        for name, channel in sorted(heard):
            receiver = self._config.receivers.get(name)
            integration = receiver.channel(channel) if receiver else None
            if integration is not None and (incident.status != "resolved" or integration.send_resolved):
                message = self._message(incident, name, channel, integration, reason, at)
                self._effects += self.outbox.put(message, now)

    def _message(
        self, incident: Incident, receiver: str, channel: str, integration: Integration, reason: str, at: float,
        call: Call | None = None,
    ) -> Message:  # fmt: skip
        name = message_id(incident.id, at, receiver, channel)
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

    def again(self, notification: Notification) -> Message | None:
        """Make a message that was under way when the process ended; None when it has nowhere to go any more."""
        incident = self._register.get(notification.incident)
        receiver = self._config.receivers.get(notification.receiver)
        integration = receiver.channel(notification.channel) if receiver else None
        if incident is None or integration is None:
            return None
        at = instant_of(notification.id) or instants.parse(notification.at)
        step = step_of(notification.id)
        return replace(
            self._message(
                incident, notification.receiver, notification.channel, integration, notification.reason, at
            ),
            id=notification.id, step=step or None, target=None if step is None else notification.receiver,
            attempt=notification.attempt, firing=None if notification.firing is None else tuple(notification.firing),
            resolved=None if notification.resolved is None else tuple(notification.resolved),
        )  # fmt: skip
