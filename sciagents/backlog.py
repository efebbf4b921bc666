"""What waits in Kafka: how far the workers' groups are behind, and how quickly letters come to the dead letter topic.

Kafka itself is asked, so that it is told when no worker runs. Whoever asks gives the same series (`source` is Kafka):
two that do count once.
"""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import structlog
from confluent_kafka import KafkaException, TopicPartition

from streams import groupless, instants
from streams.contracts import OpsEvent
from streams.topics import groups, names

_log = structlog.get_logger(__name__)

SOURCE = "kafka"
_DLQ = "compute.dlq"
_ASK_S = 5.0

Offsets = dict[int, int]
"""By the number of a partition."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A topic at one instant: where its partitions begin and end, and what its group has committed of them."""

    begins: Offsets
    ends: Offsets
    committed: Offsets

    @property
    def lag(self) -> int:
        """Records that wait; a partition of which nothing was committed waits from its beginning."""
        return sum(
            max(0, end - max(self.committed.get(number, 0), self.begins.get(number, 0)))
            for number, end in self.ends.items()
        )


def lags(queues: Mapping[str, Queue], now: float) -> Iterator[OpsEvent]:
    """Write the lag of each topic's group as an ops event."""
    for topic, queue in queues.items():
        yield _metric("queue_lag", float(queue.lag), "records", {"topic": topic}, now)


class Letters:
    """Makes a rate of how many letters there have been in all."""

    def __init__(self) -> None:
        self._last: tuple[float, Offsets] | None = None

    def rate(self, ends: Offsets, now: float) -> float | None:
        """Letters a second since the last look; None at the first, and where the topic was made anew."""
        last, self._last = self._last, (now, ends)
        if last is None or now <= last[0]:
            return None
        grown = [end - last[1].get(number, 0) for number, end in ends.items()]
        return None if min(grown, default=0) < 0 else sum(grown) / (now - last[0])


class Backlog:
    """Asks a cluster; a question that is not answered is logged, and there are no events then."""

    def __init__(self, bootstrap: str, prefix: str, group_id: str) -> None:
        self._reader = groupless.consumer(bootstrap, "backlog")
        self._topics = names(prefix)
        self._groups = groups(prefix, group_id)
        # an admin client may bring the process down when a coordinator goes away while it asks (librdkafka 4605)
        self._askers = {group: groupless.consumer(bootstrap, "", group_id=group) for group in self._groups.values()}
        self._letters = Letters()

    def events(self, now: float) -> list[OpsEvent]:
        """Return what is to be told at an instant."""
        try:
            found = list(lags({topic: self._look(topic, group) for topic, group in self._groups.items()}, now))
            rate = self._letters.rate(self._look(_DLQ).ends, now)
        except KafkaException as error:
            _log.warning("backlog_unknown", error=str(error))
            return []
        return found if rate is None else [*found, _metric("dlq_rate", rate, "1/s", {}, now)]

    def close(self) -> None:
        """Ask no more."""
        for one in (self._reader, *self._askers.values()):
            one.close()

    def _look(self, topic: str, group: str | None = None) -> Queue:
        name = self._topics[topic]
        committed: Offsets = {}
        places = [TopicPartition(name, number) for number in groupless.numbers_of(self._reader, name)]
        if group is not None and places:  # before the ends: what comes between counts as waiting, and not as negative
            found = self._askers[group].committed(places, timeout=_ASK_S)
            committed = {place.partition: place.offset for place in found if place.offset >= 0}
        marks = {place.partition: self._reader.get_watermark_offsets(place, timeout=_ASK_S) for place in places}
        begins = {number: low for number, (low, _) in marks.items()}
        return Queue(begins, {number: high for number, (_, high) in marks.items()}, committed)


def _metric(name: str, value: float, unit: str, labels: dict[str, str], now: float) -> OpsEvent:
    return OpsEvent(
        id=uuid.uuid4().hex, time=instants.to_text(now), source=SOURCE, kind="metric", name=name, value=value,
        unit=unit, labels=labels,
    )  # fmt: skip
