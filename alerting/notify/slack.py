"""Slack: an incoming webhook or a bot, Block Kit within its limits.

50 blocks, 3,000 characters a section, 2,000 a field, 150 a header, 75 a button, 255 an `action_id`, 2,000 a `value`.
"""

import re
from dataclasses import replace
from typing import Any, cast

import msgspec

from alerting import instants, text
from alerting.go.scan import GoError
from alerting.messages import Message
from alerting.notify import words
from alerting.notify.http import Clients, Read, post
from alerting.outbox import DELIVERED, Outcome
from alerting.receivers import Secret, Slack

HEADER_LIMIT = 150
SECTION_LIMIT = 3000
FIELD_LIMIT = 2000
BLOCKS_LIMIT = 50
TITLE_LIMIT = 1024
ATTACHMENT_LIMIT = 8000
"""Of an attachment's title, as Alertmanager cuts it, and of its other texts."""
POST, UPDATE = "/chat.postMessage", "/chat.update"
ACKNOWLEDGE, RESOLVE, SNOOZE = "acknowledge", "resolve", "snooze"
"""What buttons say: their `action_id`."""
_PLACE = re.compile(r"[A-Z0-9]{1,32}:[0-9]{1,20}\.[0-9]{1,10}")
_PASSING = frozenset({
    "fatal_error", "internal_error", "rate_limited", "ratelimited", "request_timeout", "service_unavailable",
})  # fmt: skip
"""Errors of the Web API that may be over the next time."""


class SlackNotifier:
    """Posts to incoming webhooks, or, where the URL is that of `chat.postMessage`, as a bot."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    async def send(self, message: Message) -> Outcome:
        """Send one message; a bot's go into one thread an incident, whose first message shows where it stands."""
        slack = cast("Slack", message.integration)
        body, unsaid = spoken(message)
        outcome = await self._send(slack, message, body)
        return replace(outcome, error=outcome.error or unsaid)

    async def _send(self, slack: Slack, message: Message, body: dict[str, Any]) -> Outcome:
        if not is_bot(slack):
            return await self._post(slack, slack.api_url, body, taken)
        where, _, root = (message.thread or "").partition(":")
        if not root:
            return await self._post(slack, slack.api_url, body, answered)
        outcome = await self._post(slack, slack.api_url, body | {"channel": where, "thread_ts": root}, answered)
        if outcome.status == "delivered":
            url = Secret(slack.api_url.reveal().removesuffix(POST) + UPDATE)
            changed = await self._post(slack, url, update(body, where, root), answered)
            said = changed.error and f"the first message was not changed: {changed.error}"
            return Outcome("delivered", said, thread=message.thread)
        return outcome

    async def _post(self, slack: Slack, url: Secret, body: dict[str, Any], read: Read | None = None) -> Outcome:
        content = msgspec.json.encode(body)
        return await post(self._clients, slack.http, url, content, slack.timeout, read=read)


def is_bot(slack: Slack) -> bool:
    """Whether messages go through the Web API, which knows threads and changes."""
    return slack.api_url.reveal().endswith(POST)


class _Answer(msgspec.Struct):
    ok: bool
    error: str = ""
    ts: str = ""
    channel: str = ""


_answer = msgspec.json.Decoder(_Answer)


def answered(body: bytes) -> Outcome:
    """Say what the Web API's answer means: it says 200 to what it refuses, too."""
    try:
        answer = _answer.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Outcome("retry", "the answer cannot be read")
    if answer.ok:
        known = _PLACE.fullmatch(f"{answer.channel}:{answer.ts}")
        return Outcome("delivered", thread=known[0] if known else None)
    error = text.one_line(answer.error, 200) or "refused without a word"
    return Outcome("retry" if answer.error in _PASSING else "permanent", error)


def taken(body: bytes) -> Outcome:
    """Say what an incoming webhook's answer means: a text, words of the Web API, or a page of somebody else's."""
    said = body.strip()
    try:
        if said.startswith(b"{") and msgspec.json.decode(said, type=dict[str, Any]).get("ok") is False:
            return answered(said)
        strange = said.decode().startswith("<")
    except (msgspec.DecodeError, UnicodeDecodeError):
        strange = True
    return Outcome("retry", "the answer is not Slack's") if strange else DELIVERED


def update(body: dict[str, Any], channel: str, timestamp: str) -> dict[str, Any]:
    """Write the change of an incident's first message: it always shows the latest."""
    kept: dict[str, Any] = {name: body[name] for name in ("text", "blocks", "attachments") if name in body}
    return {"channel": channel, "ts": timestamp, **kept}


def spoken(message: Message) -> tuple[dict[str, Any], str | None]:
    """Write a message in the channel's own words, or the runbook's; what cannot be filled in is said besides."""
    slack = cast("Slack", message.integration)
    if slack.words is None:
        return payload(message), None
    try:
        said = words.filled(slack.words, words.data_of(message), message.at)
    except GoError as error:
        unnamed = {name: value for name, value in payload(message).items() if "{{" not in str(value)}
        return (
            unnamed,
            f"in the words of the runbook, since its own cannot be filled in: {text.one_line(str(error), 300)}",
        )
    if "attachment" not in said:
        return payload(message) | said["named"], None
    named = {"channel": slack.channel, "username": slack.username, "icon_emoji": slack.icon_emoji} | said["named"]
    named |= {"text": said["message_text"], "icon_url": said["icon_url"], "link_names": said["link_names"]}
    return {name: value for name, value in named.items() if value} | {
        "attachments": [_attachment(said["attachment"])]
    }, None


def _attachment(said: dict[str, Any]) -> dict[str, Any]:
    kept = {name: _cut(value, ATTACHMENT_LIMIT) if isinstance(value, str) else value for name, value in said.items()}
    if "title" in kept:
        kept["title"] = _cut(kept["title"], TITLE_LIMIT)
    return {name: value for name, value in kept.items() if value not in ("", [], None)}


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
        *_section("Alerts", text.alert_lines(message.alerts)),
        *_buttons(message),
        {"type": "context", "elements": [_words(f"Updates: {text.promised(message)}", FIELD_LIMIT)]},
        {"type": "context", "elements": [_words(_plain(note), FIELD_LIMIT)]},
    ]
    named = {"channel": slack.channel, "username": slack.username, "icon_emoji": slack.icon_emoji}
    return {
        "text": _cut(_plain(text.subject(incident)), SECTION_LIMIT),
        "blocks": blocks[:BLOCKS_LIMIT],
        **{name: value for name, value in named.items() if value},
    }


def _buttons(message: Message) -> list[dict[str, Any]]:
    incident = message.incident
    if not cast("Slack", message.integration).buttons or incident.status == "resolved":
        return []
    offered = {ACKNOWLEDGE: "Acknowledge", RESOLVE: "Resolve", SNOOZE: "Snooze for an hour"}
    if incident.status == "acknowledged":
        del offered[ACKNOWLEDGE]
    elements = [
        {"type": "button", "action_id": name, "value": incident.id, "text": {"type": "plain_text", "text": label}}
        for name, label in offered.items()
    ]
    return [{"type": "actions", "elements": elements}]


def _section(title: str, lines: list[str]) -> list[dict[str, Any]]:
    if not lines:
        return []
    shown = "\n".join(f"• {_plain(line)}" for line in lines)
    return [{"type": "section", "text": _words(f"*{title}:*\n{shown}", SECTION_LIMIT)}]


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
