"""Runs what is more than one computation: reads the journal of its partitions, sends the pieces, answers in the end.

Each partition of `compute.workflows` belongs to one worker. What a request is up to follows from its records there, so
a worker that takes a partition over reads them from the committed frontier (the first request without its result) and
goes on: what was sent is not sent again, what has come is known. What to do next is decided by
`agents.workflow.machine` for workflows (`streams.steps`) and by `streams.division` for divided work (`streams.whole`),
and done by `streams.errands`; here the journal is read, as a member of a group (`streams.polling`).
"""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import structlog
from confluent_kafka import OFFSET_INVALID, Consumer, KafkaException, Message, TopicPartition

from agents.divided import Divided
from agents.outcome import Problem
from streams import instants, journal
from streams.admit import Defaults, Job, Origin, Partition, admit
from streams.cancels import Cancels
from streams.codec import Refusal, receive
from streams.errands import Errands
from streams.heavy import forward
from streams.journal import Entry
from streams.ledger import Conducted, Ledger
from streams.limits import USUAL, Limits
from streams.liveness import Pulse
from streams.membership import Membership
from streams.ownership import Reader, Seat
from streams.polling import Poller
from streams.replies import Desk
from streams.resume import OnLoss, find
from streams.statistics import Statistics
from streams.steps import Steps
from streams.whole import Whole

_log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 0.03
_COMMIT_EVERY_S = 0.5
_BROKER_S = 5.0
_ASK_AGAIN_S = 0.2
_BATCH = 200
_ENDED_S = 3.0
_CONFIRMED_S = 60.0
_CONFIRMED_AT_THE_END_S = 5.0
_COMMITTED_S = 2.0
_BYTES_LIMIT = 256 * 1024 * 1024
"""Most bytes of the requests, and of workflows' answers, that one worker conducts."""


