"""A worker's small HTTP shows metrics, and answers 503 when it is to be restarted."""

import httpx
import pytest

from streams.liveness import Verdict
from streams.status import serving


@pytest.mark.parametrize(
    ("verdict", "live", "ready", "status"),
    [
        (Verdict(live=True, ready=True, reason="well"), 200, 200, "healthy"),
        (Verdict(live=True, ready=False, reason="starting"), 200, 503, "degraded"),
        (Verdict(live=False, ready=False, reason="stuck"), 503, 503, "unhealthy"),
    ],
)
def test_health(verdict, live, ready, status):
    with serving("127.0.0.1:0", lambda: verdict) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        assert client.get("/health/live").status_code == live
        assert client.get("/health/ready").status_code == ready
        assert client.get("/health").json() == {"status": status, "reason": verdict.reason}


def test_metrics_are_prometheus_text():
    look = lambda: Verdict(live=True, ready=True, reason="")  # noqa: E731
    with serving("127.0.0.1:0", look) as port:
        found = httpx.get(f"http://127.0.0.1:{port}/metrics")
    assert found.headers["content-type"].startswith("text/plain")
    assert "# HELP sci_agents_" in found.text


def test_nothing_else_is_there():
    with serving("127.0.0.1:0", lambda: Verdict(live=True, ready=True, reason="")) as port:
        assert httpx.get(f"http://127.0.0.1:{port}/../etc/passwd").status_code == 404
        assert httpx.post(f"http://127.0.0.1:{port}/metrics").status_code == 501


def test_without_an_address_nothing_listens():
    with serving(None, lambda: Verdict(live=True, ready=True, reason="")) as port:
        assert port is None
