"""librdkafka's statistics of a consumer: what it knows of its brokers and partitions, without asking anybody."""

from collections.abc import Iterator

import msgspec

INTERVAL_MS = 1_000
_UNKNOWN = -1


class _Broker(msgspec.Struct):
    nodeid: int = _UNKNOWN
    state: str = ""
    source: str = ""
    rxidle: int = _UNKNOWN


class _Partition(msgspec.Struct):
    partition: int = _UNKNOWN
    hi_offset: int = _UNKNOWN
    committed_offset: int = _UNKNOWN


class _Topic(msgspec.Struct):
    partitions: dict[str, _Partition] = {}


class Statistics(msgspec.Struct):
    """The few of its many figures that are used here (librdkafka, STATISTICS.md)."""

    brokers: dict[str, _Broker] = {}
    topics: dict[str, _Topic] = {}

    @property
    def brokers_up(self) -> int:
        """How many brokers there is a connection to; the addresses of the bootstrap are no brokers."""
        return sum(broker.state == "UP" for broker in self.brokers.values() if broker.nodeid >= 0)

    @property
    def coordinator_idle_s(self) -> float | None:
        """How long nothing has come from the group's coordinator; None where there is none."""
        found = next((broker for broker in self.brokers.values() if broker.source == "logical"), None)
        if found is None:
            return None
        return found.rxidle / 1e6 if found.state == "UP" and found.rxidle >= 0 else float("inf")

    def ends(self) -> Iterator[tuple[tuple[str, int], int, int | None]]:
        """Iterate over partitions: each with its end, and what was committed when it was assigned (None: nothing)."""
        for name, topic in self.topics.items():
            for found in topic.partitions.values():
                if found.partition >= 0 and found.hi_offset >= 0:
                    committed = found.committed_offset if found.committed_offset >= 0 else None
                    yield (name, found.partition), found.hi_offset, committed


read = msgspec.json.Decoder(Statistics).decode
