"""Reads what the shards of divided work left in the journal."""

from confluent_kafka import TopicPartition

from agents.task import Watch
from streams import groupless, journal
from streams.shard import Merge

_BATCH = 50


def gather(bootstrap: str, topic: str, request_id: str, what: Merge, watch: Watch) -> list[bytes]:
    """Read the shards of a work; a broker that is away is waited for, until `watch` ends it."""
    consumer = groupless.consumer(bootstrap, "gather")
    found: list[bytes] = []
    try:
        consumer.assign([TopicPartition(topic, what.partition, what.first)])
        while True:
            watch(0.0, "gather")
            first = consumer.poll(0.05)
            if first is None:
                continue
            for record in (first, *consumer.consume(_BATCH - 1, 0)):
                offset = record.offset()
                if record.error() is not None or offset is None:
                    continue
                if offset > what.last:
                    return found
                entry = journal.read(record)
                if entry and (entry.kind, entry.name, entry.source) == ("part", request_id, what.source):
                    found.append(entry.value)
                if offset == what.last:
                    return found
    finally:
        consumer.close()
