"""Three Kafka brokers in containers on a network of their own, each with a small disk that can be filled."""

import contextlib
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import docker
import yaml
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from containers.container import free_port
from docker.errors import APIError
from images import build

_DISK = "384m"
_DATA = "/var/lib/kafka/data"
_START_TIMEOUT_S = 120.0
_REPLICATED = {
    "KAFKA_DEFAULT_REPLICATION_FACTOR": 3, "KAFKA_MIN_INSYNC_REPLICAS": 2,
    "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": 3, "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": 4,
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": 3, "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": 2,
    "KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS": 2,
    "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": 3, "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR": 2,
}  # fmt: skip
_SMALL = {
    "KAFKA_HEAP_OPTS": "-Xmx384m", "KAFKA_LOG_SEGMENT_BYTES": 16 * 1024 * 1024,
    "KAFKA_LOG_INDEX_SIZE_MAX_BYTES": 256 * 1024, "KAFKA_LOG_SEGMENT_DELETE_DELAY_MS": 1000,
    "KAFKA_METADATA_LOG_SEGMENT_BYTES": 16 * 1024 * 1024,
}  # fmt: skip


class Cluster:
    """Brokers 0 to `brokers` - 1; a context manager that leaves nothing behind."""

    def __init__(self, brokers: int = 3) -> None:
        self.name = f"sci-agents-chaos-{uuid.uuid4().hex[:8]}"
        self.docker = docker.from_env(timeout=120)
        self._image = build.kafka()
        self._ports = [free_port() for _ in range(brokers)]
        self.bootstrap = ",".join(f"127.0.0.1:{port}" for port in self._ports)
        self.inside = ",".join(f"broker{number}:9092" for number in range(brokers))
        self._brokers: list[Any] = []
        self._disks: list[Any] = []
        self._leave = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as leave:
            leave.callback(self.docker.close)
            self.network = self.docker.networks.create(self.name, driver="bridge")
            leave.callback(self.network.remove)
            for number, port in enumerate(self._ports):
                self._start_one(number, port, leave)
            self._leave = leave.pop_all()
        try:
            self.wait_whole()
        except BaseException:
            self._leave.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._leave.close()

    def run(self, leave: contextlib.ExitStack, image: str, name: str, **how: Any) -> Any:
        """Start a container that `leave` removes; it is reached by `name` on the network."""
        made = self.docker.containers.create(image, name=f"{self.name}-{name}", hostname=name, **how)
        leave.callback(made.remove, force=True, v=True)
        self.network.connect(made, aliases=[name])
        made.start()
        return made

    def _start_one(self, number: int, port: int, leave: contextlib.ExitStack) -> None:
        options = {"type": "tmpfs", "device": "tmpfs", "o": f"size={_DISK},mode=1777"}
        volume = self.docker.volumes.create(f"{self.name}-disk{number}", driver="local", driver_opts=options)
        leave.callback(volume.remove, force=True)
        mount = {volume.name: {"bind": _DATA, "mode": "rw"}}
        # holds the disk while the broker is down: a volume in memory is emptied when the last that uses it goes
        idle = {"entrypoint": ["sleep", "infinity"], "user": "0", "network_mode": "none"}
        disk = self.docker.containers.run(
            self._image, detach=True, init=True, name=f"{self.name}-disk{number}-keeper", volumes=mount, **idle
        )
        leave.callback(disk.remove, force=True)
        self._disks.append(disk)
        count = len(self._ports)
        service = yaml.safe_load((build.ROOT / "docker-compose.yml").read_text())["services"]["kafka"]
        environment = service["environment"] | _REPLICATED | _SMALL | {
            "KAFKA_NODE_ID": number + 1,
            "KAFKA_CONTROLLER_QUORUM_VOTERS": ",".join(f"{one + 1}@broker{one}:9093" for one in range(count)),
            "KAFKA_LISTENERS": "PLAINTEXT://0.0.0.0:9092,HOST://0.0.0.0:29092,CONTROLLER://0.0.0.0:9093",
            "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://broker{number}:9092,HOST://127.0.0.1:{port}",
            "KAFKA_LOG_DIRS": f"{_DATA}/log",
        }  # fmt: skip
        as_text = {key: str(value) for key, value in environment.items()}
        ports = {"29092/tcp": ("127.0.0.1", port)}
        made = self.run(leave, self._image, f"broker{number}", environment=as_text, volumes=mount, ports=ports)
        self._brokers.append(made)

    def stop(self, number: int) -> None:
        """Stop a broker as an operator does."""
        self._brokers[number].stop(timeout=30)

    def kill(self, number: int) -> None:
        """Kill a broker with SIGKILL."""
        with contextlib.suppress(APIError):  # it has ended by itself
            self._brokers[number].kill()

    def start(self, number: int) -> None:
        """Start a broker again, if it does not run."""
        self._brokers[number].reload()
        if self._brokers[number].status != "running":
            self._brokers[number].start()

    def fill_disk(self, number: int) -> None:
        """Fill the disk of a broker's log directory to the last byte."""
        self._disks[number].exec_run(["sh", "-c", f"cat /dev/zero > {_DATA}/ballast"])

    def free_disk(self, number: int) -> None:
        """Make room again, and start the broker if that has ended it."""
        self._disks[number].exec_run(["rm", "-f", f"{_DATA}/ballast"])
        self.start(number)  # a broker whose disk is full ends

    @property
    def gateway(self) -> str:
        """The address by which containers on the network reach this machine."""
        self.network.reload()
        return str(self.network.attrs["IPAM"]["Config"][0]["Gateway"])

    @property
    def brokers(self) -> int:
        """How many there are."""
        return len(self._ports)

    def forget(self, prefix: str) -> None:
        """Delete the topics of this prefix."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        names = [name for name in admin.list_topics(timeout=_START_TIMEOUT_S).topics if name.startswith(prefix)]
        for deleted in (admin.delete_topics(names) if names else {}).values():
            deleted.result(_START_TIMEOUT_S)

    def ended(self) -> list[int]:
        """Those that do not run, though nobody has stopped them: a full disk may end one after there is room."""
        for broker in self._brokers:
            broker.reload()
        return [number for number, broker in enumerate(self._brokers) if broker.status == "exited"]

    def wait_whole(self) -> None:
        """Wait until every broker is there and every replica in sync; raises `TimeoutError`.

        One that ends meanwhile is started again, as whoever runs it would: a full disk may end it after there is room.
        """
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "reconnect.backoff.max.ms": 500, "log_level": 0})
        wait_until(lambda: self._whole(admin), _START_TIMEOUT_S, "the brokers are in sync")

    def _whole(self, admin: AdminClient) -> bool:
        for number in range(self.brokers):
            self.start(number)
        try:
            found = admin.list_topics(timeout=5.0)
        except KafkaException:
            return False
        parts = [part for topic in found.topics.values() for part in topic.partitions.values()]
        return len(found.brokers) == len(self._ports) and all(len(part.isrs) == len(part.replicas) for part in parts)

    def write_logs(self, folder: Path) -> None:
        """Keep what the brokers wrote."""
        folder.mkdir(parents=True, exist_ok=True)
        for number, broker in enumerate(self._brokers):
            (folder / f"broker{number}.log").write_bytes(broker.logs())


def wait_until(condition: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Ask a few times a second until `condition` holds; raises `TimeoutError` that says `what` was waited for."""
    until, between = time.monotonic() + timeout_s, threading.Event()
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"after {timeout_s:g} s it is not so that {what}")
        between.wait(0.2)
