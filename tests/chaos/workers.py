"""Workers in containers: this checkout, mounted, each with a wall clock that can be stepped (`clocks`)."""

import contextlib
import site
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import clocks
from docker.errors import APIError
from images import build

from chaos.cluster import Cluster

_SITE = Path(site.getsitepackages()[0])


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


class Workers:
    """Worker processes 0 to `count` - 1 that share a consumer group; a context manager.

    As under docker-compose, one that ends by itself is started again at once.
    """

    def __init__(self, cluster: Cluster, prefix: str, count: int, environment: Mapping[str, str]) -> None:
        self._cluster = cluster
        self._prefix = prefix
        self._count = count
        self._environment = dict(environment)
        self._containers: list[Any] = []
        self._clocks: list[clocks.Clock] = []
        self._leave = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as leave:
            folder = Path(leave.enter_context(tempfile.TemporaryDirectory()))
            image = build.python()
            clocks.library(folder)
            for number in range(self._count):
                self._clocks.append(leave.enter_context(clocks.Clock(folder / f"step{number}")))
                self._containers.append(self._start_one(number, image, folder, leave))
            self._leave = leave.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._leave.close()

    def _start_one(self, number: int, image: str, folder: Path, leave: contextlib.ExitStack) -> Any:
        command = [
            "worker", "--kafka", self._cluster.inside, "--topic-prefix", self._prefix, "--max-workers", "1",
        ]  # fmt: skip
        clock = {"LD_PRELOAD": "/chaos/clock.so", "CLOCK_STEP_FILE": f"/chaos/step{number}"}
        return process(
            self._cluster, leave, image, f"worker{number}", command, environment=clock | self._environment,
            volumes={str(folder): {"bind": "/chaos", "mode": "ro"}},
        )  # fmt: skip

    def kill(self, number: int) -> None:
        """Kill all processes of a worker with SIGKILL; it stays away."""
        with contextlib.suppress(APIError):  # it is between two lives
            self._containers[number].kill()

    def kill_children(self, number: int) -> None:
        """Kill the processes that a worker's first one has started; itself when there are none."""
        with contextlib.suppress(APIError):
            if not self._signal_children(number, "KILL"):
                self._containers[number].kill("SIGKILL")

    def _signal_children(self, number: int, name: str) -> bool:
        pids = "$(cat /proc/1/task/*/children)"
        code, _ = self._containers[number].exec_run(["sh", "-c", f"kill -{name} {pids}"])
        return bool(code == 0)

    def terminate(self, number: int) -> None:
        """Stop a worker with SIGTERM, as a rolling restart does; it stays away."""
        self._containers[number].stop(timeout=30)

    def start(self, number: int) -> None:
        """Start a worker again, if it does not run."""
        self._containers[number].reload()
        if self._containers[number].status in {"exited", "created"}:
            self._containers[number].start()

    def freeze(self, number: int) -> None:
        """Stop a worker's processes where they are."""
        with contextlib.suppress(APIError):
            self._containers[number].pause()

    def thaw(self, number: int) -> None:
        """Let them go on."""
        with contextlib.suppress(APIError):
            self._containers[number].unpause()

    def freeze_children(self, number: int) -> None:
        """Stop the process that computes, and not the one that watches over it."""
        with contextlib.suppress(APIError):
            self._signal_children(number, "STOP")

    def thaw_children(self, number: int) -> None:
        """Let it go on."""
        with contextlib.suppress(APIError):
            self._signal_children(number, "CONT")

    def freeze_supervisor(self, number: int) -> None:
        """Stop the process that watches over the one that computes."""
        with contextlib.suppress(APIError):
            self._containers[number].kill("SIGSTOP")

    def thaw_supervisor(self, number: int) -> None:
        """Let it go on."""
        with contextlib.suppress(APIError):
            self._containers[number].kill("SIGCONT")

    def cut(self, number: int) -> None:
        """Take a worker off the network."""
        with contextlib.suppress(APIError):
            self._cluster.network.disconnect(self._containers[number])

    def connect(self, number: int) -> None:
        """Put it back."""
        with contextlib.suppress(APIError):
            self._cluster.network.connect(self._containers[number], aliases=[f"worker{number}"])

    def step_clock(self, number: int, seconds: float) -> None:
        """Let a worker's wall clock differ from now on by this much; its monotonic clock goes on as it did."""
        self._clocks[number].step(seconds)

    @property
    def restarts(self) -> int:
        """How often one has ended by itself and was started again."""
        for worker in self._containers:
            worker.reload()
        return sum(worker.attrs["RestartCount"] for worker in self._containers)

    def write_logs(self, folder: Path) -> None:
        """Keep what the workers wrote."""
        folder.mkdir(parents=True, exist_ok=True)
        for number, worker in enumerate(self._containers):
            (folder / f"worker{number}.log").write_bytes(worker.logs())
