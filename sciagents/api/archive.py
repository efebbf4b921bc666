"""The history as the API has it: what memory does not know any more, read from the store that a recorder fills."""

import asyncio
from collections.abc import Sequence
from typing import cast

from sciagents.api.history import Entry, History, State
from sciagents.api.problems import HttpProblem
from sciagents.health import Check
from streams import instants
from streams.codec import JSON
from streams.store import opening
from streams.store.opening import HistorySettings
from streams.store.ports import Deed, Kept, StoreAwayError, UnfitError
from streams.store.recorder import Recorder
from streams.store.rows import inflate
from streams.topics import TOPIC_MESSAGE_LIMIT

Place = tuple[str, str]
"""Where a request stands in a list: its instant and its id."""
_BEHIND = 10_000
"""Records from which on a recorder that works is behind."""


class Archive:
    """Records while it is open, and is read from the server's loop."""

    def __init__(self, settings: HistorySettings, bootstrap: str, prefix: str) -> None:
        self._reader = opening.reader(settings)
        self._recorder = Recorder(
            opening.writer(settings, prefix), bootstrap, prefix, retention_days=settings.retention_days,
            body_limit=settings.body_bytes,
        )  # fmt: skip
        self._kind = "PostgreSQL" if settings.postgres_url else "SQLite"

    def start(self) -> None:
        """Begin to record; returns at once."""
        self._recorder.start()

    async def close(self) -> None:
        """Record no more."""
        await asyncio.to_thread(self._recorder.stop)
        await self._reader.close()

    async def find(self, request_id: str) -> Entry | None:
        """Return what became of a request; raises `HttpProblem` (503 while the store is away, 410 for what is gone)."""
        try:
            found = await self._reader.find(request_id)
        except (StoreAwayError, UnfitError) as error:
            raise _away(error) from None
        if found is None:
            return None
        entry = _entry(found)
        if found.status != "pending" and found.body is None:
            text = f"the result had {found.size} bytes, more than the history keeps"
            raise HttpProblem(410, "too_large", text, hint="history.body_bytes says how much it keeps")
        return entry

    async def page(
        self, known: History, limit: int, before: Place | None, status: str | None, agent: str | None
    ) -> tuple[list[Entry], Place | None]:
        """Return at most `limit` requests of memory and store, newest first, and the place where the next page begins.

        Memory knows better: what is in both is as it is there, and where. While the store is away it is memory alone.
        """
        kept: Sequence[Kept] = ()
        try:
            at = None if before is None else (instants.from_text(before[0]), before[1])
            kept = await self._reader.page(limit + 1, at, status, agent)
        except (StoreAwayError, UnfitError):
            pass
        except ValueError:
            raise HttpProblem(400, "invalid_message", "not a cursor", field="cursor") from None
        entries = [_entry(one) for one in kept]
        end = (entries[-1].at, entries[-1].id) if len(entries) > limit else None
        others = [entry for entry in entries if known.get(entry.id) is None]
        return merged(known.page(limit + 1, before, status, agent), others, limit, end)

    async def audit(self, limit: int, subject: str | None, who: str | None) -> Sequence[Deed]:
        """Return who did what; raises `HttpProblem` (503) while the store is away."""
        try:
            return await self._reader.audit(limit, subject, who)
        except (StoreAwayError, UnfitError) as error:
            raise _away(error) from None

    def check(self) -> Check:
        """Whether the history is recorded."""
        recorder = self._recorder
        detail = f"{self._kind}: {recorder.state}, {recorder.lag} records behind"
        if recorder.state == "standby":
            return Check(name="history", verdict="passed", detail=f"{self._kind}: another process records")
        if recorder.state == "recording" and recorder.lag < _BEHIND:
            return Check(name="history", verdict="passed", detail=detail)
        hint = "nothing is lost: Kafka keeps the records until they are recorded"
        return Check(name="history", verdict="degraded", detail=f"{detail} {recorder.failure}".strip(), hint=hint)


def merged(
    known: Sequence[Entry], kept: Sequence[Entry], limit: int, end: Place | None
) -> tuple[list[Entry], Place | None]:
    """Put two pages together, that of the store cut off at its `end`: beyond it nothing is known yet. Pure."""
    entries = sorted([*known, *kept], key=_place, reverse=True)
    if end is not None:
        entries = [entry for entry in entries if _place(entry) >= end]
    if len(entries) > limit:
        return entries[:limit], _place(entries[limit - 1])
    return entries, end


def _place(entry: Entry) -> Place:
    return entry.at, entry.id


def _entry(found: Kept) -> Entry:
    value = None
    if found.body is not None:
        value = inflate(found.body, TOPIC_MESSAGE_LIMIT)
    return Entry(
        id=found.id, status=cast("State", found.status), at=instants.to_text(found.at), agent=found.agent,
        task=found.task, code=found.code, value=value, content_type=found.content_type or JSON,
    )  # fmt: skip


def _away(error: Exception) -> HttpProblem:
    return HttpProblem(
        503, "unavailable", f"the history does not answer ({error})"[:300], hint="ask again: nothing is lost",
        headers={"Retry-After": "5"},
    )  # fmt: skip
