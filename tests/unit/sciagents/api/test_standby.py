"""A process that stands by says so, and passes on what it may."""

import pytest
from listening import listening
from litestar.testing import TestClient

from sciagents.api import standby
from sciagents.api.tokens import Tokens

LOCAL = "http://127.0.0.1"


@pytest.fixture
def way():
    return standby.forward()


@pytest.fixture
def client(way):
    with TestClient(standby.make_app(way, Tokens({})), base_url=LOCAL) as made:
        yield made


def test_without_a_writer_nobody_is_told_that_an_alert_was_taken(client):
    answer = client.post("/api/v2/alerts", json=[])
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.json()["hint"]
    assert answer.headers["retry-after"] == "5"
    ready = client.get("/-/ready")
    assert (ready.status_code, ready.text) == (503, "standby: none writes")
    assert client.get("/health").json() == {"status": "degraded", "role": "standby", "writer": None}
    assert client.get("/health/live").status_code == 200


def test_what_is_asked_goes_to_the_writer_as_it_came(client, way):
    """Path, query, body and token; its answer comes back with its status."""
    asked = []

    def answer(path, headers, body):
        asked.append((path, headers.get("authorization"), headers["content-type"], body))
        return 418, {"content-type": "application/json"}, b'{"a": 1}'

    headers = {"authorization": "Bearer t", "content-type": "application/json"}
    with listening(answer) as url:
        way.address = url.removeprefix("http://")
        found = client.post("/v1/silences?x=1", content=b"[1]", headers=headers)
    assert (found.status_code, found.json()) == (418, {"a": 1})
    assert asked == [("/v1/silences?x=1", "Bearer t", "application/json", b"[1]")]


def test_a_writer_that_does_not_answer_is_said(client, way):
    way.address = "127.0.0.1:1"
    answer = client.get("/v1/incidents")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


def test_what_was_passed_on_once_is_not_passed_on_again(client, way):
    """Two that take each other for the writer would go on for ever."""
    way.address = "127.0.0.1:1"
    answer = client.post("/api/v2/alerts", json=[], headers={"x-sci-agents-standby": "1"})
    assert (answer.status_code, "stands by" in answer.json()["detail"]) == (503, True)


def test_without_tokens_pages_of_others_are_kept_out(client, way):
    """The writer would take what comes from here for its own machine's."""
    way.address = "127.0.0.1:1"
    assert client.post("/api/v2/alerts", json=[], headers={"origin": "http://evil.example"}).status_code == 403
    assert client.get("/v1/incidents", headers={"host": "evil.example"}).status_code == 403


def test_a_writer_that_listens_to_its_own_host_alone_is_named(client, way):
    """Whoever asks here hears where to ask, and what would let this one pass it on; it is not ready to take alerts."""
    way.absent = standby.out_of_reach("host-1:9093")
    answer = client.post("/api/v2/alerts", json=[])
    assert (answer.status_code, "host-1:9093 writes" in answer.json()["detail"]) == (503, True)
    assert "--advertise" in answer.json()["hint"]
    ready = client.get("/-/ready")
    assert (ready.status_code, ready.text) == (503, "standby: the one that writes is out of reach")
