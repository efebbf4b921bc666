"""What one writer sends in transactions, under a name whose next holder shuts this one out.

Kafka calls the name `transactional.id` and the shutting out fencing (KIP-98): from the moment at which another process
has taken the name, nothing of this one is taken, however long it was frozen or cut off in between. Readers see a
transaction whole or not at all, unless they ask for what is not committed.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from confluent_kafka import KafkaError, KafkaException, Producer

from streams.emit import PRODUCER, Outgoing

_TRY_S = 2.0
_AGAIN_S = 0.2
_AWAY = frozenset({KafkaError._RESOLVE, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN})  # noqa: SLF001 - their public names
_BY_KEY = -1
_TRANSACTION_MS = 10_000
"""After so long the brokers abort a transaction whose writer says nothing, so that its readers go on."""


class FencedError(Exception):
    """The brokers take nothing of this writer any more: another one has its name, as a rule."""


class FencedEmitter:
    """Sends messages in transactions; a broker that is away is waited for. Threads take turns."""

    def __init__(self, bootstrap: str, name: str) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "transactional.id": name,
                "transaction.timeout.ms": _TRANSACTION_MS,
                "linger.ms": 0,  # a commit sends what waits
                **PRODUCER,
            },
            logger=logging.getLogger("librdkafka"),
        )
        self._turn = threading.Lock()
        self._closed = threading.Event()
        self._fenced = ""  # why; librdkafka wants nothing more to be asked of a producer by then
        self.confirmed_at = float("-inf")
        """When the brokers last confirmed that this is the writer, by the monotonic clock."""

    def take(self, timeout_s: float = 60.0) -> None:
        """Take the name: what its last holder had not committed is aborted, and no more is taken of it.

        Raises:
            KafkaException: the brokers do not answer in time, or refuse.

        """
        deadline = time.monotonic() + timeout_s
        with self._turn:
            while True:
                try:
                    self._producer.init_transactions(_TRY_S)
                except KafkaException as failure:
                    if not failure.args[0].retriable() or time.monotonic() > deadline:
                        raise
                else:
                    return

    def send(self, messages: Sequence[Outgoing], partitions: Sequence[int] | None = None) -> None:
        """Write all of `messages` or none; returns once they are committed.

        Their keys decide where they lie, or `partitions`, one for each.

        Raises:
            FencedError: another one has taken the name; nothing was written.
            KafkaException: a message is refused for good, as one that is too large; nothing was written.

        """
        with self._turn:
            if self._fenced:
                raise FencedError(self._fenced)
            places = partitions or [_BY_KEY] * len(messages)
            while not self._committed(messages, places):
                pass
            self.confirmed_at = time.monotonic()

    def close(self) -> None:
        """Wait for no broker any more: what cannot be committed now is given up, within seconds."""
        self._closed.set()

    def _committed(self, messages: Sequence[Outgoing], partitions: Sequence[int]) -> bool:
        """Try once; False when the transaction had to be aborted and may be tried anew."""
        try:
            self._producer.begin_transaction()
            try:
                for message, partition in zip(messages, partitions, strict=True):
                    self._produce(message, partition)
            except KafkaException as failure:
                if not _is_fatal(failure):
                    self._abort()
                raise
            self._until_done(self._producer.commit_transaction)
        except KafkaException as failure:
            if _is_fatal(failure):
                self._fenced = failure.args[0].str()
                raise FencedError(self._fenced) from failure
            if not failure.args[0].txn_requires_abort() or self._closed.is_set():
                raise
            self._abort()
            return False
        return True

    def _produce(self, message: Outgoing, partition: int) -> None:
        while True:
            try:
                self._producer.produce(message.topic, message.value, message.key, partition, headers=message.headers)
            except BufferError:  # the local queue is full
                self._producer.poll(0.05)
            else:
                return

    def _abort(self) -> None:
        """Abort; a coordinator that is gone, and that nobody knows by its name any more, is waited for as any other."""
        while True:
            try:
                self._until_done(self._producer.abort_transaction)
            except KafkaException as failure:
                if failure.args[0].code() not in _AWAY or self._closed.wait(_AGAIN_S):
                    raise
            else:
                return

    def _until_done(self, step: Callable[[float], object]) -> None:
        """Commit or abort; what came of a try whose answer was lost, the next one finds out."""
        while True:
            try:
                step(_TRY_S)
            except KafkaException as failure:
                if not failure.args[0].retriable() or self._closed.is_set():
                    raise
            else:
                return


def _is_fatal(failure: KafkaException) -> bool:
    error: KafkaError = failure.args[0]
    return bool(error.fatal())
