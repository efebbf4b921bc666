"""What incidents are about: the story's alerts as ops events on Kafka, and what waits there, each told again and again.

Besides, the load itself is in trouble: some of its requests fail, and some are dead letters.
"""

import time
import uuid
from collections.abc import Sequence

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
        self._asked = 0.0

    def __call__(self, alerts: Sequence[Alert], now: float) -> None:
        """Tell how each alert stands; it counts as taken once the brokers have all of it."""
        events = [event for one in alerts if (event := _event(one, now)) is not None]
        if now >= self._asked + _BACKLOG_EVERY_S:
            self._asked = now
            events += self._backlog.events(now)
        records = [Outgoing(self._topic, _SOURCE.encode(), msgspec.json.encode(event), []) for event in events]
        told = list(alerts)

        def confirmed(failure: Exception | None) -> None:
            if failure is None:
                mark(told, now, time.time())

        self._emitter.send(records, confirmed)

    def close(self) -> None:
        """Publish nothing more."""
        self._backlog.close()
        self._emitter.close()


def _event(one: Alert, now: float) -> OpsEvent | None:
    """A metric says that it is over, faults are not reported any more."""
    common = {"id": uuid.uuid4().hex, "time": instants.show(now), "source": _SOURCE, "labels": {CASE: one.name}}
    lasts = now < one.ends
    if one.name.startswith(PRESSURE):
        return OpsEvent(**common, kind="metric", name="pressure", value=float(lasts))
    return OpsEvent(**common, kind="fault", what="data_loss") if lasts else None
