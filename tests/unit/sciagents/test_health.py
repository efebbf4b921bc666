"""What checks come to, and how it is told."""

import http.server
import threading

import msgspec
import pytest

from sciagents import health
from sciagents.health import Check

TABLE = {
    "all pass": (["passed", "passed"], "healthy", 0),
    "one is degraded": (["passed", "degraded"], "degraded", 2),
    "one failed": (["passed", "failed"], "unhealthy", 1),
    "failed counts more than degraded": (["degraded", "failed"], "unhealthy", 1),
}


@pytest.mark.parametrize("rule", TABLE)
def test_the_worst_check_decides(rule):
    """And the exit code says the same."""
    verdicts, status, code = TABLE[rule]
    report = health.report([Check(name="x", verdict=verdict, detail="") for verdict in verdicts], 0.0)
    assert report.status == status
    assert health.EXIT_CODES[report.status] == code


def test_the_runbooks_four_lines_come_first():
    """Word for word."""
    names = ("broker", "topics", "workers", "kernels", "disk")
    report = health.report([Check(name=name, verdict="passed", detail="fine") for name in names], 0.0)
    assert health.as_text(report).splitlines()[:4] == [
        "Status: HEALTHY ✓", "Total checks: 5", "Passed: 5", "Failed: 0",
    ]  # fmt: skip


def test_a_hint_is_told_beside_what_was_found():
    """So that the reader knows what to do."""
    check = Check(name="disk", verdict="degraded", detail="5% free", hint="make room")
    text = health.as_text(health.report([check], 0.0))
    assert text.splitlines()[0] == "Status: DEGRADED !"
    assert text.splitlines()[-1] == "! disk: 5% free – make room"


DISK = {0.5: "passed", 0.10: "passed", 0.09: "degraded", 0.02: "degraded", 0.019: "failed", 0.0: "failed"}


@pytest.mark.parametrize("free", DISK)
def test_disk_is_judged_by_its_free_share(free):
    """Under a tenth degraded, under a fiftieth failed."""
    assert health.judge_disk(free, "/").verdict == DISK[free]


def test_the_disk_of_a_folder_that_is_not_there_yet_is_its_parents(tmp_path):
    """The first start has no folder."""
    assert str(tmp_path) in health.disk(str(tmp_path / "not" / "yet")).detail


def test_without_a_broker_nothing_that_needs_one_is_waited_for():
    """Five checks all the same."""
    report = health.examine("127.0.0.1:1", timeout_s=0.2)
    verdicts = {check.name: check.verdict for check in report.checks}
    assert report.status == "unhealthy"
    assert [verdicts[name] for name in ("broker", "topics", "workers")] == ["failed"] * 3
    assert set(verdicts) == {"broker", "topics", "workers", "kernels", "disk"}
    assert msgspec.json.decode(msgspec.json.encode(report), type=health.Report) == report


def test_a_kernel_that_is_not_compiled_degrades(monkeypatch):
    """It is named."""
    monkeypatch.setattr("native.kernel_names", lambda: ["nothing_like_it"])
    check = health.kernels()
    assert check.verdict == "degraded"
    assert "nothing_like_it" in check.detail


ANSWERS = {200: "passed", 204: "passed", 404: "failed", 503: "failed"}


@pytest.mark.parametrize("status", ANSWERS)
def test_an_address_passes_when_it_answers_with_success(status):
    """Asked over real HTTP."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        check = health.address(f"http://127.0.0.1:{server.server_port}/", 10.0)
        thread.join(10.0)
    assert (check.verdict, check.detail) == (ANSWERS[status], f"answers {status}")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "127.0.0.1:8000", "http://[", "file:///etc/passwd", ""])
def test_an_address_that_cannot_be_asked_is_a_failed_check(url):
    """Never an exception."""
    assert health.address(url, 1.0).verdict == "failed"
