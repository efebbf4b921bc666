"""How far behind its partitions' ends a reader is, by what librdkafka says of itself."""

import contextlib
from collections.abc import Collection, Mapping

from streams import telemetry
from streams.admit import Partition
from streams.flight import Flight, Standing
from streams.statistics import Statistics


class Lag:
    """Keeps the gauges of what is in a `flight`, and which of its partitions have more to read."""

    def __init__(self, flight: Flight) -> None:
        self._flight = flight
        self._begins: dict[Partition, int] = {}
        self._behind: set[Partition] = set()

    def look(self, found: Statistics) -> None:
        """Take what librdkafka says, once a second."""
        standings = self._flight.standings()
        for partition, end, begin in found.ends():
            if (standing := standings.get(partition)) is not None:
                position = standing.position if standing.position is not None else begin
                if begin is not None:
                    self._begins[partition] = begin
                lag = 0 if position is None else max(0, end - position)
                telemetry.LAG.labels(partition[0], str(partition[1])).set(lag)
                telemetry.FRONTIER_GAP.labels(partition[0], str(partition[1])).set(standing.gap)
                if lag:
                    self._behind.add(partition)
                else:
                    self._behind.discard(partition)
                    self._flight.idle(partition)

    def waiting_since(self, standings: Mapping[Partition, Standing]) -> float | None:
        """Return since when a partition with something to do has not gone on (monotonic seconds)."""
        return min((
            standing.moved_at for partition, standing in standings.items()
            if standing.in_flight or partition in self._behind
        ), default=None)  # fmt: skip

    def idle(self) -> dict[Partition, int | None]:
        """Return where each partition is read on that has nothing unfinished: at first, where it was committed."""
        return {
            partition: self._begins.get(partition) if found.position is None else found.position
            for partition, found in self._flight.standings().items() if not found.in_flight
        }  # fmt: skip

    def forget(self, partitions: Collection[Partition]) -> None:
        """Tell of these no more."""
        for partition in partitions:
            self._behind.discard(partition)
            self._begins.pop(partition, None)
            for gauge in (telemetry.LAG, telemetry.FRONTIER_GAP):
                with contextlib.suppress(KeyError):
                    gauge.remove(partition[0], str(partition[1]))
