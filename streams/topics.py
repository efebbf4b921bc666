"""The topics of the program: their names, partitions, retention and cleanup policy."""

from dataclasses import dataclass

_DAY_MS = 86_400_000
MESSAGE_LIMIT = 8 * 1024 * 1024
"""Largest value accepted, in bytes."""
TOPIC_MESSAGE_LIMIT = 10 * 1024 * 1024
"""`max.message.bytes` of the topics: above the limit, so that a value just over it still arrives and is told so."""
_HEADERS_LIMIT = 64 * 1024
RESULT_LIMIT = TOPIC_MESSAGE_LIMIT - _HEADERS_LIMIT
"""Largest encoded result, in bytes: it fits its topic with its headers."""
DLQ_MESSAGE_LIMIT = TOPIC_MESSAGE_LIMIT + _HEADERS_LIMIT
"""`max.message.bytes` of `compute.dlq`: whatever another topic took fits, with the headers that say why."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """What a topic is to look like on a broker; an `internal` one is between workers, and no contract with anybody."""

    name: str
    cleanup_policy: str
    retention_ms: int
    partitions: int = 4
    message_limit: int = TOPIC_MESSAGE_LIMIT
    internal: bool = False
    stamped: bool = False
    """Its records carry the brokers' time, not that of who wrote them."""
    uncompacted_ms: int = 0
    """How long records of one key stay beside each other, before compaction leaves the last one."""

    def config(self) -> dict[str, str]:
        """Topic-level configuration, as Kafka names it."""
        return {
            "cleanup.policy": self.cleanup_policy,
            "retention.ms": str(self.retention_ms),
            "max.message.bytes": str(self.message_limit),
            "message.timestamp.type": "LogAppendTime" if self.stamped else "CreateTime",
            "min.compaction.lag.ms": str(self.uncompacted_ms),
        }


TOPICS: tuple[TopicSpec, ...] = (
    TopicSpec("compute.requests", "delete", 7 * _DAY_MS),
    TopicSpec("compute.heavy", "delete", 7 * _DAY_MS),
    TopicSpec("compute.results", "compact,delete", 7 * _DAY_MS, stamped=True),
    TopicSpec("compute.progress", "delete", _DAY_MS),
    TopicSpec("compute.control", "delete", _DAY_MS),
    TopicSpec("compute.dlq", "delete", 30 * _DAY_MS, message_limit=DLQ_MESSAGE_LIMIT),
    TopicSpec("compute.workflows", "delete", _DAY_MS, message_limit=DLQ_MESSAGE_LIMIT, internal=True),
    TopicSpec("compute.artifacts", "compact,delete", 7 * _DAY_MS, message_limit=DLQ_MESSAGE_LIMIT, internal=True),
    TopicSpec("ops.events", "delete", 7 * _DAY_MS),
    TopicSpec("ops.alerts", "delete", 7 * _DAY_MS),
    TopicSpec("ops.incidents", "compact", -1),
    # by all of an incident's notifications a restart knows who was told what: the last one alone would not do
    TopicSpec("ops.notifications", "compact,delete", 30 * _DAY_MS, uncompacted_ms=30 * _DAY_MS),
    TopicSpec("ops.commands", "delete", 7 * _DAY_MS),
    TopicSpec("ops.silences", "compact", -1, internal=True),
    # whose only partition an alerting process has, it writes the others; here it says who it is
    TopicSpec("ops.alerting", "compact", -1, partitions=1, internal=True),
    # snapshots of what rules read: a partition for names and heads, four for samples that are kept short to long
    TopicSpec("ops.signals", "delete", _DAY_MS, partitions=5, internal=True),
)


_GROUPS = {"compute.requests": "", "compute.heavy": "-heavy", "compute.workflows": "-workflows"}


def groups(prefix: str, group_id: str) -> dict[str, str]:
    """Map the own name of each topic that workers share among them to the group that reads it."""
    return {topic: f"{prefix}{group_id}{suffix}" for topic, suffix in _GROUPS.items()}


def names(prefix: str = "") -> dict[str, str]:
    """Map each topic's own name to its name on the broker."""
    return {spec.name: prefix + spec.name for spec in TOPICS}
