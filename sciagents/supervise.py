"""Child processes, kept alive: each with a log of its own, started again when it dies, stopped in order."""

import asyncio
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from streams.lifeline import die_with

_BACKOFF_S = (0.2, 1.0, 2.0, 5.0, 10.0, 30.0)
_FORGIVEN_S = 60.0
"""A death this long ago does not count any more."""
_TAIL_BYTES = 4096


@dataclass(frozen=True)
class Command:
    """A process to run: `sci-agents` with these arguments, this added to its environment."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    grace_s: float = 5.0
    """How long it may take to stop before it is killed."""


def delay(deaths: Sequence[float], now: float) -> float:
    """How long to wait before the next start: more with each death of the last minute, half a minute at most."""
    recent = sum(1 for death in deaths if now - death < _FORGIVEN_S)
    return _BACKOFF_S[min(max(recent, 1), len(_BACKOFF_S)) - 1]


class Child:
    """One process and its successors; `say` hears of each death and each new start."""

    def __init__(self, command: Command, logs: Path, say: Callable[[str], None]) -> None:
        self.command = command
        self.log = logs / f"{command.name}.log"
        self._say = say
        self._process: asyncio.subprocess.Process | None = None
        self._deaths: deque[float] = deque(maxlen=len(_BACKOFF_S))
        self._again: Callable[[], None] = lambda: None
        self._keeper: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    @property
    def deaths(self) -> int:
        """How often it died lately."""
        return len(self._deaths)

    async def start(self, again: Callable[[], None] | None = None) -> None:
        """Start it, and keep it running from now on; `again` is called after each new start."""
        self._again = again or self._again
        await self._spawn()
        self._keeper = asyncio.create_task(self._keep(), name=f"keep {self.command.name}")

    async def stop(self) -> None:
        """Ask it to stop, and kill it when its grace is over."""
        self._stopping = True
        if self._keeper is None:
            return
        if self.pid is not None:
            self._signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(self.command.grace_s):
                    await asyncio.shield(self._keeper)
            except TimeoutError:
                self._say(f"{self.command.name} does not stop: killed")
                self._signal(signal.SIGKILL)
        self._keeper.cancel()
        await asyncio.gather(self._keeper, return_exceptions=True)
        if self._process is not None:
            await self._process.wait()

    def kill(self) -> None:
        """End it at once; as after any death, it is started again."""
        self._signal(signal.SIGKILL)

    def last_words(self) -> str:
        """The end of its log."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - _TAIL_BYTES))
                return file.read().decode("utf-8", "replace").strip()
        except OSError:
            return ""

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    async def _spawn(self) -> None:
        parent = os.getpid()
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "sciagents", *self.command.arguments,
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **self.command.environment},
                start_new_session=True,  # an interrupt from the terminal is for us alone: we stop them in order
                preexec_fn=lambda: die_with(parent),
            )  # fmt: skip

    async def _keep(self) -> None:
        while self._process is not None:
            code = await self._process.wait()
            if self._stopping:
                return
            self._deaths.append(time.monotonic())
            wait = delay(self._deaths, time.monotonic())
            self._say(f"{self.command.name} {_ended(code)}: started again in {wait:g} s ({self.log})")
            await asyncio.sleep(wait)
            await self._spawn()
            self._again()


def _ended(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
