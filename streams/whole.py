"""Divided work on its way: its shards are sent to the heavy lanes, and what they leave comes through the journal.

The states themselves stay there: whoever merges reads them (`streams.gather`).
"""

from collections.abc import Iterable

import msgspec

from agents.analyze.problem import RATE
from agents.divided import Divided, Trouble
from agents.outcome import Outcome, Problem
from streams import division, shard
from streams.admit import Job
from streams.division import Answer, Merge, Send
from streams.emit import Headers, Outgoing
from streams.heavy.forward import QUEUED, REASON
from streams.journal import Entry
from streams.ledger import Conducted, Effects

_MESSAGE_BYTES = 6 * 1024 * 1024
_MERGED_FROM = 0.95
_LOOK_EVERY_S = 1.0


class Whole(Conducted):
    """Drives `streams.division`; `topic` has `lanes` partitions, where shards go."""

    def __init__(
        self, job: Job, entry: Entry, started_at: float, known: Iterable[Entry], effects: Effects, topic: str,
        lanes: int,
    ) -> None:  # fmt: skip
        self.job = job
        self.entry = entry
        self.started_at = started_at
        self.size = len(entry.value)
        self._effects = effects
        self._topic = topic
        self._lanes = lanes
        self._plan: Divided = job.plan
        self._state = division.begin(
            self._plan.blocks, self._plan.cost / RATE, self._plan.state_bytes, _MESSAGE_BYTES
        )  # fmt: skip
        self._deadline = started_at + job.timeout_s
        self._look_at = 0.0
        self._last = entry.offset
        self._problem: Problem | None = None
        self._result: bytes | None = None
        for one in known:
            if one.kind == "sent":
                for name in one.value.decode("utf-8", "replace").split("\n"):
                    self._state = division.noted(self._state, name, one.at_ms / 1000)
            else:
                self.note(one)

    @property
    def due_at(self) -> float:
        """The deadline, or when shards that stay out are looked for."""
        return min(self._deadline, self._look_at)

    def note(self, entry: Entry) -> None:
        """Take note of what has come of a shard, or of all; of an earlier work of the same id it says nothing."""
        if entry.source != self.entry.source:
            return
        if entry.kind == "part":
            self._last = max(self._last, entry.offset)
            self._state = division.answered(self._state, entry.low, Answer(entry.high, entry.run_s, entry.failed))
        elif entry.kind == "lost":
            self._problem = msgspec.json.decode(entry.value, type=Trouble).problem()
        elif entry.kind == "merged":
            self._result = entry.value

    def advance(self, now: float) -> None:
        """Send what is to be sent now, or answer."""
        if self._result is not None:
            self._effects.relay(self, self._result)
        elif self._problem is not None:
            self.stop(self._problem)
        elif now >= self._deadline:
            self.stop(self._timed_out())
        else:
            self._look_at = now + _LOOK_EVERY_S
            self._state, commands = division.advance(self._state, now, self._lanes)
            messages, lanes = {}, {}
            for command in commands:
                if isinstance(command, Merge):
                    messages[division.MERGE] = self._merge()
                else:
                    messages[command.name], lanes[command.name] = self._blocks(command), command.lane
            self._effects.send(self, messages, lanes)
            done, blocks = self._state.done, self._state.blocks
            self._effects.tell(self, _MERGED_FROM * done / blocks, f"{done} of {blocks} blocks")

    def cancel(self, now: float) -> None:
        """End it, and its shards."""
        self.stop(Problem("cancelled", f"cancelled after {max(0.0, now - self.started_at):.1f} s"))

    def stop(self, problem: Problem) -> None:
        """End it, and its shards."""
        self._effects.cancel(self, [shard.group(self.entry.name, self.entry.source)])
        self._effects.finish(self, Outcome(None, self._plan.kernel, self._plan.compiled, problem=problem))

    def _timed_out(self) -> Problem:
        text = f"not finished after {self.job.timeout_s:g} s ({self._state.done / self._state.blocks:.0%} done)"
        hint = "allow more time, loosen the tolerances, or split the request"
        return Problem("timed_out", text, field="timeout_s", hint=hint)

    def _blocks(self, send: Send) -> Outgoing:
        what = shard.Blocks(self.entry.source, send.low, send.high)
        return self._message(f"{self.entry.name}/{send.low}", what)

    def _merge(self) -> Outgoing:
        _, partition = self.job.origin.partition
        what = shard.Merge(self.entry.source, partition, self.entry.offset, self._last, self.started_at)
        return self._message(self.entry.name, what)

    def _message(self, key: str, what: shard.Shard) -> Outgoing:
        headers: Headers = [
            *self.entry.headers, (REASON, "shard"), (QUEUED, str(self.entry.queued_at_ms)),
            (shard.HEADER, shard.write(what)),
        ]  # fmt: skip
        return Outgoing(self._topic, key.encode(), self.entry.value, headers)
