"""Where to read on when the offset to read is not in the log: a new group, or records that are gone.

Apache Kafka's client would go on by itself (`auto.offset.reset`), and nobody would learn that requests were lost.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams import telemetry
from streams.admit import Partition

_log = structlog.get_logger(__name__)

_ASK_S = 5.0


@dataclass(frozen=True, slots=True)
class Resumption:
    """Read on at `offset`; `lost` records were never read, or were and are gone."""

    offset: int
    lost: int
    reason: str


def resume(wanted: int | None, low: int, high: int) -> Resumption:
    """Decide from the offset wanted (None: nothing was ever committed) and the log's first and next offset.

    A log that ends before what was read has been cut, and nobody can say what was written anew since: all of it is read
    again, for an answer twice is better than none.
    """
    if wanted is None:
        return Resumption(low, 0, "a new group begins at the log's start")
    if wanted < low:
        return Resumption(low, low - wanted, "retention deleted records before they were read")
    if wanted > high:
        return Resumption(low, wanted - high, "the log ends before what was read of it")
    return Resumption(wanted, 0, "the offset is there")


OnLoss = Callable[[Partition, Resumption], None]
"""Hears of records that nobody can read any more."""


class Found(NamedTuple):
    """Where to read on, the offset that was wanted (None: nothing was ever committed), and the log's next one."""

    at: Resumption
    wanted: int | None
    high: int


def find(consumer: Consumer, partition: Partition, following: int | None, on_loss: OnLoss) -> Found | None:
    """Ask where a partition is to be read on: at `following`, or (None) where its group committed; tell of a loss.

    None while Kafka does not answer.
    """
    place, wanted = TopicPartition(*partition), following
    try:
        if wanted is None:
            committed = consumer.committed([place], timeout=_ASK_S)[0]
            if committed.error is not None:
                raise KafkaException(committed.error)
            wanted = committed.offset if committed.offset >= 0 else None
        low, high = consumer.get_watermark_offsets(place, timeout=_ASK_S)
    except KafkaException as error:
        _log.info("offset_unknown", topic=place.topic, partition=place.partition, error=str(error))
        return None
    at = resume(wanted, low, high)
    if at.lost:
        _tell(partition, at, on_loss)
    return Found(at, wanted, high)


def move(consumer: Consumer, partition: Partition, offset: int) -> None:
    """Read a partition that is assigned on from an offset; a seek is refused where nothing is fetched."""
    consumer.incremental_unassign([TopicPartition(*partition)])
    consumer.incremental_assign([TopicPartition(*partition, offset)])


def _tell(partition: Partition, found: Resumption, on_loss: OnLoss) -> None:
    """Tell of a loss: in the log, in the metrics, and to who makes an event of it."""
    topic, number = partition
    _log.critical(
        "records_lost", topic=topic, partition=number, reads_on_at=found.offset, lost=found.lost, reason=found.reason
    )
    telemetry.RECORDS_LOST.labels(topic, str(number)).inc(found.lost)
    on_loss(partition, found)
