"""The heavy lane of a worker: what was read waits by priority, and threads give it to processes, one each.

Nothing raises out of here: a failure is an outcome, and what ends the process is handed to the desk's `give_up`.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from queue import Empty, SimpleQueue

import structlog

from agents.outcome import Problem
from streams import instants, journal, logs, shard, telemetry
from streams.admit import Partition
from streams.artifacts import Shelf
from streams.cache.results import ResultCache
from streams.cancels import Cancels
from streams.codec import Received, Refusal, receive
from streams.emit import Outgoing
from streams.gather import gather
from streams.handout import RecordBatch
from streams.heavy import forward
from streams.heavy.forward import Forwarded
from streams.heavy.frames import Setup, Work
from streams.heavy.slot import Died, Ending, Find, Order, Slot, Stopped
from streams.letters import Letter
from streams.replies import Desk, Replies, Written, deliver
from streams.shard import Blocks, Merge, Shard
from streams.spans import traceparent
from streams.turns import Turns
from streams.watch import cancelled

_log = structlog.get_logger(__name__)

ATTEMPTS = 2
"""After so many deaths of its process a request is a dead letter."""
_SWEEP_EVERY_S = 0.05
_SOURCES = 10_000
"""So many of the last requests are known by where they lay first."""


@dataclass(eq=False)
class Task:
    """A request that waits, or runs."""

    record: Forwarded
    request: Received
    timeout_s: float
    expires_at: float
    until: float = 0.0
    """When its time is over, once it runs (monotonic seconds)."""
    shard: Shard | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What cancels it."""
        if self.shard is None:
            return (self.request.id,)
        return self.request.id, shard.group(self.request.id, self.shard.source)


class _Ordered(Exception):  # noqa: N818 - an order, not an accident
    """What is to be done instead of going on."""


