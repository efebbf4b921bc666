"""Whether each partition of a group has a reader: the brokers are asked now and then, and a member may join again.

A member whose assignment was lost on its way is healthy in everybody's eyes: it polls, its heartbeats are answered, and
the records of its partitions lie there. So what the coordinator says is held against what this member reads; and what
nobody is to have is looked after by one of the members, the first by its id. A partition that is read and does not go
on although it has more records is one, too: the statistics of a consumer do not know of what it does not fetch.
"""

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field

import structlog
from confluent_kafka import Consumer, ConsumerGroupState, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._group import ConsumerGroupDescription

from streams import groupless, telemetry
from streams.admit import Partition
from streams.sockets import SOCKETS

_log = structlog.get_logger(__name__)

PATIENCE_S = 20.0
"""How long a partition may be without a reader: longer than any change of the group that goes well."""
EVERY_S = 5.0
_ASK_S = 10.0
_GIVEN_UP_S = 600.0
"""librdkafka (its issue 4605) may abort the process when it gives up a description whose coordinator is away."""
_REBALANCING = {ConsumerGroupState.PREPARING_REBALANCING, ConsumerGroupState.COMPLETING_REBALANCING}


@dataclass(frozen=True, slots=True)
class Member:
    """A member as the coordinator sees it: what it `has`, and what it is `given` once others have let go of it."""

    id: str
    has: frozenset[Partition]
    given: frozenset[Partition] = frozenset()


@dataclass(frozen=True, slots=True)
class Reader:
    """A member as it sees itself; `idle` is where each partition is read on that has nothing unfinished."""

    id: str
    reads: frozenset[Partition]
    idle: Mapping[Partition, int] = field(default_factory=dict)


def without_reader(
    members: Sequence[Member], partitions: Collection[Partition], me: Reader
) -> tuple[frozenset[Partition], frozenset[Partition]]:
    """Return the partitions that nobody has, and those that `me` has to see to.

    These are what it has or is given, and does not read; and what is given to nobody, if it is the first of them.
    """
    had = {partition for member in members for partition in member.has}
    given = {partition for member in members for partition in member.given}
    nobodys = frozenset(partitions) - had
    mine = next((member for member in members if member.id == me.id), Member(me.id, frozenset()))
    unread = (mine.has | (mine.given & nobodys)) - me.reads
    first = min((member.id for member in members), default=me.id) == me.id
    return nobodys, unread | (nobodys - given if first else frozenset())


def standing_still(me: Reader, ends: Mapping[Partition, int]) -> frozenset[tuple[Partition, int]]:
    """Return the partitions that have more records than were read, and where they stand."""
    return frozenset((partition, at) for partition, at in me.idle.items() if ends.get(partition, 0) > at)


Trouble = Partition | tuple[Partition, int]
"""A partition without a reader; or one that stands still, and where."""


class Seat:
    """Since when a member has had to see to partitions; shared by its thread and the one that asks."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._since: dict[Trouble, float] = {}
        self._looked_at = float("-inf")
        self._joined_at = float("-inf")

    def look(self, now: float, found: Collection[Trouble]) -> None:
        """Take note of what was found; what was not looked at for long may have changed and changed back since."""
        known = self._since if now - self._looked_at < self._patience_s else {}
        self._since = {partition: known.get(partition, now) for partition in found}
        self._looked_at = now

    def joined(self, now: float) -> None:
        """Take note that the member joined, or joins again: that needs its time."""
        self._joined_at = now

    def overdue(self, now: float) -> frozenset[Trouble]:
        """Return the partitions for whose sake the member has to leave and join again."""
        return frozenset(
            partition for partition, since in self._since.items()
            if now - max(since, self._joined_at) >= self._patience_s
        )  # fmt: skip

    @property
    def since(self) -> float | None:
        """Since when a partition that this member has to see to has been without a reader."""
        return min(self._since.values(), default=None)


def passed(consumer: Consumer, read: Mapping[Partition, int | None]) -> dict[Partition, int]:
    """Return where each partition is read on: past the marks of transactions too, which are no records."""
    places = {(place.topic, place.partition): place.offset for place in consumer.position(consumer.assignment())}
    return {one: max(at, places.get(one, at)) for one, at in read.items() if at is not None}


def rejoining(group: str, partitions: Collection[Trouble]) -> None:
    """Tell that a member leaves its group, to join it again."""
    telemetry.REJOINS.labels(group).inc()
    _log.error("group_joined_again", group=group, unread=sorted(map(str, partitions)))


class OwnerWatch:
    """Asks for the members of several groups from a thread of its own; each group reads one topic."""

    def __init__(
        self, bootstrap: str, seats: Mapping[tuple[str, str], tuple[Seat, Callable[[], Reader]]], *,
        every_s: float = EVERY_S,
    ) -> None:  # fmt: skip
        self._bootstrap = bootstrap
        self._seats = seats
        self._every_s = every_s
        self._asked: dict[str, Future[ConsumerGroupDescription]] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="owners", daemon=True)

    def begin(self) -> None:
        """Watch from now on."""
        self._thread.start()

    def close(self) -> None:
        """Watch no more."""
        self._stopping.set()

    def _run(self) -> None:
        admin = AdminClient({"bootstrap.servers": self._bootstrap, "log_level": 0, **SOCKETS})
        consumer = groupless.consumer(self._bootstrap, "owners")
        while not self._stopping.wait(self._every_s):
            try:
                self._look(admin, consumer)
            except (KafkaException, KeyError) as error:  # a broker, or its topic, is away: it is asked again
                _log.debug("owners_unknown", error=repr(error))

    def _look(self, admin: AdminClient, consumer: Consumer) -> None:
        if not self._asked:
            groups = [group for group, _ in self._seats]
            self._asked = admin.describe_consumer_groups(groups, request_timeout=_GIVEN_UP_S)
        if wait(self._asked.values(), self._every_s).not_done:
            return  # what has been asked is waited for
        asked, self._asked = self._asked, {}
        for (group, topic), (seat, reader) in self._seats.items():
            found = asked[group].result()
            if found.state in _REBALANCING:
                continue
            partitions = [(topic, number) for number in groupless.numbers_of(consumer, topic)]
            me = reader()
            nobodys, mine = without_reader(members_of(found), partitions, me)
            still = standing_still(me, {one: _end(consumer, one) for one in me.idle})
            telemetry.UNREAD_PARTITIONS.labels(group).set(len(nobodys | mine))
            seat.look(time.monotonic(), mine | still)
            if mine:
                _log.info("partitions_without_reader", group=group, partitions=sorted(number for _, number in mine))


def _end(consumer: Consumer, partition: Partition) -> int:
    """Ask where a partition ends now; raises `KafkaException`."""
    return int(consumer.get_watermark_offsets(TopicPartition(*partition), timeout=_ASK_S)[1])


def members_of(group: ConsumerGroupDescription) -> list[Member]:
    """Read a coordinator's description; groups of the classic protocol say nothing of what is to come."""

    def places(assignment: object) -> frozenset[Partition]:
        found = getattr(assignment, "topic_partitions", None) or ()
        return frozenset((place.topic, place.partition) for place in found)

    return [
        Member(str(member.member_id), places(member.assignment), places(getattr(member, "target_assignment", None)))
        for member in group.members
    ]
