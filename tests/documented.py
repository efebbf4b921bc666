"""What Slack, PagerDuty and mail document of what they take: each function fails at the first thing beyond it."""

import email
import email.policy
import re
from datetime import datetime

import msgspec

KILOBYTE = 1024


def slack(body: bytes) -> dict:
    """Check a message for Slack (docs.slack.dev: Block Kit, `chat.postMessage`, attachments); returns it."""
    found = msgspec.json.decode(body)
    assert len(found.get("text", "")) <= 40_000
    blocks = found.get("blocks", [])
    assert len(blocks) <= 50
    for block in blocks:
        _block(block)
    assert len(found.get("attachments", [])) <= 100
    assert blocks or found.get("text") or found.get("attachments"), "no_text"
    return found


def _block(block: dict) -> None:
    match block["type"]:
        case "header":
            assert block["text"]["type"] == "plain_text"
            _text(block["text"], 150)
        case "section":
            assert "text" in block or block["fields"]
            if "text" in block:
                _text(block["text"], 3000)
            assert len(block.get("fields", [])) <= 10
            for one in block.get("fields", []):
                _text(one, 2000)
        case "context":
            assert 0 < len(block["elements"]) <= 10
            for one in block["elements"]:
                _text(one, 2000)
        case "actions":
            assert 0 < len(block["elements"]) <= 25
            assert len({one["action_id"] for one in block["elements"]}) == len(block["elements"])
            for one in block["elements"]:
                assert one["type"] == "button"
                _text(one["text"], 75)
                assert 0 < len(one["action_id"]) <= 255
                assert len(one.get("value", "")) <= 2000
        case other:
            raise AssertionError(f"invalid_blocks: {other}")


def _text(text: dict, limit: int) -> None:
    assert text["type"] in {"plain_text", "mrkdwn"}
    assert 0 < len(text["text"]) <= limit, (limit, len(text["text"]))


def pagerduty(body: bytes) -> dict:
    """Check an event for PagerDuty (Events API v2); returns it."""
    assert len(body) <= 512 * KILOBYTE
    found = msgspec.json.decode(body)
    assert found["event_action"] in {"trigger", "acknowledge", "resolve"}
    assert found["routing_key"]
    assert 0 < len(found.get("dedup_key", "")) <= 255 or found["event_action"] == "trigger"
    if found["event_action"] == "trigger":
        payload = found["payload"]
        assert 0 < len(payload["summary"]) <= 1024
        assert payload["source"]
        assert payload["severity"] in {"critical", "error", "warning", "info"}
        if "timestamp" in payload:
            datetime.fromisoformat(payload["timestamp"])
        assert isinstance(payload.get("custom_details", {}), dict)
    assert all(one["href"] for one in found.get("links", []))
    assert all(one["src"].startswith("https://") for one in found.get("images", []))
    return found


_ONCE = ("From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "MIME-Version", "Auto-Submitted")


def mail(raw: bytes) -> email.message.EmailMessage:
    """Check a mail (RFC 5322: lines of at most 998 octets, CRLF; ASCII headers, each once); returns it."""
    head, _, _ = raw.partition(b"\r\n\r\n")
    assert head.isascii()
    assert re.search(rb"(?<!\r)\n|\r(?!\n)", raw) is None, "a bare line break"
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    found = email.message_from_bytes(raw, policy=email.policy.default)
    for name in _ONCE:
        assert len(found.get_all(name, [])) == 1, name
    assert re.fullmatch(r"<[^<>@\s]+@[^<>@\s]+>", found["Message-ID"])
    assert found["Auto-Submitted"] == "auto-generated"
    assert [part.get_content_type() for part in found.iter_parts()] == ["text/plain", "text/html"]
    return found
