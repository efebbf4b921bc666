"""A process of the heavy lane: computes one request after the other, until its pipe ends or it is killed."""

import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
import structlog
from threadpoolctl import threadpool_limits

from agents import catalogue, divided
from agents.divided import Divided
from agents.outcome import Outcome, Problem
from streams import logs, shard
from streams.admit import Job, admit, conducted, failed
from streams.cache import kept
from streams.cache.kept import Kept
from streams.codec import MSGPACK, Refusal, receive
from streams.contracts import Progress
from streams.groups import compute_group, mistake
from streams.heavy import frames
from streams.heavy.frames import Setup, Work
from streams.lifeline import die_with
from streams.replies import Draft, Letterhead, Written, out_of_memory
from streams.spans import traceparent
from streams.watch import Vigil

_log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 0.005
"""How often the pipe is looked at for a cancellation: a task may call its watch far more often."""


class Line:
    """The process's end of the pipe: hears a cancellation, asks for artifacts, tells progress."""

    def __init__(self, pipe: Connection, clock: Callable[[], float] = time.monotonic) -> None:
        self._pipe = pipe
        self._clock = clock
        self._poll = select.poll()
        self._poll.register(pipe.fileno(), select.POLLIN)
        self._look_at = 0.0
        self._cancelled = False

    def work(self) -> Work:
        """Wait for the next request; raises `EOFError` when the worker has ended."""
        while True:
            frame = self._pipe.recv_bytes()
            if frame[:1] == frames.WORK:  # a cancellation here came too late for the one before
                self._cancelled = False
                return frames.decode_work(frame[1:])

    def __contains__(self, request_id: object) -> bool:
        """Whether the request that is computed has been cancelled."""
        now = self._clock()
        if now >= self._look_at:
            self._look_at = now + _LOOK_EVERY_S
            if not self._cancelled and self._poll.poll(0):
                self._cancelled = self._pipe.recv_bytes()[:1] == frames.CANCEL
        return self._cancelled

    def __bool__(self) -> bool:
        return True

    def tell(self, progress: Progress) -> None:
        """Tell how far it is."""
        self._pipe.send_bytes(frames.PROGRESS + msgspec.json.encode(progress))

    def need(self, names: Sequence[str]) -> Mapping[str, bytes]:
        """Ask for artifacts; raises `Problem` when the request is cancelled while they are looked for."""
        self._pipe.send_bytes(frames.NEEDS + frames.encode(list(names)))
        frame = self._pipe.recv_bytes()
        if frame[:1] == frames.CANCEL:
            raise Problem("cancelled", "cancelled while what it needs was looked for")
        return frames.decode_artifacts(frame[1:])

    def look(self, key: bytes) -> bytes:
        """Ask for what the cache has, waiting for whoever computes it now; empty when it is to be computed."""
        self._pipe.send_bytes(frames.LOOK + key)
        frame = self._pipe.recv_bytes()
        if frame[:1] == frames.CANCEL:
            raise Problem("cancelled", "cancelled while the cache was looked at")
        return frame[1:]

    def answer(self, written: Written) -> None:
        """Hand back what is to be sent."""
        self._pipe.send_bytes(frames.WRITTEN + frames.encode(written))


def serve(pipe: Connection, setup: Setup) -> None:
    """Be a process of the lane."""
    _confine(setup.limits.bytes)
    level, file, form = setup.log
    logs.configure(level, Path(file) if file else None, form)
    catalogue.plug_in(setup.plugins)
    line = Line(pipe)
    pipe.send_bytes(frames.READY)
    while True:
        try:
            work = line.work()
        except (EOFError, OSError):
            return
        line.answer(answer(work, setup, line))


