"""What comes in: a librdkafka consumer in a thread, which hands record batches to a Faust channel.

Offsets are received into a frontier per partition before a batch is handed out, and only the frontier is committed.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol, cast

import faust
import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from mode import Service

from streams import statistics, telemetry
from streams.admit import Partition
from streams.answered import Answered
from streams.doubt import Doubt
from streams.flight import Flight, Record
from streams.liveness import Pulse
from streams.membership import NO_OFFSET, Membership, explained, is_fatal, reader
from streams.ownership import Reader, Seat, Trouble, passed, rejoining
from streams.resume import OnLoss, find, move

_log = structlog.get_logger(__name__)

BATCH_LIMIT = 2_000
"""Most records in one batch: about 20 ms of small requests, so that a batch is never long work by itself."""
MAX_DELAY_MS = 2.0
"""How long a batch takes what comes, in a stream of records; one alone waits for nothing."""
_COMMIT_EVERY_S = 0.2
_PAUSE_AFTER_S = 1.0
_CONFIRMED_S = 60.0
"""How long a partition that goes to another waits for the broker to confirm what was answered of it."""
_CONFIRMED_AT_THE_END_S = 10.0
_COMMITTED_S = 2.0
_ASK_AGAIN_S = 0.2


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Records in the order of their offsets in each partition."""

    records: Sequence[Record]


class Outbox(Protocol):
    """Where answers wait for their confirmation."""

    def unclaimed(self) -> int:
        """Return how much is on its way that may not be sent any more."""

    def withdraw(self) -> int:
        """Take it back."""


