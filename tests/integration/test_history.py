"""What the topics do not keep any more is found in the history: over HTTP, and from the command line."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator

import httpx
import msgspec
import pytest
import stamina
from confluent_kafka import Producer
from containers.stores import PostgresContainer

from sciagents.broker import EmbeddedBroker
from streams import declare

PATIENCE_S = 60.0
RESULT = {
    "agent": "ode", "task": "ivp", "status": "succeeded", "outputs": {"x": [1.0]}, "error": None, "warnings": [],
    "diagnostics": {}, "labels": {}, "completed_at": "2026-11-24T10:00:00.123Z",
    "provenance": {"version": "0.1.0", "worker": "host/1", "run_s": 0.5},
}  # fmt: skip


class Api:
    """`sci-agents api` as a process, and what it follows."""

    def __init__(self, bootstrap: str, prefix: str, folder, environment: dict[str, str]) -> None:
        self._arguments = ["--kafka", bootstrap, "--topic-prefix", prefix, "--dir", str(folder)]
        self._environment = os.environ | environment
        self._prefix = prefix
        self._producer = Producer({"bootstrap.servers": bootstrap})
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sciagents", "api", "--listen", "127.0.0.1:0", *self._arguments],
            stdout=subprocess.PIPE, text=True, env=self._environment,
        )  # fmt: skip
        self.client = httpx.Client(base_url=self._process.stdout.readline().strip(), timeout=PATIENCE_S)

    def close(self) -> None:
        self.client.close()
        self._process.terminate()
        self._process.wait(30)
        self._process.stdout.close()

    def publish(self, topic: str, key: str, value: dict | None) -> None:
        encoded = None if value is None else msgspec.json.encode(value)
        self._producer.produce(self._prefix + topic, encoded, key)
        assert self._producer.flush(30) == 0

    def until(self, path: str, fits) -> httpx.Response:
        for attempt in stamina.retry_context(on=AssertionError, attempts=None, timeout=PATIENCE_S, wait_max=0.2):
            with attempt:
                response = self.client.get(path)
                assert fits(response), response.text[:2_000]
        return response

    def forget(self, request_id: str) -> None:
        """Delete a result from its topic, and so from the API's memory."""
        self.publish("compute.results", request_id, None)

    def result(self, request_id: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "sciagents", "result", request_id, "--json", *self._arguments]
        return subprocess.run(command, capture_output=True, text=True, env=self._environment, check=False)


@contextlib.contextmanager
def _running(bootstrap, prefix, folder, environment) -> Iterator[Api]:
    declare.ensure(bootstrap, prefix, embedded=True)
    api = Api(bootstrap, prefix, folder, environment)
    try:
        yield api
    finally:
        api.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.containers)])
def environment(request) -> dict[str, str]:
    """The settings of an API that keeps its history in a file, then in PostgreSQL."""
    if request.param == "sqlite":
        return {}
    return {"SCI_AGENTS_POSTGRES_URL": request.getfixturevalue("postgres").database(f"h{os.urandom(6).hex()}")}


def _recorded(metrics: httpx.Response) -> bool:
    return 'sci_agents_history_rows_total{table="answered"} 1.0' in metrics.text


def test_a_result_outlives_its_topic(embedded_kafka, topic_prefix, tmp_path, environment):
    """Deleted on its topic, a result is answered from the history byte for byte; so is the command line."""
    with _running(embedded_kafka, topic_prefix, tmp_path, environment) as api:
        api.publish("compute.requests", "r-1", {"id": "r-1", "agent": "ode", "task": "ivp", "inputs": {}})
        api.publish("compute.results", "r-1", {"id": "r-1", **RESULT})
        api.publish("compute.requests", "r-2", {"id": "r-2", "agent": "linalg", "task": "solve", "inputs": {}})
        first = api.until("/v1/requests/r-1", lambda found: found.status_code == 200)
        listed = api.until("/v1/requests", lambda found: len(found.json()["requests"]) == 2)
        assert [(one["id"], one["status"]) for one in listed.json()["requests"]] == [
            ("r-2", "pending"),
            ("r-1", "succeeded"),
        ]
        assert api.client.get("/v1/requests/r-2").status_code == 202
        api.publish("compute.results", "r-3", {"id": "r-3", **RESULT})  # after it r-1 is recorded too
        api.until("/v1/requests/r-3", lambda found: found.status_code == 200)
        api.forget("r-1")
        api.until("/v1/requests?limit=1000", lambda _: api.client.get("/v1/requests/r-1").content == first.content)
        page = api.client.get("/v1/requests", params={"status": "succeeded", "limit": 1}).json()
        rest = api.client.get("/v1/requests", params={"status": "succeeded", "cursor": page["cursor"]}).json()
        assert {one["id"] for one in page["requests"] + rest["requests"]} == {"r-1", "r-3"}
        assert api.client.get("/v1/requests/r-9").status_code == 404
        with api.client.stream("GET", "/v1/requests/r-1/events") as events:
            assert "event: result" in "".join(events.iter_text())
        done = api.result("r-1")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["outputs"] == {"x": [1.0]}
        assert api.result("r-9").returncode == 1