def answer(work: Work, setup: Setup, line: Line) -> Written:
    """Compute one request; whatever goes wrong in it is in what is written."""
    began = time.perf_counter()

    def draft() -> Draft:
        return Draft(head, 1, time.perf_counter() - began, lane="heavy", attempt=work.attempt)

    head = Letterhead(version=setup.version, worker=setup.worker, topics=setup.topics, inline_limit=setup.inline_limit)
    try:
        request = receive(work.value, work.origin.content_type)
    except Refusal as refusal:
        refused = draft()
        refused.refuse(refusal, work.origin)
        return refused.written()
    try:
        admitted = admit(request, work.origin, float("-inf"), (), setup.timeout_s, setup.defaults, setup.limits)
    except Exception as error:
        _log.exception("admission_failed")
        admitted = out_of_memory() if isinstance(error, MemoryError) else failed(error)
    if not isinstance(admitted, Job):
        rejected = draft()
        rejected.reject(request, admitted, work.origin)
        return rejected.written()
    if not work.origin.shard and conducted(admitted.plan, embedded=setup.embedded):
        forwarded = draft()
        forwarded.forward(admitted, work.value)
        return forwarded.written()
    outcome: Kept | Outcome
    what = shard.read(work.origin.shard)
    with logs.about(admitted.request.id, traceparent(work.origin.headers)):
        if isinstance(what, shard.Blocks) and isinstance(admitted.plan, Divided):
            return _part(admitted, admitted.plan, what, line, draft)
        if isinstance(what, shard.Merge) and isinstance(admitted.plan, Divided):
            began -= max(0.0, time.time() - what.begun_at)  # the whole's time, on all workers
            if setup.keying is not None:
                setup.keying(admitted)  # the answer may be kept
            outcome = _merge(admitted, admitted.plan, work.shards, line)
        else:
            outcome = _look(admitted, setup, line) or _compute(admitted, line)
    computed = draft()
    if isinstance(outcome, Kept):
        computed.repeat(admitted, outcome)
        return computed.written()
    computed.compute([admitted], [outcome])
    return computed.written()


def _look(job: Job, setup: Setup, line: Line) -> Kept | Outcome | None:
    """Give what the cache has for a job; None when it is to be computed."""
    if setup.keying is None or (key := setup.keying(job)) is None:
        return None
    try:
        return kept.from_bytes(key, line.look(key), packed=job.origin.content_type == MSGPACK)
    except Problem as problem:
        return _failed(job, problem)


def _part(job: Job, plan: Divided, what: shard.Blocks, line: Line, draft: Callable[[], Draft]) -> Written:
    """Compute a shard; its own progress is not the whole's."""
    vigil = Vigil(job.request.id, job.timeout_s, line, lambda _: None)
    try:
        vigil(0.0, "begun")
        value = divided.compute(plan, what.low, what.high, vigil)
    except Problem as problem:
        lost = problem
    except EOFError:  # the worker has ended
        raise SystemExit(0) from None
    except Exception as error:
        _log.exception("shard_failed", agent=job.task.agent, task=job.task.name)
        lost = mistake(job.task, error)
    else:
        made = draft()
        made.part(job, what, value)
        return made.written()
    failed = draft()
    failed.reject(job.request, lost, job.origin)
    return failed.written()


def _merge(job: Job, plan: Divided, shards: Sequence[bytes], line: Line) -> Outcome:
    """Make the answer of what all shards left."""
    try:
        job.plan = divided.merged(plan, shards)
    except ValueError as error:
        _log.exception("shards_do_not_fit", id=job.request.id)
        return _failed(job, Problem("internal", f"its parts do not fit: {error}", hint="send it again"))
    return _compute(job, line)


def _compute(job: Job, line: Line) -> Outcome:
    vigil = Vigil(job.request.id, job.timeout_s, line, line.tell)
    try:
        found = line.need(job.needs) if job.needs else {}
        vigil(0.0, "begun")
        (outcome,) = compute_group([job], vigil, found)
    except Problem as problem:
        return _failed(job, problem)
    except MemoryError:
        return _failed(job, out_of_memory())
    return outcome


def _failed(job: Job, problem: Problem) -> Outcome:
    return Outcome(None, f"{job.task.agent}.{job.task.name}", compiled=False, problem=problem)


def _confine(memory_bytes: int) -> None:
    """One BLAS thread; die with the worker; fail to allocate, rather than be killed, above the limit."""
    die_with(os.getppid())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's interrupt is for the worker
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    threadpool_limits(1, "blas")
    if sys.platform == "linux":
        limit = _data_bytes() + memory_bytes
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _data_bytes() -> int:
    """What the process has of private writable memory now, as `RLIMIT_DATA` counts it."""
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 - not a file on a disk
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData:"))
