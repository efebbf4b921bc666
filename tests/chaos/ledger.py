"""What was sent and confirmed, what lies in the topics of a round, and how far behind its groups are."""

import threading
from collections.abc import Mapping
from typing import Any, cast

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from chaos.api import Api
from chaos.load import Item
from chaos.verifier import Lag, Record, Sent
from streams.topics import TOPICS

_TIMEOUT_S = 30.0
_READ = ("compute.requests", "compute.results", "compute.dlq")
_GROUP = "sci-agents"
_EPHEMERAL = "sci-agents-worker-"  # these read a broadcast for the life of one process, and commit nothing that counts
_ELECTION = "sci-agents-alerting"  # who is elected reads nothing of what decides it
_PARTITIONS = {spec.name: spec.partitions for spec in TOPICS}


class Sender:
    """Sends items, and keeps those that the brokers have confirmed."""

    def __init__(self, bootstrap: str, prefix: str, api: Api) -> None:
        self._prefix = prefix
        self._api = api
        self._producer = Producer({
            "bootstrap.servers": bootstrap, "enable.idempotence": True, "message.timeout.ms": 0, "linger.ms": 2,
            "partitioner": "murmur2_random", "reconnect.backoff.max.ms": 1000, "log_level": 0,
        })  # fmt: skip
        self._lock = threading.Lock()
        self._confirmed: list[Sent] = []

    def send(self, item: Item) -> None:
        """Queue an item, or let it be posted."""
        if item.over_http:
            self._api.send(item)
            return

        def confirmed(error: KafkaError | None, _: Message) -> None:
            if error is None and item.sent is not None:
                with self._lock:
                    self._confirmed.append(item.sent)

        topic, headers = self._prefix + item.topic, list(item.headers)
        self._producer.produce(topic, item.value, item.key, headers=headers, on_delivery=confirmed)
        self._producer.poll(0)

    def flush(self, timeout_s: float) -> int:
        """Wait until everything is confirmed; returns how much is not."""
        return int(self._producer.flush(timeout_s)) + self._api.waiting

    @property
    def confirmed(self) -> list[Sent]:
        """What was confirmed up to now."""
        with self._lock:
            return [*self._confirmed, *(item.sent for item in self._api.taken() if item.sent is not None)]


class Reader:
    """Reads a round's topics from their beginning; called again it goes on from there."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self._prefix = prefix
        self.records: list[Record] = []
        self.answered: set[str] = set()
        self.dead: set[bytes | None] = set()
        quiet = {"bootstrap.servers": bootstrap, "reconnect.backoff.max.ms": 1000, "log_level": 0}
        own = {"group.id": f"{prefix}chaos-reader", "enable.auto.commit": False}
        self._consumer = Consumer(quiet | own)
        self._admin = AdminClient(quiet)
        self._places = [(prefix + name, number) for name in _READ for number in range(_PARTITIONS[name])]
        self._next = dict.fromkeys(self._places, 0)
        self._consumer.assign([TopicPartition(*place, 0) for place in self._places])

    def read(self, timeout_s: float) -> None:
        """Take what has come since the last call; waits at most this long for the first of it."""
        for message in self._consumer.consume(1, timeout_s) + self._consumer.consume(50_000, 0):
            if message.error() is None:
                self._take(message)

    def read_to_end(self) -> None:
        """Read every partition up to where it ends now."""
        ends = self._ends(self._places)
        while any(self._next[place] < end for place, end in ends.items()):
            self.read(1.0)

    def has(self, sent: list[Sent], timeout_s: float) -> bool:
        """Whether each of these has an answer, or is a dead letter; first takes what comes within this time."""
        self.read(timeout_s)
        return all(one.value in self.dead if one.id is None else one.id in self.answered for one in sent)

    def lag(self, ends: Mapping[tuple[str, int], int]) -> Lag:
        """How far each of the round's groups is behind, in each partition of what it reads.

        `ends` are those of topics that are written in transactions, after the last record: Kafka counts the mark after
        it too, which no reader gets.
        """
        offsets: dict[tuple[str, str], dict[int, int]] = {(self._prefix + _GROUP, self._prefix + _READ[0]): {}}
        for found in self._admin.list_consumer_groups(request_timeout=_TIMEOUT_S).result().valid:
            name = found.group_id
            if not name.startswith(self._prefix) or name.startswith(
                (self._prefix + _EPHEMERAL, self._prefix + _ELECTION, f"{self._prefix}chaos")
            ):
                continue
            for place in self._committed(name):
                offsets.setdefault((name, place.topic), {})[place.partition] = place.offset
        lag = {}
        for (group, topic), committed in offsets.items():
            short = topic.removeprefix(self._prefix)
            for (_, number), end in self._ends([(topic, number) for number in range(_PARTITIONS[short])]).items():
                last = ends.get((short, number), end)
                lag[group.removeprefix(self._prefix), short, number] = max(0, last - max(0, committed.get(number, 0)))
        return lag

    def close(self) -> None:
        """Leave."""
        self._consumer.close()

    def _committed(self, group: str) -> list[TopicPartition]:
        asked = self._admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
        return cast("list[TopicPartition]", asked[group].result(_TIMEOUT_S).topic_partitions)

    def _ends(self, places: list[tuple[str, int]]) -> dict[tuple[str, int], int]:
        asked: dict[Any, Any] = self._admin.list_offsets(
            {TopicPartition(*place): OffsetSpec.latest() for place in places}, request_timeout=_TIMEOUT_S
        )
        return {(place.topic, place.partition): found.result(_TIMEOUT_S).offset for place, found in asked.items()}

    def _take(self, message: Message) -> None:
        place = (message.topic(), message.partition())
        self._next[place] = message.offset() + 1
        topic = message.topic().removeprefix(self._prefix)
        record = Record(
            topic,
            *(message.partition(), message.offset()),
            message.key(),
            message.value(),
            dict(message.headers() or []),
        )
        self.records.append(record)
        if topic == "compute.results":
            self.answered.add((record.key or b"").decode("utf-8", "replace"))
        elif topic == "compute.dlq":
            self.dead.add(record.value)
