"""Apache Kafka in a container, set up as `docker-compose.yml` does, reached on a free port of this machine."""

from dataclasses import dataclass

from confluent_kafka.admin import AdminClient
from images import build

from containers.cable import Cable
from containers.container import START_TIMEOUT_S, ServiceContainer, free_port

_HOST_PORT = 29092  # where the listener HOST of docker-compose.yml listens
_CABLE_PORT = 39092


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that a test talks to."""

    bootstrap: str
    embedded: bool


class KafkaContainer(ServiceContainer):
    """One broker whose address stays the same when it is stopped, killed and started again; a context manager.

    Topics are made by those who declare them: the broker makes none by itself. With a cable it is reached through that,
    too: whoever begins there is sent to no other address.
    """

    def __init__(self, cable: Cable | None = None) -> None:
        super().__init__(build.kafka(), "kafka", _HOST_PORT)
        self.bootstrap = f"127.0.0.1:{self.port}"
        advertised = f"PLAINTEXT://localhost:9092,HOST://{self.bootstrap}"
        if cable is not None:
            port = free_port()
            self._container.ports[_CABLE_PORT] = ("127.0.0.1", port)  # type: ignore[assignment] # as docker takes it
            cable.lay(port)
            advertised += f",CABLE://127.0.0.1:{cable.port}"
            for name, addition in {
                "KAFKA_LISTENERS": f"CABLE://0.0.0.0:{_CABLE_PORT}",
                "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CABLE:PLAINTEXT",
            }.items():
                self._container.with_env(name, f"{self._container.env[name]},{addition}")
        self._container.with_env("KAFKA_ADVERTISED_LISTENERS", advertised)

    def wait(self) -> None:
        """Wait for the cluster's metadata; the library tries again by itself. Raises `KafkaException`."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "reconnect.backoff.max.ms": 500, "log_level": 0})
        admin.list_topics(timeout=START_TIMEOUT_S)
