"""A member that does not read what its coordinator has given it leaves the group, and joins it again."""

import asyncio

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from streams import declare
from streams.intake import Intake
from streams.membership import Membership
from streams.ownership import OwnerWatch, Seat
from streams.telemetry import REJOINS


class Channel:
    """Takes batches as a Faust channel does."""

    def __init__(self):
        self.records = []

    async def put(self, batch):
        self.records += batch.records


class Sticking(Consumer):
    """Fetches nothing more of partitions that are `stuck`; in the thread that polls it, for that is whose it is."""

    def __init__(self, *given, **more):
        super().__init__(*given, **more)
        self.stuck = []

    def poll(self, timeout):
        if self.stuck:
            self.pause(self.stuck)
            self.stuck.clear()
        return super().poll(timeout)


async def _until(holds):
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - threads change it
            await asyncio.sleep(0.02)


def _forget(intake, consumer, partition):
    """As if the word of it had been lost."""
    intake._flight.drop([partition])


def _fetch_nothing(intake, consumer, partition):
    """As if the fetcher had got stuck."""
    consumer.stuck.append(TopicPartition(*partition))


@pytest.mark.parametrize("protocol", ["consumer", "classic"])
@pytest.mark.parametrize("hurt", [_forget, _fetch_nothing])
async def test_a_member_that_does_not_read_its_partition_joins_again(kafka, topic_prefix, monkeypatch, protocol, hurt):
    """What came meanwhile is read then; one that reads all it is given does not leave."""
    consumers = []

    def consumer(*given, **more):
        consumers.append(Sticking(*given, **more))
        return consumers[-1]

    monkeypatch.setattr("streams.polling.Consumer", consumer)
    declare.ensure(kafka, topic_prefix)
    topic, group = f"{topic_prefix}compute.requests", f"{topic_prefix}group"
    partitions, channel = [(topic, number) for number in range(4)], Channel()
    intake = Intake(channel, kafka, [topic], group, membership=Membership(protocol))
    intake._poller.seat = Seat(patience_s=1.0)
    watch = OwnerWatch(kafka, {(group, topic): (intake.seat, intake.as_reader)}, every_s=0.2)
    producer = Producer({"bootstrap.servers": kafka})
    async with intake:
        await _until(lambda: all(map(intake.owns, partitions)))
        watch.begin()
        rejoined = REJOINS.labels(group)._value

        def publish():
            for number in range(4):
                producer.produce(topic, b"one", partition=number)
            assert producer.flush(30) == 0

        def done():
            intake.done([(partition, offset) for _, partition, offset in channel.records])

        publish()
        await _until(lambda: len(channel.records) == 4)
        done()
        channel.records.clear()
        assert rejoined.get() == 0
        hurt(intake, consumers[0], partitions[0])
        await _until(lambda: not consumers[0].stuck)  # what is published next is not fetched
        publish()
        await _until(lambda: {partition for _, partition, _ in channel.records} == set(partitions))
        assert all(map(intake.owns, partitions))
        assert rejoined.get() >= 1  # on a busy machine, what follows may take longer than this patience
        done()
        await _until(lambda: intake.seat.since is None)
    watch.close()
