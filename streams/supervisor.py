"""A worker's supervisor: forks it before there is any thread, and again when it was killed, with its suspects.

A process that a kernel ended cannot say which request did it. What was in its native call is noted in shared memory;
the next one forwards those requests to the heavy lane, where each has a process of its own.
"""

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

import structlog

from streams.lifeline import die_with
from streams.note import Note, Place

_log = structlog.get_logger(__name__)

CRASHES = frozenset({signal.SIGSEGV, signal.SIGFPE, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGKILL})
"""Signals that end a worker because of what it computes; SIGKILL is how the kernel gets its memory back."""
_BACKOFF_S = (0.2, 1.0, 2.0, 5.0, 10.0)
_FORGIVEN_S = 60.0
"""A death this long ago does not count any more."""
DEATHS = 6
"""So many deaths of the last minute that nothing is suspected of, and it is given up."""
_SUSPECTS = 20_000

Work = Callable[[Note, frozenset[Place]], None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from a worker's end: it is started again after a while, or the supervisor ends with a code."""

    wait_s: float = 0.0
    code: int | None = None


def judge(status: int, *, suspects: bool, stopping: bool, deaths: Sequence[float], now: float) -> Verdict:
    """Decide; `status` is the exit code, or below 0 a signal, `deaths` are the earlier ones without suspects."""
    if status >= 0:
        return Verdict(code=status)
    if stopping or signal.Signals(-status) not in CRASHES:
        return Verdict(code=128 - status)
    if suspects:
        return Verdict()
    recent = sum(1 for death in deaths if now - death < _FORGIVEN_S)
    if recent + 1 >= DEATHS:
        return Verdict(code=128 - status)
    return Verdict(wait_s=_BACKOFF_S[min(recent, len(_BACKOFF_S) - 1)])


def run(work: Work) -> None:
    """Run `work` in a child until it ends by itself or is told to; returns in the child alone.

    SIGTERM and SIGINT are passed on. Raises `SystemExit` in the parent, with the child's code.
    """
    note, suspects, deaths = Note(), frozenset[Place](), list[float]()
    stop = _Stop()
    while True:
        note.clear()
        parent, child = os.getpid(), os.fork()
        if child == 0:
            die_with(parent)
            os.setpgid(0, 0)  # an interrupt from the terminal is for the parent, who passes it on once
            stop.forget()
            work(note, suspects)
            return
        status = stop.wait_for(child)
        found = note.read() - suspects
        verdict = judge(status, suspects=bool(found), stopping=stop.asked, deaths=deaths, now=time.monotonic())
        if verdict.code is not None:
            _leave(status, verdict.code, asked=stop.asked)
        _log.error("worker_died", signal=signal.Signals(-status).name, suspects=len(found), again_s=verdict.wait_s)
        if found:
            suspects = found if len(suspects) > _SUSPECTS else suspects | found
        else:
            deaths.append(time.monotonic())
        if stop.asked_within(verdict.wait_s):
            raise SystemExit(0)


def _leave(status: int, code: int, *, asked: bool) -> NoReturn:
    if status < 0 and not asked:
        _log.critical("worker_given_up", signal=signal.Signals(-status).name)
    sys.exit(code)


class _Stop:
    """Hears SIGTERM and SIGINT, and passes them on to the child."""

    def __init__(self) -> None:
        self.asked = False
        self._child: int | None = None
        self._heard, self._told = os.pipe()
        self._before = {number: signal.signal(number, self._hear) for number in (signal.SIGTERM, signal.SIGINT)}

    def forget(self) -> None:
        """In the child: hear as before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._heard)
        os.close(self._told)

    def wait_for(self, child: int) -> int:
        """Wait until it has ended; returns its exit code, or below 0 the signal that ended it."""
        self._child = child
        if self.asked:  # between two children
            os.kill(child, signal.SIGTERM)
        ended, status = os.waitpid(-1, 0)
        while ended != child:  # what outlived a worker is ours where we are a container's first process
            ended, status = os.waitpid(-1, 0)
        self._child = None
        return os.waitstatus_to_exitcode(status)

    def asked_within(self, seconds: float) -> bool:
        """Wait that long, or until it is told to stop."""
        select.select([self._heard], [], [], seconds)
        return self.asked

    def _hear(self, number: int, _frame: object) -> None:
        self.asked = True
        os.write(self._told, b"x")
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._child, number)
