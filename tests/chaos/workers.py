"""Workers in containers, whose parent and child processes can be hurt apart."""

import contextlib
from pathlib import Path

from docker.errors import APIError

from chaos.processes import Processes


class Workers(Processes):
    """Worker processes that share a consumer group."""

    kind = "worker"

    def command(self, _: Path) -> list[str]:
        """Say what a worker is started with."""
        return ["worker", "--kafka", self.cluster.inside, "--topic-prefix", self.prefix, "--max-workers", "1"]

    def kill_children(self, number: int) -> None:
        """Kill the processes that a worker's first one has started; itself when there are none."""
        with contextlib.suppress(APIError):
            if not self._signal_children(number, "KILL"):
                self.containers[number].kill("SIGKILL")

    def _signal_children(self, number: int, name: str) -> bool:
        pids = "$(cat /proc/1/task/*/children)"
        code, _ = self.containers[number].exec_run(["sh", "-c", f"kill -{name} {pids}"])
        return bool(code == 0)

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
            self.containers[number].kill("SIGSTOP")

    def thaw_supervisor(self, number: int) -> None:
        """Let it go on."""
        with contextlib.suppress(APIError):
            self.containers[number].kill("SIGCONT")
