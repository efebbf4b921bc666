"""Replies: the results and dead letters of one group of records, sent at once; confirmed, their offsets are done."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast

import msgspec
import structlog
from msgspec.structs import replace

from agents import catalogue
from agents.divided import Trouble
from agents.outcome import Code, Outcome, Problem
from streams import answer, artifacts, instants, journal, letters, logs, shard, telemetry
from streams.admit import STEP_HEADER, Job, Origin, Partition
from streams.cache import content, kept
from streams.cache.kept import Kept
from streams.codec import INLINE_LIMIT, Received, Refusal, encode_outputs, encode_result, encode_together
from streams.contracts import Error, Provenance, Result
from streams.emit import Claim, Emitter, Outgoing
from streams.letters import Letter
from streams.shard import Blocks
from streams.spans import Spans, traceparent
from streams.topics import RESULT_LIMIT

_log = structlog.get_logger(__name__)

Done = Callable[[Sequence[tuple[Partition, int]]], None]
GiveUp = Callable[[Exception], None]


class Hold(Protocol):
    """Takes what sends an answer, to call it later."""

    def __call__(self, send: Callable[[], None], *, again: bool) -> None:
        """Hold it; `again` where the answer has been on its way already."""


@dataclass(frozen=True, kw_only=True)
class Letterhead:
    """Who signs the replies, and how they are written."""

    version: str
    worker: str
    topics: Mapping[str, str]
    inline_limit: int = INLINE_LIMIT


@dataclass(frozen=True, kw_only=True)
class Desk(Letterhead):
    """Where replies are sent from, and what is done with them.

    `done` takes the offsets whose replies the broker has confirmed; `give_up` ends the process when a reply cannot be
    delivered, so that nothing is committed past it and whoever reads it next answers it. `owns` says whether a
    partition's records are still this worker's to answer; `spans` hears of results, where they are traced. While that
    is not `certain`, answers are held: `hold` takes what sends them, and whether they have been on their way already.
    """

    emitter: Emitter
    done: Done
    give_up: GiveUp
    owns: Callable[[Partition], bool] = lambda _: True
    certain: Callable[[], bool] = lambda: True
    hold: Hold = lambda _send, *, again: None  # noqa: ARG005 - nothing waits where all is certain
    spans: Spans | None = None


class Written(msgspec.Struct, frozen=True, array_like=True):
    """What is to be sent: `artifacts` first, since a result may name them; then the offsets of the rest are done.

    `offsets` says of each message which record it answers; a record with several messages is there as often.
    `counts` are results by agent, task, status and code; `kernel` is what computed for `run_s`.
    """

    messages: list[Outgoing]
    artifacts: list[Outgoing]
    offsets: list[tuple[Partition, int]]
    counts: list[tuple[tuple[str, str, str, str], int]]
    kernel: str
    run_s: float
    kept: list[tuple[bytes, bytes]] = []
    """What the cache may keep: keys and values."""


class Draft:
    """Collects what is said to the records of one group; `batch` is how many came together, `run_s` their kernel's."""

    def __init__(
        self, head: Letterhead, batch: int, run_s: float = 0.0, *, lane: Literal["fast", "heavy"] = "fast",
        attempt: int = 1,
    ) -> None:  # fmt: skip
        self._head = head
        self._batch = batch
        self._run_s = run_s
        self._lane = lane
        self._attempt = attempt
        now = time.time()
        self._begun_ms = int((now - run_s) * 1000)
        self._at = instants.to_text(now)
        self._messages: list[Outgoing] = []
        self._artifacts: list[Outgoing] = []
        self._offsets: list[tuple[Partition, int]] = []
        self._counts: Counter[tuple[str, str, str, str]] = Counter()
        self._kernel = ""
        self.kept: list[tuple[bytes, bytes]] = []
        """What the cache may keep of it."""

    def compute(self, jobs: Sequence[Job], outcomes: Sequence[Outcome]) -> None:
        """Answer jobs with their outcomes."""
        self._kernel = outcomes[0].kernel
        left = list[tuple[Job, Outcome]]()
        plain = list[tuple[Job, Outcome]]()
        for job, outcome in zip(jobs, outcomes, strict=True):
            alone = not job.plain or job.cache_key is not None or outcome.problem is not None or outcome.keep
            (left if alone else plain).append((job, outcome))
        if not self._compute_together(plain):
            left += plain
        for job, outcome in left:
            result = answer.computed(job, outcome, self._provenance(job.origin, job, outcome), self._at)
            if outcome.keep:
                self._keep(result, outcome.keep)
            try:
                if job.cache_key is None:
                    self._add(result, job.origin, job.request.options.get("arrays"))
                else:
                    self._add_kept(result, job, job.cache_key, outcome)
            except Exception as error:  # an outcome that no encoder takes: a mistake of the task
                with logs.about(result.id, traceparent(job.origin.headers)):
                    _log.exception("result_not_encodable", agent=result.agent, task=result.task)
                memory = isinstance(error, MemoryError)
                internal = Problem("internal", f"{type(error).__name__} while encoding", hint="report it")
                self._fail(result, out_of_memory() if memory else internal)
                self._add(result, job.origin)

    def _compute_together(self, computed: Sequence[tuple[Job, Outcome]]) -> bool:
        """Answer plain jobs whose outcomes have nothing special, if their results can be encoded in one go.

        All of them are of one task.
        """
        results = [
            answer.computed(job, outcome, self._provenance(job.origin, job, outcome), self._at)
            for job, outcome in computed
        ]
        values = encode_together(results, self._head.inline_limit) if results else None
        if values is None or max(map(len, values)) > RESULT_LIMIT:
            return False
        topic = self._head.topics["compute.results"]
        for (job, _), value in zip(computed, values, strict=True):
            origin = job.origin
            self._messages.append(Outgoing(topic, job.request.id.encode(), value, origin.headers))
            self._offsets.append((origin.partition, origin.offset))
            if len(origin.headers) > 1:
                self._tell_workflow(value, origin)
        self._counts[results[0].agent or "", results[0].task or "", "succeeded", ""] += len(results)
        return True

    def repeat(self, job: Job, found: Kept) -> None:
        """Answer a job with what is kept for its content."""
        made = replace(self._provenance(job.origin, job), cached=True, kernel=found.kernel, compiled=found.compiled)
        self._add(answer.repeated(job, found, made, self._at), job.origin)

    def part(self, job: Job, what: Blocks, value: bytes) -> None:
        """Put in the journal what a shard left."""
        topic, request = self._head.topics[journal.TOPIC], job.request
        if len(value) > RESULT_LIMIT:
            text = f"a part of it leaves {len(value)} bytes, the limit is {RESULT_LIMIT}"
            self.reject(request, Problem("too_large", text, hint="fewer points"), job.origin)
            return
        self._messages.append(journal.part(topic, request.id, what.source, (what.low, what.high), value, self._run_s))
        self._offsets.append((job.origin.partition, job.origin.offset))

    def relay(self, job: Job, value: bytes) -> None:
        """Answer with a result that is written already."""
        name, origin = job.request.id, job.origin
        self._messages.append(Outgoing(self._head.topics["compute.results"], name.encode(), value, origin.headers))
        self._offsets.append((origin.partition, origin.offset))
        self._tell_workflow(value, origin)

    def forward(self, job: Job, value: bytes) -> None:
        """Put in the journal what is run in pieces: whoever owns its partition there runs it and answers."""
        self._messages.append(journal.start(self._head.topics[journal.TOPIC], value, job))
        self._offsets.append((job.origin.partition, job.origin.offset))

    def reject(self, request: Received, problem: Problem, origin: Origin) -> None:
        """Answer a request that is not computed."""
        self._add(answer.refused(request, problem, self._provenance(origin), self._at), origin)

    def refuse(self, refusal: Refusal, origin: Origin) -> None:
        """Answer a value that is no request, by the id that was read from it."""
        self._add(answer.refused(refusal, refusal.problem, self._provenance(origin), self._at), origin)

    def turn_away(self, refusal: Refusal, origin: Origin, letter: Letter) -> None:
        """Answer a value that is no request by its id; without one it is a dead letter."""
        if refusal.id is None:
            self.dead(letter, origin, refusal.problem)
        else:
            self.refuse(refusal, origin)

    def delegate(self, message: Outgoing, origin: Origin) -> None:
        """Pass a request on: it is done here once it lies there."""
        self._messages.append(message)
        self._offsets.append((origin.partition, origin.offset))

    def dead(self, letter: Letter, origin: Origin, problem: Problem) -> None:
        """Keep the original bytes, and say in the headers why and from where."""
        self._messages.append(letters.write(self._head.topics["compute.dlq"], letter, problem))
        self._offsets.append((origin.partition, origin.offset))
        telemetry.DEAD_LETTERS.labels(problem.code).inc()

    def written(self) -> Written:
        """Return what was collected."""
        counts = list(self._counts.items())
        return Written(self._messages, self._artifacts, self._offsets, counts, self._kernel, self._run_s, self.kept)

    def _provenance(self, origin: Origin, job: Job | None = None, outcome: Outcome | None = None) -> Provenance:
        return Provenance(
            version=self._head.version, worker=self._head.worker, batch=self._batch, run_s=self._run_s,
            lane=self._lane, attempt=self._attempt,
            queued_s=max(self._begun_ms - origin.queued_at_ms, 0) / 1000,
            kernel=None if outcome is None else outcome.kernel, compiled=None if outcome is None else outcome.compiled,
            inputs_hash=None if job is None else job.inputs_hash, seed=None if job is None else job.seed,
        )  # fmt: skip

    def _add_kept(self, result: Result, job: Job, key: bytes, outcome: Outcome) -> None:
        """Answer, and keep what would come out again."""
        problem, outputs = result.error, result.outputs
        encoded: msgspec.Raw | None = None
        if outputs is not None:
            arrays = job.request.options.get("arrays")
            encoded = encode_outputs(outputs, job.origin.content_type, arrays, self._head.inline_limit)
            result.outputs = cast("dict[str, Any]", encoded)
        self._add(result, job.origin)
        if content.may_be_kept(outcome) and result.error is problem:
            value = Kept(
                None if encoded is None else bytes(encoded), problem, outcome.warnings, outcome.diagnostics,
                outcome.kernel, outcome.compiled,
            )  # fmt: skip
            self.kept.append((key, kept.to_bytes(key, value)))

    def _add(self, result: Result, origin: Origin, arrays: str | None = None) -> None:
        what = shard.read(origin.shard)
        if isinstance(what, Blocks):
            self._lose(result, what, origin)
            return
        value = encode_result(result, origin.content_type, arrays, self._head.inline_limit)
        if len(value) > RESULT_LIMIT:
            text = f"the result has {len(value)} bytes, the limit is {RESULT_LIMIT}"
            self._fail(result, Problem("too_large", text, hint='ask for fewer points, or options.arrays: "base64"'))
            value = encode_result(result, origin.content_type)
        self._offsets.append((origin.partition, origin.offset))
        if what is None:
            topic = self._head.topics["compute.results"]
            self._messages.append(Outgoing(topic, result.id.encode(), value, origin.headers))
            if len(origin.headers) > 1:
                self._tell_workflow(value, origin)
        else:  # the conductor sends it, unless it has answered already
            self._messages.append(journal.merged(self._head.topics[journal.TOPIC], result.id, what.source, value))
        if result.error is None:
            self._counts[result.agent or "", result.task or "", result.status, ""] += 1
        else:  # names from outside would make series without bound
            known = (result.agent, result.task) if (result.agent, result.task) in catalogue.TASKS else ("", "")
            self._counts[known[0] or "", known[1] or "", result.status, result.error.code] += 1

    def _lose(self, result: Result, what: Blocks, origin: Origin) -> None:
        """Say in the journal why a shard leaves nothing."""
        error = result.error or Error(code="internal", message="it leaves nothing")
        lost = Trouble(cast("Code", error.code), error.message, error.field, error.hint)
        self._messages.append(journal.lost(self._head.topics[journal.TOPIC], result.id, what.source, lost))
        self._offsets.append((origin.partition, origin.offset))

    def _tell_workflow(self, value: bytes, origin: Origin) -> None:
        """Write the result of a workflow's step in the journal too."""
        workflow = next((found for name, found in origin.headers if name == STEP_HEADER), None)
        if workflow:
            name = workflow.decode("utf-8", "replace") if isinstance(workflow, bytes) else workflow
            topic = self._head.topics[journal.TOPIC]
            self._messages.append(journal.answer(topic, name, value, origin.content_type))
            self._offsets.append((origin.partition, origin.offset))

    def _keep(self, result: Result, kept: Mapping[str, bytes]) -> None:
        """Put what later requests may refer to in front of the result; what is too large to be kept is a failure."""
        largest = max(map(len, kept.values()))
        if largest > RESULT_LIMIT:
            text = f"what later requests need of it has {largest} bytes, the limit is {RESULT_LIMIT}"
            self._fail(result, Problem("too_large", text, hint="fewer points or terms"))
        else:
            topic = self._head.topics[artifacts.TOPIC]
            self._artifacts += [Outgoing(topic, name.encode(), value, []) for name, value in kept.items()]

    @staticmethod
    def _fail(result: Result, problem: Problem) -> None:
        result.outputs, result.status, result.error = None, "failed", answer.error_of(problem)


