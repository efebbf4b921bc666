"""A place of the heavy lane: one process at a time, which is killed when its request does not stop in time."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from typing import Literal

import structlog

from agents.outcome import Problem
from agents.task import Watch
from streams.cache.results import ResultCache
from streams.heavy import child, frames
from streams.heavy.frames import Setup, Work
from streams.replies import Written
from streams.watch import cancelled as was_cancelled
from streams.watch import timed_out

_log = structlog.get_logger(__name__)

_TICK_S = 0.01
"""How often a running request is looked at: half of what a cancellation may take goes into the grace below."""
_GRACE_S = 0.04
"""How long a process may take to stop by itself, at the next chunk of its work."""

_START_S = 60.0
_STARTS = 3

_context = get_context("forkserver")
_context.set_forkserver_preload(["__main__", "streams.heavy.warm"])


@dataclass(frozen=True, slots=True)
class Died:
    """The process ended in the middle of the request; `code` is its exit code, a signal's number below 0."""

    code: int | None


@dataclass(frozen=True, slots=True)
class Stopped:
    """The request was stopped; without a problem nobody is to be told."""

    problem: Problem | None


Ending = Written | Died | Stopped
Order = Literal["go on", "cancel", "abandon"]
Find = Callable[[Sequence[str], Watch], Mapping[str, bytes]]


class Slot:
    """Runs one request at a time; used by one thread. `find` looks for artifacts, the cache for its answer."""

    def __init__(self, setup: Setup, find: Find, cache: ResultCache | None = None) -> None:
        self._setup = setup
        self._find = find
        self._cache = cache
        self._flight: bytes | None = None
        self._process: ForkServerProcess | None = None
        self._killed: list[ForkServerProcess] = []
        self._pipe: Connection | None = None

    def prepare(self) -> None:
        """Have a process that waits for a request: how long that takes is no request's time.

        Raises:
            RuntimeError: processes do not start.

        """
        self._attempt(self._ready)

    def run(self, work: Work, timeout_s: float, order: Callable[[], Order], tell: Callable[[bytes], None]) -> Ending:
        """Compute a request in the process.

        `order` is asked, every few hundredths of a second, whether to go on; `tell` hears of progress, as JSON.
        """
        try:
            ending = self._run(work, timeout_s, order, tell)
            if self._cache is not None and isinstance(ending, Written):
                for key, value in ending.kept:
                    self._cache.keep(key, value)
        finally:
            if self._cache is not None and self._flight is not None:
                self._cache.leave(self._flight)
            self._flight = None
        return ending

    def _run(self, work: Work, timeout_s: float, order: Callable[[], Order], tell: Callable[[bytes], None]) -> Ending:
        pipe = self._begin(frames.WORK + frames.encode(work))
        began = time.monotonic()
        kill_at = began + timeout_s + _GRACE_S
        problem: Problem | None = timed_out(timeout_s)
        cancelled = False
        while True:
            try:
                ready = wait([pipe], max(0.0, min(_TICK_S, kill_at - time.monotonic())))
                frame = pipe.recv_bytes() if ready else b""
            except (EOFError, OSError):
                return self._died()
            kind, body = frame[:1], frame[1:]
            if kind == frames.WRITTEN:
                return frames.decode_written(body)
            if kind == frames.PROGRESS:
                tell(body)
            elif kind == frames.NEEDS:
                self._send(frames.ARTIFACTS + frames.encode(self._artifacts(body, kill_at, order)))
            elif kind == frames.LOOK:
                self._send(frames.KEPT + self._look(body, (kill_at - time.monotonic()) / 2, order))
            now = time.monotonic()
            if now >= kill_at:
                self.kill()
                return Stopped(problem)
            if not cancelled and (what := order()) != "go on":
                if what == "abandon":
                    self.kill()
                    return Stopped(None)
                cancelled = True
                problem = was_cancelled()
                kill_at = min(kill_at, now + _GRACE_S)
                self._send(frames.CANCEL)

    def kill(self) -> None:
        """End the process at once, whatever it does; how long it takes to be gone, with its memory, holds up nobody."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            self._killed.append(process)
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None

    def _begin(self, frame: bytes) -> Connection:
        """Send a request to a process that lives."""

        def send() -> Connection:
            pipe = self._ready()
            pipe.send_bytes(frame)
            return pipe

        return self._attempt(send)

    def _attempt(self, begin: Callable[[], Connection]) -> Connection:
        """Try again in another process: one that ended while it waited is not the request's fault."""
        for _ in range(_STARTS):
            try:
                return begin()
            except (EOFError, OSError) as error:
                _log.warning("heavy_process_lost", error=str(error))
                self.kill()
        raise RuntimeError("the processes of the heavy lane do not start")

    def _ready(self) -> Connection:
        """Return the pipe of a process that waits for requests, a new one where there is none."""
        if self._process is not None and self._pipe is not None and self._process.is_alive():
            return self._pipe
        self.kill()
        for killed in self._killed:
            killed.join()
            killed.close()
        self._killed.clear()
        self._pipe, theirs = _context.Pipe()
        self._process = _context.Process(target=child.serve, args=(theirs, self._setup), daemon=True)
        self._process.start()
        theirs.close()
        if not self._pipe.poll(_START_S) or self._pipe.recv_bytes() != frames.READY:
            raise OSError("a process of the heavy lane does not answer")
        return self._pipe

    def _send(self, frame: bytes) -> None:
        try:
            if self._pipe is not None:
                self._pipe.send_bytes(frame)
        except OSError:
            pass  # it is ending: that is seen where its frames are read

    def _died(self) -> Died:
        process = self._process
        if process is not None:
            process.join()
        died = Died(None if process is None else process.exitcode)
        self.kill()
        return died

    def _look(self, key: bytes, within_s: float, order: Callable[[], Order]) -> bytes:
        """Look into the cache; half of the request's time is left for computing it, should another not be done."""
        if self._cache is None:
            return b""
        value, leads = self._cache.join(key, within_s, lambda: order() == "go on")
        self._flight = key if leads else None
        return value or b""

    def _artifacts(self, body: bytes, until: float, order: Callable[[], Order]) -> Mapping[str, bytes]:
        """Find what a request needs; what is not found in time is not given, and the request is stopped."""

        def watch(fraction: float, stage: str) -> None:  # noqa: ARG001 - as a watch is called
            if time.monotonic() >= until or order() != "go on":
                raise Problem("cancelled", "stopped while what it needs was looked for")

        try:
            return self._find(frames.decode_names(body), watch)
        except Problem:
            return {}
