"""The polling loop of a group's member: what the intake (`streams.intake`) and the conductor share.

It joins, polls, asks where partitions are to be read on, commits now and then, knows whether its partitions are its own
still (`streams.doubt`) and whether they are read (`streams.ownership`): if not, it leaves the group and joins it again.
What is read, and what becomes of it, is the other's: `Reading`.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol, cast

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams import statistics, telemetry
from streams.admit import Partition
from streams.astray import Astray
from streams.doubt import Doubt
from streams.liveness import Pulse
from streams.membership import NO_OFFSET, Membership, explained, is_fatal, reader
from streams.ownership import Reader, Seat, Trouble, passed, rejoining
from streams.statistics import Statistics

_log = structlog.get_logger(__name__)


class Outbox(Protocol):
    """Where answers wait for their confirmation."""

    def unclaimed(self) -> int:
        """Return how much is on its way that may not be sent any more."""

    def withdraw(self) -> int:
        """Take it back."""


class Reading(Protocol):
    """What is done with what a member reads; all of it in the thread that polls. Partitions None: all of them."""

    def wait_s(self, consumer: Consumer) -> float | None:
        """Say how long to wait for a record now; None: not to read."""

    def gather(self) -> None:
        """Wait for what is to be taken together with a first record."""

    def take(self, messages: Sequence[Message]) -> None:
        """Take records."""

    def go_on(self, consumer: Consumer, now: float) -> None:
        """Do what is to be done at each turn."""

    def look(self, found: Statistics) -> None:
        """Take what librdkafka says of itself, once a second."""

    def begin(self, consumer: Consumer, partition: Partition) -> int | None:
        """Find out where to read a partition on; None while Kafka does not answer."""

    def unread(self) -> Collection[Partition]:
        """Return those of which nothing has come that librdkafka has to find the beginning of."""

    def standing(self) -> Mapping[Partition, int | None]:
        """Return where each partition is read on that may be waited for to go on."""

    def to_commit(self, partitions: Collection[Partition] | None, *, again: bool) -> Mapping[Partition, int]:
        """Return the positions that are not committed yet, or (`again`) all there are."""

    def committed(self, positions: Iterable[tuple[Partition, int]]) -> None:
        """Take note of what the broker has confirmed."""

    def assigned(self, consumer: Consumer, partitions: Sequence[Partition]) -> None:
        """Take partitions over."""

    def give_back(self, consumer: Consumer, partitions: Collection[Partition] | None) -> None:
        """Bring to its end what can be, and commit, before another gets them."""

    def let_go(self, partitions: Collection[Partition] | None) -> None:
        """Forget them: they are another's."""


