"""What is done for the requests that a worker conducts: their pieces are sent, they are answered, the journal is told.

Nothing of it goes out while it is in doubt whose their partition is (`streams.doubt`), nor once it is another's.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from queue import Empty, SimpleQueue

import msgspec

from agents.outcome import Outcome, Problem
from streams import instants, journal
from streams.admit import Origin, Partition
from streams.codec import Received, Refusal
from streams.contracts import Control, Progress
from streams.doubt import Doubt
from streams.emit import Claim, Outgoing
from streams.journal import Entry
from streams.ledger import Conducted, Effects, Ledger
from streams.replies import Desk, Replies

_PROGRESS_EVERY_S = 0.25


class Errands(Effects):
    """Run by the thread that conducts; what waits for a confirmation is done when it calls `hear`."""

    def __init__(self, desk: Desk, topic: str, ledgers: Mapping[int, Ledger], doubt: Doubt) -> None:
        self._topic = topic
        self._ledgers = ledgers
        self._doubt = doubt
        self._told: dict[str, tuple[float, float]] = {}
        self._ending: dict[tuple[int, int], Entry] = {}
        self._confirmed: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._desk = replace(
            desk, done=self._answered, owns=lambda partition: partition[1] in ledgers,
            certain=lambda: doubt.certain, hold=doubt.hold,
        )  # fmt: skip

    def send(self, one: Conducted, messages: Mapping[str, Outgoing], lanes: Mapping[str, int] | None = None) -> None:
        """Send messages; once they are out, say so in the journal, so that no other worker sends them again."""
        ledger, name, ids = self._ledger_of(one), one.entry.name, tuple(messages)
        if ledger is None or not messages:
            return
        partitions = [(lanes or {}).get(each, -1) for each in ids]

        def runs() -> bool:
            return ledger.running.get(name) is one

        def note() -> None:
            if runs():
                self._desk.emitter.send([journal.sent(self._topic, name, ids)], self._or_give_up)

        def confirmed(failure: Exception | None) -> None:
            if failure is None:
                self._confirmed.put(note)
            else:
                self._desk.give_up(failure)

        def send(claim: Claim) -> None:
            if runs():
                self._desk.emitter.send(list(messages.values()), confirmed, partitions, claim)

        self._claim(ledger, send)

    def cancel(self, one: Conducted, ids: Sequence[str]) -> None:
        """Cancel requests, or shards."""
        topic = self._desk.topics["compute.control"]
        values = [msgspec.json.encode(Control(id=name, action="cancel")) for name in ids]
        messages = [Outgoing(topic, name.encode(), value, []) for name, value in zip(ids, values, strict=True)]
        if (ledger := self._ledger_of(one)) is not None:
            self._claim(ledger, lambda claim: self._desk.emitter.send(messages, self._or_give_up, claim=claim))

    def finish(self, one: Conducted, outcome: Outcome) -> None:
        """Answer."""
        replies = Replies(self._desk, 1, max(0.0, time.time() - one.started_at))
        replies.compute([one.job], [outcome])
        self._ended(one)
        replies.send()

    def relay(self, one: Conducted, result: bytes) -> None:
        """Answer with a result that is written already."""
        replies = Replies(self._desk, 1)
        replies.relay(one.job, result)
        self._ended(one)
        replies.send()

    def reject(self, request: Received, problem: Problem, origin: Origin) -> None:
        """Answer a request that does not run."""
        replies = Replies(self._desk, 1)
        replies.reject(request, problem, origin)
        replies.send()

    def refuse(self, refusal: Refusal, origin: Origin) -> None:
        """Answer what is no request to this worker, by the id that was read from it."""
        replies = Replies(self._desk, 1)
        replies.refuse(refusal, origin)
        replies.send()

    def tell(self, one: Conducted, fraction: float, stage: str) -> None:
        """Tell progress, at most 4 times a second."""
        now, name = time.time(), one.entry.name
        told_at, told = self._told.get(name, (0.0, 0.0))
        if now - told_at < _PROGRESS_EVERY_S or fraction == told:
            return
        self._told[name] = (now, fraction)
        spent = now - one.started_at
        progress = Progress(
            id=name, fraction=fraction, stage=stage, at=instants.to_text(now),
            eta_s=spent * (1 - fraction) / fraction if fraction > 0 else None,
        )  # fmt: skip
        topic, value = self._desk.topics["compute.progress"], msgspec.json.encode(progress)
        self._desk.emitter.send([Outgoing(topic, name.encode(), value, [])], lambda _: None)

    def hear(self) -> None:
        """Do what waited for a confirmation."""
        try:
            while True:
                self._confirmed.get_nowait()()
        except Empty:
            return

    def ending(self, numbers: Collection[int]) -> bool:
        """Whether a request of these partitions is answered, and the journal does not say so yet."""
        return any(number in numbers for number, _ in self._ending)

    def forget(self, ledger: Ledger) -> None:
        """Do no more for a partition that goes."""
        for name in ledger.running:
            self._told.pop(name, None)
        for place in [place for place in self._ending if place[0] == ledger.number]:
            del self._ending[place]

    def _ledger_of(self, one: Conducted) -> Ledger | None:
        return self._ledgers.get(one.job.origin.partition[1])

    def _claim(self, ledger: Ledger, send: Callable[[Claim], None], *, again: bool = False) -> None:
        """Send while the partition is this worker's, and certainly so; `again`: it has been on its way."""

        def holds() -> bool:
            return self._ledgers.get(ledger.number) is ledger

        if not holds():
            return
        if self._doubt.certain:
            send(Claim(holds, lambda: self._claim(ledger, send, again=True)))
        else:
            self._doubt.hold(lambda: self._claim(ledger, send, again=again), again=again)

    def _or_give_up(self, failure: Exception | None) -> None:
        if failure is not None:
            self._desk.give_up(failure)

    def _ended(self, one: Conducted) -> None:
        partition, offset = one.job.origin.partition, one.job.origin.offset
        if (ledger := self._ledger_of(one)) is not None:
            ledger.end(one.entry.name, one.entry.source)
        self._told.pop(one.entry.name, None)
        self._ending[partition[1], offset] = one.entry

    def _answered(self, offsets: Sequence[tuple[Partition, int]]) -> None:
        """The result is on the broker; called from the emitter's thread."""
        for (_, number), offset in offsets:
            self._confirmed.put(lambda number=number, offset=offset: self._end(number, offset))  # type: ignore[misc]

    def _end(self, number: int, offset: int) -> None:
        """Write that the request has its result; then its offset is done."""
        ledger, entry = self._ledgers.get(number), self._ending.pop((number, offset), None)

        def confirmed(failure: Exception | None) -> None:
            if failure is not None:
                self._desk.give_up(failure)
            elif ledger is not None:
                self._confirmed.put(lambda: ledger.frontier.done([offset]))

        if entry is None:  # it was answered without running
            confirmed(None)
        else:
            self._desk.emitter.send([journal.end(self._topic, entry.name, entry.source)], confirmed)
