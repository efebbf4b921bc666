"""What an answer means for trying again."""

import logging
import threading
from datetime import UTC, datetime

import pytest

from alerting.notify.http import judge, post
from alerting.outbox import DELIVERED, Outcome
from alerting.receivers import PLAIN, Secret

NOW = datetime(2025, 10, 1, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "answer", "retry_after", "outcome"),
    [
        pytest.param(200, "ok", None, DELIVERED, id="200: delivered"),
        pytest.param(202, "", None, DELIVERED, id="202: delivered"),
        pytest.param(302, "", None, Outcome("permanent", "HTTP 302"), id="a redirect is not followed"),
        pytest.param(400, "bad\r\npayload", None, Outcome("permanent", "HTTP 400: bad payload"), id="400: permanent"),
        pytest.param(404, "no_service", None, Outcome("permanent", "HTTP 404: no_service"), id="404: permanent"),
        pytest.param(408, "", None, Outcome("retry", "HTTP 408"), id="408: again"),
        pytest.param(429, "", "7", Outcome("retry", "HTTP 429", 7.0), id="429: after Retry-After"),
        pytest.param(
            429, "", "Wed, 01 Oct 2025 14:31:00 GMT", Outcome("retry", "HTTP 429", 60.0), id="429: after a date"
        ),
        pytest.param(429, "", "soon", Outcome("retry", "HTTP 429", None), id="429: Retry-After that says nothing"),
        pytest.param(503, "down", None, Outcome("retry", "HTTP 503: down", None), id="503: again"),
    ],
)
def test_judge(status, answer, retry_after, outcome):
    assert judge(status, answer, retry_after, NOW) == outcome


async def test_a_silent_server_is_tried_again(endpoint, client):
    endpoint.silent = threading.Event()
    outcome = await post(client, PLAIN, Secret(endpoint.url), b"{}", timeout_s=0.05)
    assert outcome == Outcome("retry", "no answer within 0.05 s")


async def test_a_server_that_is_not_there_is_tried_again(client, unused_tcp_port):
    outcome = await post(client, PLAIN, Secret(f"http://127.0.0.1:{unused_tcp_port}/SECRET"), b"{}")
    assert outcome == Outcome("retry", "cannot be reached: ConnectError")


@pytest.mark.parametrize(
    ("url", "status"),
    [
        pytest.param("ftp://example.com/SECRET", "permanent", id="another protocol"),
        pytest.param("SECRET", "permanent", id="no URL"),
        pytest.param("http://127.0.0.1:port/SECRET", "permanent", id="a port that is none"),
        pytest.param("http://[SECRET", "retry", id="a host that nobody has"),
    ],
)
async def test_a_url_that_leads_nowhere_is_not_shown(client, url, status):
    outcome = await post(client, PLAIN, Secret(url), b"{}")
    assert outcome.status == status
    assert "SECRET" not in outcome.error


async def test_an_answer_without_end_is_cut(endpoint, client):
    endpoint.answers = [(400, {}, b"x" * 5_000_000)]
    outcome = await post(client, PLAIN, Secret(endpoint.url), b"{}")
    assert outcome.error == "HTTP 400: " + "x" * 200


async def test_an_answer_that_repeats_the_url_does_not_show_it(endpoint, client):
    endpoint.answers = [(500, {}, f"no route for {endpoint.url}".encode())]
    assert (await post(client, PLAIN, Secret(endpoint.url), b"{}")).error == "HTTP 500: no route for ***"


async def test_a_compressed_answer_is_not_unfolded(endpoint, client):
    endpoint.answers = [(500, {"content-encoding": "gzip"}, b"\x1f\x8bgarbage")]
    assert (await post(client, PLAIN, Secret(endpoint.url), b"{}")).status == "retry"


async def test_a_url_is_in_no_log(endpoint, client, caplog):
    with caplog.at_level(logging.DEBUG):
        assert await post(client, PLAIN, Secret(endpoint.url), b"{}") == DELIVERED
    assert "SECRET" not in caplog.text
