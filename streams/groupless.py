"""Consumers that are members of no group: they are told what to read, and commit nothing."""

import logging
import uuid
from collections.abc import Sequence

from confluent_kafka import Consumer, TopicPartition

from streams.sockets import SOCKETS

_BROKER_S = 10.0


def consumer(
    bootstrap: str, purpose: str, *, group_id: str | None = None, wait_ms: int = 10, ahead_kb: int = 64 * 1024
) -> Consumer:
    """Make one; a fetch that finds nothing is answered after `wait_ms`, at most `ahead_kb` is fetched ahead.

    `group_id` is a group that it is to tell the positions of.
    """
    own = f"sci-agents-{purpose}-{uuid.uuid4().hex[:12]}"  # the library wants one
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group_id or own,  # which nothing joins
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "fetch.message.max.bytes": 12 * 1024 * 1024,
            "queued.max.messages.kbytes": ahead_kb,
            "fetch.wait.max.ms": wait_ms,
            **SOCKETS,
        },
        logger=logging.getLogger("librdkafka"),
    )


def numbers_of(reader: Consumer, topic: str) -> list[int]:
    """Return the numbers of a topic's partitions; raises `KafkaException`."""
    return list(reader.list_topics(topic, timeout=_BROKER_S).topics[topic].partitions)


def offset_at(reader: Consumer, partition: TopicPartition, at_ms: int, timeout_s: float) -> int | None:
    """Find the first record of a partition from an instant (epoch milliseconds) on; None when there is none.

    Raises `KafkaException`. The embedded broker knows no times.
    """
    place = TopicPartition(partition.topic, partition.partition, at_ms)
    found = int(reader.offsets_for_times([place], timeout=timeout_s)[0].offset)
    return None if found < 0 else found


def since(
    reader: Consumer, topic: str, numbers: Sequence[int], at_ms: int, most: int, *, embedded: bool
) -> tuple[list[TopicPartition], dict[int, int]]:
    """Find where each partition's records since then begin, at most `most` of each; raises `KafkaException`.

    Returns the places, and the ends of those partitions that have such records. The embedded broker knows no times:
    there they begin at the log's start, and each record's time is to be looked at.
    """
    starts: dict[int, int] = {}
    if not embedded:
        places = [TopicPartition(topic, number, at_ms) for number in numbers]
        starts = {place.partition: place.offset for place in reader.offsets_for_times(places, timeout=_BROKER_S)}
    begin, behind = [], {}
    for number in numbers:
        low, high = reader.get_watermark_offsets(TopicPartition(topic, number), timeout=_BROKER_S)
        start = starts.get(number, low)
        start = high if start < 0 else max(start, low, high - most)
        begin.append(TopicPartition(topic, number, start))
        if start < high:
            behind[number] = high
    return begin, behind