def test_it_outlives_the_broker(topic_prefix, tmp_path, environment):
    """The embedded broker keeps nothing; what was recorded is there with the next one, whose records follow."""
    for name in ("a", "b"):
        with EmbeddedBroker() as broker, _running(broker.bootstrap, topic_prefix, tmp_path, environment) as api:
            api.publish("compute.results", name, {"id": name, **RESULT})
            seen = ["a"] if name == "a" else ["b", "a"]
            api.until("/metrics", _recorded)
            api.until(
                "/v1/requests?status=succeeded",
                lambda found, seen=seen: [one["id"] for one in found.json()["requests"]] == seen,
            )
            for one in seen:
                api.until(f"/v1/requests/{one}", lambda found: found.status_code == 200)


def test_who_did_what_is_listed(embedded_kafka, topic_prefix, tmp_path, environment):
    """Every command to an incident is in the audit, newest first."""
    command = {"incident": "INC-1", "action": "acknowledge", "by": "ada", "at": "2026-11-24T10:01:00Z"}
    with _running(embedded_kafka, topic_prefix, tmp_path, environment) as api:
        api.publish("ops.commands", "INC-1", command)
        api.publish(
            "ops.commands", "INC-1", command | {"action": "resolve", "by": "grace", "at": "2026-11-24T10:02:00Z"}
        )
        found = api.until("/v1/audit", lambda found: found.status_code == 200 and len(found.json()["audit"]) == 2)
        assert [(deed["who"], deed["action"]) for deed in found.json()["audit"]] == [
            ("grace", "resolve"), ("ada", "acknowledge"),
        ]  # fmt: skip
        (deed,) = api.client.get("/v1/audit", params={"who": "ada", "subject": "INC-1"}).json()["audit"]
        assert deed["detail"]["incident"] == "INC-1"
        assert deed["at"] == "2026-11-24T10:01:00.000Z"
        reload = {"incident": "configuration", "action": "reload", "text": "rules changed: Hot"}
        api.publish("ops.commands", "configuration", command | reload)
        found = api.until("/v1/audit?subject=configuration", lambda found: found.json()["audit"])
        assert found.json()["audit"][0]["detail"]["text"] == "rules changed: Hot"


def test_without_its_database_the_api_works_and_says_so(
    embedded_kafka, topic_prefix, tmp_path, postgres_server: PostgresContainer
):
    """Results in memory are served, what only the history knows is 503, health is degraded; then all is as before."""
    with _running(
        embedded_kafka, topic_prefix, tmp_path, {"SCI_AGENTS_POSTGRES_URL": postgres_server.url}
    ) as api:  # fmt: skip
        api.publish("compute.results", "r-1", {"id": "r-1", **RESULT})
        api.until("/v1/requests/r-1", lambda found: found.status_code == 200)
        api.until("/v1/requests/r-0", lambda found: found.status_code == 404)
        postgres_server.kill()
        unknown = api.until("/v1/requests/r-0", lambda found: found.status_code == 503)
        assert unknown.json()["code"] == "unavailable"
        assert "of-the-tests" not in unknown.text
        assert api.client.get("/v1/requests/r-1").status_code == 200
        listed = api.client.get("/v1/requests?status=succeeded").json()["requests"]
        assert [one["id"] for one in listed] == ["r-1"]
        report = api.until("/health", lambda found: "degraded" in {c["verdict"] for c in found.json()["checks"]}).json()
        assert "history" in {check["name"] for check in report["checks"] if check["verdict"] == "degraded"}
        api.publish("compute.results", "r-2", {"id": "r-2", **RESULT})
        postgres_server.start()
        api.until("/v1/requests/r-0", lambda found: found.status_code == 404)
        api.until("/v1/requests/r-2", lambda found: found.status_code == 200)
        api.forget("r-2")
        api.until("/v1/requests/r-2", lambda found: found.status_code == 200)
