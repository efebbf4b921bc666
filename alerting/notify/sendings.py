"""What is being sent to people at this moment: each message in a task of its own, so many at a time to a channel."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping

import structlog

from alerting.messages import Message
from alerting.notify import Notifier, notifiers
from alerting.notify.http import Clients
from alerting.outbox import Outcome

_log = structlog.get_logger(__name__)

_AT_ONCE = 20
"""Sendings to one channel of a receiver at a time: one that hangs keeps nobody else waiting."""
_FINISH_S = 1.5

Settled = Callable[[str, Outcome], Awaitable[None]]
"""Hears what came of the message of an id."""


class Sendings:
    """Sends messages; `confirm` is waited for before each: it returns where nobody else does that."""

    def __init__(
        self, settled: Settled, fail: Callable[[BaseException], object], confirm: Callable[[], Awaitable[None]] | None
    ) -> None:
        self._settled = settled
        self._fail = fail
        self._confirm = confirm
        self._rooms: defaultdict[tuple[str, str], asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(_AT_ONCE))
        self._tasks: set[asyncio.Task[None]] = set()
        self._clients: Clients | None = None
        self._notifiers: Mapping[str, Notifier] = {}
        self._closing = False
        self.told: Counter[tuple[str, str]] = Counter()
        """Sendings that came to an end, by kind of channel and outcome."""

    def send(self, message: Message) -> None:
        """Begin to send a message; nothing once it closes: the intent is recorded, so the next process sends it."""
        if self._closing:
            return
        task = asyncio.create_task(self._send(message))
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    async def wait(self, within_s: float) -> None:
        """Wait until what is being sent has been, for so long at most."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within_s)

    async def aclose(self) -> None:
        """Let what is being sent finish, for a moment; the rest is sent again by the next process."""
        self._closing = True
        await self.wait(_FINISH_S)
        for task in list(self._tasks):
            task.cancel()
        if self._clients is not None:
            await self._clients.aclose()

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._fail(failure)

    async def _send(self, message: Message) -> None:
        if self._clients is None:
            self._clients = Clients()
            self._notifiers = notifiers(self._clients)
        kind = message.integration.kind
        async with self._rooms[message.receiver, message.channel]:
            if self._confirm is not None:
                await self._confirm()
            try:
                outcome = await self._notifiers[kind].send(message)
            except Exception as error:  # a notifier never raises; if one does, nobody may be forgotten
                _log.exception("notifier_failed", channel=message.channel)
                outcome = Outcome("retry", f"internal: {type(error).__name__}")
        self.told[kind, outcome.status] += 1
        log = _log.info if outcome.status == "delivered" else _log.warning
        log(
            "notified", incident=message.incident.id, receiver=message.receiver, channel=message.channel,
            reason=message.reason, attempt=message.attempt, outcome=outcome.status, error=outcome.error,
        )  # fmt: skip
        await self._settled(message.id, outcome)
