"""`docker-compose.yml` on the project's own image: it comes up, answers, grows, and goes down without a trace."""

import contextlib
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import docker
import httpx
import pytest
import stamina
from containers import engine
from containers.container import free_port
from docker.models.containers import Container
from images import build

import sciagents
from agents import catalogue
from streams import declare

pytestmark = pytest.mark.timeout(900)  # the first run builds two images

_TIMEOUT_S = 90.0
_TOKEN = uuid.uuid4().hex
_BEARER = {"Authorization": f"Bearer {_TOKEN}"}
_REQUEST = {"agent": "linalg", "task": "solve", "inputs": {"a": [[2.0, 1.0], [1.0, 3.0]], "b": [3.0, 5.0]}}
_SOLUTION = [0.8, 1.4]


@dataclass(frozen=True)
class Compose:
    """A project of docker-compose that runs."""

    command: list[str]
    environment: dict[str, str]
    project: str
    kafka: str
    http: str

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self.command, *arguments],
            cwd=build.ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def left(self) -> list[object]:
        """Return the containers, networks and volumes of the project."""
        ours = {"label": f"com.docker.compose.project={self.project}"}
        with contextlib.closing(docker.from_env()) as client:
            containers = client.containers.list(all=True, filters=ours)
            return [*containers, *client.networks.list(filters=ours), *client.volumes.list(filters=ours)]

    def containers(self, service: str) -> list[Container]:
        """Return the containers of a service, whether they run or not."""
        labels = [f"com.docker.compose.project={self.project}", f"com.docker.compose.service={service}"]
        return list(docker.from_env().containers.list(all=True, filters={"label": labels}))

    def health(self, service: str) -> list[str]:
        """Return what the health check says of each container of a service that runs."""
        return [found.health for found in self.containers(service) if found.status == "running"]


def _command() -> list[str]:
    for command in (["docker", "compose"], ["docker-compose"]):
        if (
            shutil.which(command[0])
            and subprocess.run([*command, "version"], capture_output=True, check=False).returncode == 0
        ):
            return command
    return engine.absent("neither `docker compose` nor docker-compose is installed")


@pytest.fixture(scope="module")
def compose(docker_engine: None) -> Iterator[Compose]:
    project = f"sci-agents-{uuid.uuid4().hex[:8]}"
    kafka_port, api_port = free_port(), free_port()
    environment = os.environ | {
        "COMPOSE_PROJECT_NAME": project,
        "SCI_AGENTS_IMAGE": build.application(),
        "SCI_AGENTS_KAFKA_IMAGE": build.kafka(),
        "SCI_AGENTS_REDIS_IMAGE": build.redis(),
        "SCI_AGENTS_POSTGRES_IMAGE": build.postgres(),
        "SCI_AGENTS_KAFKA_PORT": str(kafka_port),
        "SCI_AGENTS_API_PORT": str(api_port),
        "SCI_AGENTS_TOKENS": f"{_TOKEN} submit,read",
    }
    found = Compose(_command(), environment, project, f"127.0.0.1:{kafka_port}", f"http://127.0.0.1:{api_port}")
    try:
        found("up", "--detach", "--no-build")
        yield found
    finally:
        found("down", "--volumes")
    assert found.left() == []


def test_a_request_on_kafka_is_answered(compose: Compose) -> None:
    declare.ensure(compose.kafka)
    with sciagents.connect(compose.kafka) as client:
        result = client.submit(**_REQUEST).result(_TIMEOUT_S)
    assert result.outputs["x"] == pytest.approx(_SOLUTION)
    assert result.provenance.compiled


def test_a_request_over_http_is_answered_to_who_has_a_token(compose: Compose) -> None:
    _until_healthy(compose, "api", 1)
    request = {"id": uuid.uuid4().hex, **_REQUEST}
    with httpx.Client(base_url=compose.http, timeout=_TIMEOUT_S) as client:
        assert client.post("/v1/requests", json=request).status_code == 401
        answer = client.post("/v1/requests?wait=60", json=request, headers=_BEARER)
    assert answer.status_code == 200
    assert answer.json()["outputs"]["x"] == pytest.approx(_SOLUTION)


def test_workers_share_a_cache_and_the_api_keeps_a_history(compose: Compose) -> None:
    """A request that costs something is kept in Redis, and what became of it in PostgreSQL."""
    _until_healthy(compose, "api", 1)
    _until_healthy(compose, "redis", 1)
    _until_healthy(compose, "postgres", 1)
    heat = {"agent": "pde", "task": "heat", "inputs": dict(catalogue.TASKS["pde", "heat"].example)}
    keys = ("exec", "-T", "redis", "redis-cli", "--scan", "--pattern", "sci-agents:result:*")
    query = "SELECT status FROM requests WHERE id = '{}'"
    psql = ("exec", "-T", "postgres", "psql", "-U", "agent_user", "-d", "sci_agents", "-Atc")
    with httpx.Client(base_url=compose.http, timeout=_TIMEOUT_S, headers=_BEARER) as client:
        for attempt in stamina.retry_context(on=AssertionError, attempts=None, timeout=_TIMEOUT_S, wait_max=1.0):
            with attempt:  # a worker that has not found Redis yet keeps nothing
                request = {"id": uuid.uuid4().hex, **heat}
                assert client.post("/v1/requests?wait=60", json=request).json()["status"] == "succeeded"
                assert compose(*keys).strip()
        for attempt in stamina.retry_context(on=AssertionError, attempts=None, timeout=_TIMEOUT_S, wait_max=1.0):
            with attempt:
                assert compose(*psql, query.format(request["id"])).strip() == "succeeded"


