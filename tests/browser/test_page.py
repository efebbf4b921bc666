"""The web page in a real browser, in front of the running program."""

import html
import re
import shutil
import subprocess
import time
from urllib.parse import urljoin

import httpx
import pytest
from containers import engine
from integration.alerting.running import WITHIN_S, alerting

CONFIG = """
route: {receiver: team, group_wait: 0s}
receivers: [{name: team, email_configs: [{to: ops@example.com, require_tls: false}]}]
global: {smtp_smarthost: "127.0.0.1:9", smtp_from: a@example.com}
severities: {P1: {ack_within: 15m, update_every: 1s}}
"""


@pytest.fixture
def chromium(tmp_path):
    """Load a page; returns what it is then, and what the browser says of it."""
    program = shutil.which("chromium") or engine.absent("chromium is not installed (Debian's chromium)")

    def load(url):
        command = [
            program, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom",
            f"--user-data-dir={tmp_path / 'chromium'}", url,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        return done.stdout, done.stderr

    return load


def test_an_overdue_update_is_marked_and_the_post_mortem_is_a_click_away(chromium, tmp_path):
    """Whatever an alert is called; nothing is refused by the page's own policy."""
    evil = "<img src=x onerror=document.title='owned'>"
    with (
        alerting(tmp_path, CONFIG) as process,
        httpx.Client(base_url=f"http://{process.url}", timeout=WITHIN_S) as client,
    ):
        alert = {"labels": {"alertname": "Down", "severity": "critical"}, "annotations": {"summary": evil}}
        assert client.post("/api/v2/alerts", json=[alert]).status_code == 200
        deadline = time.monotonic() + WITHIN_S
        while client.get("/health").json()["status"] != "degraded":
            assert time.monotonic() < deadline
        page, said = chromium(f"http://{process.url}/")
        assert re.search(r'<dd class="overdue">overdue since \d{4}-\d\d-\d\d', page)
        assert html.escape(evil, quote=False) in page
        assert "<title>(1) Incidents" in page
        assert "Refused" not in said
        link = re.search(r'href="(v1/incidents/[^"]+/postmortem)"', page)[1]
        assert client.get(urljoin("/", link)).text.startswith("# Post-mortem: INC-")
