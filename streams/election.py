"""Which of several processes acts: the member of a consumer group that has the only partition of a topic.

Kafka decides it, and again when that member is silent for its session. A member by a name of its own
(`group.instance.id`) that was killed and is started again has the partition at once, so two may not share a name. Who
is elected may be the last to learn that it is so no more: what it does has to be fenced besides (`streams.fenced`).
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Self

import structlog
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from streams.membership import Membership, explained, is_fatal, reader

_log = structlog.get_logger(__name__)

SESSION_MS = 6_000
"""How long one that was killed is waited for; brokers refuse less unless they are configured otherwise."""
_LEAVE_S = 2.0


class Candidate:
    """Stands for election, in a thread of its own; a context manager."""

    def __init__(self, bootstrap: str, topic: str, group_id: str, name: str, on_loss: Callable[[str], object]) -> None:
        """`on_loss` hears, from that thread, why this process is elected no more, or can never be."""
        membership = Membership(protocol="classic", instance_id=name)
        self._consumer = Consumer({**reader(bootstrap, group_id, membership), "session.timeout.ms": SESSION_MS})
        self._topic = topic
        self._place = (bootstrap, group_id)
        self._name = name
        self._member_id = ""
        self._on_loss = on_loss
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="candidate", daemon=True)
        self.elected = threading.Event()
        self.joined = threading.Event()
        """Set once the group has decided for the first time, whoever is elected."""

    def __enter__(self) -> Self:
        self._consumer.subscribe([self._topic], on_assign=self._assigned, on_revoke=self._lost, on_lost=self._lost)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.resign()

    def resign(self) -> None:
        """Stand no more: another member is elected now. Where there is none, its place is kept for its session.

        It is kept since a group that becomes empty takes its next member in seconds only, as brokers wait for others
        to come (`group.initial.rebalance.delay.ms`), while a member by name has its place back at once.
        """
        if self._stopping.is_set():
            return
        from streams import leaving  # noqa: PLC0415 - aiokafka is slow to import, and who starts is in haste

        self._stopping.set()
        self._thread.join(5.0)
        try:
            if leaving.others(*self._place, self._name, _LEAVE_S):
                asyncio.run(leaving.leave(*self._place, self._member_id, self._name, _LEAVE_S))
        except (KafkaException, TimeoutError, leaving.LeavingError) as error:
            _log.warning("election_not_left", error=str(error), hint="another one is elected after its session")

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                record = self._consumer.poll(0.1)  # the records themselves say nothing to who is elected
                if record is not None:
                    self._look(record)
        except Exception as failure:  # an election that nobody follows would leave two in office, or none
            _log.exception("election_failed")
            self._on_loss(str(failure))
        finally:
            self._member_id = self._consumer.memberid() or ""
            self._consumer.close()

    def _look(self, record: Message) -> None:
        error = record.error()
        if error is None:
            return
        if is_fatal(error):
            self._on_loss(str(explained(error)))
            return
        _log.warning("election_error", error=str(error))

    def _assigned(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        consumer.incremental_assign(list(partitions))
        if partitions:
            self.elected.set()
        self.joined.set()

    def _lost(self, _: Consumer, partitions: Sequence[TopicPartition]) -> None:
        if partitions and not self._stopping.is_set():
            self._on_loss("the group has given the partition to another one, or this one was silent for its session")
