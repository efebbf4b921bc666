"""Whether Kafka answers, asked before anything else: librdkafka itself waits and tries for ever."""

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._metadata import ClusterMetadata

from sciagents.errors import BrokerError, UsageError
from streams import declare

ANSWER_WITHIN_S = 10.0
_EMBEDDED = "mockCluster"  # how librdkafka names its mock cluster


def metadata(bootstrap: str, timeout_s: float | None = None) -> ClusterMetadata:
    """Ask a broker for its topics; it has `ANSWER_WITHIN_S` unless said otherwise.

    Raises:
        UsageError: `bootstrap` is no address.
        BrokerError: nothing answers there in time.

    """
    check_address(bootstrap)
    within = ANSWER_WITHIN_S if timeout_s is None else timeout_s
    client = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0, "socket.timeout.ms": 10_000})
    try:
        return client.list_topics(timeout=within)
    except KafkaException as error:
        raise BrokerError(
            f"no Kafka answers at {bootstrap} within {within:g} s: {error.args[0].str()}", field="kafka",
            hint="start one with `sci-agents broker`, or name another with --kafka HOST:PORT",
        ) from None  # fmt: skip


@contextmanager
def answering(bootstrap: str, prefix: str = "", timeout_s: float | None = None) -> Iterator[ClusterMetadata]:
    """Make sure that a broker answers, and turn what it refuses later into `BrokerError`; raises as `metadata`."""
    found = metadata(bootstrap, timeout_s)
    try:
        if is_embedded(found):  # there, topics are made by whoever comes first
            declare.ensure(bootstrap, prefix, embedded=True)
        yield found
    except KafkaException as error:
        reason = error.args[0]
        missing = reason.name() in {"UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC"}
        raise BrokerError(
            f"Kafka at {bootstrap}: {reason.str()}",
            hint="make the topics with `sci-agents topics create`" if missing else None,
        ) from None


def is_embedded(cluster: ClusterMetadata) -> bool:
    """Whether it is the embedded broker that answered."""
    return str(cluster.cluster_id).startswith(_EMBEDDED)


def check_address(bootstrap: str) -> None:
    """Raise `UsageError` unless this is `HOST:PORT`, or several with commas."""
    if bootstrap.startswith(("http://", "https://")):
        raise UsageError(
            "HTTP addresses are not supported by this client", field="kafka", hint="give Kafka's address, HOST:PORT"
        )
    for one in bootstrap.split(","):
        host, colon, port = one.strip().rpartition(":")
        if not (host and colon and port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
            raise UsageError(f"{one[:80]!r} is no address", field="kafka", hint="HOST:PORT, such as localhost:9092")
