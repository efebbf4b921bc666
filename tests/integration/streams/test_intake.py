"""The intake hands out what is on the topic, in order, and no more than its bounds while nothing is done."""

import asyncio

import pytest
from confluent_kafka import Producer

from streams import declare
from streams.intake import Intake
from streams.membership import Membership


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
    assert intake.in_flight > 0
