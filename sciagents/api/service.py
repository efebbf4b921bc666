"""What the routes work with: one value, made at the start, reached through the application's state."""

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from prometheus_client import Gauge

from alerting import lateness
from sciagents.api.archive import Archive
from sciagents.api.board import Board
from sciagents.api.feed import Feed
from sciagents.api.gateway import Gateway
from sciagents.api.history import History
from sciagents.health import Check, Report, examine, report, workers
from streams import instants
from streams.store.opening import HistorySettings

_STREAMS = Gauge("sci_agents_api_event_streams", "Event streams that are open.")
_KNOWN = Gauge("sci_agents_api_requests_known", "Requests in the index.")
_RECENT_S = 30.0
_KEPT_S = 5.0


class ApiSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the API process is set up."""

    kafka: str
    listen: str = "127.0.0.1:8000"
    alerting: str | None = None
    embedded: bool = False
    prefix: str = ""
    log_level: str = "INFO"
    log_file: str | None = None
    log_format: str = "auto"
    directory: str = "var"
    history_entries: int = 20_000
    history_bytes: int = 64 * 1024 * 1024
    max_streams: int = 500
    max_connections: int = 2_000
    history: HistorySettings | None = None


@dataclass
class Service:
    """The parts of a running API; `streams` counts open event streams."""

    settings: ApiSettings
    history: History
    board: Board
    feed: Feed
    gateway: Gateway
    archive: Archive | None = None
    streams: int = 0
    _report: tuple[Report | None, float] = None, 0.0
    _reporting: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        _STREAMS.set_function(lambda: self.streams)
        _KNOWN.set_function(lambda: len(self.history))

    async def health(self) -> Report:
        """The whole report, made anew when the last one is 5 s old; however many ask, one looks."""
        async with self._reporting:
            known, made_at = self._report
            if known is None or time.monotonic() > made_at + _KEPT_S:
                known = await asyncio.to_thread(self._examine)
                self._report = known, time.monotonic()
            return known

    def feed_check(self) -> Check:
        """Whether results and incidents arrive here."""
        detail = f"{self.feed.state}: {len(self.history)} requests, {len(self.board)} incidents"
        if self.feed.state == "following":
            return Check(name="feed", verdict="passed", detail=detail)
        if self.feed.state == "catching_up":
            return Check(name="feed", verdict="degraded", detail=detail, hint="it reads what is kept; wait")
        return Check(name="feed", verdict="failed", detail=f"{self.feed.state} {self.feed.failure}".strip())

    def incidents_check(self, now: float) -> Check:
        """Whether somebody is called, and says how things stand, when it is time."""
        unresolved = self.board.unresolved()
        if overdue := lateness.look(unresolved, now):
            hint = "call by hand, and see whether `sci-agents alerting` runs; sci-agents incidents note ID"
            return Check(name="incidents", verdict="degraded", detail=lateness.summary(overdue), hint=hint)
        return Check(name="incidents", verdict="passed", detail=f"{len(unresolved)} open, nothing is overdue")

    def _examine(self) -> Report:
        settings = self.settings
        Path(settings.directory).mkdir(parents=True, exist_ok=True)
        found = examine(settings.kafka, settings.prefix, settings.directory, answering=self._workers)
        own = [self.feed_check(), self.incidents_check(time.time()), *([self.archive.check()] if self.archive else [])]
        return report([*found.checks, *own], instants.from_text(found.at))

    def _workers(self) -> Check:
        """A result that has just come says enough; when there is none, a request of our own tells."""
        latest = self.history.latest
        ago = time.time() - instants.from_text(latest) if latest else _RECENT_S
        if ago < _RECENT_S:
            return Check(name="workers", verdict="passed", detail=f"a request was answered {ago:.0f} s ago")
        return workers(self.settings.kafka, self.settings.prefix)
