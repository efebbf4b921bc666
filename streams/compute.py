"""The compute stage: one record batch in; results, dead letters and progress out, each confirmed before it is done.

Small requests run grouped, one native call a group, in the fast thread; what outlasts its slice, or says beforehand
that it costs much, goes to the long threads one by one. Nothing raises out of here: a failure is an outcome.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

import msgspec
import structlog
from confluent_kafka import Message

from agents.outcome import Outcome, Problem
from streams import answer, instants, telemetry
from streams.admit import Job, Origin, admit, carried
from streams.cancels import Cancels
from streams.codec import INLINE_LIMIT, Refusal, encode_result
from streams.contracts import Progress, Provenance, Request, Result
from streams.emit import Emitter, Headers, Outgoing
from streams.intake import Partition, RecordBatch
from streams.topics import TOPIC_MESSAGE_LIMIT, names
from streams.watch import Demoted, Slice, Vigil

_log = structlog.get_logger(__name__)

SLICE_S = 0.05
LONG_COST = 2e8
"""Estimated operations above which a plan goes to the long threads at once: about 50 ms of dense algebra."""
_RESULT_LIMIT = TOPIC_MESSAGE_LIMIT - 64 * 1024

Done = Callable[[Sequence[tuple[Partition, int]]], None]


@dataclass(frozen=True)
class ComputeSettings:
    """What the compute stage needs to know of its surroundings."""

    version: str
    worker: str
    prefix: str = ""
    timeout_s: float = 3600.0
    inline_limit: int = INLINE_LIMIT
    max_workers: int = 2


class Compute:
    """Processes record batches; `done` is told the offsets whose answers the broker has confirmed."""

    def __init__(self, settings: ComputeSettings, emitter: Emitter, cancels: Cancels, done: Done) -> None:
        self._settings = settings
        self._emitter = emitter
        self._cancels = cancels
        self._done = done
        self._topics = names(settings.prefix)
        # one thread: decoding and encoding hold the interpreter's lock, so a second one would only take turns
        self._fast = ThreadPoolExecutor(1, "compute")
        self._long = ThreadPoolExecutor(settings.max_workers, "compute-long")

    def submit(self, batch: RecordBatch) -> "Future[None]":
        """Process a batch in the fast thread; the future is done when its small requests are answered."""
        return self._fast.submit(self._guarded, batch)

    def close(self) -> None:
        """Take no more work; what runs in the long threads is given up and repeated by whoever reads it next."""
        for pool in cast("tuple[Executor, ...]", (self._fast, self._long)):
            pool.shutdown(wait=False, cancel_futures=True)

    def _guarded(self, batch: RecordBatch) -> None:
        try:
            self._process(batch)
        except Exception:
            # every foreseen failure is an answer; this one leaves its offsets uncommitted, so that nothing is lost
            _log.exception("batch_failed", records=len(batch.records))

    def _process(self, batch: RecordBatch) -> None:
        now = time.time()
        telemetry.RECORDS.inc(len(batch.records))
        telemetry.BATCH_RECORDS.observe(len(batch.records))
        groups: dict[Any, list[Job]] = {}
        answers = _Answers(self, now, len(batch.records))
        for record in batch.records:
            origin = _origin_of(record)
            value = record.value()
            try:
                request, admitted = admit(value, origin, now, self._cancels, self._settings.timeout_s)
            except Refusal as refusal:
                answers.refuse(refusal, origin, record)
                continue
            except Exception as error:
                _log.exception("admission_failed", partition=origin.partition, offset=origin.offset)
                answers.dead(record, origin, Problem("internal", f"admission failed: {type(error).__name__}"))
                continue
            if isinstance(admitted, Problem):
                answers.reject(request, admitted, origin)
            elif admitted.plan.cost > LONG_COST:
                self._long.submit(self._run_long, admitted)
            else:
                groups.setdefault(admitted.group, []).append(admitted)
        answers.send()
        for jobs in sorted(groups.values(), key=lambda jobs: sum(job.plan.cost for job in jobs)):
            self._run_group(jobs)

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
            outcomes = compute_group([job], vigil)
            self._answer([job], outcomes, time.perf_counter() - started)
        except Problem as problem:
            kernel = f"{job.task.agent}.{job.task.name}"
            self._answer([job], [Outcome(None, kernel, compiled=False, problem=problem)], time.perf_counter() - started)
        except Exception:
            _log.exception("answer_failed", id=job.request.id)

    def _answer(self, jobs: list[Job], outcomes: list[Outcome], run_s: float) -> None:
        telemetry.RUN_SECONDS.labels(jobs[0].task.agent, jobs[0].task.name).observe(run_s)
        answers = _Answers(self, time.time(), len(jobs), run_s)
        for job, outcome in zip(jobs, outcomes, strict=True):
            answers.compute(job, outcome)
        answers.send()

    def _tell(self, progress: Progress) -> None:
        topic, value = self._topics["compute.progress"], msgspec.json.encode(progress)
        self._emitter.send([Outgoing(topic, progress.id.encode(), value, [])], lambda _: None)


def compute_group(jobs: list[Job], watch: Slice | Vigil) -> list[Outcome]:
    """Run one group; whatever a task raises against its promise becomes each job's `internal` failure."""
    task = jobs[0].task
    try:
        return task.compute([job.plan for job in jobs], watch)
    except (Problem, Demoted):
        raise
    except Exception as error:
        _log.exception("task_failed", agent=task.agent, task=task.name)
        problem = Problem("internal", f"{type(error).__name__} in {task.agent}.{task.name}", hint="report this request")
        return [Outcome(None, f"{task.agent}.{task.name}", compiled=False, problem=problem)] * len(jobs)


