"""Records wait until the channel has taken the batch before them."""

import asyncio

from streams.handout import Handout


class Channel:
    """Takes a batch when it is told to."""

    def __init__(self):
        self.batches, self.free = [], asyncio.Event()

    async def put(self, batch):
        await self.free.wait()
        self.batches.append(len(batch.records))


def _records(count, partition=("requests", 0)):
    return [(None, partition, offset) for offset in range(count)]


async def _until(holds):
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - a callback changes it
            await asyncio.sleep(0)


async def test_larger_batches_form_while_the_channel_is_full():
    """And none is larger than the limit."""
    channel = Channel()
    handout = Handout(channel, 10, 0.0)
    handout.add(_records(1))
    handout.hand_out()
    assert len(handout) == 1  # there is no loop yet
    handout.loop = asyncio.get_running_loop()
    handout.hand_out()
    for _ in range(3):
        handout.add(_records(5))
        handout.hand_out()
    channel.free.set()
    for sizes in ([1], [1, 10], [1, 10, 5]):
        await _until(lambda sizes=sizes: channel.batches == sizes and handout._handed.done())
        handout.hand_out()
    assert len(handout) == 0


def test_what_was_not_handed_out_is_taken_back():
    handout = Handout(Channel(), 10, 0.0)
    mine, others = _records(2), _records(3, ("requests", 1))
    handout.add([*mine, *others])
    assert handout.take_back({("requests", 0)}) == mine
    assert handout.take_back(None) == others
    assert len(handout) == 0
