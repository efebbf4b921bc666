"""What incidents are about: the story's alerts as ops events on Kafka, and what waits there, each told again and again.

Besides, the load itself is in trouble: some of its requests fail, and some are dead letters.
"""

import threading
import time
import uuid
from collections.abc import Iterable, Sequence

import msgspec
from kills.story import CASE, Alert, mark

from alerting import instants
from sciagents.backlog import Backlog
from streams.contracts import OpsEvent
from streams.emit import Emitter, Outgoing

PRESSURE, LOST = "pressure-", "lost-"
"""How the names of alerts begin that come of a metric, and of faults."""
_BACKLOG_EVERY_S = 1.0
_SOURCE = "chaos"


class Trouble:
    """Publishes; called by the story with the alerts that there have been, and an instant."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self._emitter = Emitter(bootstrap)
        self._topic = f"{prefix}ops.events"
        self._backlog = Backlog(bootstrap, prefix, "sci-agents")
        self._closing = threading.Event()
        self._asking = threading.Thread(target=self._ask, name="backlog")
        self._asking.start()

    def __call__(self, alerts: Sequence[Alert], now: float) -> None:
        """Tell how each alert stands; it counts as taken once the brokers have all of it."""
        events = [event for one in alerts if (event := _event(one, now)) is not None]
        told = list(alerts)

        def confirmed(failure: Exception | None) -> None:
            if failure is None:
                mark(told, now, time.time())

        self._emitter.send(self._records(events), confirmed)

    def close(self) -> None:
        """Publish nothing more."""
        self._closing.set()
        self._asking.join()
        self._backlog.close()
        self._emitter.close()

    def _ask(self) -> None:
        """What waits is asked for beside: a broker that is away is waited for."""
        while not self._closing.wait(_BACKLOG_EVERY_S):
            self._emitter.send(self._records(self._backlog.events(time.time())), lambda _: None)

    def _records(self, events: Iterable[OpsEvent]) -> list[Outgoing]:
        return [Outgoing(self._topic, _SOURCE.encode(), msgspec.json.encode(event), []) for event in events]


def _event(one: Alert, now: float) -> OpsEvent | None:
    """A metric says that it is over, faults are not reported any more."""
    common = {"id": uuid.uuid4().hex, "time": instants.show(now), "source": _SOURCE, "labels": {CASE: one.name}}
    lasts = now < one.ends
    if one.name.startswith(PRESSURE):
        return OpsEvent(**common, kind="metric", name="pressure", value=float(lasts))
    return OpsEvent(**common, kind="fault", what="data_loss") if lasts else None
