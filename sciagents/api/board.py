"""The incidents, each in its latest version: as read from the topic, or as they stand in the engine itself."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

from alerting.register import Register
from streams.contracts import Incident


class Found(Protocol):
    """Where incidents are looked up."""

    async def appears(self, incident_id: str, within_s: float) -> Incident | None:
        """An incident by its id, also one on its way here: whoever was told of it may ask before it has arrived."""

    def unresolved(self) -> "list[Incident]":
        """The incidents that are open."""

    def list(self, status: str | None = None, severity: str | None = None, limit: int = 100) -> list[Incident]:
        """At most `limit` incidents, the newest first."""


class Live:
    """The incidents of an engine that runs in this loop, looked at where they are."""

    def __init__(self, register: Register) -> None:
        self._register = register

    async def appears(self, incident_id: str, within_s: float) -> Incident | None:  # noqa: ARG002 - it is here first
        """An incident by its id."""
        return self._register.get(incident_id)

    def unresolved(self) -> "list[Incident]":
        """The incidents that are open."""
        return _unresolved(self._register)

    def list(self, status: str | None = None, severity: str | None = None, limit: int = 100) -> list[Incident]:
        """At most `limit` incidents, the newest first."""
        return _newest(self._register, status, severity, limit)


class Board:
    """Keeps at most `limit` incidents, open ones first; fed by the tail's thread, read by the server's loop."""

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = limit
        self._incidents: dict[str, Incident] = {}
        self._awaited: dict[str, list[Callable[[], object]]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._incidents)

    def take(self, versions: Iterable[Incident]) -> None:
        """Take versions of incidents, in any order."""
        with self._lock:
            for incident in versions:
                known = self._incidents.get(incident.id)
                if known is None or incident.version >= known.version:
                    self._incidents[incident.id] = incident
                for wake in self._awaited.pop(incident.id, ()):
                    with contextlib.suppress(RuntimeError):  # the loop that waited has ended
                        wake()
            over = len(self._incidents) - self._limit
            if over > 0:
                order = sorted(self._incidents.values(), key=lambda one: (one.status != "resolved", one.started_at))
                for incident in order[:over]:
                    del self._incidents[incident.id]

    async def appears(self, incident_id: str, within_s: float) -> Incident | None:
        """An incident by its id, also one on its way here: whoever was told of it may ask before it has arrived."""
        came = asyncio.Event()
        wake = partial(asyncio.get_running_loop().call_soon_threadsafe, came.set)
        with self._lock:
            if (found := self._incidents.get(incident_id)) is not None:
                return found
            self._awaited.setdefault(incident_id, []).append(wake)
        try:
            async with asyncio.timeout(within_s):
                await came.wait()
        except TimeoutError:
            pass
        finally:
            with self._lock:
                waiting = self._awaited.get(incident_id, [])
                if wake in waiting:
                    waiting.remove(wake)
                if not waiting:
                    self._awaited.pop(incident_id, None)
        return self._incidents.get(incident_id)

    def unresolved(self) -> "list[Incident]":
        """The incidents that are open."""
        with self._lock:
            return _unresolved(self._incidents.values())

    def list(self, status: str | None = None, severity: str | None = None, limit: int = 100) -> list[Incident]:
        """At most `limit` incidents, the newest first."""
        with self._lock:
            return _newest(self._incidents.values(), status, severity, limit)


def _unresolved(known: Iterable[Incident]) -> list[Incident]:
    return [incident for incident in known if incident.status != "resolved"]


def _newest(known: Iterable[Incident], status: str | None, severity: str | None, limit: int) -> list[Incident]:
    fitting = [
        incident
        for incident in known
        if (status is None or incident.status == status) and (severity is None or incident.severity == severity)
    ]  # about in the order of their beginnings already, which is why sorting all is quicker than choosing
    return sorted(fitting, key=lambda incident: (incident.started_at, incident.id), reverse=True)[:limit]
