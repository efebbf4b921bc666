"""Dead letters: values kept unchanged on `compute.dlq`, with headers that say why and where they lay."""

from typing import NamedTuple, cast

from confluent_kafka import Message

from agents.outcome import Problem
from streams.admit import Origin
from streams.emit import Headers, Outgoing

ERROR = "error-"
SOURCE_TOPIC, SOURCE_PARTITION, SOURCE_OFFSET = "source-topic", "source-partition", "source-offset"


class Letter(NamedTuple):
    """A value as it came; `source` is the topic, partition and offset where it lay first."""

    key: bytes | None
    value: bytes | None
    headers: Headers
    source: tuple[str, str, str]


def of(record: Message, origin: Origin) -> Letter:
    """Take a record as it came."""
    key = record.key()
    return Letter(
        key.encode() if isinstance(key, str) else key, record.value(), cast("Headers", record.headers() or []),
        (origin.partition[0], str(origin.partition[1]), str(origin.offset)),
    )  # fmt: skip


def write(topic: str, letter: Letter, problem: Problem) -> Outgoing:
    """Write a dead letter."""
    topic_name, partition, offset = letter.source
    headers: Headers = [
        *letter.headers,
        (f"{ERROR}code", problem.code),
        (f"{ERROR}message", problem.message),
        (f"{ERROR}field", problem.field or ""),
        (f"{ERROR}hint", problem.hint or ""),
        (SOURCE_TOPIC, topic_name),
        (SOURCE_PARTITION, partition),
        (SOURCE_OFFSET, offset),
    ]
    return Outgoing(topic, letter.key, letter.value, headers)
