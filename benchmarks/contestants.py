"""The programs that are compared: ours and the peers, each started as a process of its own and killed afterwards."""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

OURS = "ours"


def command(name: str, bootstrap: str, prefix: str, folder: str) -> list[str]:
    """How a contestant is started."""
    if name == OURS:
        return [
            sys.executable, "-m", "sciagents", "worker", "--kafka", bootstrap, "--topic-prefix", prefix,
            "--log-level", "WARNING", "--dir", folder,
        ]  # fmt: skip
    return [sys.executable, "-m", f"benchmarks.peers.{name}", bootstrap, prefix]


@contextlib.contextmanager
def running(name: str, bootstrap: str, prefix: str, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a contestant, with `more` arguments; what it said is shown with the error when one follows."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        with log.open("wb") as file:
            process = subprocess.Popen([*command(name, bootstrap, prefix, folder), *more], stdout=file, stderr=file)
        try:
            yield process
        except Exception as error:
            error.add_note(f"{name} (exit code {process.poll()}) said:\n{log.read_text()}")
            raise
        finally:
            process.kill()
            process.wait()
