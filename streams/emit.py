"""What leaves: one librdkafka producer, whose delivery reports say when a batch is really out."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streams.topics import DLQ_MESSAGE_LIMIT

Headers = list[tuple[str, str | bytes | None]]


class Outgoing(NamedTuple):
    """One message to send; `headers` as Kafka carries them."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers


_SERVED_S = 0.02
"""So long after somebody else took reports, the emitter's own thread leaves them to that one."""
_BY_KEY = repeat(-1)
_FULL = KafkaError._QUEUE_FULL  # noqa: SLF001 - its public name
Confirmed = Callable[[Exception | None], None]


class _Receipt:
    """Counts the delivery reports of one group of messages; librdkafka calls it from `poll`, once a message."""

    __slots__ = ("_confirmed", "_failure", "_left")

    def __init__(self, count: int, confirmed: Confirmed) -> None:
        self._left = count
        self._failure: Exception | None = None
        self._confirmed = confirmed

    def __call__(self, error: KafkaError | None, message: Message | None) -> None:  # noqa: ARG002 - as it is called
        if error is not None:
            self._failure = KafkaException(error)
        self._left -= 1
        if not self._left:
            self._confirmed(self._failure)


class Emitter:
    """Sends messages and reports, per call of `send`, when the broker has confirmed all of them (acks=all)."""

    def __init__(self, bootstrap: str) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "linger.ms": 2,
                "message.max.bytes": DLQ_MESSAGE_LIMIT,
                "message.timeout.ms": 0,  # a broker that is away is waited for: to give up would lose the answer
                "queue.buffering.max.messages": 500_000,
                "queue.buffering.max.kbytes": 256 * 1024,
                "reconnect.backoff.max.ms": 2_000,
                "compression.type": "none",
                "partitioner": "murmur2_random",
            },
            logger=logging.getLogger("librdkafka"),
        )
        self._served = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="emit", daemon=True)
        self._thread.start()

    def send(self, messages: Sequence[Outgoing], confirmed: Confirmed, partitions: Sequence[int] | None = None) -> None:
        """Queue `messages`; `confirmed(None)` is called, from another thread, once all are on the broker.

        Their keys decide where they lie, or `partitions`, one for each (-1: the key).

        A broker that is away is waited for; what the broker, or librdkafka, refuses for good comes as the exception.
        """
        if not messages:
            confirmed(None)
            return
        receipt = _Receipt(len(messages), confirmed)
        alike = len({one.topic for one in messages}) == 1 and not any(one.headers for one in messages)
        if alike and partitions is None:
            self._send_alike(messages, receipt)
            return
        produce = self._producer.produce
        for (topic, key, value, headers), partition in zip(messages, partitions or _BY_KEY, strict=False):
            while True:
                try:
                    produce(topic, value, key, partition, headers=headers, on_delivery=receipt)
                    break
                except BufferError:  # the local queue is full: reports have to be served first
                    self._producer.poll(0.05)
                except KafkaException as error:  # refused before it was queued (its size, its topic's name)
                    receipt(error.args[0], None)
                    break

    def _send_alike(self, messages: Sequence[Outgoing], receipt: _Receipt) -> None:
        """Queue messages of one topic without headers in one call, which gives the interpreter's lock away but once."""
        left: list[dict[str, Any]] = [{"key": one.key, "value": one.value} for one in messages]
        while left:
            self._producer.produce_batch(messages[0].topic, left, -1, receipt)
            refused = [(one, one.pop("_error")) for one in left if "_error" in one]
            left = []
            for one, error in refused:
                if error.code() == _FULL:
                    left.append(one)
                else:
                    receipt(error, None)
            if left:
                self._producer.poll(0.05)

    def serve(self) -> None:
        """Take the reports that have come, in the thread of the caller, who holds no lock that they may need.

        Each report takes the interpreter's lock: a busy thread spares itself giving it away for each.
        """
        self._producer.poll(0)
        self._served = time.monotonic()

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
