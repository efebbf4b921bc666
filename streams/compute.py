"""The fast lane: one record batch in; results, dead letters and forwards out, each confirmed before it is done.

Small requests run grouped, one native call a group, in one thread; what outlasts its slice, or says beforehand that it
costs much, is forwarded to the heavy lane. Nothing raises out of here: a failure is an outcome.
"""

import threading
import time
from collections.abc import Collection, Container, Iterable, Sequence
from itertools import repeat
from queue import SimpleQueue
from typing import cast

import structlog
from confluent_kafka import Message

from agents.outcome import Outcome
from streams import letters, limits, telemetry
from streams.admit import Defaults, Job, Origin, admit, conducted, failed, origin_of
from streams.artifacts import Shelf
from streams.cache import kept
from streams.cache.results import ResultCache
from streams.cancels import Cancels
from streams.codec import JSON, MSGPACK, Received, Refusal, id_of, receive, receive_together
from streams.flight import Record
from streams.groups import compute_group
from streams.handout import BATCH_LIMIT, RecordBatch
from streams.heavy import forward
from streams.heavy.forward import Reason
from streams.limits import Limits
from streams.note import Note, Place
from streams.pending import MAX_BATCH, Pending
from streams.replies import Desk, Replies
from streams.watch import Demoted, Slice, cancelled

_log = structlog.get_logger(__name__)

SLICE_S = 0.05
LONG_COST = 2e8
"""Estimated operations above which a plan goes to the heavy lane at once: about 50 ms of dense algebra."""

_NOBODY: Container[str] = ()
"""No request that is cancelled."""
_TURN_S = 0.02
"""How long admitted requests are computed before what has come meanwhile is admitted too, and may overtake."""


