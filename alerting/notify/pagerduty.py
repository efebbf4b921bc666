"""PagerDuty: Events v2 (or v1, by a service key), one key for an incident's life; trigger, acknowledge, resolve."""

from typing import Any, Literal, cast

import msgspec

from alerting import text
from alerting.messages import Message
from alerting.notify.http import Clients, post
from alerting.outbox import Outcome
from alerting.receivers import PagerDuty, Secret
from streams.contracts import Severity

SUMMARY_LIMIT = 1024
_MAX_ALERTS = 50
_MAX_STEPS = 20
_DETAIL_LIMIT = 1000
_SEVERITIES: dict[Severity, str] = {"P0": "critical", "P1": "error", "P2": "warning", "P3": "info"}


class PagerDutyNotifier:
    """Sends events to a service."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    async def send(self, message: Message) -> Outcome:
        """Send one event."""
        pagerduty = cast("PagerDuty", message.integration)
        body = generic(message) if pagerduty.generic else payload(message)
        outcome = await post(
            self._clients, pagerduty.http, Secret(pagerduty.url), msgspec.json.encode(body), pagerduty.timeout
        )
        key = pagerduty.routing_key.reveal()
        limited = pagerduty.generic and (outcome.error or "").startswith("HTTP 403")  # how version 1 says 429
        return Outcome(
            "retry" if limited else outcome.status, outcome.error and outcome.error.replace(key, "***"), outcome.after
        )


def action(message: Message) -> Literal["trigger", "acknowledge", "resolve"]:
    """What the event does: where the incident stands, for a step of the chain always a trigger."""
    if message.incident.status == "resolved":
        return "resolve"
    if message.incident.status == "acknowledged" and message.target is None:
        return "acknowledge"
    return "trigger"


def payload(message: Message) -> dict[str, Any]:
    """Write a message as an event, far below 512 KB."""
    incident = message.incident
    event: dict[str, Any] = {
        "routing_key": cast("PagerDuty", message.integration).routing_key.reveal(),
        "event_action": action(message),
        "dedup_key": message.dedup_key,
    }
    if event["event_action"] != "trigger":
        return event
    event["payload"] = {
        "summary": text.subject(incident)[:SUMMARY_LIMIT],
        "source": text.one_line(incident.affected, 200) or text.PRODUCT,
        "severity": _SEVERITIES[incident.severity],
        "timestamp": incident.started_at,
        "custom_details": _details(message),
    }
    if message.external_url:
        event["links"] = [{"href": message.external_url, "text": incident.id}]
    return event


def generic(message: Message) -> dict[str, Any]:
    """Write a message as an event of version 1, which has a description and no severity."""
    event: dict[str, Any] = {
        "service_key": cast("PagerDuty", message.integration).routing_key.reveal(),
        "event_type": action(message),
        "incident_key": message.dedup_key,
        "description": text.subject(message.incident)[:SUMMARY_LIMIT],
        "details": _details(message),
    }
    if event["event_type"] == "trigger" and message.external_url:
        event |= {"client": text.PRODUCT, "client_url": message.external_url}
    return event


def _details(message: Message) -> dict[str, Any]:
    incident = message.incident
    return {
        "incident": incident.id,
        "phase": incident.phase,
        "impact": text.one_line(incident.impact, _DETAIL_LIMIT),
        "reason": message.reason,
        "alerts": [
            text.one_line(state.annotations.get("summary") or state.labels.get("alertname", ""), 300)
            for state in message.alerts[:_MAX_ALERTS]
        ],
        "next_steps": [text.one_line(step, _DETAIL_LIMIT) for step in text.next_steps(message)[:_MAX_STEPS]],
    }
