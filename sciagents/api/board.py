"""The incidents, each in its latest version; bounded: the resolved ones go first."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterable
from functools import partial

from streams.contracts import Incident


class Board:
    """Keeps at most `limit` incidents; fed by the tail's thread, read by the server's loop."""

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

    def get(self, incident_id: str) -> Incident | None:
        """An incident by its id."""
        return self._incidents.get(incident_id)

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
            return [incident for incident in self._incidents.values() if incident.status != "resolved"]

    def list(self, status: str | None = None, severity: str | None = None, limit: int = 100) -> list[Incident]:
        """At most `limit` incidents, the newest first."""
        with self._lock:
            known = list(self._incidents.values())
        fitting = [
            incident
            for incident in known
            if (status is None or incident.status == status) and (severity is None or incident.severity == severity)
        ]
        return sorted(fitting, key=lambda incident: (incident.started_at, incident.id), reverse=True)[:limit]
