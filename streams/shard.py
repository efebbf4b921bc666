"""What a worker knows of one partition of the journal: what runs there, and what was read before it does."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from agents.workflow import machine
from agents.workflow.answers import Answer
from agents.workflow.machine import State, Submit
from streams.admit import STEP_HEADER, Job
from streams.codec import MSGPACK
from streams.emit import Headers
from streams.frontier import Frontier
from streams.journal import Entry

_ENDED = 10_000
"""Most ended workflows that are remembered, so that one forwarded twice is not run twice."""
_json_answer = msgspec.json.Decoder(Answer)
_pack_answer = msgspec.msgpack.Decoder(Answer)


@dataclass(eq=False, slots=True)
class Running:
    """A workflow on its way; `size` is what is held of it, in bytes, and `told` the progress last told."""

    job: Job
    state: State
    entry: Entry
    started_at: float
    size: int
    told_at: float = 0.0
    told: float = 0.0

    def answered(self, entry: Entry) -> None:
        """Take note of a step's result; nothing is decided yet."""
        if (answer := answer_of(entry)) is not None:
            self.state = machine.known(self.state, {answer.id: answer}, ())
            self.size += len(entry.value)

    def headers(self) -> Headers:
        """What a step's request carries: what the workflow's did, and whose it is."""
        return [*self.job.origin.headers, (STEP_HEADER, self.entry.workflow.encode())]

    def request(self, submit: Submit, now: float) -> bytes:
        """Write a step as a request, in the form that the workflow came in."""
        asked = self.job.request
        # no more than the whole is allowed: this worker's clock may be behind that of the one that began
        left = min(max(0.001, self.state.timed_out_at - now), self.job.timeout_s)
        arrays: Mapping[str, Any] = {"arrays": asked.options["arrays"]} if "arrays" in asked.options else {}
        request: dict[str, Any] = {
            "id": submit.id, "agent": submit.agent, "task": submit.task, "inputs": submit.inputs,
            "options": {**arrays, **submit.options}, "timeout_s": min(left, submit.timeout_s or left),
            "priority": asked.priority, "seed": submit.seed, "cache": asked.cache, "labels": asked.labels,
        }  # fmt: skip
        if asked.expires_at is not None:
            request["expires_at"] = asked.expires_at
        packed = self.entry.content_type == MSGPACK
        return msgspec.msgpack.encode(request) if packed else msgspec.json.encode(request)


@dataclass(eq=False, slots=True)
class Found:
    """What was read of a workflow while its partition was taken over."""

    start: tuple[Entry, int] | None = None
    size: int = 0
    sent: set[str] = field(default_factory=set)
    answers: dict[str, Answer] = field(default_factory=dict)

    def note(self, entry: Entry) -> None:
        """Note what was sent, or answered."""
        if entry.kind == "sent":
            self.sent.update(entry.value.decode("utf-8", "replace").split("\n"))
        elif (answer := answer_of(entry)) is not None:
            self.answers[answer.id] = answer
            self.size += len(entry.value)


@dataclass(eq=False, slots=True)
class Shard:
    """One partition: while `behind` is set its records are only put together; from then on they are acted upon."""

    number: int
    behind: int | None
    frontier: Frontier = field(default_factory=Frontier)
    found: dict[str, Found] = field(default_factory=dict)
    running: dict[str, Running] = field(default_factory=dict)
    ended: OrderedDict[str, str] = field(default_factory=OrderedDict)
    committed: int | None = None

    def note(self, entry: Entry, offset: int) -> bool:
        """Note what was sent, answered, or has ended, and while taking over what began.

        Says whether the offset is held back until the workflow has its result.
        """
        name = entry.workflow
        if entry.kind == "end":
            self._note_end(entry)
        elif entry.kind == "start":
            found = self.found.setdefault(name, Found())
            if found.start is None and self.ended.get(name) != entry.source:
                found.start = (entry, offset)
                return True
        elif (running := self.running.get(name)) is not None:
            if entry.kind == "answer":
                running.answered(entry)
        elif self.behind is not None:  # otherwise it is of a workflow that has ended
            self.found.setdefault(name, Found()).note(entry)
        return False

    def end(self, workflow: str, source: str) -> None:
        """Remember that a workflow has its result."""
        self.running.pop(workflow, None)
        self.ended[workflow] = source
        if len(self.ended) > _ENDED:
            self.ended.popitem(last=False)

    def _note_end(self, entry: Entry) -> None:
        if entry.workflow not in self.running:  # a later one of the same id is not ended by it
            self.end(entry.workflow, entry.source)
        found = self.found.get(entry.workflow)
        if found is not None and found.start is not None and found.start[0].source == entry.source:
            self.frontier.done([found.start[1]])
            del self.found[entry.workflow]


def answer_of(entry: Entry) -> Answer | None:
    """Read a step's result; None for what is none."""
    try:
        return (_pack_answer if entry.content_type == MSGPACK else _json_answer).decode(entry.value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
