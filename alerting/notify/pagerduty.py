"""PagerDuty: Events v2 (or v1, by a service key), one key for an incident's life; trigger, acknowledge, resolve."""

from typing import Any, Literal, cast

import msgspec

from alerting import text
from alerting.go.scan import GoError
from alerting.messages import Message
from alerting.notify import words
from alerting.notify.http import Clients, post
from alerting.outbox import Outcome
from alerting.receivers import PagerDuty, Secret
from streams.contracts import Severity

SUMMARY_LIMIT = 1024
_MAX_ALERTS = 50
_MAX_STEPS = 20
_DETAIL_LIMIT = 1000
_DETAILS_BYTES = 256 * 1024
_MAX_LINKS = 50
_SEVERITIES: dict[Severity, str] = {"P0": "critical", "P1": "error", "P2": "warning", "P3": "info"}


class PagerDutyNotifier:
    """Sends events to a service."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    async def send(self, message: Message) -> Outcome:
        """Send one event."""
        pagerduty = cast("PagerDuty", message.integration)
        body, unsaid = spoken(message)
        outcome = await post(
            self._clients, pagerduty.http, Secret(pagerduty.url), msgspec.json.encode(body), pagerduty.timeout
        )
        key = pagerduty.routing_key.reveal()
        limited = pagerduty.generic and (outcome.error or "").startswith("HTTP 403")  # how version 1 says 429
        error = outcome.error.replace(key, "***") if outcome.error else unsaid
        return Outcome("retry" if limited else outcome.status, error, outcome.after)


def action(message: Message) -> Literal["trigger", "acknowledge", "resolve"]:
    """What the event does: where the incident stands, for a step of the chain always a trigger."""
    if message.incident.status == "resolved":
        return "resolve"
    if message.incident.status == "acknowledged" and message.target is None:
        return "acknowledge"
    return "trigger"


def spoken(message: Message) -> tuple[dict[str, Any], str | None]:
    """Write an event, in the channel's own words where it has some; what cannot be filled in is said besides."""
    pagerduty = cast("PagerDuty", message.integration)
    body = generic(message) if pagerduty.generic else payload(message)
    if pagerduty.words is None:
        return body, None
    try:
        said = words.filled(pagerduty.words, words.data_of(message), message.at)
    except GoError as error:
        why = text.one_line(str(error), 300)
        return body, f"in the words of the runbook, since its own cannot be filled in: {why}"
    return _worded(body, said, generic=pagerduty.generic), None


def _worded(body: dict[str, Any], said: dict[str, Any], *, generic: bool) -> dict[str, Any]:
    """Put the channel's own words in the place of ours; its details stand beside ours, while there is room."""
    details = {name: value for name, value in said.get("details", {}).items() if value not in ("", None)}
    if len(msgspec.json.encode(details)) > _DETAILS_BYTES:
        details = {"error": f"the details are left out: they are larger than {_DETAILS_BYTES:,} bytes"}
    if generic:
        made = body | {"details": body["details"] | details}
        if said.get("description"):
            made["description"] = said["description"][:SUMMARY_LIMIT]
        named = {name: said[name][:_DETAIL_LIMIT] for name in ("client", "client_url") if said.get(name)}
        return made | (named if body["event_type"] == "trigger" else {})
    if "payload" not in body:
        return body
    inner = dict(body["payload"], custom_details=body["payload"]["custom_details"] | details)
    if said.get("description"):
        inner["summary"] = said["description"][:SUMMARY_LIMIT]
    if said.get("severity", "").strip() in set(_SEVERITIES.values()):
        inner["severity"] = said["severity"].strip()
    inner |= {name: said[name][:_DETAIL_LIMIT] for name in ("source", "class", "component", "group") if said.get(name)}
    made = body | {"payload": inner}
    made |= {name: said[name][:_DETAIL_LIMIT] for name in ("client", "client_url") if said.get(name)}
    links = [*body.get("links", []), *(one for one in said.get("links", []) if one["href"])]
    images = [one for one in said.get("images", []) if one["src"]]
    return made | ({"links": links[:_MAX_LINKS]} if links else {}) | ({"images": images[:_MAX_LINKS]} if images else {})


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
