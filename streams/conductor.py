"""Runs what is more than one computation: reads the journal of its partitions, sends the pieces, answers in the end.

Each partition of `compute.workflows` belongs to one worker. What a request is up to follows from its records there, so
a worker that takes a partition over reads them from the committed frontier (the first request without its result) and
goes on: what was sent is not sent again, what has come is known. What to do next is decided by
`agents.workflow.machine` for workflows (`streams.steps`) and by `streams.division` for divided work (`streams.whole`);
here are only the edges.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from queue import Empty, SimpleQueue

import msgspec
import structlog
from confluent_kafka import OFFSET_INVALID, Consumer, KafkaException, Message, TopicPartition

from agents.divided import Divided
from agents.outcome import Outcome, Problem
from streams import instants, journal, statistics
from streams.admit import Defaults, Job, Origin, Partition, admit
from streams.cancels import Cancels
from streams.codec import Refusal
from streams.contracts import Control, Progress
from streams.emit import Outgoing
from streams.heavy import forward
from streams.journal import Entry
from streams.ledger import Conducted, Ledger
from streams.limits import USUAL, Limits
from streams.liveness import Pulse
from streams.membership import NO_OFFSET, Membership, explained, is_fatal, reader
from streams.ownership import Reader, Seat, Trouble, passed, rejoining
from streams.replies import Desk, Replies
from streams.resume import OnLoss, find, move
from streams.steps import Steps
from streams.whole import Whole

_log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 0.03
_COMMIT_EVERY_S = 0.5
_PROGRESS_EVERY_S = 0.25
_BROKER_S = 5.0
_ASK_AGAIN_S = 0.2
_BATCH = 200
_ENDED_S = 3.0
_CONFIRMED_S = 60.0
_CONFIRMED_AT_THE_END_S = 5.0
_BYTES_LIMIT = 256 * 1024 * 1024
"""Most bytes of the requests, and of workflows' answers, that one worker conducts."""


