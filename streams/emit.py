"""What leaves: one librdkafka producer, whose delivery reports say when a batch is really out."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count, repeat
from typing import NamedTuple

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streams.sockets import SENDING
from streams.topics import DLQ_MESSAGE_LIMIT

Headers = list[tuple[str, str | bytes | None]]


class Outgoing(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One message to send; `headers` as Kafka carries them."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers


_SERVED_S = 0.02
"""So long after somebody else took reports, the emitter's own thread leaves them to that one."""
_BY_KEY = repeat(-1)
_PURGED = frozenset({KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT})  # noqa: SLF001 - their public names
_PURGE_S = 10.0
Confirmed = Callable[[Exception | None], None]


PRODUCER = {
    "message.max.bytes": DLQ_MESSAGE_LIMIT,
    "queue.buffering.max.kbytes": 256 * 1024,
    "reconnect.backoff.max.ms": 2_000,
    "partitioner": "murmur2_random",
}
"""What all that we send is sent by; one key lies in one partition, whoever sends it."""


class Claim(NamedTuple):
    """Of messages that may only be sent while something `holds`: `anew` sends those of them that still may be."""

    holds: Callable[[], bool]
    anew: Callable[[], None]


class _Receipt:
    """Counts the delivery reports of one group of messages; librdkafka calls it from `poll`, once a message."""

    __slots__ = ("_failure", "_out", "_serial", "claim", "confirmed", "left", "messages", "partitions", "taken_back")

    def __init__(
        self, messages: Sequence[Outgoing], confirmed: Confirmed, partitions: Sequence[int] | None,
        claim: Claim | None, serial: int, out: "dict[int, _Receipt]",
    ) -> None:  # fmt: skip
        self.messages = messages
        self.confirmed = confirmed
        self.partitions = partitions
        self.claim = claim
        self.left = len(messages)
        self.taken_back = False
        self._failure: Exception | None = None
        self._serial = serial
        self._out = out
        out[serial] = self

    def __call__(self, error: KafkaError | None, message: Message | None) -> None:  # noqa: ARG002 - as it is called
        if error is not None:
            if error.code() in _PURGED:
                self.taken_back = True
            else:
                self._failure = KafkaException(error)
        self.left -= 1
        if not self.left:
            self._out.pop(self._serial, None)
            if not self.taken_back:
                self.confirmed(self._failure)


class Emitter:
    """Sends messages and reports, per call of `send`, when the broker has confirmed all of them (acks=all).

    What was sent under a claim that holds no more is taken back by `withdraw`, as far as it is not out.
    """

    def __init__(self, bootstrap: str) -> None:
        self._config = {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,
            "linger.ms": 2,
            "message.timeout.ms": 0,  # a broker that is away is waited for: to give up would lose the answer
            "queue.buffering.max.messages": 500_000,
            "compression.type": "none",
            **PRODUCER,
            **SENDING,
        }
        self._producer = self._begin()
        self._out: dict[int, _Receipt] = {}
        self._serials = count()
        self._gate = threading.RLock()
        self._withdrawing = False
        self._later: deque[tuple[Sequence[Outgoing], Confirmed, Sequence[int] | None, Claim | None]] = deque()
        self._served = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="emit", daemon=True)
        self._thread.start()

    def _begin(self) -> Producer:
        return Producer(self._config, logger=logging.getLogger("librdkafka"))

    def send(
        self, messages: Sequence[Outgoing], confirmed: Confirmed, partitions: Sequence[int] | None = None,
        claim: Claim | None = None,
    ) -> None:  # fmt: skip
        """Queue `messages`; `confirmed(None)` is called, from another thread, once all are on the broker.

        Their keys decide where they lie, or `partitions`, one for each (-1: the key). Under a `claim` that is lost
        before they are out it may never be called.

        A broker that is away is waited for; what the broker, or librdkafka, refuses for good comes as the exception.
        """
        if not messages:
            confirmed(None)
            return
        while not self._gate.acquire(timeout=_SERVED_S):
            if self._withdrawing:  # which may wait for the report that this is called from
                self._later.append((messages, confirmed, partitions, claim))
                return
        try:
            self._send(messages, _Receipt(messages, confirmed, partitions, claim, next(self._serials), self._out))
        finally:
            self._gate.release()

    def _send(self, messages: Sequence[Outgoing], receipt: _Receipt) -> None:
        produce = self._producer.produce
        for one, partition in zip(messages, receipt.partitions or _BY_KEY, strict=False):
            while True:
                try:
                    # by position, and no empty headers: half as long as by name
                    produce(one.topic, one.value, one.key, partition, receipt, None, 0, one.headers or None)
                    break
                except BufferError:  # the local queue is full: reports have to be served first
                    self._producer.poll(0.05)
                except KafkaException as error:  # refused before it was queued (its size, its topic's name)
                    receipt(error.args[0], None)
                    break

    def serve(self) -> None:
        """Take the reports that have come, in the thread of the caller, who holds no lock that they may need.

        Each report takes the interpreter's lock: a busy thread spares itself giving it away for each.
        """
        self._producer.poll(0)
        self._served = time.monotonic()

    def unclaimed(self) -> int:
        """Return how much is on its way under a claim that holds no more, in calls of `send`."""
        return sum(one.claim is not None and not one.claim.holds() for one in list(self._out.values()))

    def withdraw(self) -> int:
        """Take back what is on its way under a claim that holds no more; returns how much that was.

        What is not out yet is not sent any more; of what is on its way to a broker, nobody knows. A queue is emptied
        only as a whole, so the rest of it is sent again, in its order, by a producer of its own: some of it twice.
        """
        if not self.unclaimed() or not self._gate.acquire(timeout=_PURGE_S):
            return 0
        self._withdrawing = True
        try:
            out, before = list(self._out.values()), self._producer
            self._producer = self._begin()
            before.purge()
            until = time.monotonic() + _PURGE_S
            while any(one.left for one in out) and time.monotonic() < until:
                before.poll(0.01)
            lost = [one for one in out if one.left or one.taken_back]
            for one in lost:
                if one.claim is None:
                    self.send(one.messages, one.confirmed, one.partitions)
                else:
                    one.claim.anew()
            while self._later:
                self.send(*self._later.popleft())
        finally:
            self._withdrawing = False
            self._gate.release()
        while self._later:  # one that came between the two
            self.send(*self._later.popleft())
        return sum(one.claim is not None and not one.claim.holds() for one in lost)

    def cluster_id(self, topic: str, timeout_s: float = 5.0) -> str:
        """Ask for the cluster's id, with the metadata of one topic; raises `KafkaException` when no broker answers."""
        return str(self._producer.list_topics(topic, timeout=timeout_s).cluster_id)

    def __len__(self) -> int:
        """How many messages wait for their confirmation."""
        return len(self._producer)

    def close(self, timeout_s: float = 10.0) -> int:
        """Wait for what is queued; returns how many messages are still not confirmed."""
        left = int(self._producer.flush(timeout_s))
        self._stopping.set()
        self._thread.join(1.0)
        return left

    def _poll(self) -> None:
        while not self._stopping.is_set():
            if time.monotonic() < self._served + _SERVED_S:
                self._stopping.wait(_SERVED_S / 4)
            else:
                self._producer.poll(0.05)
