"""What a store is to the recorder that writes it, and to those who read it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from streams.store.rows import Place, Rows


class StoreAwayError(Exception):
    """The store cannot be used now: it does not answer, is too slow, or another process took over."""


class UnfitError(Exception):
    """The store refuses rows for what they are: they will not fit later either."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A request as the store has it; `at` in epoch seconds. A result without `body` was too large to be kept."""

    id: str
    agent: str | None
    task: str | None
    status: str
    code: str | None
    at: float
    content_type: str | None = None
    size: int | None = None
    body: bytes | None = None


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what to which incident, and when (epoch seconds); `detail` is the command, as JSON."""

    at: float
    who: str
    action: str
    subject: str
    detail: msgspec.Raw


class Writer(Protocol):
    """The recorder's side; every method raises `StoreAwayError`, `write` also `UnfitError`."""

    async def open(self) -> None:
        """Connect, and bring the tables to what this program needs."""

    async def lead(self) -> bool:
        """Be the one who records; false while another process is."""

    async def positions(self, cluster: str) -> Mapping[Place, int]:
        """Say how far each partition of a cluster is recorded: the next offset."""

    async def write(self, rows: Rows, cluster: str, expected: Mapping[Place, int | None]) -> None:
        """Write rows and move the positions from where they are `expected`, all in one transaction or not at all."""

    async def prune(self, before: float) -> int:
        """Delete what is older; returns how many rows went."""

    async def close(self) -> None:
        """Let go of it; never raises."""


class Reader(Protocol):
    """The side of the API and the command line; every method but `close` raises `StoreAwayError`."""

    async def find(self, request_id: str) -> Kept | None:
        """Return a request with its result."""

    async def page(
        self, limit: int, before: tuple[float, str] | None, status: str | None, agent: str | None
    ) -> Sequence[Kept]:
        """Return at most `limit` requests without results, newest first, older than the place `before` (`at`, `id`)."""

    async def audit(self, limit: int, subject: str | None, who: str | None) -> Sequence[Deed]:
        """Return at most `limit` deeds, newest first."""

    async def ping(self) -> None:
        """Ask whether it answers."""

    async def close(self) -> None:
        """Let go of it; never raises."""
