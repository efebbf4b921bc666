"""Notifiers: the edge where a message leaves for people. One method, `send`, says how it went and never raises.

To add one: a channel in `receivers`, a section in `channel_sections`, a module here, a line in `notifiers`.
"""

from collections.abc import Mapping
from typing import Protocol

from alerting.messages import Message
from alerting.notify.email import EmailNotifier
from alerting.notify.http import Clients
from alerting.notify.pagerduty import PagerDutyNotifier
from alerting.notify.slack import SlackNotifier
from alerting.notify.webhook import WebhookNotifier
from alerting.outbox import Outcome


class Notifier(Protocol):
    """Sends messages over one kind of channel."""

    async def send(self, message: Message) -> Outcome:
        """Send once, in bounded time; what goes wrong is the outcome, without secrets."""


def notifiers(clients: Clients) -> Mapping[str, Notifier]:
    """Every notifier by the `kind` of its channel; those that speak HTTP share clients."""
    return {
        "email": EmailNotifier(),
        "slack": SlackNotifier(clients),
        "webhook": WebhookNotifier(clients),
        "pagerduty": PagerDutyNotifier(clients),
    }
