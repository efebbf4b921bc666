"""Apache Kafka in a container, set up as `docker-compose.yml` does, reached on a free port of this machine."""

import socket
from dataclasses import dataclass
from typing import Self

import yaml
from confluent_kafka.admin import AdminClient
from images import build
from testcontainers.core.container import DockerContainer

_START_TIMEOUT_S = 60.0
_HOST_PORT = 29092  # where the listener HOST of docker-compose.yml listens


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that a test talks to."""

    bootstrap: str
    embedded: bool


class KafkaContainer:
    """One broker whose address stays the same when it is stopped, killed and started again; a context manager.

    Topics are made by those who declare them: the broker makes none by itself.
    """

    def __init__(self) -> None:
        port = free_port()
        self.bootstrap = f"127.0.0.1:{port}"
        self._container = DockerContainer(build.kafka()).with_kwargs(network="bridge")  # wherever the tests run
        self._container.ports[_HOST_PORT] = ("127.0.0.1", port)  # type: ignore[assignment] # as docker takes it
        service = yaml.safe_load((build.ROOT / "docker-compose.yml").read_text())["services"]["kafka"]
        advertised = f"PLAINTEXT://localhost:9092,HOST://{self.bootstrap}"
        for name, value in (service["environment"] | {"KAFKA_ADVERTISED_LISTENERS": advertised}).items():
            self._container.with_env(name, str(value))

    def __enter__(self) -> Self:
        self._container.start()
        try:
            self._wait()
        except BaseException:
            self._container.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._container.stop()

    def stop(self) -> None:
        """Stop the broker as an operator does; what it has written stays."""
        self._container.get_wrapped_container().stop()

    def kill(self) -> None:
        """Kill the broker's process with SIGKILL; what it has written stays."""
        self._container.get_wrapped_container().kill()

    def start(self) -> None:
        """Start the broker again at the same address and wait until it answers."""
        self._container.get_wrapped_container().start()
        self._wait()

    def _wait(self) -> None:
        """Wait for an answer; the library tries again by itself.

        Raises:
            KafkaException: none came; the container's log is its note.

        """
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "reconnect.backoff.max.ms": 500, "log_level": 0})
        try:
            admin.list_topics(timeout=_START_TIMEOUT_S)
        except Exception as error:
            out, err = self._container.get_logs()
            error.add_note((out + err).decode(errors="replace")[-4000:])
            raise


def free_port() -> int:
    """Return a TCP port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
