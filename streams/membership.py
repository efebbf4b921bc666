"""Membership of a consumer group: by which protocol its members share partitions, and how soon they learn of a change.

`auto` asks the broker. The protocol of KIP-848 moves partitions one by one and stops nobody, but its members learn of a
change with their heartbeats, whose interval the broker sets: 5 s unless configured otherwise, and then the classic
protocol with heartbeats of half a second is quicker. A static member that was killed comes back at once in the classic
protocol, and after its session's time in the other. Measured in docs/decisions/012.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType

from streams.sockets import SOCKETS

_log = structlog.get_logger(__name__)

Protocol = Literal["auto", "consumer", "classic"]

HEARTBEAT_MS = 500
"""How late a member of the classic protocol learns of a change."""
SESSION_MS = 10_000
"""How long the partitions of one that was killed wait, in the classic protocol; in KIP-848's the broker says."""
POLL_MS = 120_000
"""After so long without a poll a member is put out of its group: above what it may wait for when partitions go."""
_QUICK_MS = 1_000
"""The slowest heartbeats of the broker with which KIP-848 is preferred."""
_ASK_S = 10.0


@dataclass(frozen=True, slots=True)
class Membership:
    """How a process is a member of its groups; `instance_id` makes it a static one, whose partitions wait for it.

    `quick`: the broker was asked, and its heartbeats are.
    """

    protocol: Protocol = "auto"
    instance_id: str | None = None
    quick: bool = False

    @property
    def silence_s(self) -> float:
        """How long the coordinator may be silent before that is strange, with heartbeats of 0.5 s, or of 5 s."""
        return 3.0 if self.quick or self.protocol == "classic" else 15.0

    def config(self) -> dict[str, Any]:
        """Return librdkafka's settings of the protocol that was chosen."""
        named = {} if self.instance_id is None else {"group.instance.id": self.instance_id}
        if self.protocol == "consumer":
            return {"group.protocol": "consumer", **named}
        return {
            "group.protocol": "classic",
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": SESSION_MS,
            "heartbeat.interval.ms": HEARTBEAT_MS,
            **named,
        }


def reader(bootstrap: str, group_id: str, membership: Membership, *, embedded: bool = False) -> dict[str, Any]:
    """Return librdkafka's settings of a consumer whose offsets are committed by hand, and whose memory is bounded."""
    return {
        "bootstrap.servers": bootstrap,
        "group.id": group_id,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "fetch.message.max.bytes": 12 * 1024 * 1024,
        "queued.max.messages.kbytes": 64 * 1024,  # of all partitions together
        "queued.min.messages": 20_000,  # of each: small ones take several times their own size here
        "reconnect.backoff.max.ms": 2_000,
        "max.poll.interval.ms": POLL_MS,
        **SOCKETS,
        # the mock cluster answers a waiting fetch at its end, not when a record comes
        **({"fetch.wait.max.ms": 10} if embedded else {}),
        **membership.config(),
    }


def choose(membership: Membership, bootstrap: str, group_id: str, *, embedded: bool = False) -> Membership:
    """Decide `auto`: KIP-848 where the broker has it and its heartbeats are quick, else the classic protocol.

    Raises:
        KafkaException: the broker does not answer.

    """
    if membership.protocol != "auto":
        return membership
    if embedded:  # joins at once, where the classic protocol of the mock cluster takes 3 s
        return replace(membership, protocol="consumer")
    if membership.instance_id is not None:
        return replace(membership, protocol="classic")
    chosen = replace(membership, protocol=preferred(*_ask(bootstrap, group_id)), quick=True)
    _log.info("group_protocol", group=group_id, protocol=chosen.protocol)
    return chosen


def preferred(protocols: str, heartbeat_ms: int | None) -> Literal["consumer", "classic"]:
    """Judge what a broker says of itself: the protocols of its coordinator, and the heartbeats of the group.

    >>> preferred("classic,consumer,streams", 500), preferred("classic,consumer", 5000), preferred("", None)
    ('consumer', 'classic', 'classic')
    """
    quick = heartbeat_ms is not None and heartbeat_ms <= _QUICK_MS
    return "consumer" if quick and "consumer" in protocols.split(",") else "classic"


def _ask(bootstrap: str, group_id: str) -> tuple[str, int | None]:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    brokers = admin.list_topics(timeout=_ASK_S).brokers
    try:
        of_broker = _first_answer(admin, [ConfigResource(ResourceType.BROKER, str(number)) for number in brokers])
        of_group = _first_answer(admin, [ConfigResource(ResourceType.GROUP, group_id)])
    except KafkaException as error:  # before Kafka 4 groups have no configuration
        _log.debug("group_protocol_unknown", error=str(error))
        return "", None
    protocols = of_broker.get("group.coordinator.rebalance.protocols")
    heartbeat = of_group.get("consumer.heartbeat.interval.ms")
    return (protocols.value if protocols else ""), (int(heartbeat.value) if heartbeat else None)


def _first_answer(admin: AdminClient, resources: Sequence[ConfigResource]) -> dict[str, Any]:
    """Describe one of several that are alike: a broker alone knows its own, and it may be the one that is away."""
    for resource in resources:
        try:
            return cast("dict[str, Any]", admin.describe_configs([resource])[resource].result(_ASK_S / len(resources)))
        except TimeoutError:
            continue
    raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 - its public name


NO_OFFSET = frozenset({KafkaError._AUTO_OFFSET_RESET, KafkaError._LOG_TRUNCATION})  # noqa: SLF001 - their public names
"""Errors of a partition whose offset is not in the log."""


def is_fatal(error: KafkaError) -> bool:
    """Whether a consumer with this error is none any more."""
    return error.fatal() or error.code() == KafkaError._FATAL  # noqa: SLF001 - its public name


class MembershipError(Exception):
    """The broker has put this process out of its group for good."""


def explained(error: KafkaError) -> MembershipError:
    """Say what a fatal error of a member means for whoever runs it."""
    text = error.str()
    if "nstance" in text:
        text = f"another process is a member of this group with the same instance_id ({text})"
    elif "not supported" in text:
        text = f"this broker does not take the protocol of KIP-848: set group_protocol to classic or auto ({text})"
    return MembershipError(text)