class Conductor:
    """A thread with a consumer of its own; `begin` starts it, `close` ends it, and others go on."""

    def __init__(
        self, desk: Desk, cancels: Cancels, bootstrap: str, group_id: str, *, membership: Membership,
        embedded: bool = False, defaults: Defaults | None = None, limits: Limits = USUAL,
        on_loss: OnLoss = lambda *_: None,
    ) -> None:  # fmt: skip
        self._desk = replace(
            desk, done=self._answered, owns=lambda partition: partition[1] in self._ledgers, certain=lambda: True
        )
        self._cancels = cancels
        self._defaults = defaults or {}
        self._limits = limits
        self._topic = desk.topics[journal.TOPIC]
        self._group_id = group_id
        self._config = {
            **reader(bootstrap, group_id, membership, embedded=embedded),
            "auto.offset.reset": "error",  # where to begin is decided here, and a loss is told
            "statistics.interval.ms": statistics.INTERVAL_MS,
            "stats_cb": self._count_brokers,
        }
        self._on_loss = on_loss
        self._lanes = 1
        self._lanes_at = float("inf")
        self._ledgers: dict[int, Ledger] = {}
        self.seat = Seat()
        self._member_id = ""
        self._idle: Mapping[Partition, int] = {}
        self._brokers_up: int | None = None
        self._looked_at = time.monotonic()
        self._to_open: dict[int, float] = {}
        self._opening_since: float | None = None
        self._leaving = False
        self._told: dict[str, tuple[float, float]] = {}
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

    @property
    def pulse(self) -> Pulse:
        """How it does, for whoever judges whether the process lives."""
        started = self._thread.ident is not None
        return Pulse(started, self._brokers_up, self._looked_at, self._opening_since, self.seat.since)

    def as_reader(self) -> Reader:
        """Return what this member reads of its topic."""
        reads = frozenset((self._topic, number) for number in [*self._ledgers, *self._to_open])
        return Reader(self._member_id, reads, self._idle)

    def _count_brokers(self, text: str) -> None:
        self._brokers_up = statistics.read(text).brokers_up

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._read()
        except Exception as failure:  # whatever it is, requests must not lie with a worker that is deaf to them
            self._desk.give_up(failure)

    def _read(self) -> None:
        """Conduct as a member of the group, until it is time to stop, or to leave it and join again."""
        self._leaving = False
        consumer = Consumer(self._config, logger=logging.getLogger("librdkafka"))
        # none of these may call `list_topics`: the next callback of the same poll would abort the process
        consumer.subscribe([self._topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)
        look_at = commit_at = 0.0
        self.seat.joined(time.monotonic())
        unread: Collection[Trouble] = ()
        try:
            while not self._stopping.is_set() and not unread:
                first = consumer.poll(_LOOK_EVERY_S)
                if first is not None:
                    # consume(n, timeout) would wait its whole timeout for n: only what is here already
                    self._take([first, *consumer.consume(_BATCH - 1, 0)])
                self._hear()
                self._looked_at = now = time.monotonic()
                if now >= self._lanes_at:
                    self._count_lanes(consumer)
                self._opening_since = (self._opening_since or now) if self._to_open else None
                for number in [number for number, at in self._to_open.items() if at <= now]:
                    self._open(consumer, number)
                if now >= look_at:
                    self._look()
                    look_at = now + _LOOK_EVERY_S
                if now >= commit_at:
                    self._commit(consumer)
                    commit_at = now + _COMMIT_EVERY_S
                    self._member_id = consumer.memberid() or ""
                    self._idle = passed(
                        consumer, {(self._topic, one): found.frontier.following for one, found in self._ledgers.items()}
                    )
                    if unread := self.seat.overdue(now):
                        rejoining(self._group_id, unread)
            self._finish(consumer, list(self._ledgers), _CONFIRMED_AT_THE_END_S)
        finally:
            self._leaving = True
            consumer.close()

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        places, away = [], False
        for place in partitions:
            begin = None if away else self._begin(consumer, place.partition)
            away = begin is None
            if begin is None:
                self._to_open[place.partition] = 0.0
            places.append(TopicPartition(self._topic, place.partition, OFFSET_INVALID if begin is None else begin))
        self._lanes_at = 0.0
        consumer.incremental_assign(places)

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if not self._leaving:
            self._finish(consumer, {place.partition for place in partitions}, _CONFIRMED_S)

    def _finish(self, consumer: Consumer, numbers: Collection[int], confirmed_s: float) -> None:
        """Give partitions back: let what has just been answered end, commit, and send nothing of them any more."""
        until = time.monotonic() + _ENDED_S
        while any(number in numbers for number, _ in self._ending) and time.monotonic() < until:
            self._hear()
            time.sleep(0.005)
        self._commit(consumer)
        self._drop(numbers)
        until = time.monotonic() + confirmed_s
        while self._desk.emitter.unclaimed() and time.monotonic() < until:
            self._looked_at = time.monotonic()
            time.sleep(0.005)
        self._desk.emitter.withdraw()

    def _lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._drop([place.partition for place in partitions])
        self._desk.emitter.withdraw()

    def _drop(self, numbers: Collection[int]) -> None:
        for number in numbers:
            self._to_open.pop(number, None)
            if (ledger := self._ledgers.pop(number, None)) is not None:
                for name in ledger.running:
                    self._told.pop(name, None)
        for place in [place for place in self._ending if place[0] in numbers]:
            del self._ending[place]
        _log.info("workflows_given_back", partitions=sorted(numbers))

    def _open(self, consumer: Consumer, number: int) -> None:
        """Read on where a partition is to be read from; what came of it before that was known is read again."""
        begin = self._begin(consumer, number)
        if begin is None:
            self._to_open[number] = time.monotonic() + _ASK_AGAIN_S
            return
        del self._to_open[number]
        move(consumer, (self._topic, number), begin)

    def _begin(self, consumer: Consumer, number: int) -> int | None:
        """Find out where to read a partition from; None while Kafka does not answer.

        One that is read already goes on with what runs, past what is lost.
        """
        ledger = self._ledgers.get(number)
        following = None if ledger is None else ledger.frontier.following
        found = find(consumer, (self._topic, number), following, self._on_loss)
        if found is None:
            return None
        offset = found.at.offset
        if ledger is None or offset < (found.wanted or 0):  # a log that was cut is read whole
            ledger = self._ledgers[number] = Ledger(number, found.high if offset < found.high else None)
        ledger.frontier.skipped(offset)
        _log.info("workflows_assigned", partitions=[number], offset=offset, end=found.high)
        return offset

    def _count_lanes(self, consumer: Consumer) -> None:
        """Find out how many partitions take shards; no callback may ask for that."""
        heavy = self._desk.topics[forward.TOPIC]
        try:
            self._lanes = max(1, len(consumer.list_topics(heavy, timeout=_BROKER_S).topics[heavy].partitions))
        except KafkaException as error:
            _log.info("lanes_unknown", error=str(error))
            self._lanes_at = time.monotonic() + _ASK_AGAIN_S
        else:
            self._lanes_at = float("inf")

    def _commit(self, consumer: Consumer) -> None:
        offsets = []
        for number, ledger in self._ledgers.items():
            position = ledger.frontier.position
            if ledger.behind is None and position is not None and position != ledger.committed:
                offsets.append(TopicPartition(self._topic, number, position))
                ledger.committed = position
        if not offsets:
            return
        try:
            consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            _log.warning("commit_failed", error=str(error))
            for place in offsets:
                self._ledgers[place.partition].committed = None

    def _take(self, messages: Iterable[Message]) -> None:
        """Note records; what is decided is decided once for all that came together."""
        touched: dict[tuple[int, str], None] = {}
        for message in messages:
            if (error := message.error()) is not None:
                if is_fatal(error):
                    raise explained(error)
                number = message.partition()
                if error.code() in NO_OFFSET and number is not None:
                    self._to_open.setdefault(number, 0.0)
                else:
                    _log.warning("consume_error", error=str(error))
                continue
            number, offset = message.partition(), message.offset()
            ledger = self._ledgers.get(number) if number is not None else None
            if ledger is None or offset is None:
                continue
            ledger.frontier.received([offset])
            entry = journal.read(message)
            live = entry is not None and entry.kind == "start" and ledger.behind is None
            if entry is None or not (self._start(ledger, entry, offset, ()) if live else ledger.note(entry, offset)):
                ledger.frontier.done([offset])
            if entry is not None:
                touched[ledger.number, entry.name] = None
            if ledger.behind is not None and offset + 1 >= ledger.behind:
                self._taken_over(ledger)
        for number, name in touched:
            ledger = self._ledgers.get(number)
            if ledger is not None and (running := ledger.running.get(name)) is not None:
                running.advance(time.time())

    def _taken_over(self, ledger: Ledger) -> None:
        """Go on with what the last owner of the partition left."""
        ledger.behind = None
        for found in ledger.found.values():
            if found.start is not None:
                entry, offset = found.start
                if not self._start(ledger, entry, offset, found.entries):
                    ledger.frontier.done([offset])
        ledger.found.clear()

    def _start(self, ledger: Ledger, entry: Entry, offset: int, known: Sequence[Entry]) -> bool:
        """Run a request, from its beginning or from what is known of it; says whether it runs."""
        name = entry.name
        if name in ledger.running or ledger.ended.get(name) == entry.source:
            return False  # the request was forwarded twice: its worker ended in between
        partition: Partition = (self._topic, ledger.number)
        origin = Origin(partition, offset, entry.queued_at_ms, entry.content_type, entry.headers)
        try:
            admitted = admit(
                entry.value, origin, float("-inf"), Cancels(), entry.timeout_s, self._defaults, self._limits
            )
        except Refusal as refused:
            _log.error("journal_not_readable", id=name, problem=refused.problem.message)
            return False
        if not isinstance(admitted, Job):
            replies = Replies(self._desk, 1)
            replies.reject(*admitted, origin)
            replies.send()
            return True
        running = ledger.running[name] = self._conducted(admitted, entry, known)
        _log.info("conducting", id=name, partition=ledger.number, known=len(known))
        if sum(one.size for each in self._ledgers.values() for one in each.running.values()) > _BYTES_LIMIT:
            text = "this worker conducts as much as it has memory for"
            running.stop(Problem("unavailable", text, field="inputs", hint="send it again in a while"))
        else:
            running.advance(time.time())
        return True

    def _conducted(self, job: Job, entry: Entry, known: Sequence[Entry]) -> Conducted:
        started_at = entry.at_ms / 1000
        if isinstance(job.plan, Divided):
            topic = self._desk.topics[forward.TOPIC]
            return Whole(job, entry, started_at, known, self, topic, self._lanes)
        expires_at = job.request.expires_at
        until = float("inf") if expires_at is None else instants.from_text(expires_at)
        return Steps(job, entry, started_at, until, known, self, self._desk.topics["compute.requests"])

    def send(self, one: Conducted, messages: Mapping[str, Outgoing], lanes: Mapping[str, int] | None = None) -> None:
        """Send messages; once they are out, say so in the journal, so that no other worker sends them again."""
        if not messages:
            return
        name, ids = one.entry.name, tuple(messages)
        ledger = self._ledgers.get(one.job.origin.partition[1])

        def note() -> None:
            if ledger is not None and ledger.running.get(name) is one:
                self._desk.emitter.send([journal.sent(self._topic, name, ids)], self._or_give_up)

        def confirmed(failure: Exception | None) -> None:
            if failure is None:
                self._confirmed.put(note)
            else:
                self._desk.give_up(failure)

        self._desk.emitter.send(list(messages.values()), confirmed, [(lanes or {}).get(each, -1) for each in ids])

    def cancel(self, ids: Sequence[str]) -> None:
        """Cancel requests, or shards."""
        topic = self._desk.topics["compute.control"]
        values = [msgspec.json.encode(Control(id=name, action="cancel")) for name in ids]
        messages = [Outgoing(topic, name.encode(), value, []) for name, value in zip(ids, values, strict=True)]
        self._desk.emitter.send(messages, self._or_give_up)

    def _or_give_up(self, failure: Exception | None) -> None:
        if failure is not None:
            self._desk.give_up(failure)

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

    def _ended(self, one: Conducted) -> None:
        partition, offset = one.job.origin.partition, one.job.origin.offset
        if (ledger := self._ledgers.get(partition[1])) is not None:
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
        for ledger in self._ledgers.values():
            for name, running in list(ledger.running.items()):
                if self._cancels and name in self._cancels:
                    running.cancel(now)
                elif now >= running.due_at:
                    running.advance(now)

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
