"""The compute stage: one record batch in; results, dead letters and progress out, each confirmed before it is done.

Small requests run grouped, one native call a group, in the fast thread; what outlasts its slice, or says beforehand
that it costs much, goes to the long threads one by one. Nothing raises out of here: a failure is an outcome.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, cast

import msgspec
import structlog
from confluent_kafka import Message

from agents import alone
from agents.outcome import Outcome, Problem
from agents.workflow.document import Workflow
from streams import telemetry
from streams.admit import PLAIN, Defaults, Job, Origin, admit, carried
from streams.artifacts import Shelf
from streams.cancels import Cancels
from streams.codec import Refusal
from streams.contracts import Progress
from streams.emit import Headers, Outgoing
from streams.intake import BATCH_LIMIT, Partition, Record, RecordBatch
from streams.replies import Desk, Replies
from streams.watch import Demoted, Slice, Vigil

_log = structlog.get_logger(__name__)

SLICE_S = 0.05
LONG_COST = 2e8
"""Estimated operations above which a plan goes to the long threads at once: about 50 ms of dense algebra."""
_NOTHING: Mapping[str, bytes] = {}


class Compute:
    """Processes record batches; whatever it finds is written at the desk."""

    def __init__(
        self,
        desk: Desk,
        cancels: Cancels,
        *,
        timeout_s: float = 3600.0,
        max_workers: int = 2,
        defaults: Defaults | None = None,
        shelf: Shelf | None = None,
    ) -> None:
        self._desk = desk
        self._defaults = defaults or {}
        self._cancels = cancels
        self._shelf = shelf
        self._timeout_s = timeout_s
        self._long = ThreadPoolExecutor(max_workers, "compute-long")
        self._waiting: SimpleQueue[RecordBatch | None] = SimpleQueue()
        # one thread: decoding and encoding hold the interpreter's lock, so a second one would only take turns
        self._fast = threading.Thread(target=self._run, name="compute", daemon=True)
        self._fast.start()

    def submit(self, batch: RecordBatch) -> None:
        """Let the fast thread process a batch, together with those that come while it is busy."""
        self._waiting.put(batch)

    def close(self) -> None:
        """Take no more work; what runs in the long threads is given up and repeated by whoever reads it next."""
        self._waiting.put(None)
        self._long.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        while (batch := self._waiting.get()) is not None:
            records = list(batch.records)
            # a small batch costs more to pass from thread to thread than to compute: under load, larger ones form here
            while len(records) < BATCH_LIMIT and not self._waiting.empty():
                more = self._waiting.get()
                if more is None:
                    self._waiting.put(None)
                    break
                records += more.records
            try:
                self._process(records)
            except Exception as error:
                # every foreseen failure is an answer; after this one the process ends, and its offsets are read again
                _log.exception("batch_failed", records=len(records))
                self._desk.give_up(error)

    def _process(self, records: Sequence[Record]) -> None:
        telemetry.RECORDS.inc(len(records))
        telemetry.BATCH_RECORDS.observe(len(records))
        groups: dict[Any, list[Job]] = {}
        replies = Replies(self._desk, len(records))
        now = time.time()
        for record, partition, offset in records:
            job = self._admit(record, _origin_of(record, partition, offset), now, replies)
            if job is None:
                continue
            if isinstance(job.plan, Workflow):
                replies.forward(job, record.value() or b"")
            elif job.plan.cost > LONG_COST or job.needs:
                self._long.submit(self._run_long, job)
            else:
                groups.setdefault(job.group, []).append(job)
        replies.send()
        for jobs in sorted(groups.values(), key=lambda jobs: jobs[0].plan.cost * len(jobs)):
            self._run_group(jobs)

    def _admit(self, record: Message, origin: Origin, now: float, replies: Replies) -> Job | None:
        try:
            admitted = admit(record.value(), origin, now, self._cancels, self._timeout_s, self._defaults)
        except Refusal as refusal:
            replies.refuse(refusal, origin, record)
        except Exception as error:
            _log.exception("admission_failed", partition=origin.partition, offset=origin.offset)
            replies.dead(record, origin, Problem("internal", f"admission failed: {type(error).__name__}"))
        else:
            if isinstance(admitted, Job):
                return admitted
            replies.reject(*admitted, origin)
        return None

    def _run_group(self, jobs: list[Job]) -> None:
        started = time.perf_counter()
        try:
            outcomes = compute_group(jobs, Slice(SLICE_S))
        except Demoted:
            for job in jobs:
                self._long.submit(self._run_long, job)
            return
        self._answer(jobs, outcomes, time.perf_counter() - started)

    def _run_long(self, job: Job) -> None:
        started = time.perf_counter()
        vigil = Vigil(job.request.id, job.timeout_s, self._cancels, self._tell)
        try:
            vigil(0.0, "waiting")  # it may have been cancelled while it waited
            kept = self._shelf.find(job.needs, vigil) if self._shelf is not None and job.needs else {}
            outcomes = compute_group([job], vigil, kept)
        except Problem as problem:
            outcomes = [Outcome(None, f"{job.task.agent}.{job.task.name}", compiled=False, problem=problem)]
        try:
            self._answer([job], outcomes, time.perf_counter() - started)
        except Exception as error:
            _log.exception("answer_failed", id=job.request.id)
            self._desk.give_up(error)

    def _answer(self, jobs: list[Job], outcomes: list[Outcome], run_s: float) -> None:
        if self._shelf is not None:
            for outcome in outcomes:
                self._shelf.put(outcome.keep)
        telemetry.RUN_SECONDS.labels(jobs[0].task.agent, jobs[0].task.name).observe(run_s)
        replies = Replies(self._desk, len(jobs), run_s)
        replies.compute(jobs, outcomes)
        replies.send()

    def _tell(self, progress: Progress) -> None:
        topic, value = self._desk.topics["compute.progress"], msgspec.json.encode(progress)
        self._desk.emitter.send([Outgoing(topic, progress.id.encode(), value, [])], lambda _: None)


def compute_group(jobs: list[Job], watch: Slice | Vigil, kept: Mapping[str, bytes] = _NOTHING) -> list[Outcome]:
    """Run one group; whatever a task raises against its promise becomes each job's `internal` failure."""
    task = jobs[0].task
    try:
        if jobs[0].needs:
            return [alone.run(job.plan, watch, kept) for job in jobs]
        return task.compute([job.plan for job in jobs], watch)
    except (Problem, Demoted):
        raise
    except Exception as error:
        _log.exception("task_failed", agent=task.agent, task=task.name)
        problem = Problem("internal", f"{type(error).__name__} in {task.agent}.{task.name}", hint="report this request")
        return [Outcome(None, f"{task.agent}.{task.name}", compiled=False, problem=problem)] * len(jobs)


def _origin_of(record: Message, partition: Partition, offset: int) -> Origin:
    content_type, headers = carried(cast("Headers", found)) if (found := record.headers()) else PLAIN
    return Origin(partition, offset, record.timestamp()[1], content_type, headers)
