"""Apache Kafka in a container, set up as `docker-compose.yml` does, reached on a free port of this machine."""

from dataclasses import dataclass

from confluent_kafka.admin import AdminClient
from images import build

from containers.container import START_TIMEOUT_S, ServiceContainer

_HOST_PORT = 29092  # where the listener HOST of docker-compose.yml listens


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that a test talks to."""

    bootstrap: str
    embedded: bool


class KafkaContainer(ServiceContainer):
    """One broker whose address stays the same when it is stopped, killed and started again; a context manager.

    Topics are made by those who declare them: the broker makes none by itself.
    """

    def __init__(self) -> None:
        super().__init__(build.kafka(), "kafka", _HOST_PORT)
        self.bootstrap = f"127.0.0.1:{self.port}"
        self._container.with_env("KAFKA_ADVERTISED_LISTENERS", f"PLAINTEXT://localhost:9092,HOST://{self.bootstrap}")

    def wait(self) -> None:
        """Wait for the cluster's metadata; the library tries again by itself. Raises `KafkaException`."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "reconnect.backoff.max.ms": 500, "log_level": 0})
        admin.list_topics(timeout=START_TIMEOUT_S)
