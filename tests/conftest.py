"""Fixtures of all tests: brokers, embedded and real, and what stands in when this machine cannot run one.

`broker` gives both kinds one after the other; `kafka` is the real one in a container. Tests share them, never topics:
each has its own `topic_prefix`.
"""

import os
import shutil
import signal
import uuid
from collections.abc import Iterator

import hypothesis
import pytest

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as in a worker; several wait for each other on a busy machine

from containers import engine
from containers.kafka import Broker, KafkaContainer
from containers.stores import PostgresContainer, RedisContainer

from sciagents.broker import EmbeddedBroker

# a busy machine makes no example wrong
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

_OF_CONTAINERS = {"docker_engine", "kafka", "kafka_restartable", "redis_server", "postgres", "postgres_server"}


def pytest_report_header() -> str:
    """Say once whether the tests that need containers run."""
    if engine.PROBLEM is None:
        return "docker engine: answers"
    if engine.REQUIRED:
        return f"docker engine: {engine.PROBLEM}: tests marked `containers` fail"
    return f"docker engine: {engine.PROBLEM}: tests marked `containers` are skipped, the others use the embedded broker"


def pytest_configure() -> None:
    """End on SIGTERM as on Ctrl-C: fixtures then remove their containers and processes."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need containers by the fixtures they ask for."""
    for item in items:
        if _OF_CONTAINERS & set(getattr(item, "fixturenames", ())):
            item.add_marker("containers")


@pytest.fixture(scope="session")
def docker_engine() -> None:
    """Skip, or fail where containers are required, unless a Docker engine answers."""
    if engine.PROBLEM is not None:
        engine.absent(engine.PROBLEM)


@pytest.fixture(scope="session")
def kafka(docker_engine: None) -> Iterator[str]:
    """Bootstrap address of Apache Kafka in a container; it makes no topic by itself (`streams.declare.ensure`)."""
    with KafkaContainer() as container:
        yield container.bootstrap


@pytest.fixture
def kafka_restartable(docker_engine: None) -> Iterator[KafkaContainer]:
    """A broker of the test's own, to be stopped, killed and started again."""
    with KafkaContainer() as container:
        yield container


@pytest.fixture
def redis_server(docker_engine: None) -> Iterator[RedisContainer]:
    """A Redis of the test's own, to be stopped, killed and started again."""
    with RedisContainer() as container:
        yield container


@pytest.fixture(scope="session")
def postgres(docker_engine: None) -> Iterator[PostgresContainer]:
    """A PostgreSQL that tests share; each makes a database of its own in it."""
    with PostgresContainer() as container:
        yield container


@pytest.fixture
def postgres_server(docker_engine: None) -> Iterator[PostgresContainer]:
    """A PostgreSQL of the test's own, to be stopped, killed and started again."""
    with PostgresContainer() as container:
        yield container


@pytest.fixture(scope="session")
def embedded_kafka() -> Iterator[str]:
    """Bootstrap address of the embedded broker."""
    with EmbeddedBroker() as embedded:
        yield embedded.bootstrap


@pytest.fixture(scope="session", params=["embedded", pytest.param("kafka", marks=pytest.mark.containers)])
def broker(request: pytest.FixtureRequest) -> Broker:
    """The embedded broker, then Apache Kafka."""
    embedded = request.param == "embedded"
    return Broker(request.getfixturevalue("embedded_kafka" if embedded else "kafka"), embedded)


@pytest.fixture
def topic_prefix() -> str:
    """A prefix that no other test uses."""
    return f"t{uuid.uuid4().hex[:12]}."


@pytest.fixture(scope="session")
def kcat() -> str:
    """Path of kcat, a client that nobody here wrote."""
    return shutil.which("kcat") or engine.absent("kcat is not installed")
