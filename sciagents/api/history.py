"""What became of requests: a bounded index, newest kept, fed by the tail's thread and read by the server's loop."""

import asyncio
import heapq
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from streams.contracts import Progress, Status

State = Status | Literal["pending", "running"]
_OVERHEAD = 600
"""Bytes that an entry takes beside its value, about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One request as far as it is known; `value` is the result's bytes as they are on the topic."""

    id: str
    status: State
    at: str
    agent: str | None = None
    task: str | None = None
    code: str | None = None
    progress: Progress | None = None
    value: bytes | None = None
    content_type: str = "application/json"

    @property
    def size(self) -> int:
        """Bytes it takes."""
        return _OVERHEAD + len(self.value or b"")


class Summary(msgspec.Struct, kw_only=True):
    """A request in a list: `at` is when it was answered, before that when it was last heard of."""

    id: str
    agent: str | None
    task: str | None
    status: State
    code: str | None
    at: str
    progress: Progress | None


def summary(entry: Entry) -> Summary:
    """Leave out the result itself."""
    return Summary(
        id=entry.id, agent=entry.agent, task=entry.task, status=entry.status, code=entry.code, at=entry.at,
        progress=entry.progress,
    )  # fmt: skip


class Watch:
    """Wakes a coroutine when something is heard of one request."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def wake(self) -> None:
        """Wake it, from any thread."""
        with suppress(RuntimeError):  # its loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._event.set)

    async def changed(self, timeout_s: float) -> bool:
        """Wait until something changed since the last call; false when the time ran out."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True


class History:
    """Keeps at most `max_entries` requests and `max_bytes`; who was heard of last stays longest."""

    def __init__(self, max_entries: int = 20_000, max_bytes: int = 64 * 1024 * 1024) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._bytes = 0
        self._watches: dict[str, list[Watch]] = {}
        self._lock = threading.Lock()
        self.latest = ""
        """When the newest result was completed."""

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def bytes(self) -> int:
        """Bytes that its entries take."""
        return self._bytes

    def get(self, request_id: str) -> Entry | None:
        """What is known of a request."""
        with self._lock:
            return self._entries.get(request_id)

    def submitted(self, entry: Entry) -> None:
        """Take a request that is about to be sent; what was known of its id before is forgotten."""
        with self._lock:
            self._put(entry)

    def withdraw(self, entry: Entry) -> None:
        """Forget a request that could not be sent, when nothing else was heard of it."""
        with self._lock:
            if self._entries.get(entry.id) is entry:
                self._drop(entry.id)

    def answered(self, entries: Iterable[Entry]) -> None:
        """Take results."""
        with self._lock:
            for entry in entries:
                self._put(entry)
                self._wake(entry.id)
                self.latest = max(self.latest, entry.at)

    def progressed(self, updates: Iterable[Progress]) -> None:
        """Take progress; what is answered stays answered."""
        with self._lock:
            for progress in updates:
                known = self._entries.get(progress.id) or Entry(id=progress.id, status="running", at=progress.at)
                if known.value is None:
                    self._put(replace(known, status="running", at=progress.at, progress=progress))
                    self._wake(progress.id)

    def forget(self, request_ids: Iterable[str]) -> None:
        """Drop what the topic has dropped."""
        with self._lock:
            for request_id in request_ids:
                self._drop(request_id)

    def page(self, limit: int, before: tuple[str, str] | None, status: str | None, agent: str | None) -> list[Entry]:
        """At most `limit` entries, newest first, older than the place `before` (`at`, `id`)."""
        with self._lock:
            known = list(self._entries.values())
        fitting = (
            entry
            for entry in known
            if (before is None or (entry.at, entry.id) < before)
            and (status is None or entry.status == status)
            and (agent is None or entry.agent == agent)
        )
        return heapq.nlargest(limit, fitting, key=lambda entry: (entry.at, entry.id))

    @contextmanager
    def watch(self, request_id: str) -> Iterator[Watch]:
        """Watch one request from now on."""
        watch = Watch()
        with self._lock:
            self._watches.setdefault(request_id, []).append(watch)
        try:
            yield watch
        finally:
            with self._lock:
                left = self._watches[request_id]
                left.remove(watch)
                if not left:
                    del self._watches[request_id]

    def _put(self, entry: Entry) -> None:
        self._drop(entry.id)
        self._entries[entry.id] = entry
        self._bytes += entry.size
        while len(self._entries) > self._max_entries or (self._bytes > self._max_bytes and len(self._entries) > 1):
            _, oldest = self._entries.popitem(last=False)
            self._bytes -= oldest.size

    def _drop(self, request_id: str) -> None:
        if (known := self._entries.pop(request_id, None)) is not None:
            self._bytes -= known.size

    def _wake(self, request_id: str) -> None:
        for watch in self._watches.get(request_id, ()):
            watch.wake()