class Poller:
    """Polls `topics` as a member of `group_id`, in the thread that calls `run`, until `stopping` is set.

    Answers are waited for in the `outbox` when partitions go, and withdrawn then: whoever gets them would answer too.
    """

    def __init__(
        self, reading: Reading, bootstrap: str, topics: Sequence[str], group_id: str, *, membership: Membership,
        batch_limit: int, commit_every_s: float, outbox: Outbox | None = None, embedded: bool = False,
    ) -> None:  # fmt: skip
        self._reading = reading
        self._topics = list(topics)
        self._group_id = group_id
        self._batch_limit = batch_limit
        self._commit_every_s = commit_every_s
        self._outbox = outbox
        self._config = {
            **reader(bootstrap, group_id, membership, embedded=embedded),
            "auto.offset.reset": "error",  # where to begin is decided here, and a loss is told
            "statistics.interval.ms": statistics.INTERVAL_MS,
            "stats_cb": self._look,
            "on_commit": self._confirmed,
        }
        self.seat = Seat()
        self.doubt = Doubt(membership.silence_s)
        self.astray = Astray()
        self.stopping = threading.Event()
        self.brokers_up: int | None = None
        self.looked_at = time.monotonic()
        self._member_id = ""
        self._idle: Mapping[Partition, int] = {}
        self._assignment: set[Partition] = set()
        self._leaving = False

    def run(self) -> None:
        """Be a member until it is time to stop; raises what ends it."""
        while not self.stopping.is_set():
            self._read()

    def pulse(self, *, started: bool, waiting_since: float | None) -> Pulse:
        """Return how it does, for whoever judges whether the process lives."""
        brokers_up = 0 if self.doubt.doubtful else self.brokers_up
        return Pulse(started, brokers_up, self.looked_at, waiting_since, self.seat.since)

    def as_reader(self, reads: Collection[Partition], *, may_stand_still: bool = False) -> Reader:
        """Return what this member reads."""
        return Reader(self._member_id, frozenset(reads), {} if may_stand_still else self._idle)

    def turn(self) -> float:
        """Take note that the thread goes round, and of what it can know of its membership; returns the time."""
        if self.doubt.look():
            _log.info("membership_in_doubt", group=self._group_id)
        self.looked_at = time.monotonic()
        return self.looked_at

    def until_confirmed(self, budget_s: float, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Wait until what was answered of partitions that go is with the broker."""
        until = time.monotonic() + budget_s
        while self._outbox is not None and self._outbox.unclaimed() and time.monotonic() < until:
            meanwhile()
            self.turn()
            time.sleep(0.005)

    def commit_now(self, consumer: Consumer, partitions: Collection[Partition] | None, deadline: float) -> None:
        """Commit, and wait for it; what is not taken until then is read again by whoever is next."""
        while positions := self._reading.to_commit(partitions, again=False):
            try:
                consumer.commit(offsets=_places(positions), asynchronous=False)
            except KafkaException as error:
                self._confirmed(error.args[0], [])
                if time.monotonic() > deadline or not error.args[0].retriable():
                    break
                time.sleep(0.1)
            else:
                self._reading.committed(positions.items())

    def _read(self) -> None:
        """Read as a member of the group, until it is time to stop, or to leave it and join again."""
        reading, self._leaving = self._reading, False
        consumer = Consumer(self._config, logger=logging.getLogger("librdkafka"))
        # none of these may call `list_topics`: the next callback of the same poll would abort the process
        consumer.subscribe(self._topics, on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)
        commit_at = time.monotonic() + self._commit_every_s
        self.seat.joined(time.monotonic())
        self.doubt.renew()
        unread: Collection[Trouble] = ()
        try:
            while not self.stopping.is_set() and not unread:
                wait_s = reading.wait_s(consumer)
                first = None if wait_s is None else consumer.poll(wait_s)
                if first is not None:
                    reading.gather()
                    # consume(n, timeout) would wait its whole timeout for n: only what is here already
                    self._receive([first, *consumer.consume(self._batch_limit - 1, 0)])
                now = self.turn()
                reading.go_on(consumer, now)
                if now >= commit_at:
                    self._commit(consumer)
                    commit_at = now + self._commit_every_s
                    self._member_id = consumer.memberid() or ""
                    self._idle = passed(consumer, reading.standing())
                    if unread := self.seat.overdue(now):
                        rejoining(self._group_id, unread)
                self.astray.bring_back(consumer, now, reading.begin)
            reading.give_back(consumer, None)
        finally:
            self._let_go(None)
            self._leaving = True
            try:
                consumer.close()
            except Exception as error:  # all is committed that could be
                _log.warning("group_not_left", group=self._group_id, error=str(error))

    def _receive(self, messages: Sequence[Message]) -> None:
        if failed := [one for one in messages if one.error() is not None]:
            messages = [one for one in messages if one.error() is None]
            for one in failed:
                self._hear(cast("KafkaError", one.error()), cast("Partition", (one.topic(), one.partition())))
        if messages:
            self._reading.take(messages)

    def _hear(self, error: KafkaError, partition: Partition) -> None:
        if is_fatal(error):
            raise explained(error)
        if error.code() in NO_OFFSET:
            if partition in self._assignment:
                self.astray.add(partition)
            return
        _log.warning("consume_error", group=self._group_id, error=str(error))
        # librdkafka asks its coordinator once where to begin; one that has just moved refuses, and then it never reads
        for unread in self._reading.unread():
            self.astray.add(unread)

    def _commit(self, consumer: Consumer) -> None:
        """Ask for the frontier to be committed; what fails is in the next round again, or more.

        In doubt all of it, whatever was committed before: that it is taken ends the doubt.
        """
        if positions := self._reading.to_commit(None, again=self.doubt.doubtful):
            consumer.commit(offsets=_places(positions), asynchronous=True)

    def _confirmed(self, error: KafkaError | None, places: list[TopicPartition]) -> None:
        failed = error or next((place.error for place in places if place.error is not None), None)
        if failed is not None:
            _log.warning("commit_failed", group=self._group_id, error=str(failed))
            telemetry.COMMIT_FAILURES.labels(self._group_id).inc()
        else:
            self.doubt.renew()
            self._reading.committed(((place.topic, place.partition), place.offset) for place in places)

    def _assigned(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        if self._leaving:
            return  # the group's answer to an earlier word of ours; it is told that we leave
        self.doubt.renew()
        partitions = [(place.topic, place.partition) for place in places]
        self._assignment.update(partitions)
        self._reading.assigned(consumer, partitions)
        self._tell("assigned", partitions)

    def _revoked(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        if self._leaving:
            return  # all of it was finished before
        partitions = {(place.topic, place.partition) for place in places}
        self._reading.give_back(consumer, partitions)
        self._let_go(partitions)
        self._tell("revoked", partitions)

    def _lost(self, _: Consumer, places: list[TopicPartition]) -> None:
        partitions = {(place.topic, place.partition) for place in places}
        self._let_go(partitions)  # already another worker's: nothing may be committed
        self._tell("lost", partitions)

    def _let_go(self, partitions: Collection[Partition] | None) -> None:
        """Send nothing any more to records that are another's now."""
        gone = list(self._assignment) if partitions is None else partitions
        self._assignment.difference_update(gone)
        self.astray.drop(gone)
        self._reading.let_go(partitions)
        self.doubt.sift()
        if self._outbox is not None and (answers := self._outbox.withdraw()):
            _log.warning("answers_withdrawn", group=self._group_id, answers=answers)

    def _tell(self, change: str, partitions: Collection[Partition]) -> None:
        telemetry.REBALANCES.labels(self._group_id, change).inc()
        log = _log.warning if change == "lost" else _log.info
        log(f"partitions_{change}", group=self._group_id, partitions=[f"{one[0]}/{one[1]}" for one in partitions])

    def _look(self, text: str) -> None:
        found = statistics.read(text)
        self.brokers_up = found.brokers_up
        if (idle_s := found.coordinator_idle_s) is not None:
            self.doubt.hear(idle_s)
        telemetry.BROKERS_UP.labels(self._group_id).set(found.brokers_up)
        self._reading.look(found)


def _places(positions: Mapping[Partition, int]) -> list[TopicPartition]:
    return [TopicPartition(*partition, position) for partition, position in positions.items()]
