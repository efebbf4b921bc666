"""Wall clocks of processes' own, which tests step: a process is started with a library before others (`clock.c`)."""

import contextlib
import mmap
import struct
import subprocess
import time
from pathlib import Path
from typing import Self

_SOURCE = Path(__file__).parent / "clock.c"


def library(folder: Path) -> Path:
    """Compile what is preloaded."""
    made = folder / "clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(made), str(_SOURCE), "-ldl"], check=True)
    return made


class Clock(contextlib.AbstractContextManager["Clock"]):
    """One clock, in a file that its process reads at each look; it begins as the machine's."""

    def __init__(self, file: Path) -> None:
        self.file = file
        file.write_bytes(struct.pack("=q", 0))
        with file.open("r+b") as opened:
            self._step = mmap.mmap(opened.fileno(), 0)

    def environment(self, preloaded: Path) -> dict[str, str]:
        """Give the variables with which a process is started that has this clock."""
        return {"LD_PRELOAD": str(preloaded), "CLOCK_STEP_FILE": str(self.file)}

    def step(self, seconds: float) -> None:
        """Let it differ from the machine's by this much from now on; monotonic clocks go on as they did."""
        struct.pack_into("=q", self._step, 0, round(seconds * 1e9))

    def set(self, now: float) -> None:
        """Let it show an instant, epoch seconds."""
        self.step(now - time.time())

    def now(self) -> float:
        """Read it."""
        return time.time() + struct.unpack_from("=q", self._step)[0] / 1e9

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._step.close()
