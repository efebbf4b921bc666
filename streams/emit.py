"""What leaves: one librdkafka producer, whose delivery reports say when a batch is really out."""

import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streams.topics import TOPIC_MESSAGE_LIMIT

_log = structlog.get_logger(__name__)

Headers = list[tuple[str, str | bytes | None]]


class Outgoing(NamedTuple):
    """One message to send; `headers` as Kafka carries them."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers


class _Receipt:
    """Counts the delivery reports of one group of messages; librdkafka calls it from `poll`."""

    __slots__ = ("_confirmed", "_failed", "_left")

    def __init__(self, count: int, confirmed: Callable[[bool], None]) -> None:
        self._left = count
        self._failed = False
        self._confirmed = confirmed

    def __call__(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            _log.error("delivery_failed", topic=message.topic(), error=str(error))
        self.settle(failed=error is not None)

    def settle(self, *, failed: bool) -> None:
        """Count one message as answered."""
        self._failed |= failed
        self._left -= 1
        if self._left == 0:
            self._confirmed(not self._failed)


class Emitter:
    """Sends messages and reports, per call of `send`, when the broker has confirmed all of them (acks=all)."""

    def __init__(self, bootstrap: str) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "linger.ms": 2,
                "message.max.bytes": TOPIC_MESSAGE_LIMIT,
                "queue.buffering.max.messages": 500_000,
                "compression.type": "none",
                "partitioner": "murmur2_random",
            }
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="emit", daemon=True)
        self._thread.start()

    def send(self, messages: Sequence[Outgoing], confirmed: Callable[[bool], None]) -> None:
        """Queue `messages`; `confirmed(True)` is called, from another thread, once all are on the broker.

        `confirmed(False)` means that at least one was given up by librdkafka (five minutes without a broker).
        """
        if not messages:
            confirmed(True)
            return
        receipt = _Receipt(len(messages), confirmed)
        produce = self._producer.produce
        for topic, key, value, headers in messages:
            while True:
                try:
                    produce(topic, value, key, headers=headers, on_delivery=receipt)
                    break
                except BufferError:  # the local queue is full: reports have to be served first
                    self._producer.poll(0.05)
                except KafkaException as error:  # refused before it was queued (its size, its topic's name)
                    _log.error("send_refused", topic=topic, error=str(error))
                    receipt.settle(failed=True)
                    break

    def close(self, timeout_s: float = 10.0) -> int:
        """Wait for what is queued; returns how many messages are still not confirmed."""
        left = int(self._producer.flush(timeout_s))
        self._stopping.set()
        self._thread.join(1.0)
        return left

    def _poll(self) -> None:
        while not self._stopping.is_set():
            self._producer.poll(0.05)
