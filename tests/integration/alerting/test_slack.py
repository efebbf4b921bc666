"""A bot of Slack's, through the running program: messages within its limits, and a button that acknowledges."""

import hashlib
import hmac
import threading
import time
from urllib.parse import urlencode

import httpx
import msgspec
import pytest
from integration.alerting.running import WITHIN_S, alerting
from listening import listening

CONFIG = """
global: {{slack_app_token: xoxb-1, slack_app_url: '{url}/chat.postMessage', slack_signing_secret: S1GN}}
route: {{receiver: team, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers: [{{name: team, slack_configs: [{{channel: '#a', send_resolved: true}}]}}]
"""


@pytest.fixture
def slack():
    """Slack as it documents itself; the first message is told to wait a second."""
    got, answers = [], [(429, {"retry-after": "1"}, b"")]

    def answer(path, headers, body):
        body = msgspec.json.decode(body)
        status, said, text = answers.pop(0) if answers else (200, {}, b"")
        if status == 200:
            assert headers["authorization"] == "Bearer xoxb-1"
            assert 0 < len(body["blocks"]) <= 50
            got.append((time.monotonic(), path, body))
            text = msgspec.json.encode({"ok": True, "channel": "C1", "ts": f"1700000000.{len(got):06d}"})
        return status, said, text

    with listening(answer) as url:
        yield f"{url}/api", got


def wait_for(condition):
    deadline = time.monotonic() + WITHIN_S
    while not (found := condition()):
        assert time.monotonic() < deadline, "not in time"
        threading.Event().wait(0.05)
    return found


def press(process, incident, secret):
    payload = {
        "type": "block_actions", "user": {"id": "U1", "username": "ada"},
        "actions": [{"action_id": "acknowledge", "value": incident, "action_ts": f"{time.time():.6f}"}],
    }  # fmt: skip
    body = urlencode({"payload": msgspec.json.encode(payload).decode()})
    at = str(int(time.time()))
    signature = "v0=" + hmac.new(secret, f"v0:{at}:{body}".encode(), hashlib.sha256).hexdigest()
    headers = {
        "content-type": "application/x-www-form-urlencoded", "x-slack-request-timestamp": at,
        "x-slack-signature": signature,
    }  # fmt: skip
    return httpx.post(f"http://{process.url}/v1/slack/actions", content=body, headers=headers, timeout=WITHIN_S)


def test_a_button_acknowledges_and_the_end_goes_into_the_thread(slack, tmp_path):
    url, got = slack
    with alerting(tmp_path, CONFIG.format(url=url)) as process:

        def push(**fields):
            alerts = [{"labels": {"alertname": "Told", "severity": "critical"}, **fields}]
            httpx.post(f"http://{process.url}/api/v2/alerts", json=alerts, timeout=WITHIN_S).raise_for_status()

        push()
        _, path, root = wait_for(lambda: got and got[0])
        assert (path, root["channel"]) == ("/api/chat.postMessage", "#a")
        (offered,) = [block["elements"] for block in root["blocks"] if block["type"] == "actions"]
        incident = offered[0]["value"]
        assert press(process, incident, b"another").status_code == 401
        assert press(process, incident, b"S1GN").status_code == 200
        shown = wait_for(
            lambda: (one := httpx.get(f"http://{process.url}/v1/incidents/{incident}").json())["status"]
            == "acknowledged" and one
        )  # fmt: skip
        assert shown["timeline"][-1]["by"] == "ada (Slack)"
        push(endsAt="2026-01-01T00:00:00Z", startsAt="2025-12-31T00:00:00Z")
        wait_for(lambda: len(got) >= 3)
    (_, _, reply), (_, changed_at, changed) = got[1:3]
    assert (reply["channel"], reply["thread_ts"]) == ("C1", "1700000000.000001")
    assert (changed_at, changed["ts"]) == ("/api/chat.update", "1700000000.000001")
    assert "S1GN" not in (tmp_path / "log").read_text()
    assert "xoxb-1" not in (tmp_path / "log").read_text()
