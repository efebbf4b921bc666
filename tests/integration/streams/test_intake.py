"""The intake hands out what is on the topic, in order, and no more than its bounds; what is gone it tells."""

import asyncio
import time

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from streams import declare
from streams.intake import Intake
from streams.membership import Membership
from streams.telemetry import RECORDS_LOST


class Channel:
    """Takes batches as a Faust channel does."""

    def __init__(self):
        self.records = []
        self._changed = asyncio.Condition()

    async def put(self, batch):
        async with self._changed:
            self.records += batch.records
            self._changed.notify_all()

    async def wait(self, count):
        async with asyncio.timeout(30), self._changed:
            await self._changed.wait_for(lambda: len(self.records) >= count)


@pytest.fixture
def topic(embedded_kafka, topic_prefix):
    declare.ensure(embedded_kafka, topic_prefix, embedded=True)
    return f"{topic_prefix}compute.requests"


def _publish(bootstrap, topic, count, size):
    """One message a batch, so that the consumer gets them one by one."""
    producer = Producer({"bootstrap.servers": bootstrap, "batch.num.messages": 1})
    for number in range(count):
        producer.produce(topic, str(number).encode().ljust(size), partition=0)
    assert producer.flush(30) == 0


@pytest.mark.parametrize(
    ("size", "bounds"),
    [
        pytest.param(10, {"in_flight_limit": 10}, id="a bound of records"),
        pytest.param(20_000, {"bytes_limit": 200_000}, id="a bound of bytes, for large ones"),
    ],
)
async def test_it_reads_no_further_than_its_bounds(embedded_kafka, topic, size, bounds):
    """Ten fill the bound: what was fetched with the tenth may come along, the rest comes once they are done."""
    channel = Channel()
    intake = Intake(
        channel, embedded_kafka, [topic], f"{topic}.group", embedded=True, membership=Membership("consumer"), **bounds
    )
    async with intake:
        _publish(embedded_kafka, topic, 10, size)
        await channel.wait(10)
        _publish(embedded_kafka, topic, 40, size)
        assert intake.in_flight == 10
        while len(channel.records) < 50:
            held = len(channel.records)
            intake.done([(partition, offset) for _, partition, offset in channel.records])
            await channel.wait(held + 1)
        intake.done([(partition, offset) for _, partition, offset in channel.records])
    assert [offset for _, _, offset in channel.records] == list(range(50))
    assert intake.in_flight == 0


async def test_a_channel_that_fails_ends_the_intake(embedded_kafka, topic):
    """Records that nobody took must not look taken."""

    class Failing(Channel):
        async def put(self, batch):
            raise RuntimeError("no room")

    intake = Intake(
        Failing(), embedded_kafka, [topic], f"{topic}.group", embedded=True, membership=Membership("consumer")
    )
    await intake.start()
    _publish(embedded_kafka, topic, 2, 10)
    async with asyncio.timeout(30):
        await intake.wait_until_stopped()
    assert intake.crashed
    reader = Consumer({"bootstrap.servers": embedded_kafka, "group.id": f"{topic}.group"})
    [committed] = reader.committed([TopicPartition(topic, 0)], timeout=20)
    reader.close()
    assert committed.offset <= 0  # nothing, or the first of them


@pytest.mark.parametrize("protocol", ["consumer", "classic"])
async def test_records_that_retention_took_before_they_were_read_are_told(kafka, topic_prefix, protocol):
    """Ten are done; of forty more, 25 are deleted while nobody reads: the others are read, and the loss is told."""
    declare.ensure(kafka, topic_prefix)
    topic = f"{topic_prefix}compute.requests"
    told = []

    def intake():
        return Intake(
            channel, kafka, [topic], f"{topic}.group", membership=Membership(protocol),
            on_loss=lambda partition, found: told.append((partition, found.offset, found.lost)),
        )  # fmt: skip

    channel = Channel()
    _publish(kafka, topic, 10, 10)
    async with intake() as first:
        await channel.wait(10)
        first.done([(partition, offset) for _, partition, offset in channel.records])
    assert told == []  # a group that begins has lost nothing
    _publish(kafka, topic, 40, 10)
    admin = AdminClient({"bootstrap.servers": kafka})
    [deleted] = admin.delete_records([TopicPartition(topic, 0, 35)]).values()
    deleted.result(20)
    async with intake() as second:
        await channel.wait(25)
        second.done([(partition, offset) for _, partition, offset in channel.records])
    assert told == [((topic, 0), 35, 25)]
    assert [offset for _, _, offset in channel.records] == [*range(10), *range(35, 50)]
    assert RECORDS_LOST.labels(topic, "0")._value.get() == 25


def _two_members(bootstrap, group):
    """Wait until the coordinator knows of both."""
    admin, until = AdminClient({"bootstrap.servers": bootstrap}), time.monotonic() + 30
    while len(admin.describe_consumer_groups([group])[group].result(20).members) < 2:
        assert time.monotonic() < until


async def _until(holds):
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - threads of two intakes change it
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("protocol", ["consumer", "classic"])
async def test_partitions_that_go_to_another_are_finished_first(kafka, topic_prefix, protocol):
    """A second member joins while one record of each partition is worked on: none of them is read twice."""
    declare.ensure(kafka, topic_prefix)
    topic = f"{topic_prefix}compute.requests"
    producer = Producer({"bootstrap.servers": kafka})
    ours, theirs = Channel(), Channel()

    def intake(channel):
        return Intake(channel, kafka, [topic], f"{topic}.group", membership=Membership(protocol), budget_s=30.0)

    def publish(count):
        for number in range(count):
            producer.produce(topic, str(number).encode(), partition=number % 4)
        assert producer.flush(30) == 0

    async with intake(ours) as first:
        publish(40)
        await ours.wait(40)
        places = [(partition, offset) for _, partition, offset in ours.records]
        first.done([place for place in places if place[1] < 9])
        partitions = {partition for partition, _ in places}
        async with intake(theirs) as second:
            await asyncio.to_thread(_two_members, kafka, f"{topic}.group")
            assert all(first.owns(partition) for partition in partitions)
            first.done([place for place in places if place[1] == 9])
            await _until(lambda: any(second.owns(partition) for partition in partitions))
            publish(40)
            await _until(lambda: len(ours.records) + len(theirs.records) == 80)
            for each, read in ((first, ours), (second, theirs)):
                each.done([(partition, offset) for _, partition, offset in read.records])
    both = [(partition, offset) for _, partition, offset in ours.records + theirs.records]
    assert len(set(both)) == 80
    assert theirs.records
