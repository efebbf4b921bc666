"""A workflow on its way: its steps are sent as requests, and their results come through the journal."""

import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from agents.outcome import Problem
from agents.workflow import machine
from agents.workflow.answers import Answer, refusal
from agents.workflow.machine import Answered, Cancel, Cancelled, Command, Finish, State, Submit, Tick
from agents.workflow.run import finished
from streams.admit import STEP_HEADER, Job
from streams.codec import MSGPACK
from streams.emit import Headers, Outgoing
from streams.journal import Entry
from streams.ledger import Conducted, Effects
from streams.topics import MESSAGE_LIMIT

_BYTES_LIMIT = 64 * 1024 * 1024
_json_answer = msgspec.json.Decoder(Answer)
_pack_answer = msgspec.msgpack.Decoder(Answer)


class Steps(Conducted):
    """Drives `agents.workflow.machine`; `topic` is where requests go."""

    def __init__(
        self, job: Job, entry: Entry, started_at: float, expires_at: float, known: Iterable[Entry], effects: Effects,
        topic: str,
    ) -> None:  # fmt: skip
        self.job = job
        self.entry = entry
        self.started_at = started_at
        self.size = len(entry.value)
        self._effects = effects
        self._topic = topic
        state = machine.begin(entry.name, job.plan, started_at + job.timeout_s, expires_at)
        answers: dict[str, Answer] = {}
        sent: set[str] = set()
        for one in known:
            if one.kind == "sent":
                sent.update(one.value.decode("utf-8", "replace").split("\n"))
            elif (answer := _answer_of(one)) is not None:
                answers[answer.id] = answer
                self.size += len(one.value)
        self._state: State = machine.known(state, answers, sent)

    @property
    def due_at(self) -> float:
        """The deadline."""
        return min(self._state.timed_out_at, self._state.expires_at)

    def note(self, entry: Entry) -> None:
        """Take note of a step's result; nothing is decided yet."""
        if (answer := _answer_of(entry)) is not None:
            self._state = machine.known(self._state, {answer.id: answer}, ())
            self.size += len(entry.value)

    def advance(self, now: float) -> None:
        """Send what may be sent now, or answer."""
        if self.size > _BYTES_LIMIT:
            text = f"its steps' results have more than {_BYTES_LIMIT} bytes together"
            hint = "smaller outputs of its steps"
            self.stop(Problem("too_large", text, field="inputs.steps", hint=hint))
        else:
            self._obey(machine.advance(self._state, Tick(), now))

    def cancel(self, now: float) -> None:
        """End it, and its steps."""
        self._obey(machine.advance(self._state, Cancelled(), now))

    def stop(self, problem: Problem) -> None:
        """End it, and its steps."""
        self._obey(machine.stop(self._state, problem))

    def _obey(self, decided: tuple[State, Sequence[Command]]) -> None:
        """Do what was decided."""
        self._state, commands = decided[0], deque(decided[1])
        sending: dict[str, Outgoing] = {}
        while commands:
            command = commands.popleft()
            match command:
                case Submit():
                    value = self._request(command, time.time())
                    if len(value) <= MESSAGE_LIMIT:
                        key, headers = command.id.encode(), self._headers()
                        sending[command.id] = Outgoing(self._topic, key, value, headers)
                        continue
                    text = f"the request of step {command.step!r} has {len(value)} bytes, the limit is {MESSAGE_LIMIT}"
                    problem = Problem("too_large", text, field="inputs", hint="take less of the earlier outputs")
                    event = Answered(command.id, refusal(command.id, problem))
                    self._state, more = machine.advance(self._state, event, time.time())
                    commands += more
                case Cancel(ids):
                    for name in ids:
                        sending.pop(name, None)
                    self._effects.cancel(self, ids)
                case Finish():
                    self._effects.send(self, sending)
                    self._effects.finish(self, finished(command))
                    return
        self._effects.send(self, sending)
        self._effects.tell(self, self._state.fraction, ", ".join(self._state.running[:5]) or "waiting")

    def _headers(self) -> Headers:
        """What a step's request carries: what the workflow's did, and whose it is."""
        return [*self.job.origin.headers, (STEP_HEADER, self.entry.name.encode())]

    def _request(self, submit: Submit, now: float) -> bytes:
        """Write a step as a request, in the form that the workflow came in."""
        asked = self.job.request
        # no more than the whole is allowed: this worker's clock may be behind that of the one that began
        left = min(max(0.001, self._state.timed_out_at - now), self.job.timeout_s)
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


def _answer_of(entry: Entry) -> Answer | None:
    """Read a step's result; None for what is none."""
    if entry.kind != "answer":
        return None
    try:
        return (_pack_answer if entry.content_type == MSGPACK else _json_answer).decode(entry.value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