class Heavy:
    """Takes record batches of `compute.heavy`; what `desk` does not own any more is abandoned."""

    def __init__(
        self, desk: Desk, cancels: Cancels, setup: Setup, *, max_workers: int = 2, shelf: Shelf | None = None,
        cache: ResultCache | None = None, bootstrap: str = "",
    ) -> None:  # fmt: skip
        self._desk = desk
        self._bootstrap = bootstrap
        self._cancels = cancels
        self._setup = setup
        self._shelf = shelf
        self._batches: SimpleQueue[RecordBatch | None] = SimpleQueue()
        self._waiting: Turns[Task] = Turns()
        self._running: set[Task] = set()
        self._sources: OrderedDict[tuple[str, str, str], tuple[Partition, int]] = OrderedDict()
        self._changed = threading.Condition()
        self._closed = False
        find: Find = (lambda _names, _watch: {}) if shelf is None else shelf.find
        self._slots = [Slot(setup, find, cache) for _ in range(max_workers)]
        self._threads = [threading.Thread(target=self._sort, name="heavy-sort", daemon=True)] + [
            threading.Thread(target=self._work, args=(slot,), name=f"heavy-{number}", daemon=True)
            for number, slot in enumerate(self._slots)
        ]

    def begin(self) -> None:
        """Start the threads, and with them the processes."""
        telemetry.HEAVY_RUNNING.set_function(lambda: len(self._running))
        telemetry.HEAVY_WAITING.set_function(lambda: len(self._waiting))
        for thread in self._threads:
            thread.start()

    def submit(self, batch: RecordBatch) -> None:
        """Let requests wait for their turn."""
        self._batches.put(batch)

    def release(self, partitions: Collection[Partition] | None) -> int:
        """Begin none of these partitions' requests (None: of all) any more; says how many are given back now."""

        def given_back(task: Task) -> bool:
            return partitions is None or task.record.origin.partition in partitions

        with self._changed:
            gone = self._waiting.remove(given_back)
            for task in gone:
                self._sources.pop(task.record.source, None)
        return len(gone)

    @property
    def busy_until(self) -> float | None:
        """The latest deadline of what runs (monotonic seconds); None while nothing does."""
        with self._changed:
            return max((task.until for task in self._running), default=None)

    def close(self) -> None:
        """Take no more work; what runs is killed, and repeated by whoever reads it next."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._batches.put(None)
        for thread in self._threads:
            if thread.is_alive():
                thread.join(5.0)

    def _sort(self) -> None:
        while True:
            try:
                batch = self._batches.get(timeout=_SWEEP_EVERY_S if self._waiting else None)
                if batch is None:
                    return
                for record, partition, offset in batch.records:
                    self._admit(forward.read(record, partition, offset))
            except Empty:
                pass
            except Exception as error:
                _log.exception("heavy_sort_failed")
                self._desk.give_up(error)
            self._sweep()

    def _admit(self, record: Forwarded) -> None:
        replies = Replies(self._desk, 1, lane="heavy", attempt=record.attempt)
        try:
            request = receive(record.value, record.origin.content_type)
        except Refusal as refusal:
            replies.turn_away(refusal, record.origin, _letter(record))
            replies.send()
            return
        expires_at = float("inf") if request.expires_at is None else instants.from_text(request.expires_at)
        timeout_s = self._setup.timeout_s if request.timeout_s is None else request.timeout_s
        task = Task(record, request, timeout_s, expires_at, shard=shard.read(record.origin.shard))
        priority = request.priority
        if task.shard is not None:  # what has begun does not expire
            task.expires_at = float("inf")
        if isinstance(task.shard, Blocks):  # what takes all lanes lets others by
            priority = "normal" if priority == "high" else "low"
        with self._changed:
            place = (record.origin.partition, record.origin.offset)
            # one read again, after its partition was lost and came back, is not done: it was given up meanwhile
            if self._sources.get(record.source, place) != place:  # forwarded twice: its worker ended, uncommitted
                self._desk.done([place])
                return
            self._sources[record.source] = place
            if len(self._sources) > _SOURCES:
                self._sources.popitem(last=False)
            self._waiting.put(task, priority)
            self._changed.notify()

    def _sweep(self) -> None:
        """Answer what is cancelled or has expired while it waits."""
        now = time.time()
        with self._changed:
            ended = self._waiting.remove(lambda task: self._ended(task, now) is not None)
        for task in ended:
            self._reject(task, self._ended(task, now))

    def _ended(self, task: Task, now: float) -> Problem | None:
        if any(name in self._cancels for name in task.names):
            return cancelled()
        if task.expires_at <= now:
            text = f"it was to be answered before {task.request.expires_at}"
            return Problem("expired", text, field="expires_at")
        return self._setup.limits.waited_too_long(task.record.origin.queued_at_ms, now)

    def _work(self, slot: Slot) -> None:
        try:
            slot.prepare()
            while (task := self._next()) is not None:
                with logs.about(task.request.id, traceparent(task.record.origin.headers)):
                    self._run(slot, task)
                with self._changed:
                    self._running.discard(task)
                    self._changed.notify_all()
                if not self._closed:
                    slot.prepare()
        except Exception as error:
            # every foreseen failure is an answer; after this one the process ends, and its offsets are read again
            _log.exception("heavy_failed")
            self._desk.give_up(error)
        finally:
            slot.kill()

    def _next(self) -> Task | None:
        with self._changed:
            while not self._closed:
                task = self._waiting.take()
                if task is not None:
                    task.until = time.monotonic() + task.timeout_s
                    self._running.add(task)
                    return task
                self._changed.wait()
        return None

    def _run(self, slot: Slot, task: Task) -> None:
        if (problem := self._ended(task, time.time())) is not None:
            self._reject(task, problem)
            return
        record = task.record
        partition, request_id, names = record.origin.partition, task.request.id, task.names

        def order() -> Order:
            if self._closed or not self._desk.owns(partition):
                return "abandon"
            return "cancel" if self._cancels and any(name in self._cancels for name in names) else "go on"

        def tell(progress: bytes) -> None:
            topic = self._desk.topics["compute.progress"]
            self._desk.emitter.send([Outgoing(topic, request_id.encode(), progress, [])], lambda _: None)

        if task.shard is None:  # the whole has waited longer than its shards
            telemetry.QUEUE_SECONDS.observe("heavy", [max(time.time() - record.origin.queued_at_ms / 1000, 0.0)])
        try:
            shards = self._gather(task, order) if isinstance(task.shard, Merge) else ()
        except _Ordered as ordered:
            if ordered.args[0] == "cancel":
                self._reject(task, Problem("cancelled", "cancelled while its parts were put together"))
            else:
                self._sources.pop(record.source, None)
            return
        attempt = record.attempt
        while order() != "abandon":
            began = time.perf_counter()
            work = Work(record.value or b"", record.origin, attempt, shards)
            ending = slot.run(work, task.timeout_s, order, tell)
            if not isinstance(ending, Died):
                self._end(task, ending, attempt, time.perf_counter() - began)
                return
            if self._closed:
                return
            telemetry.HEAVY_CRASHED.inc()
            _log.warning("heavy_process_died", code=ending.code, attempt=attempt)
            if attempt >= ATTEMPTS:
                self._bury(task, ending, attempt)
                return
            attempt += 1
        self._sources.pop(record.source, None)  # it may come back

    def _gather(self, task: Task, order: Callable[[], Order]) -> tuple[bytes, ...]:
        """Read what the shards left; raises `_Ordered` when it is not to go on."""

        def watch(fraction: float, stage: str) -> None:  # noqa: ARG001 - no progress of the whole
            if (what := order()) != "go on":
                raise _Ordered(what)

        assert isinstance(task.shard, Merge)
        topic = self._desk.topics[journal.TOPIC]
        return tuple(gather(self._bootstrap, topic, task.request.id, task.shard, watch))

    def _end(self, task: Task, ending: Ending, attempt: int, run_s: float) -> None:
        match ending:
            case Written():
                if self._shelf is not None and ending.artifacts:
                    self._shelf.put({_name(one): one.value or b"" for one in ending.artifacts})
                for (agent, name, *_), _ in ending.counts:
                    if agent:
                        telemetry.RUN_SECONDS.labels(agent, name).observe(run_s)
                        telemetry.REQUESTS.labels(agent, name).inc()
                deliver(self._desk, ending)
            case Stopped(problem=None):
                self._sources.pop(task.record.source, None)
            case Stopped(problem=Problem() as problem):
                telemetry.HEAVY_KILLED.labels(problem.code).inc()
                self._reject(task, problem, run_s, attempt)

    def _reject(self, task: Task, problem: Problem | None, run_s: float = 0.0, attempt: int | None = None) -> None:
        if problem is None:
            return
        replies = Replies(self._desk, 1, run_s, lane="heavy", attempt=attempt or task.record.attempt)
        replies.reject(task.request, problem, task.record.origin)
        replies.send()

    def _bury(self, task: Task, died: Died, attempt: int) -> None:
        """Keep what kills its process as a dead letter, and answer it: the two are confirmed together."""
        how = "ended" if died.code is None or died.code >= 0 else f"was killed by signal {-died.code}"
        problem = Problem(
            "worker_crashed", f"the process that computed it {how}, {attempt} times",
            hint="its bytes are kept on compute.dlq: report them",
        )  # fmt: skip
        replies = Replies(self._desk, 1, lane="heavy", attempt=attempt)
        replies.reject(task.request, problem, task.record.origin)
        replies.dead(_letter(task.record), task.record.origin, problem)
        replies.send()


def _letter(record: Forwarded) -> Letter:
    return Letter(record.key, record.value, record.headers, record.source)


def _name(artifact: Outgoing) -> str:
    return (artifact.key or b"").decode()