class Compute:
    """Processes record batches; whatever it finds is written at the desk."""

    def __init__(
        self, desk: Desk, cancels: Cancels, *, timeout_s: float = 3600.0, defaults: Defaults | None = None,
        shelf: Shelf | None = None, cache: ResultCache | None = None, note: Note | None = None,
        suspects: Collection[Place] = (), limits: Limits = limits.USUAL, max_batch: int = MAX_BATCH,
        embedded: bool = False,
    ) -> None:  # fmt: skip
        self._desk = desk
        self._cache = cache
        self._defaults = defaults or {}
        self._cancels = cancels
        self._shelf = shelf
        self._timeout_s = timeout_s
        self._note = note
        self._suspects = frozenset(suspects)
        self._limits = limits
        self._pending = Pending(max_batch, LONG_COST)
        self._again: list[Job] = []
        self._embedded = embedded
        self._waiting: SimpleQueue[RecordBatch | None] = SimpleQueue()
        # one thread: decoding and encoding hold the interpreter's lock, so a second one would only take turns
        self._fast = threading.Thread(target=self._run, name="compute", daemon=True)
        self._fast.start()

    def submit(self, batch: RecordBatch) -> None:
        """Let the fast thread process a batch, together with those that come while it is busy."""
        self._waiting.put(batch)

    def close(self) -> None:
        """Take no more work."""
        self._waiting.put(None)
        if self._cache is not None:
            self._cache.close()

    def _run(self) -> None:
        while (records := self._next()) is not None:
            try:
                if records:
                    self._take(records)
                self._compute()
            except Exception as error:
                # every foreseen failure is an answer; after this one the process ends, and its offsets are read again
                _log.exception("batch_failed", records=len(records))
                self._desk.give_up(error)

    def _next(self) -> list[Record] | None:
        """Take the records that wait; none while others are admitted and nothing waits, None at the end."""
        if (self._pending or self._again) and self._waiting.empty():
            return []
        batch = self._waiting.get()
        if batch is None:
            return None
        records = list(batch.records)
        # a small batch costs more to pass from thread to thread than to compute: under load, larger ones form here
        while len(records) < BATCH_LIMIT and not self._waiting.empty():
            more = self._waiting.get()
            if more is None:
                self._waiting.put(None)
                break
            records += more.records
        return records

    def _take(self, records: Sequence[Record]) -> None:
        # what went to another worker meanwhile is that one's to answer
        gone = {partition for partition in {partition for _, partition, _ in records} if not self._desk.owns(partition)}
        if gone:
            records = [record for record in records if record[1] not in gone]
        telemetry.RECORDS.inc(len(records))
        telemetry.BATCH_RECORDS.observe(len(records))
        replies = Replies(self._desk, len(records))
        now = time.time()
        if self._note is not None:
            self._note.write([(partition[1], offset) for _, partition, offset in records])
        if self._suspects:
            records = self._delegate_suspects(records, replies)
        cancels = self._cancels or _NOBODY
        placed = [(one[0], origin_of(*one)) for one in records]
        admitted = [
            self._admit(record, origin, request, now, cancels, replies)
            for (record, origin), request in zip(placed, _received(placed), strict=False)
        ]
        jobs, again = self._unanswered([job for job in admitted if job is not None], replies)
        self._route(jobs, replies)
        self._again += again

    def _delegate_suspects(self, records: Sequence[Record], replies: Replies) -> Sequence[Record]:
        """Pass on what may have killed a worker, without looking at it; returns the others."""
        others = []
        for record, partition, offset in records:
            if (partition[1], offset) in self._suspects:
                self._delegate(record, origin_of(record, partition, offset), "suspect", replies, attempt=2)
            else:
                others.append((record, partition, offset))
        return others

    def _unanswered(self, jobs: list[Job], replies: Replies) -> tuple[list[Job], list[Job]]:
        """Answer what the cache has; returns the rest, apart the small ones that want what an earlier one wants."""
        cache = self._cache
        if cache is None or not (wanted := cache.keys(jobs)):
            return jobs, []
        values, first, again, seen = cache.lookup(wanted), list[Job](), list[Job](), set[bytes]()
        for job in jobs:
            key = job.cache_key
            value = None if key is None else values.get(key)
            if key is None:
                first.append(job)
            elif value and (found := kept.from_bytes(key, value, packed=job.origin.content_type == MSGPACK)):
                replies.repeat(job, found)
            elif key in seen and job.plan.cost <= LONG_COST:
                again.append(job)
            else:
                seen.add(key)
                first.append(job)
        return first, again

    def _route(self, jobs: Sequence[Job], replies: Replies) -> None:
        small = list[Job]()
        for job in jobs:
            if job.quick:
                small.append(job)
            elif conducted(job.plan, embedded=self._embedded):
                replies.forward(job, _record(job).value() or b"")
            elif job.needs:
                self._delegate(_record(job), job.origin, "artifacts", replies)
            elif job.plan.cost > LONG_COST:
                self._delegate(_record(job), job.origin, "cost", replies)
            else:
                small.append(job)
        replies.send()
        self._pending.put(small)

    def _compute(self) -> None:
        """Compute what is admitted, until something else waits for that."""
        until = time.monotonic() + _TURN_S
        while group := self._pending.take():
            self._run_group(group)
            if not self._waiting.empty() and time.monotonic() > until:
                break
            if not self._pending:
                self._repeat()
        self._repeat()
        if self._note is not None:
            self._note.clear()

    def _repeat(self) -> None:
        """Answer what wanted the same as another of its batch: that has been computed meanwhile, or nearly always."""
        if self._again:
            again, self._again = self._again, []
            replies = Replies(self._desk, len(again))
            first, more = self._unanswered(again, replies)
            self._route([*first, *more], replies)

    def _admit(
        self, record: Message, origin: Origin, request: Received | None, now: float, cancels: Container[str],
        replies: Replies,
    ) -> Job | None:  # fmt: skip
        try:
            if request is None:
                request = receive(record.value(), origin.content_type)
            admitted = admit(request, origin, now, cancels, self._timeout_s, self._defaults, self._limits)
        except Refusal as refusal:
            replies.turn_away(refusal, origin, letters.of(record, origin))
        except Exception as error:
            _log.exception("admission_failed", partition=origin.partition, offset=origin.offset)
            name = id_of(record.value(), origin.content_type)
            replies.turn_away(Refusal(failed(error), name), origin, letters.of(record, origin))
        else:
            if isinstance(admitted, Job):
                admitted.record = record
                return admitted
            replies.reject(request, admitted, origin)
        return None

    def _delegate(self, record: Message, origin: Origin, reason: Reason, replies: Replies, attempt: int = 1) -> None:
        """Forward a request; what it is, but for its id, is looked at where it is computed."""
        topic, key = self._desk.topics[forward.TOPIC], id_of(record.value(), origin.content_type) or ""
        replies.delegate(forward.forward(topic, record, origin, key, reason, attempt), origin)

    def _still_wanted(self, jobs: list[Job]) -> list[Job]:
        """Answer those that were cancelled since they were admitted; returns the others."""
        if not self._cancels.any_of(job.request.id for job in jobs):
            return jobs
        replies, wanted = Replies(self._desk, len(jobs)), list[Job]()
        for job in jobs:
            if job.request.id in self._cancels:
                replies.reject(job.request, cancelled(), job.origin)
            else:
                wanted.append(job)
        replies.send()
        return wanted

    def _run_group(self, jobs: list[Job]) -> None:
        if self._cancels and not (jobs := self._still_wanted(jobs)):
            return
        if self._note is not None:
            self._note.write([(job.origin.partition[1], job.origin.offset) for job in jobs])
        started = time.perf_counter()
        try:
            outcomes = compute_group(jobs, Slice(min(SLICE_S, *[job.timeout_s for job in jobs])))
        except (Demoted, MemoryError):
            replies = Replies(self._desk, len(jobs))
            for job in jobs:
                self._delegate(_record(job), job.origin, "slice", replies)
            replies.send()
            return
        self._answer(jobs, outcomes, time.perf_counter() - started)

    def _answer(self, jobs: list[Job], outcomes: list[Outcome], run_s: float) -> None:
        if self._shelf is not None:
            for outcome in outcomes:
                self._shelf.put(outcome.keep)
        task = jobs[0].task
        telemetry.RUN_SECONDS.labels(task.agent, task.name).observe(run_s)
        telemetry.REQUESTS.labels(task.agent, task.name).inc(len(jobs))
        replies = Replies(self._desk, len(jobs), run_s)
        replies.compute(jobs, outcomes)
        replies.send()
        self._desk.emitter.serve()
        if self._cache is not None:
            for key, value in replies.kept:
                self._cache.keep(key, value)


def _received(placed: Sequence[tuple[Message, Origin]]) -> Iterable[Received | None]:
    """Decode records in one call where that goes; None for what is to be received alone, and told what is wrong."""
    if {origin.content_type for _, origin in placed} != {JSON}:
        return repeat(None)
    return receive_together([record.value() for record, _ in placed]) or repeat(None)


def _record(job: Job) -> Message:
    return cast("Message", job.record)
