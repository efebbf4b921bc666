"""Processes of this checkout in containers, each with a wall clock that can be stepped (`clocks`), to be hurt alike."""

import contextlib
import site
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import clocks
from docker.errors import APIError
from images import build

from chaos.cluster import Cluster

_SITE = Path(site.getsitepackages()[0])
SEEN = "/chaos"
"""Where a process finds the folder that its container shares with the suite."""


def process(
    cluster: Cluster, leave: contextlib.ExitStack, image: str, name: str, command: Sequence[str], *,
    environment: Mapping[str, str], volumes: Mapping[str, Any] | None = None, **how: Any,
) -> Any:  # fmt: skip
    """Start a process of this checkout in a container that `leave` removes, and again whenever it ends by itself."""
    usual = {
        "PYTHONPATH": f"{build.ROOT}:{_SITE}", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONFAULTHANDLER": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }  # fmt: skip
    mounts = {str(place): {"bind": str(place), "mode": "ro"} for place in (build.ROOT, _SITE.resolve())}
    whole = ["python3", "-m", "sciagents", *command, "--dir", "/var/lib/sci-agents", "--log-format", "json"]
    return cluster.run(
        leave, image, name, command=whole, environment=usual | dict(environment), volumes=mounts | dict(volumes or {}),
        working_dir="/", restart_policy={"Name": "unless-stopped"}, **how,
    )  # fmt: skip


def kill(container: Any) -> None:
    """Kill all processes of a container with SIGKILL; they stay away."""
    with contextlib.suppress(APIError):  # it is between two lives
        container.kill()


def start(container: Any) -> None:
    """Start a container again, if it does not run."""
    container.reload()
    if container.status in {"exited", "created"}:
        container.start()


class Processes(ABC):
    """Processes 0 to `count` - 1 of one kind; a context manager.

    As under docker-compose, one that ends by itself is started again at once.
    """

    kind: str
    """What one is called on the network, before its number."""

    def __init__(self, cluster: Cluster, prefix: str, count: int, environment: Mapping[str, str]) -> None:
        self.cluster = cluster
        self.prefix = prefix
        self._count = count
        self._environment = dict(environment)
        self.containers: list[Any] = []
        self._clocks: list[clocks.Clock] = []
        self._leave = contextlib.ExitStack()

    @abstractmethod
    def command(self, folder: Path) -> list[str]:
        """Say what a process is started with; what is written to `folder` it sees at `SEEN`."""

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as leave:
            folder = Path(leave.enter_context(tempfile.TemporaryDirectory()))
            folder.chmod(0o755)  # whoever it is that the process runs as
            image = build.python()
            clocks.library(folder)
            command = self.command(folder)
            for number in range(self._count):
                self._clocks.append(leave.enter_context(clocks.Clock(folder / f"step{number}")))
                clock = {"LD_PRELOAD": f"{SEEN}/clock.so", "CLOCK_STEP_FILE": f"{SEEN}/step{number}"}
                started = process(
                    self.cluster, leave, image, f"{self.kind}{number}", command,
                    environment=clock | self._environment, volumes={str(folder): {"bind": SEEN, "mode": "ro"}},
                )  # fmt: skip
                self.containers.append(started)
            self._leave = leave.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._leave.close()

    def kill(self, number: int) -> None:
        """Kill all processes of a container with SIGKILL; they stay away."""
        kill(self.containers[number])

    def terminate(self, number: int) -> None:
        """Stop one with SIGTERM, as a rolling restart does; it stays away."""
        self.containers[number].stop(timeout=30)

    def start(self, number: int) -> None:
        """Start one again, if it does not run."""
        start(self.containers[number])

    def freeze(self, number: int) -> None:
        """Stop a container's processes where they are."""
        with contextlib.suppress(APIError):
            self.containers[number].pause()

    def thaw(self, number: int) -> None:
        """Let them go on."""
        with contextlib.suppress(APIError):
            self.containers[number].unpause()

    def cut(self, number: int) -> None:
        """Take one off the network."""
        with contextlib.suppress(APIError):
            self.cluster.network.disconnect(self.containers[number])

    def connect(self, number: int) -> None:
        """Put it back."""
        with contextlib.suppress(APIError):
            self.cluster.network.connect(self.containers[number], aliases=[f"{self.kind}{number}"])

    def step_clock(self, number: int, seconds: float) -> None:
        """Let one's wall clock differ from now on by this much; its monotonic clock goes on as it did."""
        self._clocks[number].step(seconds)

    @property
    def restarts(self) -> int:
        """How often one has ended by itself and was started again."""
        for one in self.containers:
            one.reload()
        return sum(one.attrs["RestartCount"] for one in self.containers)

    def write_logs(self, folder: Path) -> None:
        """Keep what they wrote."""
        folder.mkdir(parents=True, exist_ok=True)
        for number, one in enumerate(self.containers):
            (folder / f"{self.kind}{number}.log").write_bytes(one.logs())
