"""Slack: an incoming webhook, Block Kit within its limits (50 blocks, 3,000 a section, 2,000 a field, 150 a header)."""

from typing import Any, cast

import httpx
import msgspec

from alerting import instants, text
from alerting.messages import Message
from alerting.notify.http import post
from alerting.outbox import Outcome
from alerting.receivers import Slack
from streams.contracts import AlertState

HEADER_LIMIT = 150
SECTION_LIMIT = 3000
FIELD_LIMIT = 2000
BLOCKS_LIMIT = 50
_MAX_ALERTS = 20


class SlackNotifier:
    """Posts to incoming webhooks."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def send(self, message: Message) -> Outcome:
        """Send one message."""
        slack = cast("Slack", message.integration)
        return await post(
            self._client, slack.api_url, msgspec.json.encode(payload(message)), authorization=slack.authorization
        )


def payload(message: Message) -> dict[str, Any]:
    """Write a message as blocks, in the order of the runbook's template; `text` is what a notification shows."""
    slack = cast("Slack", message.integration)
    incident = message.incident
    facts = {
        "Status": incident.phase,
        "Started": instants.minute(incident.started_at),
        "Affected": incident.affected or "Unknown",
        "Impact": incident.impact or "Unknown",
    }
    note = f"{incident.id} | {message.reason}"
    if message.target is not None:
        note += f" | {f'step {message.step} for ' if message.step is not None else ''}{message.target}"
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": _cut(text.subject(incident), HEADER_LIMIT)}},
        {
            "type": "section",
            "fields": [_words(f"*{name}:* {_plain(said)}", FIELD_LIMIT) for name, said in facts.items()],
        },
        *_section("Actions Taken", text.actions_taken(incident)),
        *_section("Next Steps", text.next_steps(message)),
        *_section("Alerts", [_line(state) for state in message.alerts[:_MAX_ALERTS]]),
        {"type": "context", "elements": [_words(f"Updates: {text.updates(message.update_every)}", FIELD_LIMIT)]},
        {"type": "context", "elements": [_words(_plain(note), FIELD_LIMIT)]},
    ]
    named = {"channel": slack.channel, "username": slack.username, "icon_emoji": slack.icon_emoji}
    return {
        "text": _cut(_plain(text.subject(incident)), SECTION_LIMIT),
        "blocks": blocks[:BLOCKS_LIMIT],
        **{name: value for name, value in named.items() if value},
    }


def _section(title: str, lines: list[str]) -> list[dict[str, Any]]:
    if not lines:
        return []
    shown = "\n".join(f"• {_plain(line)}" for line in lines)
    return [{"type": "section", "text": _words(f"*{title}:*\n{shown}", SECTION_LIMIT)}]


def _line(state: AlertState) -> str:
    mark = "over" if state.status == "resolved" else "fires"
    summary = state.annotations.get("summary") or text.title(state.labels.get("alertname", "Alert"))
    return f"{mark} since {instants.minute(state.ends_at or state.starts_at)}: {text.one_line(summary, 300)}"


def _words(said: str, limit: int) -> dict[str, str]:
    return {"type": "mrkdwn", "text": _cut(said, limit)}


def _plain(said: str) -> str:
    """Escape the signs that Slack reads as markup or mentions."""
    return said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(said: str, limit: int) -> str:
    if len(said) <= limit:
        return said
    kept = said[: limit - 1]
    start = kept.rfind("&", len(kept) - 5)
    if start >= 0 and ";" not in kept[start:]:  # not in the middle of an escape
        kept = kept[:start]
    return kept + "…"
