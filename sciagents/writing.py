"""How the alerting process writes: plainly where it is the only one, else in transactions that the next one shuts out.

On the embedded broker there is one process by agreement: it has no transactions that readers would notice, and what is
on it ends with it. On Kafka any number may run, and which of them writes is `sciagents.replicas`' to find out.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from alerting.stream import Outgoing as Record
from sciagents.journal import Journal
from streams.emit import Emitter, Headers, Outgoing
from streams.fenced import FencedEmitter, FencedError

_HEADERS: Headers = [("content-type", "application/json")]
_SURE_S = 1.0
"""So long after the brokers confirmed it, this process counts as the one that writes without asking them again."""


class Writer(Protocol):
    """The way of an engine's records to the topics."""

    async def send(self, records: Sequence[Record]) -> None:
        """Write records, in order; returns when the brokers have confirmed all of them."""

    async def confirm(self) -> None:
        """Return where, and as soon as it is sure that, this process is the one that writes."""

    def close(self) -> None:
        """Write no more; wait a moment for what is queued."""


class PlainWriter:
    """Writes without asking who else does; into a journal too where the broker keeps nothing."""

    def __init__(self, kafka: str, topics: Mapping[str, str], journal: Journal | None) -> None:
        self._emitter = Emitter(kafka)
        self._own = {place: topic for topic, place in topics.items()}
        self._journal = journal

    async def send(self, records: Sequence[Record]) -> None:
        """Write records, in order; returns when the broker has confirmed all of them."""
        loop = asyncio.get_running_loop()
        confirmed: asyncio.Future[None] = loop.create_future()

        def settle(failure: Exception | None) -> None:
            if confirmed.done():
                return
            if failure is None:
                confirmed.set_result(None)
            else:
                confirmed.set_exception(failure)

        def report(failure: Exception | None) -> None:
            loop.call_soon_threadsafe(settle, failure)

        self._emitter.send(_outgoing(records), report)
        await confirmed
        if self._journal is not None:
            self._journal.append((self._own[topic], key, value) for topic, key, value in records)

    async def confirm(self) -> None:
        """Return: there is no other."""

    def close(self) -> None:
        """Wait a moment for what is queued."""
        self._emitter.close(2.0)


class FencedWriter:
    """Writes in transactions; once another process has taken the name it calls `on_loss`, which ends this one."""

    def __init__(
        self, emitter: FencedEmitter, here: Record, on_loss: Callable[[str], object],
        resign: Callable[[], object] = lambda: None,
    ) -> None:  # fmt: skip
        """`here` says who writes; it is written again whenever that has to be confirmed."""
        self._resign = resign
        self._closed = False
        self._emitter = emitter
        self._here = here
        self._on_loss = on_loss

    async def send(self, records: Sequence[Record]) -> None:
        """Write records, all of them or none; returns once they are committed."""
        await asyncio.to_thread(self._send, records)

    async def confirm(self) -> None:
        """Return once the brokers have confirmed, lately, that no other process writes."""
        if time.monotonic() > self._emitter.confirmed_at + _SURE_S:
            await self.send([self._here])

    async def keep(self, topic: str, pieces: Sequence[tuple[int, bytes]]) -> None:
        """Write values of a topic, each to its partition, all of them or none; returns once they are committed."""
        messages = [Outgoing(topic, None, value, []) for _, value in pieces]
        await asyncio.to_thread(self._commit, messages, [partition for partition, _ in pieces])

    def take(self) -> None:
        """Shut the last writer out, and say who writes from now on; blocks. Raises `KafkaException`."""
        self._emitter.take()
        self._send([self._here])

    def close(self) -> None:
        """Write no more, and let another process write; nobody is kept waiting who sends while brokers are away."""
        self._closed = True
        self._emitter.close()
        self._resign()

    def _send(self, records: Sequence[Record]) -> None:
        self._commit(_outgoing(records))

    def _commit(self, messages: Sequence[Outgoing], partitions: Sequence[int] | None = None) -> None:
        try:
            self._emitter.send(messages, partitions)
        except FencedError as failure:
            if not self._closed:
                self._on_loss(str(failure))
            raise


def _outgoing(records: Sequence[Record]) -> list[Outgoing]:
    return [Outgoing(topic, key, value, _HEADERS) for topic, key, value in records]
