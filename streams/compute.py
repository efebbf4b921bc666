"""The fast lane: one record batch in; results, dead letters and forwards out, each confirmed before it is done.

Small requests run grouped, one native call a group, in one thread; what outlasts its slice, or says beforehand that it
costs much, is forwarded to the heavy lane. Nothing raises out of here: a failure is an outcome.
"""

import threading
import time
from collections.abc import Collection, Sequence
from queue import SimpleQueue
from typing import cast

import structlog
from confluent_kafka import Message

from agents.outcome import Outcome, Problem
from streams import letters, limits, telemetry
from streams.admit import PLAIN, Defaults, Job, Origin, Partition, admit, carried, conducted
from streams.artifacts import Shelf
from streams.cache import kept
from streams.cache.results import ResultCache
from streams.cancels import Cancels
from streams.codec import MSGPACK, Refusal, id_of
from streams.emit import Headers
from streams.flight import Record
from streams.groups import compute_group
from streams.handout import BATCH_LIMIT, RecordBatch
from streams.heavy import forward
from streams.heavy.forward import Reason
from streams.limits import Limits
from streams.note import Note, Place
from streams.pending import MAX_BATCH, Admitted, Pending
from streams.replies import Desk, Replies
from streams.watch import Demoted, Slice, cancelled

_log = structlog.get_logger(__name__)

SLICE_S = 0.05
LONG_COST = 2e8
"""Estimated operations above which a plan goes to the heavy lane at once: about 50 ms of dense algebra."""

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
        self._again: list[Admitted] = []
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
        owned = {partition for partition in {partition for _, partition, _ in records} if self._desk.owns(partition)}
        records = [record for record in records if record[1] in owned]
        telemetry.RECORDS.inc(len(records))
        telemetry.BATCH_RECORDS.observe(len(records))
        replies = Replies(self._desk, len(records))
        now = time.time()
        if self._note is not None:
            self._note.write([(partition[1], offset) for _, partition, offset in records])
        admitted: list[Admitted] = []
        for record, partition, offset in records:
            if self._suspects and (partition[1], offset) in self._suspects:
                self._delegate(record, _origin_of(record, partition, offset), "suspect", replies, attempt=2)
                continue
            job = self._admit(record, _origin_of(record, partition, offset), now, replies)
            if job is not None:
                admitted.append(Admitted(job, record))
        if self._cache is None:
            self._route(admitted, replies)
            return
        first, again = distinct(self._unanswered(admitted, self._cache, replies))
        self._route(first, replies)
        self._again += again

    def _unanswered(self, admitted: Sequence[Admitted], cache: ResultCache, replies: Replies) -> Sequence[Admitted]:
        """Answer what the cache has; returns the rest."""
        wanted = [key for job, _ in admitted if (key := cache.key(job)) is not None]
        if not wanted:
            return admitted
        values, left = cache.lookup(wanted), list[Admitted]()
        for job, record in admitted:
            if job.cache_key is not None and (value := values.get(job.cache_key)) is not None:
                found = kept.from_bytes(job.cache_key, value, packed=job.origin.content_type == MSGPACK)
                if found is not None:
                    replies.repeat(job, found)
                    continue
            left.append(Admitted(job, record))
        return left

    def _route(self, admitted: Sequence[Admitted], replies: Replies) -> None:
        small: list[Admitted] = []
        for job, record in admitted:
            if conducted(job.plan, embedded=self._embedded):
                replies.forward(job, record.value() or b"")
            elif job.needs:
                self._delegate(record, job.origin, "artifacts", replies)
            elif job.plan.cost > LONG_COST:
                self._delegate(record, job.origin, "cost", replies)
            else:
                small.append(Admitted(job, record))
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
        if self._again and self._cache is not None:
            again, self._again = self._again, []
            replies = Replies(self._desk, len(again))
            self._route(self._unanswered(again, self._cache, replies), replies)

    def _admit(self, record: Message, origin: Origin, now: float, replies: Replies) -> Job | None:
        try:
            admitted = admit(record.value(), origin, now, self._cancels, self._timeout_s, self._defaults, self._limits)
        except Refusal as refusal:
            replies.turn_away(refusal, origin, letters.of(record, origin))
        except Exception as error:
            _log.exception("admission_failed", partition=origin.partition, offset=origin.offset)
            replies.dead(
                letters.of(record, origin), origin, Problem("internal", f"admission failed: {type(error).__name__}")
            )
        else:
            if isinstance(admitted, Job):
                return admitted
            replies.reject(*admitted, origin)
        return None

    def _delegate(self, record: Message, origin: Origin, reason: Reason, replies: Replies, attempt: int = 1) -> None:
        """Forward a request; what it is, but for its id, is looked at where it is computed."""
        topic, key = self._desk.topics[forward.TOPIC], id_of(record.value(), origin.content_type) or ""
        replies.delegate(forward.forward(topic, record, origin, key, reason, attempt), origin)

    def _still_wanted(self, group: list[Admitted]) -> list[Admitted]:
        """Answer those that were cancelled since they were admitted; returns the others."""
        stopped = [one.job for one in group if one.job.request.id in self._cancels]
        if not stopped:
            return group
        replies = Replies(self._desk, len(stopped))
        for job in stopped:
            replies.reject(job.request, cancelled(), job.origin)
        replies.send()
        return [one for one in group if one.job.request.id not in self._cancels]

    def _run_group(self, group: list[Admitted]) -> None:
        if self._cancels and not (group := self._still_wanted(group)):
            return
        jobs = [job for job, _ in group]
        if self._note is not None:
            self._note.write([(job.origin.partition[1], job.origin.offset) for job in jobs])
        started = time.perf_counter()
        try:
            outcomes = compute_group(jobs, Slice(min(SLICE_S, *(job.timeout_s for job in jobs))))
        except (Demoted, MemoryError):
            replies = Replies(self._desk, len(jobs))
            for job, record in group:
                self._delegate(record, job.origin, "slice", replies)
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


def distinct(admitted: Sequence[Admitted]) -> tuple[Sequence[Admitted], Sequence[Admitted]]:
    """Set apart the small requests that want what an earlier one among them wants."""
    seen: set[bytes] = set()
    again: list[Admitted] = []
    for one in admitted:
        if one.job.cache_key is not None and one.job.plan.cost <= LONG_COST:
            if one.job.cache_key in seen:
                again.append(one)
            seen.add(one.job.cache_key)
    if not again:
        return admitted, again
    later = {id(job) for job, _ in again}
    return [one for one in admitted if id(one.job) not in later], again


def _origin_of(record: Message, partition: Partition, offset: int) -> Origin:
    content_type, headers = carried(cast("Headers", found)) if (found := record.headers()) else PLAIN
    return Origin(partition, offset, record.timestamp()[1], content_type, headers)