def out_of_memory() -> Problem:
    """A request has met the limit of its process's memory."""
    text = "it needs more memory than a request may take"
    return Problem("budget_exceeded", text, field="inputs", hint="a smaller problem")


class Replies(Draft):
    """A draft that is sent from a desk."""

    def __init__(
        self, desk: Desk, batch: int, run_s: float = 0.0, *, lane: Literal["fast", "heavy"] = "fast", attempt: int = 1
    ) -> None:
        super().__init__(desk, batch, run_s, lane=lane, attempt=attempt)
        self._desk = desk

    def compute(self, jobs: Sequence[Job], outcomes: Sequence[Outcome]) -> None:
        """Answer jobs with their outcomes, and measure how long they had waited."""
        queued = [max(self._begun_ms - job.origin.queued_at_ms, 0) / 1000 for job in jobs]
        telemetry.QUEUE_SECONDS.observe(self._lane, queued)
        super().compute(jobs, outcomes)

    def repeat(self, job: Job, found: Kept) -> None:
        """Answer a job with what is kept for its content, and count it."""
        telemetry.QUEUE_SECONDS.observe(self._lane, [max(self._begun_ms - job.origin.queued_at_ms, 0) / 1000])
        telemetry.REQUESTS.labels(job.task.agent, job.task.name).inc()
        super().repeat(job, found)

    def send(self) -> None:
        """Send what was collected."""
        deliver(self._desk, self.written())


