"""Alerting processes on Kafka, as one of several: they write or stand by."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

WITHIN_S = 60.0


class Replica:
    """One process; `said` are the lines that it printed, and when (epoch seconds)."""

    def __init__(
        self,
        folder: Path,
        kafka: str,
        prefix: str,
        config: Path,
        name: str,
        listen: str = "127.0.0.1:0",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.said: list[tuple[float, str]] = []
        self._news = threading.Condition()
        command = [sys.executable, "-m", "sciagents", "alerting", "--kafka", kafka, "--topic-prefix", prefix]
        command += ["--config", str(config), "--dir", str(folder / name), "--listen", listen]
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(
                [*command, "--instance-id", name], stdout=subprocess.PIPE, stderr=log, text=True,
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **(environment or {})},
            )  # fmt: skip
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for line in self.child.stdout:
            with self._news:
                self.said.append((time.time(), line.strip()))
                self._news.notify_all()
        with self._news:
            self.said.append((time.time(), "end"))
            self._news.notify_all()

    def until(self, *words: str, within_s: float = WITHIN_S) -> str:
        """Wait until it has said one of some words; returns which, the latest of them."""
        known = self.hears(*words, within_s=within_s)
        assert known is not None, f"{self.name} said {self.said}:\n{self.log.read_text()[-3000:]}"
        return known

    def hears(self, *words: str, within_s: float) -> str | None:
        """Wait for one of some words; None where it ends, or the time does, without one."""

        def found() -> list[str]:
            return [word for _, word in self.said if word in words]

        with self._news:
            self._news.wait_for(lambda: found() or (self.said and self.said[-1][1] == "end"), within_s)
            return found()[-1] if found() else None

    @property
    def url(self) -> str:
        """Where its HTTP is."""
        return f"http://{self.said[0][1].removeprefix('http ')}"

    def end(self, number: int) -> int:
        """Send a signal that ends it; returns the exit code."""
        self.child.send_signal(number)
        return self.wait()

    def wait(self, within_s: float = WITHIN_S) -> int:
        """Wait for its end; returns the exit code."""
        code = self.child.wait(within_s)
        self._reader.join()
        return code


@contextlib.contextmanager
def replicas() -> Iterator[list[Replica]]:
    """Whatever is put into the list is killed at the end of the block."""
    started: list[Replica] = []
    try:
        yield started
    finally:
        for replica in started:
            if replica.child.poll() is None:
                replica.child.kill()
            replica.wait()
            replica.child.stdout.close()