class Intake(Service):
    """Feeds `channel`, a bounded one, with record batches of `topics`.

    Stops reading while `in_flight_limit` records, or `bytes_limit` bytes of large ones, are unfinished. When partitions
    go to another worker, or the process ends, what was handed out has `budget_s` to finish; the rest is dropped.
    `release`, where there is one, is told which partitions go (None: all), and says how many of their records it gives
    back unfinished: those are not waited for. What is `answered` already when a partition is taken over is done.
    What was answered is waited for in the `outbox` longer than that, and then withdrawn: whoever is given the
    partition next would answer it too.
    """

    def __init__(
        self,
        channel: faust.ChannelT[Any],
        bootstrap: str,
        topics: Sequence[str],
        group_id: str,
        *,
        membership: Membership,
        in_flight_limit: int = 20_000,
        bytes_limit: int = 256 * 1024 * 1024,
        batch_limit: int = BATCH_LIMIT,
        max_delay_ms: float = MAX_DELAY_MS,
        budget_s: float = 5.0,
        release: Callable[[Collection[Partition] | None], int] | None = None,
        answered: Answered | None = None,
        outbox: Outbox | None = None,
        embedded: bool = False,
        on_loss: OnLoss = lambda *_: None,
    ) -> None:
        super().__init__()
        self._channel = channel
        self._topics = list(topics)
        self._group_id = group_id
        self._budget_s = budget_s
        self._batch_limit = batch_limit
        self._gather_s = max_delay_ms / 1000
        self._release = release
        self._answered = answered
        self._outbox = outbox
        self._on_loss = on_loss
        self._config = {
            **reader(bootstrap, group_id, membership, embedded=embedded),
            "auto.offset.reset": "error",  # where to begin is decided here, and a loss is told
            "statistics.interval.ms": statistics.INTERVAL_MS,
            "stats_cb": self._look,
            "on_commit": self._confirmed,
        }
        self._flight = Flight(in_flight_limit, bytes_limit, time.monotonic)
        self.seat = Seat()
        self._doubt = Doubt(membership.silence_s)
        self._member_id = ""
        self._idle: Mapping[Partition, int] = {}
        self._begins: dict[Partition, int] = {}
        self._pending: list[Record] = []
        self._resume_due = False
        self._leaving = False
        self._astray: dict[Partition, float] = {}
        self._behind: set[Partition] = set()
        self._brokers_up: int | None = None
        self._looked_at = time.monotonic()
        self._handed: Future[Any] | None = None
        self._handed_at = 0.0
        self._failure: Exception | None = None
        self._paused = False
        self._full_since: float | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def done(self, finished: Iterable[tuple[Partition, int]]) -> None:
        """Mark (partition, offset) pairs done; those of a partition that is no longer ours change nothing."""
        self._flight.done(finished)

    def owns(self, partition: Partition) -> bool:
        """Whether an answer to a record of this partition is still ours to give."""
        return self._flight.owns(partition)

    def certain(self) -> bool:
        """Whether it can be known now what is this member's; otherwise answers are to be held."""
        return self._doubt.certain

    def hold(self, send: Callable[[], None], *, again: bool) -> None:
        """Hold an answer until that is known."""
        self._doubt.hold(send, again=again)

    @property
    def in_flight(self) -> int:
        """How many records are handed out and not done."""
        return self._flight.count()

    @property
    def pulse(self) -> Pulse:
        """How it does, for whoever judges whether the process lives."""
        standings = self._flight.standings()
        waiting = [
            standing.moved_at for partition, standing in standings.items()
            if standing.in_flight or partition in self._behind
        ]  # fmt: skip
        started, waiting_since = self._thread is not None, min(waiting, default=None)
        brokers_up = 0 if self._doubt.doubtful else self._brokers_up
        return Pulse(started, brokers_up, self._looked_at, waiting_since, self.seat.since)

    def as_reader(self) -> Reader:
        """Return what this member reads of its topics; at its bounds it may stand still."""
        full = self._paused or self._full_since is not None
        return Reader(self._member_id, frozenset(self._flight.standings()), {} if full else self._idle)

    async def on_start(self) -> None:
        """Join the group: not before, for what is assigned to a process that is still starting waits for it."""
        self._loop = asyncio.get_running_loop()
        if self._failure is not None:  # what ended it was found before there was a loop to end
            raise self._failure
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)
        self._thread.start()

    async def on_stop(self) -> None:
        """Read no more, let what was handed out finish within the budget, commit the frontier, leave the group."""
        self._stopping.set()
        thread = self._thread
        if thread is not None:
            await asyncio.get_running_loop().run_in_executor(None, thread.join, 30.0 + self._budget_s)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._read()
        except Exception as failure:  # whatever it is, the process must not live on deaf
            self.fail(failure)

    def fail(self, failure: Exception) -> None:
        """End the process, from any thread: what is not committed is read again after a restart."""
        _log.critical("intake_failed", error=str(failure), exc_info=failure)
        self._failure = failure
        loop = self._loop
        if loop is not None:
            loop.call_soon_threadsafe(lambda: loop.create_task(self.crash(failure)))

    def _read(self) -> None:
        """Read as a member of the group, until it is time to stop, or to leave it and join again."""
        self._leaving = self._paused = False
        consumer = Consumer(self._config, logger=logging.getLogger("librdkafka"))
        consumer.subscribe(self._topics, on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)
        commit_at = time.monotonic() + _COMMIT_EVERY_S
        self.seat.joined(time.monotonic())
        self._doubt.renew()
        unread: Collection[Trouble] = ()
        try:
            while not self._stopping.is_set() and not unread:
                first = None
                if not self._must_wait(consumer):
                    first = consumer.poll(0.001 if self._pending else 0.05)
                if self._answered is not None:
                    self._answered.find_ends()
                if first is not None:
                    # one alone goes at once; in a stream of them, each batch takes what a few milliseconds bring
                    self._stopping.wait(max(0.0, self._handed_at + self._gather_s - time.monotonic()))
                    # consume(n, timeout) would wait its whole timeout for n: only what is here already
                    self._receive([first, *consumer.consume(self._batch_limit - 1, 0)])
                self._hand_out()
                now = self._turn()
                if now >= commit_at:
                    self._commit(consumer)
                    commit_at = now + _COMMIT_EVERY_S
                    self._member_id = consumer.memberid() or ""
                    self._idle = passed(consumer, self._standing())
                    if unread := self.seat.overdue(now):
                        rejoining(self._group_id, unread)
                if self._astray:
                    self._bring_back(consumer, now)
            self._finish(consumer, None)
        finally:
            self._flight.drop(list(self._flight.standings()))
            self._doubt.sift()
            self._withdraw()
            self._leaving = True
            try:
                consumer.close()
            except Exception as error:  # all is committed that could be
                _log.warning("group_not_left", group=self._group_id, error=str(error))

    def _turn(self) -> float:
        """Take note that the thread goes round, and of what it can know of its membership."""
        if self._doubt.look():
            _log.info("membership_in_doubt", group=self._group_id)
        self._looked_at = time.monotonic()
        return self._looked_at

    def _standing(self) -> dict[Partition, int | None]:
        """Return where each partition is read on that has nothing unfinished: at first, where it was committed."""
        return {
            partition: self._begins.get(partition) if found.position is None else found.position
            for partition, found in self._flight.standings().items() if not found.in_flight
        }  # fmt: skip

    def _receive(self, messages: Sequence[Message]) -> None:
        records: list[Record] = []
        for message in messages:
            error = message.error()
            partition = cast("Partition", (message.topic(), message.partition()))
            if error is None:
                records.append((message, partition, cast("int", message.offset())))
            elif is_fatal(error):
                raise explained(error)
            elif error.code() in NO_OFFSET:
                self._astray.setdefault(partition, 0.0)
            else:
                _log.warning("consume_error", group=self._group_id, error=str(error))
                self._begin_anew()
        owned = {partition for _, partition, _ in records if self._flight.owns(partition)}
        # what was read in the moment in which its partition was taken away is another's
        records = [record for record in records if record[1] in owned]
        if not records:
            return
        self._flight.received(records)
        if self._answered is not None and (repeats := self._answered.among(records)):
            _log.info("answered_already", group=self._group_id, records=len(repeats))
            self.done(repeats)
            known = set(repeats)
            records = [record for record in records if record[1:] not in known]
        self._pending += records

    def _begin_anew(self) -> None:
        """Find out where to read partitions of which nothing has come yet.

        librdkafka asks its coordinator for that once; one that has just moved refuses, and then it never reads them.
        """
        for partition, found in self._flight.standings().items():
            if found.position is None:
                self._astray.setdefault(partition, 0.0)

    def _hand_out(self) -> None:
        """Put a batch on the channel once it has taken the one before: under load, larger batches form here."""
        if self._handed is not None and self._handed.done():
            self._handed.result()  # raises what went wrong: those records were handed to nobody
            self._handed = None
        if not self._pending or self._handed is not None or self._loop is None:
            return
        batch = RecordBatch(self._pending[: self._batch_limit])
        del self._pending[: self._batch_limit]
        self._handed_at = time.monotonic()
        put = self._channel.put(cast("faust.EventT[Any]", batch))
        self._handed = asyncio.run_coroutine_threadsafe(put, self._loop)

    def _must_wait(self, consumer: Consumer) -> bool:
        """Wait a moment at the bound; when that lasts, pause every partition and go on polling until there is room.

        A pause discards what librdkafka has fetched ahead, so it is for long waits alone; without one, a consumer that
        does not poll is put out of its group in the end.
        """
        if self._resume_due:
            self._resume(consumer)  # all of them: the next round pauses them again where that is still due
        load = self._flight.load()
        if load < 1.0:
            self._full_since = None
            if self._paused and load <= 0.5:
                self._resume(consumer)
            return False
        if self._paused:
            return False
        now = time.monotonic()
        self._full_since = now if self._full_since is None else self._full_since
        if now - self._full_since > _PAUSE_AFTER_S:
            consumer.pause(consumer.assignment())
            self._paused = True
            return False
        return not self._stopping.wait(0.001)

    def _resume(self, consumer: Consumer) -> None:
        consumer.resume(consumer.assignment())
        self._paused = self._resume_due = False

    def _commit(self, consumer: Consumer) -> None:
        """Ask for the frontier to be committed; what fails is in the next round again, or more.

        In doubt all of it, whatever was committed before: that it is taken ends the doubt.
        """
        if positions := self._flight.to_commit(again=self._doubt.doubtful):
            consumer.commit(offsets=_places(positions.items()), asynchronous=True)

    def _confirmed(self, error: KafkaError | None, places: list[TopicPartition]) -> None:
        failed = error or next((place.error for place in places if place.error is not None), None)
        if failed is not None:
            _log.warning("commit_failed", group=self._group_id, error=str(failed))
            telemetry.COMMIT_FAILURES.labels(self._group_id).inc()
        else:
            self._doubt.renew()
            self._flight.committed(((place.topic, place.partition), place.offset) for place in places)

    def _finish(self, consumer: Consumer, partitions: Collection[Partition] | None) -> None:
        """Take back what was not handed out, let the rest finish within the budget, and commit."""
        deadline = time.monotonic() + self._budget_s
        mine = [record for record in self._pending if partitions is None or record[1] in partitions]
        self._pending = [record for record in self._pending if not (partitions is None or record[1] in partitions)]
        self._flight.retracted(mine)
        given_back = 0
        while time.monotonic() < deadline:
            if self._release is not None:
                given_back += self._release(partitions)
            if self._flight.count(partitions) <= given_back:
                break
            self._hand_out()  # of the others
            self._turn()
            time.sleep(0.005)
        self._flight.leave(partitions)
        self._until_confirmed(_CONFIRMED_AT_THE_END_S if partitions is None else _CONFIRMED_S)
        deadline = max(deadline, time.monotonic() + _COMMITTED_S)
        while positions := self._flight.to_commit(partitions):
            try:
                consumer.commit(offsets=_places(positions.items()), asynchronous=False)
            except KafkaException as error:
                self._confirmed(error.args[0], [])
                if time.monotonic() > deadline or not error.args[0].retriable():
                    break  # whoever reads these next repeats some of them
                time.sleep(0.1)
            else:
                self._flight.committed(positions.items())

    def _until_confirmed(self, budget_s: float) -> None:
        """Wait until what was answered of partitions that go is with the broker."""
        until = time.monotonic() + budget_s
        while self._outbox is not None and self._outbox.unclaimed() and time.monotonic() < until:
            self._hand_out()  # of the others
            self._turn()
            time.sleep(0.005)

    def _withdraw(self) -> None:
        """Send nothing any more to records that are another's now."""
        if self._outbox is not None and (answers := self._outbox.withdraw()):
            _log.warning("answers_withdrawn", group=self._group_id, answers=answers)

    def _assigned(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        if self._leaving:
            return  # the group's answer to an earlier word of ours; it is told that we leave
        self._doubt.renew()
        taken = [(place.topic, place.partition) for place in partitions]
        self._flight.take(taken)
        if self._answered is not None:
            self._answered.taken_over(taken)
        self._resume_due = True
        self._tell("assigned", partitions)

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if self._leaving:
            return  # all of it was finished before
        leaving = {(place.topic, place.partition) for place in partitions}
        self._finish(consumer, leaving)
        self._drop(partitions)
        self._withdraw()
        self._tell("revoked", partitions)

    def _lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._drop(partitions)  # already another worker's: nothing may be committed
        self._withdraw()
        self._tell("lost", partitions)

    def _drop(self, partitions: list[TopicPartition]) -> None:
        gone = {(place.topic, place.partition) for place in partitions}
        self._flight.drop(gone)
        self._doubt.sift()
        self._pending = [record for record in self._pending if record[1] not in gone]
        for partition in gone:
            self._astray.pop(partition, None)
            self._behind.discard(partition)
            self._begins.pop(partition, None)
            for gauge in (telemetry.LAG, telemetry.FRONTIER_GAP):
                with contextlib.suppress(KeyError):
                    gauge.remove(partition[0], str(partition[1]))

    def _tell(self, change: str, partitions: list[TopicPartition]) -> None:
        telemetry.REBALANCES.labels(self._group_id, change).inc()
        log = _log.warning if change == "lost" else _log.info
        log(f"partitions_{change}", group=self._group_id, partitions=[f"{p.topic}/{p.partition}" for p in partitions])

    def _bring_back(self, consumer: Consumer, now: float) -> None:
        """Find out where to read on for partitions whose offset is not in the log; one without a leader waits."""
        for partition in [place for place, again_at in self._astray.items() if again_at <= now]:
            if not self._flight.owns(partition):
                del self._astray[partition]
                continue
            found = find(consumer, partition, self._flight.following(partition), self._on_loss)
            if found is None:
                self._astray[partition] = time.monotonic() + _ASK_AGAIN_S
                continue
            del self._astray[partition]
            if found.at.lost:
                self._flight.skipped(partition, found.at.offset)
            move(consumer, partition, found.at.offset)

    def _look(self, text: str) -> None:
        """Take what librdkafka says of itself, once a second."""
        found = statistics.read(text)
        self._brokers_up = found.brokers_up
        if (idle_s := found.coordinator_idle_s) is not None:
            self._doubt.hear(idle_s)
        telemetry.BROKERS_UP.labels(self._group_id).set(found.brokers_up)
        standings = self._flight.standings()
        for partition, end, begin in found.ends():
            if (standing := standings.get(partition)) is not None:
                position = standing.position if standing.position is not None else begin
                if begin is not None:
                    self._begins[partition] = begin
                lag = 0 if position is None else max(0, end - position)
                telemetry.LAG.labels(partition[0], str(partition[1])).set(lag)
                telemetry.FRONTIER_GAP.labels(partition[0], str(partition[1])).set(standing.gap)
                if lag:
                    self._behind.add(partition)
                else:
                    self._behind.discard(partition)
                    self._flight.idle(partition)


def _places(positions: Iterable[tuple[Partition, int]]) -> list[TopicPartition]:
    return [TopicPartition(topic, number, position) for (topic, number), position in positions]
