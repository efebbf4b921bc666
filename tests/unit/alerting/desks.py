"""An engine whose messages are delivered at once, or fail as told: what tests of its decisions begin with."""

from unit.alerting.making import NOW

from alerting import instants
from alerting.effects import Notify, Publish
from alerting.engine import Engine
from alerting.outbox import DELIVERED
from streams.contracts import Command, Incident

CONFIG = """
route: {receiver: team, group_by: [alertname], group_wait: 0s, group_interval: 1m, repeat_interval: 1h}
receivers:
  - {name: team, webhook_configs: [{url: "http://a"}]}
  - {name: pager, pagerduty_configs: [{routing_key: KEY}]}
  - {name: log, webhook_configs: [{url: "http://b"}]}
  - {name: nowhere}
people: {ada: {webhook_configs: [{url: "http://c"}]}, grace: {webhook_configs: [{url: "http://d"}]}}
escalation: [{steps: [{after: 0s, notify: [pager]}, {after: 15m, notify: [ada]}, {after: 30m, notify: [grace]}]}]
global: {resolve_timeout: 1d}
"""


class Desk:
    """An engine whose messages are delivered at once, or fail as told."""

    def __init__(self, config):
        self.engine = Engine(config)
        self.incidents: list[Incident] = []
        self.told = []
        self.messages = []
        self.outcomes = {}
        self.config = config
        self.notifications = []
        self.commands = []
        self.silences = []

    def perform(self, effects, at):
        sent = []
        for effect in effects:
            match effect:
                case Publish(topic="ops.incidents", value=value):
                    self.incidents.append(value)
                case Publish(topic="ops.silences", value=value):
                    self.silences = [*(one for one in self.silences if one.id != value.id), value]
                case Publish(topic="ops.notifications", value=value):
                    self.notifications.append(value)
                case Notify(message=message):
                    self.told.append((at, message.receiver, message.reason))
                    self.messages.append(message)
                    sent.append(message)
        for message in sent:
            outcome = self.outcomes.get(message.receiver, DELIVERED)
            self.perform(self.engine.on_delivery(message.id, outcome, NOW + at), at)

    def restart(self, at):
        """Kill the process, and start another one from the topics."""
        self.engine = Engine.restore(self.config, self.incidents, self.notifications, NOW + at, self.silences)
        for command in self.commands:
            self.perform(self.engine.on_command(command, NOW + at), at)

    def push(self, at, *alerts):
        self.perform(self.engine.on_alerts(alerts, NOW + at), at)

    def tick(self, *times):
        for at in times:
            self.perform(self.engine.tick(NOW + at), at)

    def command(self, at, action, by="ada", **fields):
        command = Command(incident=self.incidents[-1].id, action=action, by=by, at=instants.show(NOW + at), **fields)
        self.commands.append(command)
        self.perform(self.engine.on_command(command, NOW + at), at)
        return command

    def last(self):
        return self.incidents[-1]