class Conductor:
    """A thread with a consumer of its own; `begin` starts it, `close` ends it, and others go on."""

    def __init__(
        self, desk: Desk, cancels: Cancels, bootstrap: str, group_id: str, *, membership: Membership,
        embedded: bool = False, defaults: Defaults | None = None, limits: Limits = USUAL,
        on_loss: OnLoss = lambda *_: None,
    ) -> None:  # fmt: skip
        self._topics = desk.topics
        self._topic = desk.topics[journal.TOPIC]
        self._give_up = desk.give_up
        self._cancels = cancels
        self._defaults = defaults or {}
        self._limits = limits
        self._on_loss = on_loss
        self._poller = Poller(
            self, bootstrap, [self._topic], group_id, membership=membership, batch_limit=_BATCH,
            commit_every_s=_COMMIT_EVERY_S, outbox=desk.emitter, embedded=embedded,
        )  # fmt: skip
        self._ledgers: dict[int, Ledger] = {}
        self._errands = Errands(desk, self._topic, self._ledgers, self._poller.doubt)
        self._lanes = 1
        self._lanes_at = float("inf")
        self._look_at = 0.0
        self._thread = threading.Thread(target=self._run, name="conductor", daemon=True)

    def start(self) -> None:
        """Join the group."""
        self._thread.start()

    def close(self) -> None:
        """Leave the group: whoever gets the partitions goes on with what runs here."""
        self._poller.stopping.set()
        if self._thread.is_alive():
            self._thread.join(10.0)

    @property
    def seat(self) -> Seat:
        """What this member has to see to."""
        return self._poller.seat

    @property
    def pulse(self) -> Pulse:
        """How it does, for whoever judges whether the process lives."""
        return self._poller.pulse(started=self._thread.ident is not None, waiting_since=self._poller.astray.since)

    def as_reader(self) -> Reader:
        """Return what this member reads of its topic."""
        return self._poller.as_reader({*((self._topic, number) for number in self._ledgers), *self._poller.astray})

    def _run(self) -> None:
        try:
            self._poller.run()
        except Exception as failure:  # whatever it is, requests must not lie with a worker that is deaf to them
            self._give_up(failure)

    # what follows is called by the thread that polls

    def wait_s(self, _: Consumer) -> float:
        """Wait no longer than until cancellations are to be looked at."""
        return _LOOK_EVERY_S

    def gather(self) -> None:
        """Wait for nothing."""

    def take(self, messages: Sequence[Message]) -> None:
        """Note records; what is decided is decided once for all that came together."""
        touched: dict[tuple[int, str], None] = {}
        for message in messages:
            number, offset = message.partition(), message.offset()
            ledger = self._ledgers.get(number) if number is not None else None
            if ledger is None or offset is None:
                continue
            ledger.frontier.received([offset])
            entry = journal.read(message)
            live = entry is not None and entry.kind == "start" and ledger.behind is None
            if entry is None or not (self._begin(ledger, entry, offset, ()) if live else ledger.note(entry, offset)):
                ledger.frontier.done([offset])
            if entry is not None:
                touched[ledger.number, entry.name] = None
            if ledger.behind is not None and offset + 1 >= ledger.behind:
                self._taken_over(ledger)
        for number, name in touched:
            ledger = self._ledgers.get(number)
            if ledger is not None and (running := ledger.running.get(name)) is not None:
                _alone(running, running.advance)

    def go_on(self, consumer: Consumer, now: float) -> None:
        """Hear what was confirmed; look at cancellations and the time."""
        self._errands.hear()
        if now >= self._lanes_at:
            self._count_lanes(consumer)
        if now >= self._look_at:
            self._look_at = now + _LOOK_EVERY_S
            self._look()

    def look(self, found: Statistics) -> None:
        """Tell nothing of the journal."""

    def begin(self, consumer: Consumer, partition: Partition) -> int | None:
        """Find out where to read a partition from; one that is read already goes on with what runs, past what is lost.

        What came of it before that was known is read again.
        """
        number = partition[1]
        ledger = self._ledgers.get(number)
        following = None if ledger is None else ledger.frontier.following
        found = find(consumer, partition, following, self._on_loss)
        if found is None:
            return None
        offset = found.at.offset
        if ledger is None or offset < (found.wanted or 0):  # a log that was cut is read whole
            ledger = self._ledgers[number] = Ledger(number, found.high if offset < found.high else None)
        ledger.frontier.skipped(offset)
        _log.info("workflows_assigned", partitions=[number], offset=offset, end=found.high)
        return offset

    def unread(self) -> Sequence[Partition]:
        """Return none: where to begin is not left to librdkafka."""
        return ()

    def standing(self) -> Mapping[Partition, int | None]:
        """Return where each partition is read on: none of them waits for anything."""
        return {(self._topic, number): ledger.frontier.following for number, ledger in self._ledgers.items()}

    def to_commit(self, partitions: Collection[Partition] | None, *, again: bool) -> Mapping[Partition, int]:
        """Return the frontier of what is taken over."""
        positions: dict[Partition, int] = {}
        for number, ledger in self._ledgers.items():
            partition, position = (self._topic, number), ledger.frontier.position
            if ledger.behind is not None or position is None or not (partitions is None or partition in partitions):
                continue
            if again or position != ledger.committed:
                positions[partition] = position
        return positions

    def committed(self, positions: Iterable[tuple[Partition, int]]) -> None:
        """Take note of what the broker has confirmed."""
        for (_, number), position in positions:
            if (ledger := self._ledgers.get(number)) is not None:
                ledger.committed = position

    def assigned(self, consumer: Consumer, partitions: Sequence[Partition]) -> None:
        """Begin to read; a broker that is away is asked once, and again outside of the callback."""
        places, away = [], False
        for partition in partitions:
            begin = None if away else self.begin(consumer, partition)
            away = begin is None
            if begin is None:
                self._poller.astray.add(partition)
            places.append(TopicPartition(*partition, OFFSET_INVALID if begin is None else begin))
        self._lanes_at = 0.0
        consumer.incremental_assign(places)

    def give_back(self, consumer: Consumer, partitions: Collection[Partition] | None) -> None:
        """Let what has just been answered end, commit, and send nothing of them any more."""
        numbers = set(self._ledgers) if partitions is None else {number for _, number in partitions}
        until = time.monotonic() + _ENDED_S
        while self._errands.ending(numbers) and time.monotonic() < until:
            self._errands.hear()
            self._poller.turn()
            time.sleep(0.005)
        self._poller.commit_now(consumer, partitions, time.monotonic() + _COMMITTED_S)
        self.let_go(partitions)
        self._poller.until_confirmed(_CONFIRMED_AT_THE_END_S if partitions is None else _CONFIRMED_S)

    def let_go(self, partitions: Collection[Partition] | None) -> None:
        """Forget what runs there: whoever gets them goes on with it."""
        for number in set(self._ledgers) if partitions is None else {number for _, number in partitions}:
            if (ledger := self._ledgers.pop(number, None)) is not None:
                self._errands.forget(ledger)

    def _count_lanes(self, consumer: Consumer) -> None:
        """Find out how many partitions take shards; no callback may ask for that."""
        heavy = self._topics[forward.TOPIC]
        try:
            self._lanes = max(1, len(consumer.list_topics(heavy, timeout=_BROKER_S).topics[heavy].partitions))
        except KafkaException as error:
            _log.info("lanes_unknown", error=str(error))
            self._lanes_at = time.monotonic() + _ASK_AGAIN_S
        else:
            self._lanes_at = float("inf")

    def _taken_over(self, ledger: Ledger) -> None:
        """Go on with what the last owner of the partition left."""
        ledger.behind = None
        for found in ledger.found.values():
            if found.start is not None:
                entry, offset = found.start
                if not self._begin(ledger, entry, offset, found.entries):
                    ledger.frontier.done([offset])
        ledger.found.clear()

    def _begin(self, ledger: Ledger, entry: Entry, offset: int, known: Sequence[Entry]) -> bool:
        """Run a request, from its beginning or from what is known of it; says whether it is to be waited for."""
        name = entry.name
        if name in ledger.running or ledger.ended.get(name) == entry.source:
            return False  # the request was forwarded twice: its worker ended in between
        origin = Origin((self._topic, ledger.number), offset, entry.queued_at_ms, entry.content_type, entry.headers)
        try:
            request = receive(entry.value, entry.content_type)
        except Refusal as refused:
            # whoever forwarded it read it, with limits of its own
            _log.error("journal_not_readable", id=name, problem=refused.problem.message)
            self._errands.refuse(Refusal(refused.problem, name, refused.agent, refused.task), origin)
            return True
        admitted = admit(request, origin, float("-inf"), (), entry.timeout_s, self._defaults, self._limits)
        if not isinstance(admitted, Job):
            self._errands.reject(request, admitted, origin)
            return True
        running = ledger.running[name] = self._conducted(admitted, entry, known)
        _log.info("conducting", id=name, partition=ledger.number, known=len(known))
        if sum(one.size for each in self._ledgers.values() for one in each.running.values()) > _BYTES_LIMIT:
            text = "this worker conducts as much as it has memory for"
            running.stop(Problem("unavailable", text, field="inputs", hint="send it again in a while"))
        else:
            _alone(running, running.advance)
        return True

    def _conducted(self, job: Job, entry: Entry, known: Sequence[Entry]) -> Conducted:
        started_at = entry.at_ms / 1000
        if isinstance(job.plan, Divided):
            topic = self._topics[forward.TOPIC]
            return Whole(job, entry, started_at, known, self._errands, topic, self._lanes)
        expires_at = job.request.expires_at
        until = float("inf") if expires_at is None else instants.from_text(expires_at)
        return Steps(job, entry, started_at, until, known, self._errands, self._topics["compute.requests"])

    def _look(self) -> None:
        """Look at cancellations and the time."""
        now = time.time()
        for ledger in self._ledgers.values():
            for name, running in list(ledger.running.items()):
                if self._cancels and name in self._cancels:
                    _alone(running, running.cancel)
                elif now >= running.due_at:
                    _alone(running, running.advance)


def _alone(running: Conducted, decide: Callable[[float], None]) -> None:
    """Let what goes wrong with one request end that one: the journal would bring it to every worker in turn."""
    try:
        decide(time.time())
    except Exception as error:
        _log.exception("conducting_failed", id=running.entry.name)
        text = f"{type(error).__name__} while it was conducted"
        running.stop(Problem("internal", text, hint="report this request"))