class _Answers:
    """Collects the messages of one group, sends them at once, and marks its offsets done when all are confirmed."""

    def __init__(self, compute: Compute, now: float, batch: int, run_s: float = 0.0) -> None:
        self._compute = compute
        self._now = now
        self._at = instants.to_text(now)
        self._batch = batch
        self._run_s = run_s
        self._messages: list[Outgoing] = []
        self._offsets: list[tuple[Partition, int]] = []
        self._counts: dict[tuple[str, str, str], int] = {}

    def compute(self, job: Job, outcome: Outcome) -> None:
        provenance = self._provenance(job.origin)
        result = answer.computed(job, outcome, provenance, self._at)
        self._add(result, job.origin, job.request.options.get("arrays"))

    def reject(self, request: Request, problem: Problem, origin: Origin) -> None:
        self._add(answer.refused(request, problem, self._provenance(origin), self._at), origin)

    def refuse(self, refusal: Refusal, origin: Origin, record: Message) -> None:
        if refusal.id is None:
            self.dead(record, origin, refusal.problem)
        else:
            self._add(answer.refused(refusal, refusal.problem, self._provenance(origin), self._at), origin)

    def dead(self, record: Message, origin: Origin, problem: Problem) -> None:
        """Keep the original bytes, and say in the headers why and from where."""
        headers: Headers = list(cast("Headers", record.headers() or []))
        headers += [
            ("error-code", problem.code),
            ("error-message", problem.message),
            ("error-field", problem.field or ""),
            ("error-hint", problem.hint or ""),
            ("source-topic", origin.partition[0]),
            ("source-partition", str(origin.partition[1])),
            ("source-offset", str(origin.offset)),
        ]
        topic = self._compute._topics["compute.dlq"]  # noqa: SLF001
        self._messages.append(Outgoing(topic, record.key(), record.value(), headers))
        self._offsets.append((origin.partition, origin.offset))
        telemetry.DEAD_LETTERS.labels(problem.code).inc()

    def send(self) -> None:
        if not self._messages:
            return
        compute, offsets, counts = self._compute, self._offsets, self._counts

        def confirmed(delivered: bool) -> None:
            if delivered:  # otherwise the offsets stay uncommitted, and whoever reads them next answers again
                compute._done(offsets)  # noqa: SLF001
                for labels, count in counts.items():
                    telemetry.RESULTS.labels(*labels).inc(count)

        compute._emitter.send(self._messages, confirmed)  # noqa: SLF001

    def _provenance(self, origin: Origin) -> Provenance:
        settings = self._compute._settings  # noqa: SLF001
        return Provenance(
            version=settings.version, worker=settings.worker, batch=self._batch, run_s=self._run_s,
            queued_s=round(max(0.0, self._now - self._run_s - origin.queued_at), 6),
        )  # fmt: skip

    def _add(self, result: Result, origin: Origin, arrays: str | None = None) -> None:
        settings = self._compute._settings  # noqa: SLF001
        value = encode_result(result, origin.content_type, arrays, settings.inline_limit)
        if len(value) > _RESULT_LIMIT:
            result.outputs, result.status = None, "failed"
            result.error = answer.error_of(
                Problem(
                    "too_large", f"the result has {len(value)} bytes, the limit is {_RESULT_LIMIT}",
                    hint='ask for fewer points, or for options.arrays: "base64"',
                )
            )  # fmt: skip
            value = encode_result(result, origin.content_type)
        topic = self._compute._topics["compute.results"]  # noqa: SLF001
        self._messages.append(Outgoing(topic, result.id.encode(), value, origin.headers))
        self._offsets.append((origin.partition, origin.offset))
        labels = (result.agent or "", result.task or "", result.status)
        if result.status == "rejected":  # names from outside would make series without bound
            labels = ("", "", "rejected")
        self._counts[labels] = self._counts.get(labels, 0) + 1


def _origin_of(record: Message) -> Origin:
    content_type, headers = carried(cast("list[tuple[str, bytes | None]] | None", record.headers()))
    partition = (cast("str", record.topic()), cast("int", record.partition()))
    return Origin(partition, cast("int", record.offset()), record.timestamp()[1] / 1000, content_type, headers)