def deliver(desk: Desk, written: Written, *, again: bool = False) -> None:
    """Send what was written; confirmed by the broker, its offsets are done.

    What answers records of partitions that are not this worker's any more is not sent, now or later; while that is not
    certain, it is held. `again`: it has been on its way, and was withdrawn.
    """
    partitions = {place[0] for place in written.offsets}
    if not all(desk.owns(partition) for partition in partitions):
        owned = [pair for pair in zip(written.messages, written.offsets, strict=True) if desk.owns(pair[1][0])]
        if not owned:
            return
        written = replace(written, messages=[pair[0] for pair in owned], offsets=[pair[1] for pair in owned])
        partitions = {place[0] for place in written.offsets}
    if not desk.certain():
        desk.hold(lambda: deliver(desk, written, again=again), again=again)
        return
    claim = Claim(
        lambda: all(desk.owns(partition) for partition in partitions), lambda: deliver(desk, written, again=True)
    )
    if written.kernel and not again:  # it ran once
        telemetry.KERNEL_SECONDS.labels(written.kernel).observe(written.run_s)

    def confirmed(failure: Exception | None) -> None:
        if failure is not None:
            desk.give_up(failure)
            return
        desk.done(written.offsets)
        if desk.spans is not None:
            desk.spans.answered(written.messages, desk.topics["compute.results"])
        for labels, count in written.counts:
            telemetry.RESULTS.labels(*labels).inc(count)

    def kept(failure: Exception | None) -> None:
        if failure is not None:
            desk.give_up(failure)
        else:
            desk.emitter.send(written.messages, confirmed, claim=claim)

    if written.artifacts:  # first: a result may name them
        desk.emitter.send(written.artifacts, kept, claim=claim)
    elif written.messages:
        desk.emitter.send(written.messages, confirmed, claim=claim)
