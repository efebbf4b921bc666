"""Webhooks: Alertmanager's payload, version 4; an escalation names its step in `commonAnnotations`.

With a key, `X-Sci-Agents-Signature` lets the receiver tell that the body is ours and whole.
"""

import hmac
from typing import Any, cast

import msgspec

from alerting.messages import Message
from alerting.notify.http import Clients, post
from alerting.outbox import Outcome
from alerting.receivers import Secret, Webhook
from streams.contracts import AlertState

SIGNATURE = "x-sci-agents-signature"
_NEVER = "0001-01-01T00:00:00Z"


class WebhookNotifier:
    """Posts to an endpoint of somebody's own."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    async def send(self, message: Message) -> Outcome:
        """Send one message."""
        webhook = cast("Webhook", message.integration)
        body = msgspec.json.encode(payload(message, webhook.max_alerts))
        signed = {} if webhook.key is None else {SIGNATURE: signature(webhook.key, body)}
        return await post(self._clients, webhook.http, webhook.url, body, webhook.timeout, signed)


def signature(key: Secret, body: bytes) -> str:
    """Sign a body, HMAC-SHA256 (RFC 2104), in the form of GitHub's webhooks: `sha256=` and hexadecimal digits."""
    return "sha256=" + hmac.new(key.reveal().encode(), body, "sha256").hexdigest()


def payload(message: Message, max_alerts: int = 0) -> dict[str, Any]:
    """Write a message as Alertmanager does; at most `max_alerts` alerts, 0 for all."""
    states = message.payload_alerts
    alerts = states[:max_alerts] if max_alerts else states
    annotations = _common([state.annotations for state in states])
    if message.target is not None:
        annotations |= {"escalation_target": message.target, "incident_id": message.incident.id}
        annotations["escalation_reason"] = message.reason
        if message.step is not None:
            annotations["escalation_step"] = str(message.step)
    return {
        "version": "4",
        "groupKey": message.group_key or message.incident.group_key,
        "truncatedAlerts": len(states) - len(alerts),
        "status": message.status,
        "receiver": message.receiver,
        "groupLabels": dict(message.group_labels),
        "commonLabels": _common([state.labels for state in states]),
        "commonAnnotations": annotations,
        "externalURL": message.external_url,
        "alerts": [_alert(state) for state in alerts],
    }


def _alert(state: AlertState) -> dict[str, Any]:
    return {
        "status": state.status,
        "labels": state.labels,
        "annotations": state.annotations,
        "startsAt": state.starts_at,
        "endsAt": state.ends_at or _NEVER,
        "generatorURL": state.generator_url,
        "fingerprint": state.fingerprint,
    }


def _common(mappings: list[dict[str, str]]) -> dict[str, str]:
    """What all of them say alike."""
    if not mappings:
        return {}
    first, *others = mappings
    return {name: said for name, said in first.items() if all(other.get(name) == said for other in others)}
