"""The vital signs of a worker: what its readers, its event loop and its cluster show, put together for who asks."""

import time
from collections.abc import Callable, Sequence

from streams import telemetry
from streams.cluster import ClusterWatch
from streams.conductor import Conductor
from streams.emit import Emitter
from streams.intake import Intake
from streams.lateness import Lateness
from streams.liveness import Verdict, judge


class Vitals:
    """Watches from `begin` to `close`; `busy_until` tells the latest deadline of what runs (monotonic seconds)."""

    def __init__(
        self, intakes: Sequence[Intake], conductor: Conductor, emitter: Emitter, topic: str, patience_s: float,
        busy_until: Callable[[], float | None],
    ) -> None:  # fmt: skip
        self._members: list[Intake | Conductor] = [*intakes, conductor]
        self._patience_s = patience_s
        self._busy_until = busy_until
        self._lateness = Lateness()
        self._cluster = ClusterWatch(lambda: emitter.cluster_id(topic), intakes[0].fail)
        self.measure = self._lateness.measure
        telemetry.IN_FLIGHT.set_function(lambda: sum(intake.in_flight for intake in intakes))
        telemetry.EMIT_QUEUE.set_function(lambda: len(emitter))
        telemetry.LOOP_LAG.set_function(lambda: self._lateness.worst)

    def begin(self) -> None:
        """Watch the cluster from now on."""
        self._cluster.begin()

    def close(self) -> None:
        """Watch no more."""
        self._cluster.close()

    def look(self) -> Verdict:
        """Judge the process as it is now."""
        pulses = [member.pulse for member in self._members]
        busy_until = self._busy_until()
        return judge(pulses, time.monotonic(), self._patience_s, loop_at=self._lateness.at, busy_until=busy_until)