def test_an_event_of_lost_data_becomes_an_incident(compose: Compose) -> None:
    _until_healthy(compose, "api", 1)
    with httpx.Client(base_url=compose.http, timeout=_TIMEOUT_S, headers=_BEARER) as client:
        _publish_fault(client, "node-1", "data_loss")
        for attempt in stamina.retry_context(on=AssertionError, attempts=None, timeout=_TIMEOUT_S, wait_max=1.0):
            with attempt:
                incidents = client.get("/v1/incidents").json()["incidents"]
                assert [(found["severity"], found["title"]) for found in incidents] == [("P0", "Data Loss")]


def test_every_process_becomes_healthy_and_workers_can_be_added(compose: Compose) -> None:
    compose("up", "--detach", "--no-build", "--no-recreate", "--scale", "sci-agents=2")
    for service, count in {"kafka": 1, "redis": 1, "postgres": 1, "sci-agents": 2, "alerting": 2, "api": 1}.items():
        _until_healthy(compose, service, count)


def test_of_two_alerting_processes_one_writes_and_the_other_takes_its_place(compose: Compose) -> None:
    """The one that is elected is killed: what happens afterwards is told all the same."""
    _until_healthy(compose, "api", 1)
    _until_healthy(compose, "alerting", 2)
    writers = _elected(compose)
    assert len(writers) == 1
    writers[0].kill()
    with httpx.Client(base_url=compose.http, timeout=_TIMEOUT_S, headers=_BEARER) as client:
        _publish_fault(client, "node-2", "data_corruption")
        for attempt in stamina.retry_context(on=AssertionError, attempts=None, timeout=_TIMEOUT_S, wait_max=1.0):
            with attempt:
                told = [str(one.logs()).count("alerting_elected") for one in compose.containers("alerting")]
                assert sorted(told) == [1, 1]
                incidents = client.get("/v1/incidents").json()["incidents"]
                alerts = [alert["labels"]["alertname"] for incident in incidents for alert in incident["alerts"]]
                assert "DataCorrupted" in alerts
    writers[0].start()
    _until_healthy(compose, "alerting", 2)


def test_whichever_alerting_process_the_api_asks_the_one_that_writes_answers(compose: Compose) -> None:
    """One stands by, in a container of its own: it passes on what it is asked to where the other announces itself."""
    _until_healthy(compose, "api", 1)
    _until_healthy(compose, "alerting", 2)
    rules = "import urllib.request as r; print(r.urlopen(r.Request('http://127.0.0.1:9093/v1/rules', headers="
    rules += f"{{'authorization': 'Bearer {_TOKEN}'}})).status)"
    for attempt in stamina.retry_context(on=AssertionError, attempts=None, timeout=_TIMEOUT_S, wait_max=1.0):
        with attempt:
            said = [one.exec_run(["python", "-c", rules]).output for one in compose.containers("alerting")]
            assert said == [b"200\n", b"200\n"]
    assert httpx.get(f"{compose.http}/v1/rules", headers=_BEARER, timeout=_TIMEOUT_S).status_code == 200


def _publish_fault(client: httpx.Client, source: str, what: str) -> None:
    event = {"id": uuid.uuid4().hex, "source": source, "kind": "fault", "what": what}
    event["time"] = datetime.now(UTC).isoformat()
    assert client.post("/v1/events", json=event).status_code == 202


def _elected(compose: Compose) -> list[Container]:
    return [one for one in compose.containers("alerting") if b"alerting_elected" in one.logs()]


def test_the_lines_of_the_runbook_work_on_redis(compose: Compose) -> None:
    _until_healthy(compose, "redis", 1)
    assert "maxmemory_policy:allkeys-lru" in compose("exec", "-T", "redis", "redis-cli", "info", "memory")
    assert "Background saving started" in compose("exec", "-T", "redis", "redis-cli", "BGSAVE")
    compose("exec", "-T", "redis", "redis-cli", "SET", "x", "1")
    assert compose("exec", "-T", "redis", "redis-cli", "FLUSHALL").strip() == "OK"
    assert compose("exec", "-T", "redis", "redis-cli", "DBSIZE").strip() == "0"
    compose("restart", "redis")
    _until_healthy(compose, "redis", 1)


def test_the_lines_of_the_runbook_work_on_postgresql(compose: Compose) -> None:
    _until_healthy(compose, "postgres", 1)
    psql = ("exec", "-T", "postgres", "psql", "-U", "agent_user", "-d", "sci_agents", "-c")
    assert compose(*psql, "VACUUM ANALYZE;").strip() == "VACUUM"
    assert " kB" in compose(*psql, "SELECT pg_size_pretty(pg_database_size('sci_agents'));")
    assert "PostgreSQL database dump complete" in compose(
        "exec", "-T", "postgres", "pg_dump", "-U", "agent_user", "sci_agents"
    )


def _until_healthy(compose: Compose, service: str, count: int) -> None:
    try:
        for attempt in stamina.retry_context(on=AssertionError, attempts=None, timeout=_TIMEOUT_S, wait_max=1.0):
            with attempt:
                assert compose.health(service) == ["healthy"] * count
    except AssertionError as error:
        error.add_note(compose("logs", "--no-color", "--tail=50", service))
        raise
