"""Runs workflows: reads the journal of its partitions, sends steps as requests, and answers when all is said.

Each partition of `compute.workflows` belongs to one worker. What a workflow is up to follows from its records there,
so a worker that takes a partition over reads them from the committed frontier (the first workflow without its result)
and goes on: what was sent is not sent again, what was answered is known. What to do next is decided by
`agents.workflow.machine`; here are only the edges.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from queue import Empty, SimpleQueue

import msgspec
import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from agents.outcome import Problem
from agents.workflow import machine
from agents.workflow.answers import refusal
from agents.workflow.machine import Answered, Cancel, Cancelled, Command, Finish, State, Submit, Tick
from agents.workflow.run import finished
from streams import instants, journal
from streams.admit import Defaults, Job, Origin, Partition, admit
from streams.cancels import Cancels
from streams.codec import Refusal
from streams.contracts import Control, Progress
from streams.emit import Outgoing
from streams.journal import Entry
from streams.membership import Membership, explained, reader
from streams.replies import Desk, Replies
from streams.shard import Found, Running, Shard
from streams.topics import MESSAGE_LIMIT

_log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 0.05
_COMMIT_EVERY_S = 0.5
_PROGRESS_EVERY_S = 0.25
_BROKER_S = 20.0
_BATCH = 200
_BYTES_LIMIT = 256 * 1024 * 1024
"""Most bytes of requests and answers of the workflows that one worker runs."""
_BYTES_EACH = 64 * 1024 * 1024


class Conductor:
    """A thread with a consumer of its own; `begin` starts it, `close` ends it, and others go on."""

    def __init__(
        self, desk: Desk, cancels: Cancels, bootstrap: str, group_id: str, *, membership: Membership,
        embedded: bool = False, defaults: Defaults | None = None,
    ) -> None:  # fmt: skip
        self._desk = replace(desk, done=self._answered, owns=lambda _: True)
        self._cancels = cancels
        self._defaults = defaults or {}
        self._topic = desk.topics[journal.TOPIC]
        self._config = {
            **reader(bootstrap, group_id, membership, embedded=embedded),
            "auto.offset.reset": "earliest",
        }
        self._shards: dict[int, Shard] = {}
        self._ending: dict[tuple[int, int], Entry] = {}
        self._confirmed: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="conductor", daemon=True)

    def begin(self) -> None:
        """Join the group."""
        self._thread.start()

    def close(self) -> None:
        """Leave the group: whoever gets the partitions goes on with what runs here."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(10.0)

    def _run(self) -> None:
        try:
            self._read()
        except Exception as failure:  # whatever it is, workflows must not lie with a worker that is deaf to them
            self._desk.give_up(failure)

    def _read(self) -> None:
        consumer = Consumer(self._config, logger=logging.getLogger("librdkafka"))
        consumer.subscribe([self._topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)
        look_at = commit_at = 0.0
        try:
            while not self._stopping.is_set():
                first = consumer.poll(_LOOK_EVERY_S)
                if first is not None:
                    # consume(n, timeout) would wait its whole timeout for n: only what is here already
                    self._take([first, *consumer.consume(_BATCH - 1, 0)])
                self._hear()
                now = time.monotonic()
                if now >= look_at:
                    self._look()
                    look_at = now + _LOOK_EVERY_S
                if now >= commit_at:
                    self._commit(consumer)
                    commit_at = now + _COMMIT_EVERY_S
            self._hear()
            self._commit(consumer)
        finally:
            consumer.close()

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for place in consumer.committed(partitions, timeout=_BROKER_S):
            low, high = _watermarks(consumer, place)
            begin = max(low, place.offset) if place.offset >= 0 else low
            self._shards[place.partition] = Shard(place.partition, high if begin < high else None)
        consumer.incremental_assign(partitions)
        _log.info("workflows_assigned", partitions=[place.partition for place in partitions])

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._commit(consumer)
        self._lost(consumer, partitions)

    def _lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for place in partitions:
            self._shards.pop(place.partition, None)
        consumer.incremental_unassign(partitions)

    def _commit(self, consumer: Consumer) -> None:
        offsets = []
        for number, shard in self._shards.items():
            position = shard.frontier.position
            if shard.behind is None and position is not None and position != shard.committed:
                offsets.append(TopicPartition(self._topic, number, position))
                shard.committed = position
        if not offsets:
            return
        try:
            consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            _log.warning("commit_failed", error=str(error))
            for place in offsets:
                self._shards[place.partition].committed = None

    def _take(self, messages: Iterable[Message]) -> None:
        """Note records; what is decided is decided once for all that came together."""
        touched: dict[tuple[int, str], None] = {}
        for message in messages:
            if (error := message.error()) is not None:
                if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001 - its public name
                    raise explained(error)
                _log.warning("consume_error", error=str(error))
                continue
            number, offset = message.partition(), message.offset()
            shard = self._shards.get(number) if number is not None else None
            if shard is None or offset is None:
                continue
            shard.frontier.received([offset])
            entry = journal.read(message)
            live = entry is not None and entry.kind == "start" and shard.behind is None
            if entry is None or not (self._start(shard, entry, offset, Found()) if live else shard.note(entry, offset)):
                shard.frontier.done([offset])
            if entry is not None:
                touched[shard.number, entry.workflow] = None
            if shard.behind is not None and offset + 1 >= shard.behind:
                self._taken_over(shard)
        for number, name in touched:
            shard = self._shards.get(number)
            if shard is not None and (running := shard.running.get(name)) is not None:
                self._advance(shard, running, Tick())

    def _taken_over(self, shard: Shard) -> None:
        """Go on with what the last owner of the partition left."""
        shard.behind = None
        for name, found in shard.found.items():
            if found.start is not None:
                entry, offset = found.start
                _log.info("workflow_taken_over", id=name, answered=len(found.answers), partition=shard.number)
                if not self._start(shard, entry, offset, found):
                    shard.frontier.done([offset])
        shard.found.clear()

    def _start(self, shard: Shard, entry: Entry, offset: int, found: Found) -> bool:
        """Run a workflow, from its beginning or from what is known of it; says whether it runs."""
        name = entry.workflow
        if name in shard.running or shard.ended.get(name) == entry.source:
            return False  # the request was forwarded twice: its worker ended in between
        partition: Partition = (self._topic, shard.number)
        origin = Origin(partition, offset, entry.queued_at_ms, entry.content_type, entry.headers)
        try:
            admitted = admit(entry.value, origin, float("-inf"), Cancels(), entry.timeout_s, self._defaults)
        except Refusal as refused:
            _log.error("workflow_not_readable", id=name, problem=refused.problem.message)
            return False
        if not isinstance(admitted, Job):
            replies = Replies(self._desk, 1)
            replies.reject(*admitted, origin)
            replies.send()
            return True
        started_at = entry.at_ms / 1000
        expires_at = admitted.request.expires_at
        state = machine.begin(
            name, admitted.plan, started_at + admitted.timeout_s,
            float("inf") if expires_at is None else instants.from_text(expires_at),
        )  # fmt: skip
        state = machine.known(state, found.answers, found.sent)
        size = len(entry.value) + found.size
        running = shard.running[name] = Running(admitted, state, entry, started_at, size)
        if sum(one.size for each in self._shards.values() for one in each.running.values()) > _BYTES_LIMIT:
            text = "this worker runs as many workflows as it has memory for"
            problem = Problem("unavailable", text, field="inputs.steps", hint="send it again in a while")
            self._obey(shard, running, machine.stop(state, problem))
        else:
            self._advance(shard, running, Tick())
        return True

    def _advance(self, shard: Shard, running: Running, event: machine.Event) -> None:
        if running.size > _BYTES_EACH:
            text = f"its steps' results have more than {_BYTES_EACH} bytes together"
            problem = Problem("too_large", text, field="inputs.steps", hint="smaller outputs of its steps")
            self._obey(shard, running, machine.stop(running.state, problem))
            return
        self._obey(shard, running, machine.advance(running.state, event, time.time()))

    def _obey(self, shard: Shard, running: Running, decided: tuple[State, Sequence[Command]]) -> None:
        """Do what was decided."""
        running.state, commands = decided[0], deque(decided[1])
        sending: dict[str, Outgoing] = {}
        while commands:
            command = commands.popleft()
            match command:
                case Submit():
                    value = running.request(command, time.time())
                    if len(value) <= MESSAGE_LIMIT:
                        key, headers = command.id.encode(), running.headers()
                        sending[command.id] = Outgoing(self._desk.topics["compute.requests"], key, value, headers)
                        continue
                    text = f"the request of step {command.step!r} has {len(value)} bytes, the limit is {MESSAGE_LIMIT}"
                    problem = Problem("too_large", text, field="inputs", hint="take less of the earlier outputs")
                    event = Answered(command.id, refusal(command.id, problem))
                    running.state, more = machine.advance(running.state, event, time.time())
                    commands += more
                case Cancel(ids):
                    for name in ids:
                        sending.pop(name, None)
                    self._cancel(ids)
                case Finish():
                    self._send(shard, running, sending)
                    self._finish(shard, running, command)
                    return
        self._send(shard, running, sending)
        self._tell(running)

    def _send(self, shard: Shard, running: Running, sending: dict[str, Outgoing]) -> None:
        """Send steps; once they are out, say so in the journal, so that no other worker sends them again."""
        if not sending:
            return
        name, ids = running.entry.workflow, tuple(sending)

        def note() -> None:
            if shard.running.get(name) is running:
                self._desk.emitter.send([journal.sent(self._topic, name, ids)], self._or_give_up)

        def confirmed(failure: Exception | None) -> None:
            if failure is None:
                self._confirmed.put(note)
            else:
                self._desk.give_up(failure)

        self._desk.emitter.send(list(sending.values()), confirmed)

    def _cancel(self, ids: Sequence[str]) -> None:
        topic = self._desk.topics["compute.control"]
        values = [msgspec.json.encode(Control(id=name, action="cancel")) for name in ids]
        messages = [Outgoing(topic, name.encode(), value, []) for name, value in zip(ids, values, strict=True)]
        self._desk.emitter.send(messages, self._or_give_up)

    def _or_give_up(self, failure: Exception | None) -> None:
        if failure is not None:
            self._desk.give_up(failure)

    def _finish(self, shard: Shard, running: Running, command: Finish) -> None:
        name = running.entry.workflow
        shard.end(name, running.entry.source)
        replies = Replies(self._desk, 1, max(0.0, time.time() - running.started_at))
        replies.compute([running.job], [finished(command)])
        self._ending[running.job.origin.partition[1], running.job.origin.offset] = running.entry
        replies.send()

    def _answered(self, offsets: Sequence[tuple[Partition, int]]) -> None:
        """The result is on the broker; called from the emitter's thread."""
        for (_, number), offset in offsets:
            self._confirmed.put(lambda number=number, offset=offset: self._end(number, offset))  # type: ignore[misc]

    def _end(self, number: int, offset: int) -> None:
        """Write that the workflow has its result; then its offset is done."""
        shard, entry = self._shards.get(number), self._ending.pop((number, offset), None)

        def confirmed(failure: Exception | None) -> None:
            if failure is not None:
                self._desk.give_up(failure)
            elif shard is not None:
                self._confirmed.put(lambda: shard.frontier.done([offset]))

        if entry is None:  # it was answered without running
            confirmed(None)
        else:
            self._desk.emitter.send([journal.end(self._topic, entry.workflow, entry.source)], confirmed)

    def _hear(self) -> None:
        """Do what waited for a confirmation."""
        try:
            while True:
                self._confirmed.get_nowait()()
        except Empty:
            return

    def _look(self) -> None:
        """Look at cancellations and the time."""
        now = time.time()
        for shard in self._shards.values():
            for name, running in list(shard.running.items()):
                if self._cancels and name in self._cancels:
                    self._advance(shard, running, Cancelled())
                elif now >= min(running.state.timed_out_at, running.state.expires_at):
                    self._advance(shard, running, Tick())

    def _tell(self, running: Running) -> None:
        """Tell progress, at most 4 times a second."""
        now, fraction = time.time(), running.state.fraction
        if now - running.told_at < _PROGRESS_EVERY_S or fraction == running.told:
            return
        running.told_at, running.told = now, fraction
        spent = now - running.started_at
        progress = Progress(
            id=running.entry.workflow, fraction=fraction, stage=", ".join(running.state.running[:5]) or "waiting",
            eta_s=spent * (1 - fraction) / fraction if fraction > 0 else None, at=instants.to_text(now),
        )  # fmt: skip
        topic, value = self._desk.topics["compute.progress"], msgspec.json.encode(progress)
        self._desk.emitter.send([Outgoing(topic, progress.id.encode(), value, [])], lambda _: None)


def _watermarks(consumer: Consumer, place: TopicPartition) -> tuple[int, int]:
    """Ask again where a partition was made a moment ago and has no leader yet."""
    until = time.monotonic() + _BROKER_S
    while True:
        try:
            return consumer.get_watermark_offsets(TopicPartition(place.topic, place.partition), timeout=_BROKER_S)
        except KafkaException:
            if time.monotonic() > until:
                raise
        time.sleep(0.1)
