"""Replies: the results and dead letters of one group of records, sent at once; confirmed, their offsets are done."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import structlog
from confluent_kafka import Message

from agents import catalogue
from agents.outcome import Outcome, Problem
from streams import answer, artifacts, instants, journal, telemetry
from streams.admit import STEP_HEADER, Job, Origin
from streams.codec import INLINE_LIMIT, Received, Refusal, encode_result
from streams.contracts import Provenance, Result
from streams.emit import Emitter, Headers, Outgoing
from streams.intake import Partition
from streams.topics import RESULT_LIMIT

_log = structlog.get_logger(__name__)

Done = Callable[[Sequence[tuple[Partition, int]]], None]
GiveUp = Callable[[Exception], None]


@dataclass(frozen=True)
class Desk:
    """Where replies are written: who signs them, and what is done with them.

    `done` takes the offsets whose replies the broker has confirmed; `give_up` ends the process when a reply cannot be
    delivered, so that nothing is committed past it and whoever reads it next answers it.
    """

    version: str
    worker: str
    emitter: Emitter
    done: Done
    give_up: GiveUp
    topics: Mapping[str, str]
    inline_limit: int = INLINE_LIMIT


class Replies:
    """Collects what is said to the records of one group; `batch` is how many came together, `run_s` their kernel's."""

    def __init__(self, desk: Desk, batch: int, run_s: float = 0.0) -> None:
        self._desk = desk
        self._batch = batch
        self._run_s = run_s
        now = time.time()
        self._begun_ms = int((now - run_s) * 1000)
        self._at = instants.to_text(now)
        self._messages: list[Outgoing] = []
        self._artifacts: list[Outgoing] = []
        self._offsets: list[tuple[Partition, int]] = []
        self._counts: Counter[tuple[str, str, str, str]] = Counter()

    def compute(self, jobs: Sequence[Job], outcomes: Sequence[Outcome]) -> None:
        """Answer jobs with their outcomes."""
        telemetry.QUEUE_SECONDS.observe(
            "fast", [max(self._begun_ms - job.origin.queued_at_ms, 0) / 1000 for job in jobs]
        )
        telemetry.KERNEL_SECONDS.labels(outcomes[0].kernel).observe(self._run_s)
        for job, outcome in zip(jobs, outcomes, strict=True):
            result = answer.computed(job, outcome, self._provenance(job.origin, job, outcome), self._at)
            if outcome.keep:
                self._keep(result, outcome.keep)
            try:
                self._add(result, job.origin, job.request.options.get("arrays"))
            except Exception as error:  # an outcome that no encoder takes: a mistake of the task
                _log.exception("result_not_encodable", id=result.id, agent=result.agent, task=result.task)
                self._fail(result, Problem("internal", f"{type(error).__name__} while encoding", hint="report it"))
                self._add(result, job.origin)

    def forward(self, job: Job, value: bytes) -> None:
        """Put a workflow in the journal: whoever owns its partition there runs it and answers."""
        self._messages.append(journal.start(self._desk.topics[journal.TOPIC], value, job))
        self._offsets.append((job.origin.partition, job.origin.offset))

    def reject(self, request: Received, problem: Problem, origin: Origin) -> None:
        """Answer a request that is not computed."""
        self._add(answer.refused(request, problem, self._provenance(origin), self._at), origin)

    def refuse(self, refusal: Refusal, origin: Origin, record: Message) -> None:
        """Answer a value that is no request by its id; without one it is a dead letter."""
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
        self._messages.append(Outgoing(self._desk.topics["compute.dlq"], record.key(), record.value(), headers))
        self._offsets.append((origin.partition, origin.offset))
        telemetry.DEAD_LETTERS.labels(problem.code).inc()

    def send(self) -> None:
        """Send what was collected."""
        desk, offsets, counts = self._desk, self._offsets, self._counts

        def confirmed(failure: Exception | None) -> None:
            if failure is not None:
                desk.give_up(failure)
                return
            desk.done(offsets)
            for labels, count in counts.items():
                telemetry.RESULTS.labels(*labels).inc(count)

        def kept(failure: Exception | None) -> None:
            if failure is not None:
                desk.give_up(failure)
            else:
                desk.emitter.send(self._messages, confirmed)

        if self._artifacts:  # first: a result may name them
            desk.emitter.send(self._artifacts, kept)
        elif self._messages:
            desk.emitter.send(self._messages, confirmed)

    def _provenance(self, origin: Origin, job: Job | None = None, outcome: Outcome | None = None) -> Provenance:
        return Provenance(
            version=self._desk.version, worker=self._desk.worker, batch=self._batch, run_s=self._run_s,
            queued_s=max(self._begun_ms - origin.queued_at_ms, 0) / 1000,
            kernel=None if outcome is None else outcome.kernel, compiled=None if outcome is None else outcome.compiled,
            inputs_hash=None if job is None else job.inputs_hash, seed=None if job is None else job.seed,
        )  # fmt: skip

    def _add(self, result: Result, origin: Origin, arrays: str | None = None) -> None:
        value = encode_result(result, origin.content_type, arrays, self._desk.inline_limit)
        if len(value) > RESULT_LIMIT:
            text = f"the result has {len(value)} bytes, the limit is {RESULT_LIMIT}"
            self._fail(result, Problem("too_large", text, hint='ask for fewer points, or options.arrays: "base64"'))
            value = encode_result(result, origin.content_type)
        self._messages.append(Outgoing(self._desk.topics["compute.results"], result.id.encode(), value, origin.headers))
        self._offsets.append((origin.partition, origin.offset))
        if len(origin.headers) > 1:
            self._tell_workflow(value, origin)
        if result.error is None:
            self._counts[result.agent or "", result.task or "", result.status, ""] += 1
        else:  # names from outside would make series without bound
            known = (result.agent, result.task) if (result.agent, result.task) in catalogue.TASKS else ("", "")
            self._counts[known[0] or "", known[1] or "", result.status, result.error.code] += 1

    def _tell_workflow(self, value: bytes, origin: Origin) -> None:
        """Write the result of a workflow's step in the journal too."""
        workflow = next((found for name, found in origin.headers if name == STEP_HEADER), None)
        if workflow:
            name = workflow.decode("utf-8", "replace") if isinstance(workflow, bytes) else workflow
            topic = self._desk.topics[journal.TOPIC]
            self._messages.append(journal.answer(topic, name, value, origin.content_type))

    def _keep(self, result: Result, kept: Mapping[str, bytes]) -> None:
        """Put what later requests may refer to in front of the result; what is too large to be kept is a failure."""
        largest = max(map(len, kept.values()))
        if largest > RESULT_LIMIT:
            text = f"what later requests need of it has {largest} bytes, the limit is {RESULT_LIMIT}"
            self._fail(result, Problem("too_large", text, hint="fewer points or terms"))
        else:
            topic = self._desk.topics[artifacts.TOPIC]
            self._artifacts += [Outgoing(topic, name.encode(), value, []) for name, value in kept.items()]

    @staticmethod
    def _fail(result: Result, problem: Problem) -> None:
        result.outputs, result.status, result.error = None, "failed", answer.error_of(problem)
