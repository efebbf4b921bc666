"""Reads what topics hold now, in the thread that asks, up to where they end; asked again, what has come since.

Where partitions begin and end is one question for all of them, and only those that have something are fetched: an idle
one would keep the answer of the others back.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, Self

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaException, Message, TopicPartition

from streams import groupless

# the standard library's, since this runs in users' programs too: silent there unless they want it
_log = logging.getLogger(__name__)

Start = Literal["beginning", "end"] | float
"""Where to begin; a number is epoch seconds: the first record from then on (not on the embedded broker)."""
_TIMEOUT_S = 20.0
_LOOK_S = 0.01
_AGAIN_S = 0.1
_BATCH = 1_000
NO_LEADER = {"NOT_LEADER_FOR_PARTITION", "LEADER_NOT_AVAILABLE"}
"""What a partition answers that was made a moment ago, or moves."""
Take = Callable[[list[Message]], object]


class Reading:
    """One reading of any number of topics; a context manager."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = groupless.consumer(bootstrap, "reading")
        self.next: dict[tuple[str, int], int] = {}
        """The offset that each partition is read on from."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def begin(self, topics: Iterable[str], start: Start = "beginning") -> None:
        """Fix where topics are read from; raises `KafkaException` when the broker does not answer, or lacks one."""
        places = []
        for topic in topics:
            found = self._consumer.list_topics(topic, timeout=_TIMEOUT_S).topics[topic]
            if found.error is not None:
                raise KafkaException(found.error)
            places += [(topic, number) for number in found.partitions]
        match start:
            case "beginning":
                self.next |= self._offsets(places, OFFSET_BEGINNING)
            case "end":
                self.next |= self._offsets(places, OFFSET_END)
            case _:
                self.next |= self.since(places, start)

    def begin_at(self, offsets: Mapping[tuple[str, int], int]) -> None:
        """Read these partitions, and no others, from these offsets on."""
        self.next = dict(offsets)

    def since(self, places: Iterable[tuple[str, int]], at: float) -> dict[tuple[str, int], int]:
        """Find where the records of partitions since an instant (epoch seconds) begin, or else where they end."""
        places = list(places)
        ends = self._offsets(places, OFFSET_END)
        found_at = self._offsets(places, int(at * 1000))
        return {place: ends[place] if offset < 0 else offset for place, offset in found_at.items()}

    def ends(self) -> dict[tuple[str, int], int]:
        """Find where the partitions end now."""
        return self._offsets(self.next, OFFSET_END)

    def catch_up(self, take: Take, timeout_s: float) -> None:
        """Hand out everything up to where the topics end now, each partition in order; raises `TimeoutError`."""
        deadline = time.monotonic() + timeout_s
        ends = self.ends()
        behind = {place: end for place, end in ends.items() if self.next[place] < end}
        self._consumer.assign([TopicPartition(*place, self.next[place]) for place in behind])
        while behind:
            first = self._consumer.poll(_LOOK_S)
            if first is not None:  # consume(n, timeout) would wait its whole timeout for n
                _hand_out([first, *self._consumer.consume(_BATCH - 1, 0)], take)
            # by position, not by record: the last offset may be a gap that compaction left, or a transaction's mark
            for place in self._consumer.position([TopicPartition(*place) for place in behind]):
                if place.offset >= behind[place.topic, place.partition]:
                    self.next[place.topic, place.partition] = place.offset
                    del behind[place.topic, place.partition]
            if behind and time.monotonic() > deadline:
                names = ", ".join(sorted({topic for topic, _ in behind}))
                raise TimeoutError(f"{names} could not be read within {timeout_s:g} s")

    def _offsets(self, places: Iterable[tuple[str, int]], at: int) -> dict[tuple[str, int], int]:
        """Ask for the offset at a time, or at the beginning or the end, of many partitions at once; -1 for none."""
        deadline = time.monotonic() + _TIMEOUT_S
        asked = [TopicPartition(*place, at) for place in places]
        while True:
            try:
                return self._ask(asked) if asked else {}
            except KafkaException as error:
                if error.args[0].name() not in NO_LEADER or time.monotonic() > deadline:
                    raise
            time.sleep(_AGAIN_S)

    def _ask(self, asked: list[TopicPartition]) -> dict[tuple[str, int], int]:
        answers = self._consumer.offsets_for_times(asked, timeout=_TIMEOUT_S)
        for one in answers:
            if one.error is not None:
                raise KafkaException(one.error)
        return {(one.topic, one.partition): one.offset for one in answers}


def _hand_out(messages: Sequence[Message], take: Take) -> None:
    records = [message for message in messages if message.error() is None]
    for message in messages:
        if (error := message.error()) is not None:
            _log.warning("consume_error: %s", error)
    if records:
        take(records)
